/*
 * replay_state.h - what a replay writes down on the target about itself.
 *
 * Keys         All in database 0. HASH "flowtape:replay", one per target, says which capture is being
 *              replayed and how far the snapshot is; of a target that several share see replay_claims.h. HASH "flowtape:<capture id>:{<tag>}", one per
 *              master, is that master's position in the journal; on a cluster the tag puts it into
 *              one of the master's slots. SET "flowtape:<capture id>:kept" holds the keys that
 *              --on-conflict skip leaves alone (key_set.h). SET "flowtape:<capture id>:suspect"
 *              has "<db>:<key>" of each key, as the source names it, whose state the journal does
 *              not tell for sure, until sync has read it again (replay_recheck.h).
 *              SET "flowtape:<capture id>:lost" has hashes of keys, as the source names them, that
 *              the target does not have because of a loss (replay_lost.h).
 * Replay       version      1, or REPLAY_STATE_BY_SLOT; one that is greater than REPLAY_STATE_VERSION is refused
 *              capture      32 hexadecimal digits
 *              generation   the one being replayed; began:<n> for each that was begun
 *              options      what decides what the target gets, for who compares them later: replay_saved.h
 *              phase        "snapshot" or "journal"; "ending" while all this is being removed
 *              early        the full sync was still running when this began (replay_early.h), and is not known
 *                           to have become complete: the rule that told records of other flows apart
 *              dirty        "1": the target was not empty when this began
 *              rules        digest of the options that decide what is written
 *              overdue      "1": the expiry of keys is deferred (replay_deferred.h); "released": keys
 *                           have their own times again, though records may follow
 *              lease        who may write now; see lease.h
 *              began_ms     when it began: --ttl shift counts from here
 *              snap:<i>     the snapshot of flow i is on the target
 *              epoch        of the positions; node:<tag> names each of their keys
 *              marks        "1": marks of slots are being made, or were (replay_marks.h). They count by version alone
 *              run:<node>   of a cluster: the run_id that this master had when it was given snapshots
 *              flushes:<node>  run_id, and how many commands that empty databases it had executed then;
 *                           "single" is a single server
 * Position     epoch, seq   seq counts batches: one that does not follow the last is refused. Who
 *                           connects sets it to a random number, so that nothing in flight follows
 *              slots        "0-5460,..." for which it speaks
 *              flow:<i>     LSN of the first record of the flow that is not applied
 *              lane:<n>     "slots|lsn,lsn,...": slots that were further when they came here, or that have had all of a
 *                           window (replay_gather.h)
 *              e:<flow>:<lsn>:<part>   a command that was refused: cmsgpack of {error, command}
 *              d:<flow>:<lsn>          a record that spans two nodes: this one has had its part. 1: the other is to
 *                                      lose something, and this is removed when it has; 0: the other has
 *                                      nothing to do, and this is removed when all nodes are past the record
 * Slots        The position of a record is that of the HASH with the highest epoch which speaks for
 *              the slot of its key; a lane counts where it is ahead of flow:<i>.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_STATE_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_STATE_H

#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "item/slot_set.h"
#include "mapping/replay_own_key.h"

#define REPLAY_STATE_VERSION 2
/* Of a state with marks of slots (replay_marks.h), which who knows 1 alone must not pass over. */
#define REPLAY_STATE_BY_SLOT      2
#define REPLAY_STATE_BY_SLOT_TEXT "2"
#define REPLAY_TAG_SIZE           24
#define REPLAY_RUN_SIZE           41
#define REPLAY_FLUSHES_SIZE       64
#define REPLAY_RULE_SIZE          16
/* "flow:lsn:part", what the target calls a command, and other names of fields. */
#define REPLAY_TAG_TEXT 64

enum replay_phase {
    REPLAY_PHASE_NONE,   /* nothing is written down */
    REPLAY_PHASE_ENDING, /* nothing that counts: somebody was about to remove it */
    REPLAY_PHASE_SNAPSHOT,
    REPLAY_PHASE_JOURNAL,
};

