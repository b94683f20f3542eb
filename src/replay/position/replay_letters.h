/*
 * replay_letters.h - the file of dead letters: commands that the target refused.
 *
 * What it is   One JSON object per line. "capture", "began_ms" (of the replay that wrote it), "flow",
 *              "lsn" and "part" name a command; each is in the file once, whoever adds it again. Of
 *              commands of a snapshot "lsn" is 0 and there is no "part": they go when their flow is
 *              begun again; "entry" is true for those that make a key, and not there for those of a record. A line whose first character is '#' was executed meanwhile.
 * Order        Letters are sent by flow, the snapshot's first, then by LSN and part, wherever they stand: those
 *              that are taken from the target come without order.
 * Interrupted  Each line is durable when it has been added. What stands after the last end of line
 *              was being written, and is cut off when the file is opened.
 * Memory       16 bytes for each letter of the journal, and the longest line; 40 more for each while they
 *              are sent.
 * Threads      The caller locks.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_LETTERS_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_LETTERS_H

#include "base/buf.h"

struct replay_letters;

/* Where a command comes from. */
struct replay_letter_origin {
    const char *capture;
    uint64_t began_ms;
    uint32_t flow;
    uint64_t lsn;
    const char *part; /* NULL: the snapshot */
    bool entry;       /* of which it is an entry, perhaps one of several commands of it */
};

struct replay_letter {
    struct replay_letter_origin origin; /* texts lie in the line */
    uint32_t db;
    struct bytes *args; /* point into text */
    size_t count;
    struct buf text;
};

/* replay_letters_open - made if there is none, unless it must_exist. FT_ERR_USAGE: another process has
 * it. */
int replay_letters_open(struct replay_letters **ret, const char *path, bool must_exist,
                        struct ft_err *err);
void replay_letters_close(struct replay_letters *l);
/* replay_letters_add - unless it is there already. */
int replay_letters_add(struct replay_letters *l, const struct replay_letter_origin *origin,
                       uint32_t db, const struct bytes *args, size_t count, const char *error,
                       struct ft_err *err);
/* replay_letters_drop - of a replay: those of a flow's snapshot, or with flow NULL all of them. */
int replay_letters_drop(struct replay_letters *l, const char *capture, uint64_t began_ms,
                        const uint32_t *flow, struct ft_err *err);

/* Takes a letter, which is valid meanwhile; *ret_stays: it is not done with. */
typedef int replay_letter_fn(void *context, const struct replay_letter *letter, bool *ret_stays,
                             struct ft_err *err);
/* replay_letters_each - those that are left, in order; the file then has only what stays. */
int replay_letters_each(struct replay_letters *l, replay_letter_fn *take, void *context,
                        struct ft_err *err);

#endif
