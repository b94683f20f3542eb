/*
 * flow_grammar.h - what one flow consists of: which of its bytes are RDB stream, token and journal, and
 * which LSN each of its records has.
 *
 * What it is   One state machine over a struct window, for those who only look where items end (the
 *              framer, as bytes arrive) and for those who decode what was stored (flow_decoder).
 *              Sans-I/O: STEP_MORE when the window has to grow.
 * Grammar      flow     := stream token journal                     full sync
 *                        | journal                                  resumed
 *                        | increment token journal                  resumed, releases 1.11-1.20, 1.31-1.34
 *                        | stream                                   a file
 *                        | [stream [token]] commands                of a Redis (enum flow_commands)
 *              stream   := an RDB stream with the source's JOURNAL_OFFSET in it
 *              increment:= an RDB stream that holds nothing but journal blobs, which continue at the LSN
 *                          asked for
 *              A journal never begins with 'R', an RDB stream always does.
 * LSNs         JOURNAL_OFFSET is the LSN of the first record of the journal; each counted record takes one.
 *              Records inside a full sync take none, those of an increment do. The first record that a
 *              source ever writes has LSN 1. Sources before 1.4 send no JOURNAL_OFFSET: their journal
 *              counts from 1, and the numbers mean nothing to the source (lsn_known is false). LSN marks
 *              in the journal and the JOURNAL_OFFSET of an increment must agree with the count; where
 *              they do not, records are missing (flow_grammar_has_gap).
 *              Of a Redis the SELECTs, MULTIs, EXECs and PINGs between its commands are no records, and the snapshot's end
 *              needs no byte of its own. Its LSNs are counted from 1, or are those of its replication (enum flow_commands).
 * Format       dragonfly src/server/rdb_save.cc, journal/serializer.cc, replica.cc (main of August 2026).
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_ITEM_FLOW_GRAMMAR_H
#define FLOWTAPE_ITEM_FLOW_GRAMMAR_H

#include "item/item.h"
#include "rdb/rdb_stream_place.h"
#include "rdb/rdb_stream_run.h"

enum flow_part {
    FLOW_PART_SNAPSHOT = 1, /* RDB stream and token */
    FLOW_PART_JOURNAL,
    FLOW_PART_INCREMENT, /* RDB-framed journal after PARTIAL, and token */
};

#define FLOW_TOKEN_SIZE 40

/* What follows the RDB stream. */
enum flow_commands {
    FLOW_JOURNAL = 0, /* a Dragonfly's journal */
    /* Commands as a Redis propagates them (journal/redis_reader.h), perhaps without an RDB stream in front: an append-only
     * file. Each counted record takes one LSN. */
    FLOW_COMMANDS_COUNTED,
    /* The same by replication: the LSN of a record is the replication offset after it, that is the number of its last
     * byte. So the next LSN is what PSYNC asks for, and LSNs have gaps. What is no record advances it as well. */
    FLOW_COMMANDS_BY_OFFSET,
};

struct flow_grammar_options {
    struct rdb_stream_options rdb;
    uint32_t flow;
    bool file;            /* ends with the RDB stream's EOF; errors do not name a flow */
    bool skip_args;       /* of journal records */
    bool offset_required; /* a full sync without JOURNAL_OFFSET is damaged */
    const char *token;    /* 40 characters to compare with, or NULL; must outlive the grammar */
    enum flow_commands commands;
    /* of a Redis: the LSN that follows the snapshot; 0: 1. With a token there is one after the stream, else none. */
    uint64_t snapshot_next_lsn;
};

struct flow_grammar;

/* flow_grammar_new - begins with the RDB stream of a full sync, or of a file. */
int flow_grammar_new(struct flow_grammar **ret, const struct flow_grammar_options *options,
                     struct ft_err *err);
/* flow_grammar_resume - begins at this LSN; journal or increment, as the first byte will show. */
void flow_grammar_resume(struct flow_grammar *g, uint64_t next_lsn);
/* flow_grammar_start_journal - continues within a journal, at a record's first byte. */
void flow_grammar_start_journal(struct flow_grammar *g, uint64_t next_lsn, uint32_t dbid);
/* flow_grammar_start_increment - an increment follows the journal read so far. */
int flow_grammar_start_increment(struct flow_grammar *g, struct ft_err *err);
/*
 * flow_grammar_next - the next item; time_us is the caller's to set. The records of a journal blob follow
 * the blob's own item (ITEM_OTHER), unless it was too long to be held. STEP_END: of a file its RDB stream,
 * of a flow the closed window at the end of a record. Errors name flow and LSN.
 */
enum step flow_grammar_next(struct flow_grammar *g, struct window *in, struct item *ret,
                            struct ft_err *err);
/*
 * flow_grammar_pass - for who skips values and arguments, and only counts: passes over entries of an RDB stream
 * (rdb_stream_pass), or in the journal over commands of a Redis that are records and nothing else (redis_reader_pass),
 * and returns how many. flow_grammar_next follows before the window is touched.
 */
size_t flow_grammar_pass(struct flow_grammar *g, struct window *in);
/* flow_grammar_run - plain entries of an RDB stream that follow an item (rdb_stream_run.h). */
int flow_grammar_run(struct flow_grammar *g, struct window *in, struct rdb_run *ret,
                     struct ft_err *err);
/* flow_grammar_start_rdb - begin within the RDB stream. */
void flow_grammar_start_rdb(struct flow_grammar *g, const struct rdb_place *place);
/* flow_grammar_part - of the bytes at the window's position. 0: resumed, and not known yet. */
enum flow_part flow_grammar_part(const struct flow_grammar *g);
/* flow_grammar_at_boundary - at the window's position no item, blob or token is half read. */
bool flow_grammar_at_boundary(const struct flow_grammar *g);
/* What holds between two items. */
struct flow_boundary {
    uint64_t next_lsn;   /* as flow_grammar_next_lsn */
    uint64_t stable_lsn; /* JOURNAL_OFFSET, or the LSN at which it was resumed; 0 until known */
    bool lsn_known;      /* next_lsn is a number of the source's */
    uint32_t dbid;       /* in effect for the next record of the journal */
};

/* flow_grammar_boundary - false: as flow_grammar_at_boundary. */
bool flow_grammar_boundary(const struct flow_grammar *g, struct flow_boundary *ret);
/* flow_grammar_next_lsn - of the counted record that would come next; 0 within a full sync. */
uint64_t flow_grammar_next_lsn(const struct flow_grammar *g);
/* flow_grammar_time_us - when, by the flow itself, the item just returned happened; 0: it does not say. */
uint64_t flow_grammar_time_us(const struct flow_grammar *g);
/* flow_grammar_is_dragonfly - as far as is known: did a Dragonfly write it? */
bool flow_grammar_is_dragonfly(const struct flow_grammar *g);
/* flow_grammar_has_gap - the error just returned is that LSNs do not join. */
bool flow_grammar_has_gap(const struct flow_grammar *g);
void flow_grammar_free(struct flow_grammar *g);

#endif
