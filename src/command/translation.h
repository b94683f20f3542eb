/*
 * translation.h - what a journalled command becomes, and what that depends on.
 *
 * Lifetime     A struct translation borrows arguments of the record and memory of its translator (translate.h).
 * Threads      A translation belongs to the thread of its translator. Options are constant.
 */
#ifndef FLOWTAPE_COMMAND_TRANSLATION_H
#define FLOWTAPE_COMMAND_TRANSLATION_H

#include "command/command_row.h"
#include "command/key_list.h"
#include "item/recode.h"
#include "item/slot.h"

/* 2^28 - 1 seconds: kMaxExpireDeadlineSec in dragonfly's src/server/common.h. */
#define TRANSLATE_TTL_MAX_MS (((INT64_C(1) << 28) - 1) * 1000)

/* Dragonfly up to 1.26, which do not say what they are (no df-ver in the snapshot). */
#define SOURCE_RELEASE_OLD 126u

/* The source is no Dragonfly: its commands are those that a Redis or Valkey propagates, which it has executed itself. */
#define SOURCE_RELEASE_REDIS 1000000u

#define TRANSLATE_NOW INT64_C(-1)

enum translation_class {
    TRANSLATION_AS_IS,      /* commands[0] are the record's own arguments */
    TRANSLATION_REWRITTEN,  /* commands, in this order */
    TRANSLATION_READ_WRITE, /* needs values of the target: commands (scripts), or else plan */
    TRANSLATION_NOTHING,    /* note says why */
    TRANSLATION_FLUSH,      /* flush; commands hold what a standalone server (every master) gets */
    TRANSLATION_LOSS,       /* losses[0]; commands, if any, remove what the lost value replaced */
};

struct translation_command {
    const struct bytes *args;
    size_t count;
    bool script; /* an EVAL: cannot be run from within another script */
};

struct translation_loss {
    enum loss_reason reason; /* notes too */
    const char *class_name;  /* for loss_add: "set", "json", a command's name */
    const char *text;
};

enum flush_kind {
    FLUSH_ALL,
    FLUSH_DB,    /* the record's database */
    FLUSH_SLOTS, /* ranges; the client deletes the keys of these slots in database 0 */
};

struct translation_flush {
    enum flush_kind kind;
    const struct slot_range *ranges;
    size_t range_count;
};

struct translation_plan {
    enum plan_kind kind;
    struct bytes src, dst;    /* STORE, POP: see keys */
    uint32_t dst_db;          /* MOVE, COPY */
    bool only_if_absent;      /* dst must not exist: RENAMENX, COPY without REPLACE, MOVE */
    bool keeps_dst_time;      /* if both have a time to live, dst keeps its own */
    const struct bytes *args; /* the record, or LMOVE's general form */
    size_t arg_count;
};

#define TRANSLATION_LOSSES_MAX 4

struct translation {
    enum translation_class class_;
    const struct command_row *row; /* NULL: unknown command */
    const struct translation_command *commands;
    size_t command_count;
    /* All keys of the original record: for order and point in time. An unknown command's first
     * argument is taken for a key. */
    const struct translation_key *keys;
    size_t key_count;
    struct translation_loss losses[TRANSLATION_LOSSES_MAX];
    size_t loss_count;
    struct translation_plan plan;
    struct translation_flush flush;
    bool every_node;
    bool any_key;       /* it may read and change keys that it does not name */
    bool functions;     /* it changes libraries of functions */
    bool was_effective; /* a condition that it depends on was met at the source */
    const char *note;   /* "" if there is nothing to say */
};

struct translator_options {
    const struct target *target;
    bool cluster;
    /* the target holds more than the source's data: its databases cannot change places, and it may not know a script by
     * its digest */
    bool keeps_others;
    enum json_as json_as;
    /* of the source: 137 for 1.37.x; 0: taken for the newest; SOURCE_RELEASE_REDIS: see there */
    unsigned source_release;
    /* Where the target has no times of members: those that ended by then are removed as the record comes, the
     * others are kept for good. 0: when the record was received; TRANSLATE_NOW: by this machine's clock. */
    int64_t moment_ms;
};

/* translation_changes - does the record change this one of its keys, or only read it? */
bool translation_changes(const struct translation *t, size_t key);

/* translation_joins - does the state of a key of the record depend on another one's? */
bool translation_joins(const struct translation *t);
/* translation_moves - RENAME, COPY or MOVE, RENAMENX too: keys[1] becomes what keys[0] is. */
bool translation_moves(const struct translation *t);

/* translation_class_name - "as-is", "rewritten", "read-write", "nothing", "flush", "loss". */
const char *translation_class_name(enum translation_class c);
/* plan_kind_name - "RENAME", "STORE"...; "" for PLAN_NONE. */
const char *plan_kind_name(enum plan_kind kind);

/* translation_digest - what DELEX IFDEQ compares: XXH3-64 of a value, 16 hex digits and NUL. */
#define TRANSLATION_DIGEST_SIZE 17
void translation_digest(struct bytes value, char out[TRANSLATION_DIGEST_SIZE]);

#endif
