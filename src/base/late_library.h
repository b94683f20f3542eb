/*
 * late_library.h - shared libraries that few runs need, loaded when the first of their functions is.
 *
 * What it is   What the linker would load each time that the program starts, with all that the library itself needs, takes longer
 *              than anything else that a short run does. So a module has the functions it calls in a struct of pointers,
 *              which LATE_MEMBER declares with the library's own types, and has it filled before it calls any.
 * Use          #define ZIP_FUNCTIONS(F) F(zip_open) F(zip_close)
 *              struct zip { ZIP_FUNCTIONS(LATE_MEMBER) } zip;
 *              static const char *const names[] = {ZIP_FUNCTIONS(LATE_NAME)};
 *              static struct late_library library = LATE_LIBRARY(ZIP_FILE, names, zip);
 * Files        configure finds out by which name a program that is linked with a library would load it (config.h).
 * Threads      Any: a library is loaded once, and stays.
 */
#ifndef FLOWTAPE_BASE_LATE_LIBRARY_H
#define FLOWTAPE_BASE_LATE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define LATE_MEMBER(function) __typeof__(function) *function;
#define LATE_NAME(function)   #function,

struct late_library {
    const char *file;
    const char *const *names;
    size_t count;
    void *functions; /* as many pointers, in that order, and nothing else */
    bool loaded;
};

#define LATE_LIBRARY(FILE, NAMES, FUNCTIONS)                                                   \
    {                                                                                          \
        .file = (FILE), .names = (NAMES), .count = sizeof(FUNCTIONS) / sizeof(void (*)(void)), \
        .functions = &(FUNCTIONS)                                                              \
    }

/* late_library_load - unless it is. FT_ERR_STATE: it is not installed, or lacks a function. */
int late_library_load(struct late_library *l, struct ft_err *err);

#endif
