#include "status/libmicrohttpd.h"

#include "config.h"

struct libmicrohttpd libmicrohttpd;

static const char *const names[] = {LIBMICROHTTPD_FUNCTIONS(LATE_NAME)};
static struct late_library library = LATE_LIBRARY(LIBMICROHTTPD_FILE, names, libmicrohttpd);

int libmicrohttpd_load(struct ft_err *err)
{
    return late_library_load(&library, err);
}
