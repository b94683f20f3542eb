/*
 * source.h - an INPUT on disk, whatever its kind, as streams of items.
 *
 * Kinds        A capture directory (one generation; one stream per flow), a Dragonfly .dfs set named
 *              by its summary or any member (one stream per file; members, shard-count and
 *              snapshot-id are checked), an RDB file of Redis or Dragonfly (one stream). Which it is,
 *              is found by looking.
 * Threads      A struct source is constant after source_open and may be shared; each stream belongs
 *              to one thread.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_H
#define FLOWTAPE_INPUT_SOURCE_H

#include <stdatomic.h>

#include "item/flow_decoder.h"
#include "store/capture.h"
#include "store/flow_reader.h"

enum source_kind {
    SOURCE_CAPTURE,
    SOURCE_DFS,
    SOURCE_RDB,
};

/* What the AUX fields in front of the data say (of the first stream that has them). */
struct source_info {
    unsigned rdb_version;
    bool dragonfly;
    char version[64]; /* "df-v1.40.0", "7.2.4", or "" */
    uint64_t ctime_s; /* 0: not given */
    uint64_t used_mem;
};

struct source {
    enum source_kind kind;
    char *path;
    /* -1 after source_open; once it is readable, reading ends with FT_ERR_CANCELLED. Who opened the
     * source may set it before anything is read. */
    int cancel_fd;
    struct source_info info;
    /* of the Dragonfly: 137 for 1.37.x; up to 1.26, which do not tell it (no AUX df-ver),
     * SOURCE_RELEASE_OLD; 0: not known, as of one built from its main branch, or not a Dragonfly */
    unsigned release;
    uint32_t stream_count;
    char **
        files; /* of DFS and RDB: one per stream, NULL-terminated; a DFS set's summary is the last stream */
    struct capture *capture; /* of CAPTURE */
    const struct generation *generation;
    /* the generation's, or, when its snapshot had no keys to tell, what the journal shows */
    enum sharding_rule sharding;
    atomic_bool *disproved; /* a record has shown that the rule does not hold: owner_guard */
};

/* source_flow_part - what a segment of this kind holds. */
enum flow_part source_flow_part(enum segment_kind kind);

/* source_kind_name - "capture", "dfs", "rdb". */
const char *source_kind_name(enum source_kind kind);

/* generation: number, or 0 for the newest complete one. Errors name the path. */
int source_open(struct source **ret, const char *path, uint32_t generation, struct ft_err *err);
/* source_journal_release - source->release where a journal follows the snapshot, else 0. */
unsigned source_journal_release(const struct source *s);
/* source_contains - is there, or would there be, a part of the input under this name? */
bool source_contains(const struct source *s, const char *path);
void source_free(struct source *s);

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

struct source_stream_options {
    bool skip_values;
    bool keep_words;    /* with skip_values: journal records come with their words */
    bool snapshot_only; /* end behind the RDB stream */
    bool journal_only;  /* captures: begin behind the RDB stream */
    /* with journal_only: begin at the last block that holds this LSN or lies before it; 0: the first
     * one behind the RDB stream. From the flow's stable_lsn to its next_lsn. */
    uint64_t start_lsn;
    bool follow; /* captures: more may come, see source_stream_next */
    bool verify_checksum;
    struct source_large *large; /* shared by all streams of a run; NULL: no such limit */
};

struct source_stream;

int source_stream_open(struct source_stream **ret, const struct source *s, uint32_t index,
                       const struct source_stream_options *options, struct ft_err *err);
/* source_stream_next - STEP_ITEM, STEP_END, STEP_ERROR (the text names file, offset, LSN). With
 * `follow` the end of what is there is STEP_MORE instead of STEP_END: ask again later. */
enum step source_stream_next(struct source_stream *st, struct item *ret, struct ft_err *err);
/* source_stream_bytes - input read so far, as stored. */
uint64_t source_stream_bytes(const struct source_stream *st);
void source_stream_free(struct source_stream *st);

#endif
