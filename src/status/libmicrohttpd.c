#include "status/libmicrohttpd.h"

#include "config.h"

struct libmicrohttpd libmicrohttpd;

#define FUNCTION(name) {#name, &libmicrohttpd.name},

int libmicrohttpd_load(struct ft_err *err)
{
    static const struct late_function functions[] = {LIBMICROHTTPD_FUNCTIONS(FUNCTION)};
    static struct late_library library = {.file = LIBMICROHTTPD_FILE,
                                          .functions = functions,
                                          .count = sizeof(functions) / sizeof(functions[0])};

    return late_library_load(&library, err);
}
