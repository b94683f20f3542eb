/*
 * framer.h - finds the phases, records and LSNs of one flow, as its bytes arrive.
 *
 * What it is   Sans-I/O and skipping: keys are looked at, values passed over, so that what is
 *              received can be cut into blocks, counted and acknowledged before anybody decodes it.
 * Grammar      and LSNs: item/flow_grammar.h. A master that resumes may send an RDB stream in front of the
 *              journal: kind is then that of an increment.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_CAPTURE_FRAMER_H
#define FLOWTAPE_CAPTURE_FRAMER_H

#include "base/window.h"
#include "input/sharding.h"

struct framer_options {
    uint32_t flow;
    uint32_t flow_count;
    const char *eof_token; /* 40 characters; copied. "": none, of a Redis only */
    bool resumed;          /* answered PARTIAL */
    uint64_t
        start_lsn; /* resumed: the LSN asked for; of a Redis always that of the first command */
    uint32_t start_dbid;   /* resumed, of a Redis: the database in effect */
    uint64_t start_offset; /* of the first byte, among all of the flow */
    bool offset_expected;  /* the master sends JOURNAL_OFFSET (all from 1.4 on) */
    bool redis;            /* what comes is a Redis' full sync and commands (item/flow_grammar.h) */
    uint64_t rdb_bytes;    /* of a Redis' full sync, where it says so; else 0 */
};

enum framer_event {
    FRAMER_ERROR = -1,
    FRAMER_MORE = 0,     /* all that was fed has been looked at */
    FRAMER_FULLSYNC_END, /* the snapshot's keys are complete; journal blobs may follow */
    FRAMER_STREAM_END, /* token verified: the RDB stream ends at `boundary`, the journal follows */
    FRAMER_FLUSH,      /* a flush inside the full sync makes it worthless */
    FRAMER_GAP,        /* LSNs do not join; nothing after `boundary` may be trusted */
};

/* What is known so far. Positions and LSNs are those of the last boundary between items. */
struct framer_state {
    enum segment_kind kind; /* of the bytes after the boundary */
    uint64_t boundary;      /* stream offset */
    uint64_t next_lsn;
    uint32_t dbid; /* journal database in effect there */
    uint64_t
        ping_lsn; /* next LSN after the last record that asks for an acknowledgement; 0: none yet */
    uint64_t stable_lsn; /* JOURNAL_OFFSET; 0 until known */
    bool lsn_known;   /* next_lsn means something: there was a JOURNAL_OFFSET, or it is resumed */
    uint64_t keys;    /* entries of the snapshot */
    uint64_t records; /* counted journal records after the snapshot */
    uint64_t imports; /* those by which a slot moves, or which say that one has */
    bool has_blobs;   /* there are journal records inside the RDB stream */
    struct sharding_tally sharding;
    char release[64]; /* AUX df-ver, or "" */
};

struct framer;

int framer_new(struct framer **ret, const struct framer_options *options, struct ft_err *err);
/*
 * framer_feed - the next bytes of the stream. `before` bytes of the same stream lie right in front
 * of them in memory; what is not understood yet is then read from there, else it has been copied.
 * The memory must stay valid until the next framer_feed or framer_detach. An empty piece with
 * `before` says that the last bytes were moved to there.
 */
int framer_feed(struct framer *f, struct bytes piece, size_t before, struct ft_err *err);
/* framer_detach - stop looking at the memory fed last. */
int framer_detach(struct framer *f, struct ft_err *err);
/*
 * framer_run - look at what was fed, up to the next event. After FULLSYNC_END and STREAM_END call
 * it again. Errors: FT_ERR_CORRUPT, FT_ERR_UNSUPPORTED, FT_ERR_LIMIT, with offset and LSN.
 */
enum framer_event framer_run(struct framer *f, struct ft_err *err);
const struct framer_state *framer_state(const struct framer *f);
void framer_free(struct framer *f);

#endif
