/*
 * source_stream.h - one stream of a source, read as items.
 *
 * Threads      A stream belongs to one thread at a time.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_STREAM_H
#define FLOWTAPE_INPUT_SOURCE_STREAM_H

#include "item/item.h"
#include "rdb/rdb_stream_place.h"
#include "rdb/rdb_stream_run.h"

struct source;

/*
 * Permits to hold an item larger than SOURCE_LARGE_BYTES, so that memory does not grow with the number of
 * streams. A stream without one waits where it is, so streams must not wait for each other otherwise; who
 * is through with a stream frees it before it does anything else.
 */
struct source_large;
#define SOURCE_LARGE_BYTES (4u << 20)
#define SOURCE_LARGE_COUNT 1

int source_large_new(struct source_large **ret, struct ft_err *err);
void source_large_free(struct source_large *l);
/* source_large_want - takes a permit, waiting for it, or gives it back; *has: whether the caller has one. l: NULL: nothing to do. */
void source_large_want(struct source_large *l, bool *has, bool wanted);

/*
 * Instead of permits, where streams wait for each other: who decides when a stream may hold such an item. Called with
 * `holds` before it does, and waits; without it as soon as the item has gone.
 */
struct source_turn {
    void (*hold)(void *context, uint32_t stream, bool holds);
    void *context;
};

/* A part of a stream that can be read by itself (source_stretches.h). */
struct source_stretch {
    int fd;                 /* of the file, which may have another name by now, or none */
    struct rdb_place place; /* where it begins */
    uint64_t end;           /* 0: with the stream */
    struct bytes entries;   /* all up to there; empty: to be read from the file */
    uint64_t counted;       /* source_stream_bytes: where the bytes begin that it counts */
    uint64_t bytes;         /* what it says at the end */
};

struct source_stream_options {
    bool skip_values;
    bool keep_args;     /* with skip_values: journal records come with their arguments */
    bool snapshot_only; /* end after the RDB stream */
    bool journal_only;  /* begin after the RDB stream; of inputs without a journal: no difference */
    /* with journal_only, of inputs that can seek: begin at the last block that holds this LSN or lies
     * before it; 0: the first one after the RDB stream. Within source_lsns. */
    uint64_t start_lsn;
    bool follow; /* of inputs that can follow: more may come, see source_stream_next */
    bool verify_checksum;
    /* of a Redis, with arguments: EVALSHA comes as EVAL with the script that came before (script_texts.h). Who begins in the
     * middle reads what is before for it, once there is such a record. */
    bool scripts;
    const struct source_stretch *stretch; /* of inputs that can be cut; NULL: all of the stream */
    struct source_large *large;           /* shared by all streams of a run; NULL: no such limit */
    const struct source_turn *turn;       /* instead of large; NULL: nobody decides */
};

struct source_stream;

int source_stream_open(struct source_stream **ret, const struct source *s, uint32_t index,
                       const struct source_stream_options *options, struct ft_err *err);
/* source_stream_next - STEP_ITEM, STEP_END, STEP_ERROR (the text names file, offset, LSN). With
 * `follow` the end of what is there is STEP_MORE instead of STEP_END: ask again later. */
enum step source_stream_next(struct source_stream *st, struct item *ret, struct ft_err *err);
/* source_stream_run - plain entries that follow the item just returned, if any: as if each were an item with its flow and
 * time. */
int source_stream_run(struct source_stream *st, struct rdb_run *ret, struct ft_err *err);
/* source_stream_bytes - input read so far, as stored. */
uint64_t source_stream_bytes(const struct source_stream *st);
void source_stream_free(struct source_stream *st);

#endif
