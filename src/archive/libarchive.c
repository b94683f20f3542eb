#include "archive/libarchive.h"

#include "config.h"

struct libarchive libarchive;

#define FUNCTION(name) {#name, &libarchive.name},

int libarchive_load(struct ft_err *err)
{
    static const struct late_function functions[] = {LIBARCHIVE_FUNCTIONS(FUNCTION)};
    static struct late_library library = {.file = LIBARCHIVE_FILE,
                                          .functions = functions,
                                          .count = sizeof(functions) / sizeof(functions[0])};

    return late_library_load(&library, err);
}
