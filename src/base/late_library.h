/*
 * late_library.h - shared libraries that few runs need, loaded when the first of their functions is.
 *
 * What it is   What the linker would load each time that the program starts, with all that the library itself needs, takes longer
 *              than anything else that a short run does. So a module has the functions it calls in a struct of pointers,
 *              which LATE_MEMBER declares with the library's own types, and has it filled before it calls any.
 * Use          #define ZIP_FUNCTIONS(F) F(zip_open) F(zip_close)
 *              struct zip_library { ZIP_FUNCTIONS(LATE_MEMBER) };
 *              struct zip_library zip;
 *              static const struct late_function functions[] = {ZIP_FUNCTIONS(LATE_FUNCTION_OF(zip))};
 * Files        configure finds out by which name a program that is linked with a library would load it (config.h).
 * Threads      Any: a library is loaded once, and stays.
 */
#ifndef FLOWTAPE_BASE_LATE_LIBRARY_H
#define FLOWTAPE_BASE_LATE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define LATE_MEMBER(function) __typeof__(function) *function;

struct late_function {
    const char *name;
    void *pointer; /* to the pointer that is set */
};

struct late_library {
    const char *file;
    const struct late_function *functions;
    size_t count;
    bool loaded;
};

/* late_library_load - unless it is. FT_ERR_UNSUPPORTED: it is not installed, or lacks a function. */
int late_library_load(struct late_library *l, struct ft_err *err);

#endif
