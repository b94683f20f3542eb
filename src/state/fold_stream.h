/*
 * fold_stream.h - touched keys and their records on their way into the private server.
 *
 * What it is   One connection to the server of a fold (fold.h), where it has one. Each stream of the input has one for its entries and
 *              the records inside its full sync; one more takes the journals after them, and is read out
 *              in the end (fold_read.h).
 * Threads      Each belongs to one thread.
 */
#ifndef FLOWTAPE_STATE_FOLD_STREAM_H
#define FLOWTAPE_STATE_FOLD_STREAM_H

#include "input/journal_pass.h"
#include "item/entry_commands.h"
#include "item/times_shift.h"
#include "state/fold.h"

/* What a command in flight was made of, for when it is refused. */
#define FOLD_IN_FLIGHT 16384u
#define FOLD_KEY_SHOWN 64

struct fold_in_flight {
    const struct command_row *row; /* NULL: an entry's command */
    uint32_t db;
    bool left_out; /* the key, by a loss that is counted already */
    uint8_t key_size;
    uint8_t key[FOLD_KEY_SHOWN];
};

struct fold_stream {
    struct fold *fold;
    struct redis_pipe *pipe;       /* NULL, as all that follows: there is no server */
    struct translator *translator; /* for the private server */
    struct translator *for_target;
    struct entry_commands *entries;
    struct times_shift shift;
    bool db_known;
    uint32_t db;                      /* selected on the connection */
    struct fold_in_flight *in_flight; /* FOLD_IN_FLIGHT of them */
    uint64_t next_tag;
    struct fold_in_flight current; /* of the commands being put */
    /* who takes the replies instead; NULL: they are to commands that were put */
    redis_reply_fn *reader;
    void *reader_context;
};

/* fold_stream_new - NULL in ret when nothing is touched. */
int fold_stream_new(struct fold_stream **ret, struct fold *f, struct ft_err *err);
/* fold_stream_entry - marks: enum touched_marks of its key. */
int fold_stream_entry(struct fold_stream *s, const struct item *item, unsigned marks,
                      struct ft_err *err);
/* fold_stream_record - one that applies, as s->translator has it. */
int fold_stream_record(struct fold_stream *s, const struct item *item, const struct translation *t,
                       struct ft_err *err);
/* fold_stream_script, fold_stream_function - what the snapshot brings, for the records that follow. */
int fold_stream_script(struct fold_stream *s, struct bytes body, struct ft_err *err);
int fold_stream_function(struct fold_stream *s, struct bytes code, struct ft_err *err);
/* fold_stream_drain - everything given so far has taken effect. */
int fold_stream_drain(struct fold_stream *s, struct ft_err *err);
/* fold_stream_journal - the journals of all flows up to the cut. */
int fold_stream_journal(struct fold_stream *s, struct journal_pass_counts *ret_counts,
                        struct ft_err *err);
int fold_stream_select(struct fold_stream *s, uint32_t db, struct ft_err *err);
void fold_stream_free(struct fold_stream *s);

#endif
