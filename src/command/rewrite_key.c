/* Commands on keys of any type: life times, names, RESTORE, SORT, flushes. */
#include "command/rewrite_key.h"

#include <stdlib.h>

#include "command/command_keys.h"
#include "command/command_lua.h"
#include "command/suspect.h"
#include "item/dump.h"
#include "item/slot.h"
#include "rdb/value_walk.h"

/* Up to this release RENAME of a key with a time to live onto one that has one leaves the latter's. */
#define RENAME_KEEPS_TIME_RELEASE 137u

/* EXPIRE key s, PEXPIRE key ms, EXPIREAT key s, PEXPIREAT key ms, each with NX, XX, GT or LT. */
void rewrite_expire(struct rewrite *rw)
{
    const char *name = rw->row->name;
    int64_t unit_ms = name[0] == 'P' ? 1 : 1000;
    bool absolute = strstr(name, "AT") != NULL;
    int64_t ms;

    if (rw->count > 3 && rewrite_target(rw) < 700) {
        rewrite_needs(rw, 700, "a condition in EXPIRE");
        return;
    }
    if (absolute) {
        rewrite_as_is(rw);
        return;
    }
    if (!rewrite_deadline(rw, rw->args[2], unit_ms, &ms)) {
        rewrite_malformed(rw, "the time is not a number");
        return;
    }
    rewrite_begin(rw, "PEXPIREAT");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_i64(rw, ms);
    rewrite_put_args(rw, 3, rw->count);
}

void rewrite_delex(struct rewrite *rw)
{
    bool equal = rewrite_is(rw, 2, "IFEQ");

    if (rw->count == 2) {
        rewrite_begin(rw, "DEL");
        rewrite_put(rw, rw->args[1]);
    } else if (rw->count != 4) {
        rewrite_malformed(rw, "DELEX takes a condition and a value");
    } else if (equal || rewrite_is(rw, 2, "IFNE")) {
        rewrite_script(rw, lua_delex, 1);
        rewrite_put_str(rw, equal ? "IFEQ" : "IFNE");
        rewrite_put(rw, rw->args[3]);
        rewrite_note(rw, "deleted if the target's value is (not) the one given");
    } else if (rewrite_is(rw, 2, "IFDEQ") || rewrite_is(rw, 2, "IFDNE")) {
        rewrite_plan(rw, 1, 1);
        rewrite_note(rw, "deleted if the XXH3 digest of the target's value is (not) the one given");
    } else {
        rewrite_malformed(rw, "DELEX with a condition that is not known");
    }
}

static void rename_with_old_time(struct rewrite *rw)
{
    bool absolute = rewrite_target(rw) >= 700;

    rw->out->class_ = TRANSLATION_READ_WRITE;
    rewrite_begin(rw, "EVAL");
    rewrite_put_str(rw, lua_rename_keeping_time);
    rewrite_put_str(rw, "2");
    rewrite_put_args(rw, 1, 3);
    rewrite_put_str(rw, absolute ? "PEXPIRETIME" : "PTTL");
    rewrite_put_str(rw, absolute ? "PEXPIREAT" : "PEXPIRE");
    rewrite_note(rw, "where both keys have a time to live, the destination keeps its own");
}

void rewrite_rename(struct rewrite *rw)
{
    bool only_if_absent = rewrite_is(rw, 0, "RENAMENX");
    bool keeps_time = !only_if_absent && rewrite_source_up_to(rw, RENAME_KEEPS_TIME_RELEASE);

    if (rw->options->cluster && !rewrite_keys_in_one_slot(rw)) {
        rewrite_plan(rw, 1, 2);
        rw->out->plan.only_if_absent = only_if_absent;
        rw->out->plan.keeps_dst_time = keeps_time;
    } else if (keeps_time) {
        rename_with_old_time(rw);
    } else {
        rewrite_as_is(rw);
    }
}

void rewrite_copy(struct rewrite *rw)
{
    uint32_t dst_db = rw->keys->keys[rw->keys->count - 1].db;
    bool together = rewrite_keys_in_one_slot(rw) && dst_db == rw->db;
    bool replace = false;

    if (rewrite_target(rw) >= 602 && (!rw->options->cluster || together)) {
        rewrite_as_is(rw);
        return;
    }
    for (size_t i = 3; i < rw->count; i++)
        replace = replace || rewrite_is(rw, i, "REPLACE");
    rewrite_plan(rw, 1, 2);
    rw->out->plan.only_if_absent = !replace;
    rw->out->plan.dst_db = dst_db;
}

void rewrite_move(struct rewrite *rw)
{
    if (!rw->options->cluster) {
        rewrite_as_is(rw);
        return;
    }
    rewrite_plan(rw, 1, 1);
    rw->out->plan.only_if_absent = true;
    rw->out->plan.dst_db = rw->keys->keys[rw->keys->count - 1].db;
    rewrite_note(rw, "a cluster has one database: the database map decides where the key goes");
}

