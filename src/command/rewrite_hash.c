/* Hashes, and the times of their fields: two grammars of HSETEX, four levels of Redis. */
#include "command/rewrite_hash.h"

#include "command/command_lua.h"

#define FIELD_TTL_TEXT "times of hash fields; the fields are kept"

enum hsetex_mode {
    HSETEX_ALWAYS,
    HSETEX_NX,  /* field by field */
    HSETEX_FNX, /* all or nothing */
    HSETEX_FXX,
};

struct hsetex {
    enum hsetex_mode mode;
    bool keep_ttl;
    bool redis_form;
    bool relative; /* a time that has to be changed */
    bool has_deadline;
    int64_t deadline_ms;
    size_t first, end; /* arguments of fields and values */
};

static const char *hsetex_mode_name(enum hsetex_mode m)
{
    static const char *const names[] = {"-", "NX", "FNX", "FXX"};

    return names[m];
}

/* Options may come in any order in front of FIELDS or the bare seconds. */
static bool hsetex_option(struct rewrite *rw, size_t *i, struct hsetex *h)
{
    switch (rewrite_expiry_option(rw, *i, &h->deadline_ms)) {
    case EXPIRY_BAD:
        return false;
    case EXPIRY_OTHER:
        h->relative = true;
        __attribute__((fallthrough));
    case EXPIRY_ABSOLUTE_MS:
        h->has_deadline = true;
        *i += 2;
        return true;
    case EXPIRY_NO_OPTION:
        break;
    }
    if (rewrite_is(rw, *i, "NX"))
        h->mode = HSETEX_NX;
    else if (rewrite_is(rw, *i, "FNX"))
        h->mode = HSETEX_FNX;
    else if (rewrite_is(rw, *i, "FXX"))
        h->mode = HSETEX_FXX;
    else if (rewrite_is(rw, *i, "KEEPTTL"))
        h->keep_ttl = true;
    else
        return false;
    (*i)++;
    return true;
}

static bool hsetex_parse(struct rewrite *rw, struct hsetex *h)
{
    size_t i = 2;
    uint64_t fields;

    while (i < rw->count && hsetex_option(rw, &i, h))
        continue;
    if (i >= rw->count)
        return false;
    if (rewrite_is(rw, i, "FIELDS")) {
        h->redis_form = true;
        if (i + 1 >= rw->count || !bytes_to_u64(rw->args[i + 1], &fields) || fields == 0 ||
            fields > rw->count || rw->count != i + 2 + 2 * (size_t)fields)
            return false;
        h->first = i + 2;
    } else {
        if (h->has_deadline || !rewrite_deadline(rw, rw->args[i], 1000, &h->deadline_ms))
            return false;
        h->has_deadline = true;
        h->first = i + 1;
    }
    h->end = rw->count;
    return h->end > h->first && (h->end - h->first) % 2 == 0;
}

static void lua_hsetex_write(struct rewrite *rw, const struct hsetex *h, bool times)
{
    rewrite_script(rw, lua_hsetex, 1);
    rewrite_put_str(rw, hsetex_mode_name(h->mode));
    rewrite_put_str(rw, times && h->keep_ttl ? "1" : "0");
    if (times && h->has_deadline)
        rewrite_put_i64(rw, h->deadline_ms);
    else
        rewrite_put_str(rw, "-");
    rewrite_put_args(rw, h->first, h->end);
}

static void hset_write(struct rewrite *rw, const struct hsetex *h)
{
    rewrite_begin(rw, "HSET");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_args(rw, h->first, h->end);
}

/* FIELDS n f...: of field and value pairs, the fields. */
static void fields_write(struct rewrite *rw, size_t first, size_t end, size_t step)
{
    rewrite_put_str(rw, "FIELDS");
    rewrite_put_i64(rw, (int64_t)((end - first) / step));
    for (size_t i = first; i < end; i += step)
        rewrite_put(rw, rw->args[i]);
}

static void hdel_write(struct rewrite *rw, size_t first, size_t end, size_t step)
{
    rewrite_begin(rw, "HDEL");
    rewrite_put(rw, rw->args[1]);
    for (size_t i = first; i < end; i += step)
        rewrite_put(rw, rw->args[i]);
}

/* What it set has ended; HSETNX would have left alone what was there. */
static bool hsetex_is_over(struct rewrite *rw, const struct hsetex *h)
{
    if (!h->has_deadline || h->keep_ttl || !rewrite_is_over(rw, h->deadline_ms))
        return false;
    if (h->mode == HSETEX_NX)
        rewrite_nothing(rw, "the fields that it set have ended");
    else if (h->mode == HSETEX_ALWAYS)
        hdel_write(rw, h->first, h->end, 2);
    return h->mode == HSETEX_NX || h->mode == HSETEX_ALWAYS;
}

static void hsetex_without_times(struct rewrite *rw, const struct hsetex *h)
{
    if (hsetex_is_over(rw, h))
        return;
    if (h->mode == HSETEX_FNX || h->mode == HSETEX_FXX) {
        lua_hsetex_write(rw, h, false);
    } else if (h->mode == HSETEX_NX) {
        for (size_t i = h->first; i < h->end; i += 2) {
            rewrite_begin(rw, "HSETNX");
            rewrite_put(rw, rw->args[1]);
            rewrite_put_args(rw, i, i + 2);
        }
    } else {
        hset_write(rw, h);
    }
    if (h->has_deadline)
        rewrite_add_loss(rw, LOSS_MEMBER_TTL, "hash", FIELD_TTL_TEXT);
}

