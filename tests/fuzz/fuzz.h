/*
 * fuzz.h - what the fuzz targets share.
 *
 * What it is   Each target is one file that defines LLVMFuzzerTestOneInput alone. It is linked with
 *              libFuzzer (configure --enable-fuzzers) or with driver.c.
 * Promise      Whatever the input: no crash, no hang, no more memory than the limits the target sets,
 *              and an error that is one (fuzz_error).
 */
#ifndef FLOWTAPE_TESTS_FUZZ_FUZZ_H
#define FLOWTAPE_TESTS_FUZZ_FUZZ_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/window.h"

/* What an item of an input may be told to hold: far more than an input of a fuzzer has. */
#define FUZZ_ITEM_BYTES ((size_t)8 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* An error of an input names a kind that an input can have, and its sentence can be printed. */
static inline void fuzz_error(const struct ft_err *err)
{
    bool printable = err->msg[0] != '\0';

    for (const char *c = err->msg; *c != '\0'; c++)
        printable = printable && (unsigned char)*c >= ' ' && *c != 0x7f;
    if (printable && err->kind != FT_ERR_NONE && err->kind != FT_ERR_BUG &&
        err->kind != FT_ERR_NOMEM)
        return;
    fprintf(stderr, "an error of kind %d: \"%s\"\n", (int)err->kind, err->msg);
    abort();
}

/* fuzz_result - the same for what returns 0 or -1. */
static inline void fuzz_result(int rc, const struct ft_err *err)
{
    if (rc != 0)
        fuzz_error(err);
}

/* What our own code must be able to do whatever the input is. */
static inline void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

/* fuzz_byte - takes the next byte of the input; 0 behind its end. */
static inline uint8_t fuzz_byte(struct bytes *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

/* fuzz_feed - an incremental reader over the input, which comes in pieces of this size (0: whole). */
static inline void fuzz_feed(struct bytes in, size_t size, void *reader,
                             enum step (*next)(void *reader, struct window *w, struct ft_err *err))
{
    struct ft_err err = FT_ERR_INIT;
    struct window w;
    enum step step;

    window_init(&w, 0, FUZZ_ITEM_BYTES);
    do {
        step = next(reader, &w, &err);
        if (step == STEP_MORE) {
            size_t piece = in.n < size || size == 0 ? in.n : size;

            fuzz_must(!w.closed);
            w.closed = piece == 0;
            if (window_push(&w, bytes_of(in.p, piece), &err) != 0)
                step = STEP_ERROR;
            in = bytes_of(in.p + piece, in.n - piece);
        }
    } while (step == STEP_ITEM || step == STEP_MORE);
    fuzz_result(step == STEP_ERROR ? -1 : 0, &err);
    window_release(&w);
}

/* fuzz_text - the rest of the input as a text; to be freed. */
static inline char *fuzz_text(struct bytes in)
{
    char *text = strndup(in.n > 0 ? (const char *)in.p : "", in.n);

    fuzz_must(text != NULL);
    return text;
}

/* fuzz_directory - a directory of this process's own, made once and never cleared. */
static inline const char *fuzz_directory(void)
{
    static char path[300];
    const char *parent = getenv("TMPDIR");

    if (path[0] == '\0') {
        (void)snprintf(path, sizeof(path), "%s/flowtape-fuzz.XXXXXX",
                       parent != NULL ? parent : "/tmp");
        fuzz_must(mkdtemp(path) != NULL);
    }
    return path;
}

/* fuzz_file - the input as a file of this name in a directory. */
static inline void fuzz_file(const char *directory, const char *name, struct bytes in)
{
    char path[1024];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz_must(fd >= 0 && write(fd, in.p, in.n) == (ssize_t)in.n);
    close(fd);
}

#endif