/* RESTORE key ttl payload, and what may follow. */
struct restore_options {
    int64_t expire_ms; /* absolute; 0: none */
    bool replace, absttl;
    bool exact; /* REPLACE ABSTTL and nothing else, as dragonfly itself writes it */
};

static bool restore_parse(struct rewrite *rw, struct restore_options *o)
{
    int64_t ttl;

    for (size_t i = 4; i < rw->count; i++) {
        if (rewrite_is(rw, i, "REPLACE"))
            o->replace = true;
        else if (rewrite_is(rw, i, "ABSTTL"))
            o->absttl = true;
        else if (rewrite_is(rw, i, "STICK"))
            rewrite_add_loss(rw, LOSS_NOTE_STICKY, "key", "sticky: Redis has no such flag");
        else if (rewrite_is(rw, i, "IDLETIME") || rewrite_is(rw, i, "FREQ"))
            i++; /* how often a key was used is not its value */
        else
            return false;
    }
    if (!bytes_to_i64(rw->args[2], &ttl) || ttl < 0)
        return false;
    o->exact = o->replace && o->absttl && rw->count == 6;
    if (ttl == 0) {
        o->expire_ms = 0;
    } else if (!o->absttl) {
        return rewrite_deadline(rw, rw->args[2], 1, &o->expire_ms);
    } else if (!rewrite_source_is_redis(rw) && ttl - rw->now_ms > TRANSLATE_TTL_MAX_MS) {
        o->expire_ms = rw->now_ms + TRANSLATE_TTL_MAX_MS;
        o->exact = false;
    } else {
        o->expire_ms = ttl;
    }
    return true;
}

/* The value is lost or empty, but it took the place of another one. */
static void restore_delete(struct rewrite *rw)
{
    rewrite_begin(rw, "DEL");
    rewrite_put(rw, rw->args[1]);
}

static void restore_lost(struct rewrite *rw, uint8_t type, enum loss_reason reason)
{
    enum value_class c = rdb_type_class(type);
    const char *name = c == VALUE_PROBABILISTIC ? rdb_type_name(type) : value_class_name(c);

    rewrite_loss(rw, reason, name, loss_reason_text(reason));
    restore_delete(rw);
}

static void restore_write(struct rewrite *rw, const struct restore_options *o, const struct dump *d,
                          uint8_t type, struct bytes value)
{
    const struct target *target = rw->options->target;
    bool same = type == rw->args[3].p[0] && value.p == d->value.p && value.n == d->value.n &&
                d->rdb_version <= target->rdb_version;
    struct buf *scratch = rewrite_scratch(rw);
    struct bytes payload = rw->args[3];

    if (same && o->exact) {
        rewrite_as_is(rw);
        return;
    }
    if (!same) {
        if (!rewrite_ok(rw, dump_append(scratch, type, value, target->rdb_version, rw->err)))
            return;
        payload = buf_bytes(scratch);
    }
    rewrite_begin(rw, "RESTORE");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_i64(rw, o->expire_ms);
    rewrite_put(rw, payload);
    rewrite_put_str(rw, "REPLACE");
    rewrite_put_str(rw, "ABSTTL");
}

void rewrite_restore(struct rewrite *rw)
{
    struct restore_options o = {0};
    struct rdb_entry entry = {
        .db = rw->db, .expire_ms = RDB_NO_EXPIRY, .dragonfly = !rewrite_source_is_redis(rw)};
    enum loss_reason reason = LOSS_NONE;
    struct bytes value;
    struct dump dump;
    bool guessed;
    uint8_t type;
    char key[64];

    if (!restore_parse(rw, &o)) {
        rewrite_malformed(rw, "RESTORE with unknown arguments");
        return;
    }
    if (!rewrite_ok(rw, dump_parse(rw->args[3], &dump, rw->err))) {
        err_wrap(rw->err, "RESTORE of \"%s\"", bytes_escape(rw->args[1], key, sizeof(key)));
        return;
    }
    entry.type = dump.type;
    entry.key = rw->args[1];
    entry.value = dump.value;
    entry.value_bytes = dump.value.n;
    switch (
        recoder_run(rw->recoder, &entry, rewrite_moment_ms(rw), &type, &value, &reason, rw->err)) {
    case RECODE_ERROR:
        rw->failed = true;
        err_wrap(rw->err, "RESTORE of \"%s\"", bytes_escape(rw->args[1], key, sizeof(key)));
        return;
    case RECODE_LOST:
        restore_lost(rw, dump.type, reason);
        return;
    case RECODE_EMPTY:
        restore_delete(rw);
        rewrite_note(rw, "the times of all its members were over");
        return;
    case RECODE_OK:
        break;
    }
    if (!rewrite_ok(rw, suspect_group_reads(rw->options->source_release, dump.type, dump.value,
                                            &guessed, rw->err)))
        return;
    if (guessed)
        rewrite_suspect(rw);
    if (reason != LOSS_NONE)
        rewrite_add_loss(rw, reason, value_class_name(rdb_type_class(dump.type)),
                         loss_reason_text(reason));
    restore_write(rw, &o, &dump, type, value);
}

