/*
 * source_kind.h - what a kind of INPUT brings; for input/ alone.
 *
 * What it is   One `const struct source_kind` per kind, named in the table of source.c. A kind finds its
 *              parts and says where the bytes of a stream come from; everything else - decoding, errors
 *              with their place, cancelling, permits - is the same for all (source_stream.c).
 */
#ifndef FLOWTAPE_INPUT_SOURCE_KIND_H
#define FLOWTAPE_INPUT_SOURCE_KIND_H

#include <sys/stat.h>

#include "input/source.h"
#include "item/flow_decoder.h"

/* How sure a kind is that a path is one of its own. The highest bid has it. */
enum source_bid {
    SOURCE_BID_NONE,  /* it cannot be */
    SOURCE_BID_OTHER, /* if nobody knows better */
    SOURCE_BID_LOOKS, /* it looks like one */
    SOURCE_BID_SURE,  /* it was looked into */
};

struct source_stream {
    const struct source *source;
    uint32_t index;
    struct source_stream_options options;
    struct flow_decoder *decoder;
    uint64_t bytes;     /* fed so far, as stored */
    uint64_t looked_ms; /* when it was last asked whether the run is cancelled */
    void *feed;         /* of the kind */
    bool has_permit;    /* of options.large */
    bool ended;
    struct script_texts *scripts; /* NULL: EVALSHA comes as it is */
    bool scripts_sought;          /* before the place where the stream began */
    struct bytes *script_args;    /* of the item, with the script */
    size_t script_arg_cap;
};

/* Where the bytes of a stream come from. */
struct source_feed {
    /* open - sets st->feed, and of the decoder what the kind knows: token, file. There is no decoder yet. */
    int (*open)(struct source_stream *st, struct flow_decoder_options *decoder, struct ft_err *err);
    /* start_journal - go to the block where the journal is to begin; NULL: there is none. */
    int (*start_journal)(struct source_stream *st, struct ft_err *err);
    /* next - pushes more into the decoder, or closes it: 1. 0: there is nothing yet (only to follow). */
    int (*next)(struct source_stream *st, struct ft_err *err);
    /* place - adds to an error where it was: when reading the stream, or in what was read. */
    void (*place)(const struct source_stream *st, bool reading, struct ft_err *err);
    void (*free)(void *feed); /* takes NULL */
};

struct source_kind {
    const char *name;
    unsigned capabilities; /* of enum source_capability; `open` may take some away */
    size_t size;           /* of its struct, which begins with a struct source */
    const struct source_feed *feed;

    enum source_bid (*bid)(const char *path, const struct stat *status);
    /* open - path, kind and cancel_fd are set. Fills in info and stream_count, and what a kind with a
     * journal has. What it leaves on failure is released. */
    int (*open)(struct source *s, uint32_t generation, struct ft_err *err);
    void (*release)(struct source *s);
    int (*identify)(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                    struct ft_err *err);
    /* contains - directory: the one in which `path` lies, without links; NULL: there is none. */
    bool (*contains)(const struct source *s, const char *path, const char *directory);
    const char *(*stream_file)(const struct source *s, uint32_t index); /* NULL: no files */
    /* snapshot_bytes - of a stream, as its feed counts them; NULL: only reading tells. */
    uint64_t (*snapshot_bytes)(const struct source *s, uint32_t index);
    /* journal_bytes - likewise, after its snapshot; NULL: there is no journal, or only reading tells. */
    uint64_t (*journal_bytes)(const struct source *s, uint32_t index);

    /* with SOURCE_HAS_JOURNAL */
    int (*resolve_cut)(const struct source *s, const char *at, struct cut *ret, struct ft_err *err);
    /* with SOURCE_CAN_SEEK */
    int (*parse_time)(const struct source *s, const char *text, uint64_t *ret_time_us,
                      struct ft_err *err);
    uint64_t (*seek_time)(const struct source *s, uint32_t index, uint64_t time_us);
    /* with SOURCE_CAN_FOLLOW */
    bool (*stamp)(const struct source *s, struct stat *ret);
};

/* source_directory_of - the directory in which a name lies, without links, to be freed; NULL: none. */
char *source_directory_of(const char *path);

#endif
