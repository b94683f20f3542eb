/*
 * t_feed.h - one harness for every incremental decoder.
 *
 * What it does  Runs the decoder over one input: in one piece; a byte at a time; in random pieces
 *               (the seed is printed on failure); over every prefix, fed and closed; with every byte
 *               changed. The whole runs must give the same text. A prefix that is only fed must end
 *               in STEP_MORE (or at a legal end); closed, in FT_ERR_CORRUPT (or at a legal end). A
 *               changed byte may give anything but a crash or a hang. Large inputs are sampled.
 * Memory        Each piece is a block of exactly its size, freed when the next one is pushed, so
 *               that the address sanitizer sees what a decoder keeps too long.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_FEED_H
#define FLOWTAPE_TESTS_LIB_T_FEED_H

#include "base/window.h"

struct feed_adapter {
    const char *name;
    const void *arg; /* for open */
    void *(*open)(const void *arg);
    /* One step; STEP_ITEM appends the item to out as text. */
    enum step (*next)(void *decoder, struct window *in, struct buf *out, struct ft_err *err);
    void (*close)(void *decoder);
    bool open_ended; /* the input may end behind each item (a journal) */
    bool (*may_end)(
        struct bytes input); /* in place of open_ended, where that is not so simple; NULL: it is */
};

/* feed_check - all of the above; fails the running test. */
void feed_check(const struct feed_adapter *a, struct bytes input);
/* feed_whole - the text of the whole input in one piece, which must be good. The caller frees. */
char *feed_whole(const struct feed_adapter *a, struct bytes input);
/* feed_gives - that text is `want`, and feed_check. */
void feed_gives(const struct feed_adapter *a, struct bytes input, const char *want);
/* feed_error - the error that the closed input ends in; fails the test when there is none. */
void feed_error(const struct feed_adapter *a, struct bytes input, struct ft_err *ret_err);

/* feed_digest - a short text for bytes: the bytes escaped, or length and hash when they are many. */
void feed_digest(struct buf *out, struct bytes b);
/* feed_file - a fixture's content below T_FIXTURES; the caller releases it. */
struct buf feed_file(const char *name);

#endif
