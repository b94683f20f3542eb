/*
 * rdb_stream_impl.h - the parser's state, shared by the files rdb_stream*.c only.
 *
 *   rdb_stream.c         states, opcodes, AUX, what the stream is
 *   rdb_stream_entry.c   keys and values
 *   rdb_stream_tag.c     tagged chunks
 *   rdb_stream_blob.c    compressed blobs
 *
 * Reading      All but the blob's file read from s->w, the caller's window or that of the open
 *              blob, by stream_left, stream_at and stream_consume, which also keep to the payload
 *              of a tagged chunk. Steps are STEP_ITEM, STEP_MORE, STEP_ERROR, and STEP_AGAIN when
 *              something was consumed that is no item.
 * Holding on   Collecting, nothing of an entry is consumed before all of it is in the window; the
 *              walker's progress is kept as a distance from the first byte, which stays right when
 *              the window moves.
 */
#ifndef FLOWTAPE_RDB_RDB_STREAM_IMPL_H
#define FLOWTAPE_RDB_RDB_STREAM_IMPL_H

#include "base/spool.h"
#include "codec/codec.h"
#include "rdb/rdb_stream.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_version.h"
#include "rdb/value_walk.h"

/* STEP_END is not used inside the parser: after EOF it does not run. */
#define STEP_AGAIN STEP_END

#define RDB_OPEN_TAGS_MAX 1024
/* How much of a blob is decompressed at a time. */
#define BLOB_PIECE_BYTES (256u << 10)
/* The last Dragonfly whose VECTOR_INDEX has no entry point is 1.38. */
#define DF_MINOR_ENTRY_POINT 39

enum stream_state {
    STREAM_HEADER,
    STREAM_ITEM,        /* at an opcode, a type or a prefix */
    STREAM_SKIP_KEY,    /* inside a key that is too long to be held */
    STREAM_WALK,        /* inside what s->walk walks over; s->kind says what it is */
    STREAM_SKIP_STRING, /* inside a string that is too long to be held */
    STREAM_CHECKSUM,
    STREAM_DONE,
};

enum stream_origin {
    ORIGIN_UNKNOWN, /* Dragonfly's opcodes are accepted */
    ORIGIN_DRAGONFLY_LIKELY,
    ORIGIN_DRAGONFLY,
    ORIGIN_REDIS,
};

/* A walk over s->w, kept where it is (collecting) or consumed on the way. */
struct stream_walk {
    struct value_walk walk;
    bool keep;
    size_t walked;   /* keep: distance from the first byte that is held */
    size_t reported; /* keep: of it, what was reported to memory_passed */
    uint64_t passed; /* else: bytes consumed */
};

/* One entry that comes in tagged chunks. */
struct stream_tag {
    uint32_t id;
    struct rdb_entry entry; /* all but value and value_bytes */
    uint64_t offset;
    struct buf key;
    struct spool value; /* collecting only */
    size_t held_bytes;  /* of the value in memory, as counted with those of all tags */
    struct value_walk walk;
    uint64_t value_bytes;
    uint64_t skipped_key_bytes;
};

struct stream_blob {
    bool open;
    bool frame_ended;
    uint64_t left; /* compressed bytes still to come */
    uint64_t offset;
    struct frame_decoder *decoder; /* one of the two below */
    struct frame_decoder *decoders[CODEC_COUNT];
    uint8_t *piece; /* BLOB_PIECE_BYTES */
    struct window window;
};

struct rdb_stream {
    struct rdb_stream_options options; /* constant */

    enum stream_state state;
    struct rdb_header header;
    enum stream_origin origin;
    unsigned df_minor; /* of df-ver 1.x; 0: not known */
    uint32_t db;
    struct window *w; /* where items come from: during a call only */

    /* the item being read */
    enum rdb_item_kind kind;
    uint64_t number;
    uint64_t offset;
    uint64_t skip_left;
    uint64_t skipped_bytes;
    struct buf name;    /* a decoded key or AUX name */
    struct buf content; /* a decoded AUX value, journal blob... */