/* A master, and which of its lives it was in; "": not known. */
struct replay_server {
    char node[REPLAY_RUN_SIZE];
    char run[REPLAY_RUN_SIZE];
    char flushes[REPLAY_FLUSHES_SIZE];
};

struct replay_state {
    enum replay_phase phase;
    char capture[REPLAY_ID_SIZE];
    char rules[REPLAY_ID_SIZE];
    uint32_t generation;
    uint64_t began_ms;
    uint64_t epoch;
    char early[REPLAY_RULE_SIZE]; /* "": no */
    bool by_slot;                 /* there are marks of slots, see replay_marks.h */
    bool has_marks;               /* ... or a part of them */
    bool dirty;
    bool has_dbs; /* the snapshot has keys outside of database 0 */
    bool emptied; /* somebody has emptied a database after its snapshot was there */
    bool deferred;
    bool released;
    uint32_t flow_count;
    bool *snap_done;
    uint32_t *begun; /* generations */
    size_t begun_count;
    char (*tags)[REPLAY_TAG_SIZE];
    size_t tag_count;
    struct replay_server *servers;
    size_t server_count;
};

/* Slots that are ahead of their node's position. */
struct replay_lane {
    uint8_t slots[SLOT_SET_BYTES];
    uint64_t *lsn; /* per flow */
};

/* The side of a record that gets something has had it; the side that loses something may be to follow. */
struct replay_outcome {
    uint64_t flow, lsn;
    bool follows;
    bool in_slot; /* the mark of this slot says so, not a position */
    uint16_t slot;
};

struct replay_position {
    bool found;
    char tag[REPLAY_TAG_SIZE];
    char key[REPLAY_KEY_SIZE];
    uint64_t epoch;
    uint64_t seq;
    uint8_t slots[SLOT_SET_BYTES];
    uint64_t *lsn; /* per flow */
    struct replay_lane *lanes;
    size_t lane_count;
    size_t error_count;              /* e: fields */
    struct replay_outcome *outcomes; /* d: fields */
    size_t outcome_count;
};

/* Both take the reply to HGETALL; a missing key gives phase NONE, or found false. FT_ERR_UNSUPPORTED:
 * a newer version; FT_ERR_PROTOCOL: something else lies under the name. */
int replay_state_parse(struct replay_state *ret, const redisReply *reply, uint32_t flow_count,
                       struct ft_err *err);
int replay_position_parse(struct replay_position *ret, const redisReply *reply, uint32_t flow_count,
                          struct ft_err *err);
/* replay_state_server - what is known of a master; NULL: nothing. */
const struct replay_server *replay_state_server(const struct replay_state *s, const char *node);
/* replay_position_name - key and tag. */
void replay_position_name(struct replay_position *p, const char *capture, const char *tag);
int replay_position_add_outcome(struct replay_position *p, const struct replay_outcome *outcome,
                                struct ft_err *err);
void replay_position_drop_outcome(struct replay_position *p, uint64_t flow, uint64_t lsn);
/* replay_position_outcome - of this record; NULL: none. */
const struct replay_outcome *replay_position_outcome(const struct replay_position *p, uint64_t flow,
                                                     uint64_t lsn);
/* replay_position_of - the first LSN of this flow that is not applied to keys of this slot. */
uint64_t replay_position_of(const struct replay_position *p, uint32_t flow, uint16_t slot);
void replay_state_release(struct replay_state *s);
void replay_position_release(struct replay_position *p);

/* replay_lane_put - the text of a lane. */
int replay_lane_put(struct buf *out, const struct replay_lane *lane, uint32_t flow_count,
                    struct ft_err *err);
/* replay_lane_put_first - of one that has the first `count` slots of all. */
int replay_lane_put_first(struct buf *out, uint32_t count, const uint64_t *lsn, uint32_t flow_count,
                          struct ft_err *err);

#endif