/* Patterns reach keys of other slots: a cluster refuses them, up to 7.2 any GET. */
static bool sort_has_pattern(const struct rewrite *rw)
{
    for (size_t i = 2; i + 1 < rw->count; i++) {
        if (rewrite_is(rw, i, "GET"))
            return true;
        if (rewrite_is(rw, i, "BY") && memchr(rw->args[i + 1].p, '*', rw->args[i + 1].n) != NULL)
            return true;
    }
    return false;
}

void rewrite_sort(struct rewrite *rw)
{
    bool stores = rw->keys->count > 1;

    if (!rw->keys_ok) {
        rewrite_nothing(rw, "a slice of SORT ... STORE: the journal does not carry its effect");
        rewrite_suspect(rw);
    } else if (rw->count == 2) {
        rewrite_nothing(rw, "it only reads, or is a slice of SORT ... STORE");
        rewrite_suspect(rw);
    } else if (!stores) {
        rewrite_nothing(rw, "it only reads");
    } else if (!rw->options->cluster) {
        rewrite_as_is(rw);
    } else if (sort_has_pattern(rw)) {
        rewrite_malformed(rw, "SORT with patterns cannot run in a cluster");
    } else if (rewrite_keys_in_one_slot(rw)) {
        rewrite_as_is(rw);
    } else {
        rewrite_plan(rw, 1, rw->keys->keys[1].arg);
    }
}

void rewrite_stick(struct rewrite *rw)
{
    rewrite_nothing(rw, "sticky: Redis has no such flag");
    rewrite_add_loss(rw, LOSS_NOTE_STICKY, "key", "sticky: Redis has no such flag");
}

void rewrite_flush(struct rewrite *rw)
{
    bool all = rewrite_is(rw, 0, "FLUSHALL");

    rw->out->class_ = TRANSLATION_FLUSH;
    rw->out->flush.kind = all ? FLUSH_ALL : FLUSH_DB;
    rewrite_begin(rw, all ? "FLUSHALL" : "FLUSHDB");
    rewrite_note(rw, "once, when every flow has come to it");
}

static bool slot_take(struct bytes text, uint16_t *ret)
{
    uint64_t v;

    if (!bytes_to_u64(text, &v) || v >= SLOT_COUNT)
        return false;
    *ret = (uint16_t)v;
    return true;
}

/* What a Valkey tells its replicas about the slots of its cluster, and CLUSTER FLUSHSLOT slot [ASYNC|SYNC]. */
void rewrite_cluster(struct rewrite *rw)
{
    struct buf *scratch = rewrite_scratch(rw);
    struct slot_range r;

    if (rewrite_is(rw, 1, "SETSLOT") || rewrite_is(rw, 1, "SYNCSLOTS")) {
        rewrite_nothing(rw, "says which node of the source has slots");
        return;
    }
    if (!rewrite_is(rw, 1, "FLUSHSLOT") || rw->count < 3 || !slot_take(rw->args[2], &r.first)) {
        rewrite_malformed(rw, "CLUSTER with unknown arguments");
        return;
    }
    r.last = r.first;
    if (!rewrite_ok(rw, buf_append(scratch, &r, sizeof(r), rw->err)))
        return;
    rw->out->class_ = TRANSLATION_FLUSH;
    rw->out->flush.kind = FLUSH_SLOTS;
    rw->out->flush.ranges = (const struct slot_range *)(const void *)scratch->p;
    rw->out->flush.range_count = 1;
    rewrite_note(rw, "the keys of this slot are deleted");
}

/* DFLYCLUSTER FLUSHSLOTS start end [start end ...] */
void rewrite_dflycluster(struct rewrite *rw)
{
    struct buf *scratch = rewrite_scratch(rw);
    size_t n = (rw->count - 2) / 2;

    if (!rewrite_is(rw, 1, "FLUSHSLOTS") || n == 0 || rw->count % 2 != 0) {
        rewrite_malformed(rw, "DFLYCLUSTER with unknown arguments");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct slot_range r;

        if (!slot_take(rw->args[2 + 2 * i], &r.first) || !slot_take(rw->args[3 + 2 * i], &r.last) ||
            r.first > r.last) {
            rewrite_malformed(rw, "DFLYCLUSTER FLUSHSLOTS with slots that are none");
            return;
        }
        if (!rewrite_ok(rw, buf_append(scratch, &r, sizeof(r), rw->err)))
            return;
    }
    rw->out->class_ = TRANSLATION_FLUSH;
    rw->out->flush.kind = FLUSH_SLOTS;
    rw->out->flush.ranges = (const struct slot_range *)(const void *)scratch->p;
    rw->out->flush.range_count = n;
    rewrite_note(rw, "the keys of these slots are deleted, once, when every flow has come to it");
}