    /* the last entry, for AUX fields that belong to it; no Dragonfly writes such */
    struct rdb_entry owner; /* db and type */
    struct buf owner_key;
    bool owner_told;

    /* the entry being read */
    struct rdb_entry entry; /* what prefixes said, and the type */
    bool has_prefix;
    struct rdb_string_head key_head;
    size_t value_at; /* collecting: distance of the value from the type byte */
    struct stream_walk walk;

    struct stream_blob blob;

    /* the payload being read: tag is NULL until its key is known */
    bool in_payload;
    uint64_t payload_left;
    uint32_t payload_id;
    struct stream_tag *tag;
    struct stream_tag *tags[RDB_OPEN_TAGS_MAX];
    size_t tag_count;
    struct stream_tag *delivered; /* freed by the next call */

    uint64_t crc;
    bool crc_done;
    size_t crc_pos; /* in the caller's window: what is covered */
    bool crc_waits; /* what the window has after crc_pos is covered later */
};

static inline size_t stream_left(const struct rdb_stream *s)
{
    size_t left = window_left(s->w);

    return s->in_payload && s->payload_left < left ? (size_t)s->payload_left : left;
}

static inline const uint8_t *stream_at(const struct rdb_stream *s)
{
    return window_at(s->w);
}

static inline void stream_consume(struct rdb_stream *s, size_t n)
{
    window_consume(s->w, n);
    if (s->in_payload)
        s->payload_left -= n;
}

static inline bool stream_is_dragonfly(const struct rdb_stream *s)
{
    return s->origin == ORIGIN_DRAGONFLY || s->origin == ORIGIN_DRAGONFLY_LIKELY;
}

/* entry_place - where the entry, with all that comes before it of its own, begins. */
static inline void entry_place(struct rdb_stream *s)
{
    if (!s->has_prefix)
        s->offset = s->blob.open ? s->blob.offset : window_offset(s->w);
}

/* With the number. */
#define EXPIRETIME_MS_SIZE 9u

/* stream_expiry - as Redis reads it: -1 is no time to live; any other that is not after now is over, also one below 0. */
static inline int64_t stream_expiry(int64_t ms)
{
    if (ms == -1)
        return RDB_NO_EXPIRY;
    return ms == RDB_NO_EXPIRY ? RDB_NO_EXPIRY + 1 : ms;
}

/* stream_bad - FT_ERR_CORRUPT at the next byte. */
#define stream_bad(s, err, ...) \
    ((void)err_at(err, FT_ERR_CORRUPT, window_offset((s)->w), __VA_ARGS__), STEP_ERROR)

static inline bool stream_is_long(const struct rdb_stream *s, const struct rdb_string_head *head,
                                  size_t max)
{
    return s->options.skip_values && (head->payload_size > max || head->raw_size > max);
}

/* stream_want - STEP_MORE, or FT_ERR_LIMIT when the item is known to need more than is allowed. */
enum step stream_want(const struct rdb_stream *s, uint64_t bytes, struct ft_err *err);
/* stream_unread - FT_ERR_UNSUPPORTED for a byte where one is known, by the name of whose it is. */
enum step stream_unread(const struct rdb_stream *s, unsigned byte, const char *what,
                        struct ft_err *err);
/* stream_skip - pass over s->skip_left; STEP_AGAIN when done. */
enum step stream_skip(struct rdb_stream *s);

/* Walks. stream_walk_start: `done` bytes in front have been looked at (keep only). */
void stream_walk_start(struct rdb_stream *s, enum rdb_item_kind kind, bool keep, size_t done);
enum step stream_walk_go(struct rdb_stream *s, struct ft_err *err);

/* entry_reset - what prefixes said is of the entry that has been read. */
void entry_reset(struct rdb_stream *s);

#endif
