#include "archive/libarchive.h"

#include "config.h"

struct libarchive libarchive;

static const char *const names[] = {LIBARCHIVE_FUNCTIONS(LATE_NAME)};
static struct late_library library = LATE_LIBRARY(LIBARCHIVE_FILE, names, libarchive);

int libarchive_load(struct ft_err *err)
{
    return late_library_load(&library, err);
}
