/*
 * dragonfly_tape.h - one flow of a generation as a master sends it: its stored bytes, in pieces, with the records
 * that they complete.
 *
 * What it is   From the beginning: the RDB stream of the full sync, byte for byte, and the journal. From an LSN: the
 *              journal alone, or, for releases that resume so, after an RDB stream that holds no records.
 * Phases       What comes after the item with FULLSYNC_END belongs to the time after STARTSTABLE.
 * Increments   The records of an increment (doc/format-capture.md) come as raw journal: within a session there is no
 *              other form for them.
 * Growing      The end is not the last word: more may have been added when it is asked again.
 * Threads      A tape belongs to one thread.
 */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_TAPE_H
#define FLOWTAPE_SERVE_DRAGONFLY_TAPE_H

#include "store/flow_reader.h"

#define DRAGONFLY_MADE UINT64_MAX

/* Where a record begins, its SELECT included, and ends. What lies between two records are LSN marks. */
struct dragonfly_record {
    uint32_t start;
    uint32_t end;
};

struct dragonfly_piece {
    struct bytes bytes;
    uint64_t offset;  /* in the stream of the flow; DRAGONFLY_MADE: these bytes are not stored so */
    uint64_t time_us; /* when the capture received it; 0: the piece is made here */
    bool stable;      /* is sent only after STARTSTABLE */
    bool journal;     /* raw journal, else a part of an RDB stream */
    bool ends_stream; /* of the RDB stream it is the last piece */
    bool open;        /* its last record ends in a later piece */
    uint64_t
        lsn; /* journal: of the first record that it completes; with ends_stream: that follows */
    const struct dragonfly_record *records; /* of the journal */
    uint32_t record_count;
};

enum dragonfly_begin {
    DRAGONFLY_FULL,
    DRAGONFLY_PARTIAL,        /* the raw journal */
    DRAGONFLY_PARTIAL_FRAMED, /* after an RDB stream without entries */
};

struct dragonfly_tape;

/* dragonfly_tape_new - lsn: of a partial one, within the flow's; token: of a framed one, the 40 characters that end it. */
int dragonfly_tape_new(struct dragonfly_tape **ret, const struct capture *c,
                       const struct generation *g, uint32_t flow, enum dragonfly_begin begin,
                       uint64_t lsn, const char *token, struct ft_err *err);
/* dragonfly_tape_next - STEP_ITEM, STEP_END (see above), STEP_ERROR. The piece is valid until the next call. */
enum step dragonfly_tape_next(struct dragonfly_tape *t, struct dragonfly_piece *ret,
                              struct ft_err *err);
void dragonfly_tape_free(struct dragonfly_tape *t);

#endif
