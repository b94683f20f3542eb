/*
 * rdb_types.h - numbers of the RDB format, each with its source.
 *
 * Sources: redis src/rdb.h (8.0, 8.6, 8.8), valkey src/rdb.h (8.0, 9.1), keydb src/rdb.h (6.3), librdb
 * src/lib/parser.c (2.3; Redis Enterprise), dragonfly src/server/rdb_extensions.h and rdb_save.cc (main of
 * August 2026).
 *
 * One number can be two types: Dragonfly's JSON was 20 up to 1.14, 22 is a hash of Valkey 9 or of a release
 * candidate of Redis 7.4, 30 to 32 are Dragonfly's or Redis 8.10's. Inside of this program each type has a number
 * of its own; rdb_type_of_byte and rdb_byte_of_type (rdb_version.h) are the only ones who translate.
 */
#ifndef FLOWTAPE_RDB_RDB_TYPES_H
#define FLOWTAPE_RDB_RDB_TYPES_H

enum rdb_type {
    RDB_TYPE_STRING = 0,
    RDB_TYPE_LIST = 1,
    RDB_TYPE_SET = 2,
    RDB_TYPE_ZSET = 3, /* scores as text */
    RDB_TYPE_HASH = 4,
    RDB_TYPE_ZSET_2 = 5, /* scores as doubles */
    RDB_TYPE_MODULE_PRE_GA = 6,
    RDB_TYPE_MODULE_2 = 7,
    RDB_TYPE_HASH_ZIPMAP = 9,
    RDB_TYPE_LIST_ZIPLIST = 10,
    RDB_TYPE_SET_INTSET = 11,
    RDB_TYPE_ZSET_ZIPLIST = 12,
    RDB_TYPE_HASH_ZIPLIST = 13,
    RDB_TYPE_LIST_QUICKLIST = 14,
    RDB_TYPE_STREAM_LISTPACKS = 15,
    RDB_TYPE_HASH_LISTPACK = 16,
    RDB_TYPE_ZSET_LISTPACK = 17,
    RDB_TYPE_LIST_QUICKLIST_2 = 18,
    RDB_TYPE_STREAM_LISTPACKS_2 = 19,
    RDB_TYPE_SET_LISTPACK = 20,
    RDB_TYPE_STREAM_LISTPACKS_3 = 21,
    RDB_TYPE_HASH_METADATA_PRE_GA = 22,    /* 7.4 release candidates */
    RDB_TYPE_HASH_LISTPACK_EX_PRE_GA = 23, /* 7.4 release candidates */
    RDB_TYPE_HASH_METADATA = 24,
    RDB_TYPE_HASH_LISTPACK_EX = 25,
    RDB_TYPE_STREAM_LISTPACKS_4 = 26, /* Redis 8.6: what producers are known to have added */
    RDB_TYPE_STREAM_LISTPACKS_5 = 27, /* Redis 8.8: pending entries that no consumer has */
    RDB_TYPE_DF_JSON = 30,
    RDB_TYPE_DF_HASH_WITH_EXPIRY = 31,
    RDB_TYPE_DF_SET_WITH_EXPIRY = 32,
    RDB_TYPE_DF_SBF = 33,
    RDB_TYPE_DF_SBF2 = 34,
    RDB_TYPE_DF_CMS = 35,
    RDB_TYPE_DF_TOPK = 36,
    RDB_TYPE_DF_CUCKOO = 37,
    RDB_TYPE_VALKEY_HASH = 38, /* Valkey 9: hash with field times; 22 in a file */
    RDB_TYPE_KEYDB_CRON = 39,  /* KeyDB: a script and when it runs; 64 in a file */
};
#define RDB_TYPE_COUNT 40
/* Numbers in a file that are not what they are in the list above. */
#define RDB_BYTE_VALKEY_HASH 22
#define RDB_BYTE_KEYDB_CRON  64
/* What Dragonfly up to 1.14 calls JSON. */
#define RDB_TYPE_DF_JSON_OLD 20

enum rdb_opcode {
    RDB_OP_ENTERPRISE_LRU = 107,  /* a packed number, without a meaning elsewhere */
    RDB_OP_ENTERPRISE_SLOT = 121, /* a packed number: the slot of the keys that follow */
    RDB_OP_DF_FULLSYNC_END = 200,
    RDB_OP_DF_ZSTD_BLOB = 201,
    RDB_OP_DF_LZ4_BLOB = 202,
    RDB_OP_DF_JOURNAL_BLOB = 210,
    RDB_OP_DF_JOURNAL_OFFSET = 211,
    RDB_OP_DF_MASK = 220,
    RDB_OP_DF_VECTOR_INDEX = 222,
    RDB_OP_DF_SHARD_DOC_INDEX = 223,
    RDB_OP_DF_TAGGED_CHUNK = 224,
    RDB_OP_KEY_META = 243,    /* Redis 8.6 */
    RDB_OP_SLOT_IMPORT = 243, /* Valkey 9 */
    RDB_OP_SLOT_INFO = 244,
    RDB_OP_FUNCTION2 = 245,
    RDB_OP_FUNCTION_PRE_GA = 246,
    RDB_OP_MODULE_AUX = 247,
    RDB_OP_IDLE = 248,
    RDB_OP_FREQ = 249,
    RDB_OP_AUX = 250,
    RDB_OP_RESIZEDB = 251,
    RDB_OP_EXPIRETIME_MS = 252,
    RDB_OP_EXPIRETIME = 253,
    RDB_OP_SELECTDB = 254,
    RDB_OP_EOF = 255,
};

/* Opcodes within a MODULE_2 value. */
enum rdb_module_opcode {
    RDB_MODULE_OP_EOF = 0,
    RDB_MODULE_OP_SINT = 1,
    RDB_MODULE_OP_UINT = 2,
    RDB_MODULE_OP_FLOAT = 3,
    RDB_MODULE_OP_DOUBLE = 4,
    RDB_MODULE_OP_STRING = 5,
};

#define RDB_DF_MASK_STICKY   1u
#define RDB_DF_MASK_MC_FLAGS 2u

/* Member times of types 31 and 32 count seconds from 2023-02-01 00:00:00 UTC. */
#define RDB_DF_MEMBER_EPOCH_S 1675209600

/* The newest Dragonfly whose numbers these are. */
#define RDB_NEWEST_DRAGONFLY "Dragonfly 1.40"
/* What Dragonfly always writes. */
#define RDB_VERSION_DRAGONFLY 9

/* What a value is to a user, whatever its encoding. */
enum value_class {
    VALUE_STRING,
    VALUE_LIST,
    VALUE_SET,
    VALUE_ZSET,
    VALUE_HASH,
    VALUE_STREAM,
    VALUE_JSON,
    VALUE_MODULE,
    VALUE_PROBABILISTIC, /* SBF, CMS, TOPK, CUCKOO of Dragonfly */
};
#define VALUE_CLASS_COUNT 9

#endif
