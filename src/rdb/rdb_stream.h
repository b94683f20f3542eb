/*
 * rdb_stream.h - the parser of RDB streams: Dragonfly flows (up to and including EOF), .dfs and
 * .rdb files of Dragonfly, RDB files of Redis and Valkey (rdb_version.h says which).
 *
 * What it is   Sans-I/O: bytes come from a struct window, items go out one at a time. Compressed
 *              blobs are decompressed piecewise into an inner window and tagged chunks are put
 *              together, so the caller sees one flat sequence of items.
 * Two modes    Collecting (skip_values false): an entry comes with its serialised value; the window
 *              grows to hold the item when it does not arrive in one piece. Skipping: keys of up to
 *              RDB_SKIP_KEY_MAX bytes are delivered, longer keys and all values are passed over
 *              without being held, and strings of other items (AUX, journal blobs) longer than
 *              RDB_SKIP_STRING_MAX are passed over too (their `bytes` are then empty and
 *              `skipped_bytes` says how many).
 * Threads      Not shared.
 * Formats      redis src/rdb.c (7.2 to 8.6), valkey src/rdb.c (9.1); dragonfly src/server/rdb_save.cc, rdb_load.cc.
 *
 *   stream     := "REDIS" 4 digits (rdb_version.h), item*, EOF [8 bytes checksum; from version 5 on]
 *   item       := AUX STR STR | SELECTDB LEN | RESIZEDB LEN LEN | entry | FUNCTION2 STR
 *               | MODULE_AUX ... | SLOT_INFO LEN LEN LEN | SLOT_IMPORT STR LEN(n) n x (LEN LEN)
 *               | ENTERPRISE_SLOT LEN | Dragonfly's:
 *                 FULLSYNC_END 8 bytes | JOURNAL_BLOB LEN STR | JOURNAL_OFFSET LE64
 *               | (ZSTD|LZ4)_BLOB LEN frame | TAGGED_CHUNK LE32 id LE32 len payload
 *               | VECTOR_INDEX ... | SHARD_DOC_INDEX ...
 *   entry      := { EXPIRETIME_MS LE64 | EXPIRETIME LE32 | IDLE LEN | FREQ byte
 *               | DF_MASK LE32 [LE32] | AUX STR STR (KeyDB) | ENTERPRISE_LRU LEN
 *               | KEY_META LEN(n) n x (4 bytes class, module opcodes) } type STR(key) value
 */
#ifndef FLOWTAPE_RDB_RDB_STREAM_H
#define FLOWTAPE_RDB_RDB_STREAM_H

#include "base/window.h"
#include "rdb/rdb_types.h"

#define RDB_SKIP_KEY_MAX    (64u << 10)
#define RDB_SKIP_STRING_MAX (64u << 10)
/*
 * KeyDB's AUX field for a member with a time to live of its own, after the value it belongs to. The
 * first one after an entry comes with that entry's db, type and key; for all others the key is empty.
 */
#define RDB_AUX_KEYDB_MEMBER "keydb-subexpire-key"
/* expire_ms of a key without time to live. */
#define RDB_NO_EXPIRY INT64_MIN

/* One key. Pointers are valid until the next call on the parser or its window. */
struct rdb_entry {
    uint32_t db;
    uint8_t type;       /* enum rdb_type, Dragonfly's old JSON number already translated */
    struct bytes key;   /* decoded */
    struct bytes value; /* serialised, without type and key; empty when skipping */
    /* type, key and value as they came, contiguous; empty when they were not (tagged, skipping) */
    struct bytes raw;
    uint64_t value_bytes; /* size of the serialised value, also when skipped */
    int64_t expire_ms;    /* absolute unix time, or RDB_NO_EXPIRY */
    bool dragonfly;       /* a Dragonfly wrote it */
    bool has_idle, has_freq, has_mc_flags, sticky;
    bool has_key_meta; /* modules had hung data on the key; passed over */
    uint8_t freq;
    uint64_t idle_s;
    uint32_t mc_flags;
};

enum rdb_item_kind {
    RDB_ITEM_HEADER,          /* version */
    RDB_ITEM_AUX,             /* name, bytes; entry, see RDB_AUX_KEYDB_MEMBER */
    RDB_ITEM_SELECTDB,        /* number; informative, entries carry their db */
    RDB_ITEM_RESIZEDB,        /* informative */
    RDB_ITEM_ENTRY,           /* entry */
    RDB_ITEM_FUNCTION,        /* bytes: the library's code (FUNCTION2) */
    RDB_ITEM_FUNCTION_PRE_GA, /* passed over */
    RDB_ITEM_MODULE_AUX,      /* name: the module's type name; bytes: the opcode's whole content */
    RDB_ITEM_INDEX,           /* VECTOR_INDEX or SHARD_DOC_INDEX, passed over */
    RDB_ITEM_SLOT_IMPORT,     /* slots on their way into this node; passed over */
    RDB_ITEM_KEY_META,        /* never delivered: entry.has_key_meta says it was there */
    RDB_ITEM_JOURNAL_BLOB,    /* number: records in it; bytes: the records */
    RDB_ITEM_JOURNAL_OFFSET,  /* number: LSN of the first record after the stream */
    RDB_ITEM_FULLSYNC_END,
    RDB_ITEM_EOF, /* number: the checksum as stored (0: none) */
};

struct rdb_item {
    enum rdb_item_kind kind;
    uint64_t offset; /* stream offset of the (outer) bytes it began in */
    uint64_t number;
    struct bytes name;
    struct bytes bytes;
    uint64_t skipped_bytes;
    struct rdb_entry entry;
};

struct rdb_stream_options {
    bool skip_values;
    /* Journal opcodes, blobs and tags are errors unless this is a Dragonfly stream. Dragonfly's own
     * files and flows: true; Redis's: false; not known yet: set `detect`. */
    bool dragonfly;
    bool detect; /* find out: Dragonfly writes version 9 only, and df-ver, or (up to 1.25) redis-ver
                    6.2.11, 999.999.999 or 255.255.255; Redis writes RESIZEDB. Until it is known
                    Dragonfly's opcodes are accepted */
    bool verify_checksum;  /* compute the CRC-64 and compare at EOF unless the stored one is 0 */
    size_t max_item_bytes; /* 0: item_limit.h. The most that collecting may hold of one item */
};

struct rdb_stream;

int rdb_stream_new(struct rdb_stream **ret, const struct rdb_stream_options *options,
                   struct ft_err *err);
/*
 * rdb_stream_next - the next item. STEP_MORE: push more into the window, and only then (nothing is lost:
 * the parser keeps its place). STEP_END: EOF was delivered by the call before; the window is right
 * after it. STEP_ERROR: FT_ERR_CORRUPT, FT_ERR_UNSUPPORTED (unknown opcode, type or version),
 * FT_ERR_LIMIT. With window->closed a stream that ends early is FT_ERR_CORRUPT.
 */
enum step rdb_stream_next(struct rdb_stream *s, struct window *in, struct rdb_item *ret,
                          struct ft_err *err);
/* rdb_stream_at_boundary - at the window's position no item, blob or prefix is half read: a good
 * place to cut. Entries whose tagged chunks are still to come do not count. */
bool rdb_stream_at_boundary(const struct rdb_stream *s);
/* rdb_stream_is_dragonfly - as known so far. */
bool rdb_stream_is_dragonfly(const struct rdb_stream *s);
void rdb_stream_free(struct rdb_stream *s);

#endif