static void hsetex_with_hexpire(struct rewrite *rw, const struct hsetex *h)
{
    if (h->mode != HSETEX_ALWAYS || h->keep_ttl) {
        lua_hsetex_write(rw, h, true);
        return;
    }
    hset_write(rw, h);
    if (!h->has_deadline)
        return;
    rewrite_begin(rw, "HPEXPIREAT");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_i64(rw, h->deadline_ms);
    fields_write(rw, h->first, h->end, 2);
}

static void hsetex_with_hsetex(struct rewrite *rw, const struct hsetex *h)
{
    if (h->mode == HSETEX_NX || (h->keep_ttl && h->has_deadline)) {
        lua_hsetex_write(rw, h, true);
        return;
    }
    if (h->redis_form && !h->relative) {
        rewrite_as_is(rw);
        return;
    }
    rewrite_begin(rw, "HSETEX");
    rewrite_put(rw, rw->args[1]);
    if (h->mode != HSETEX_ALWAYS)
        rewrite_put_str(rw, hsetex_mode_name(h->mode));
    rewrite_put_str(rw, "PXAT");
    rewrite_put_i64(rw, h->deadline_ms);
    rewrite_put_str(rw, "FIELDS");
    rewrite_put_i64(rw, (int64_t)((h->end - h->first) / 2));
    rewrite_put_args(rw, h->first, h->end);
}

void rewrite_hsetex(struct rewrite *rw)
{
    struct hsetex h = {0};

    if (!hsetex_parse(rw, &h))
        rewrite_malformed(rw, "HSETEX with unknown arguments");
    else if (!rw->options->target->member_ttl)
        hsetex_without_times(rw, &h);
    else if (rewrite_target(rw) < 800)
        hsetex_with_hexpire(rw, &h);
    else
        hsetex_with_hsetex(rw, &h);
}

static void field_times_lost(struct rewrite *rw, const char *class_name)
{
    rewrite_nothing(rw, "the target has no times of fields");
    rewrite_add_loss(rw, LOSS_MEMBER_TTL, class_name, FIELD_TTL_TEXT);
}

/* EXPIREMEMBER key member time, of KeyDB, which propagates what it removes when the time has come. */
void rewrite_expire_member(struct rewrite *rw)
{
    field_times_lost(rw, "member");
}

/* FIELDS n f... at args[i]: whole, and to the end. */
static bool fields_at(const struct rewrite *rw, size_t i)
{
    uint64_t n;

    return rewrite_is(rw, i, "FIELDS") && i + 1 < rw->count && bytes_to_u64(rw->args[i + 1], &n) &&
           n != 0 && n < rw->count && rw->count == i + 2 + (size_t)n;
}

/* HEXPIRE key seconds [NX|XX|GT|LT] FIELDS n f... */
void rewrite_hexpire(struct rewrite *rw)
{
    size_t at = rewrite_is(rw, 3, "FIELDS") ? 3 : 4;
    int64_t ms;

    if (!rewrite_deadline(rw, rw->args[2], 1000, &ms) || !fields_at(rw, at)) {
        rewrite_malformed(rw, "HEXPIRE with unknown arguments");
        return;
    }
    if (!rw->options->target->member_ttl) {
        /* with a condition nobody knows whether they got this time */
        if (at == 3 && rewrite_is_over(rw, ms))
            hdel_write(rw, at + 2, rw->count, 1);
        else
            field_times_lost(rw, "hash");
        return;
    }
    rewrite_begin(rw, "HPEXPIREAT");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_i64(rw, ms);
    rewrite_put_args(rw, 3, rw->count);
}

/* HGETEX key [EX s|PX ms|EXAT s|PXAT ms|PERSIST] FIELDS n f...: what it changes is times. */
void rewrite_hgetex(struct rewrite *rw)
{
    bool persist = rewrite_is(rw, 2, "PERSIST");
    int64_t ms = 0;
    enum expiry_option o = rewrite_expiry_option(rw, 2, &ms);
    size_t at = persist ? 3 : o == EXPIRY_NO_OPTION ? 2 : 4;

    if (o == EXPIRY_BAD || !fields_at(rw, at)) {
        rewrite_malformed(rw, "HGETEX with unknown arguments");
    } else if (!persist && o == EXPIRY_NO_OPTION) {
        rewrite_nothing(rw, "it only reads");
    } else if (!rw->options->target->member_ttl) {
        if (persist)
            rewrite_nothing(rw, "the target has no times of fields");
        else if (rewrite_is_over(rw, ms))
            hdel_write(rw, at + 2, rw->count, 1);
        else
            field_times_lost(rw, "hash");
    } else if (rewrite_target(rw) >= 800 && o != EXPIRY_OTHER) {
        rewrite_as_is(rw);
    } else {
        rewrite_begin(rw, persist ? "HPERSIST" : "HPEXPIREAT");
        rewrite_put(rw, rw->args[1]);
        if (!persist)
            rewrite_put_i64(rw, ms);
        rewrite_put_args(rw, at, rw->count);
    }
}

/* FIELDEXPIRE key seconds member...: the record does not say whether of a hash or a set. */
void rewrite_field_expire(struct rewrite *rw)
{
    int64_t ms;

    if (!rewrite_deadline(rw, rw->args[2], 1000, &ms)) {
        rewrite_malformed(rw, "the time is not a number");
        return;
    }
    if (!rw->options->target->member_ttl) {
        if (rewrite_is_over(rw, ms)) {
            rewrite_script(rw, lua_remove_members, 1);
            rewrite_put_args(rw, 3, rw->count);
        } else {
            field_times_lost(rw, "member");
        }
        return;
    }
    rewrite_begin(rw, "HPEXPIREAT");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_i64(rw, ms);
    fields_write(rw, 3, rw->count, 1);
    rewrite_note(rw, "of a set: an error that is expected, its members have no times in Redis");
}
