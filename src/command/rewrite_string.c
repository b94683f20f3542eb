/* Strings, bits: SET's own arguments, times to live, and what Redis does not have. */
#include "command/rewrite_string.h"

#include "command/command_lua.h"

/* What stands after SET key value. */
struct set_options {
    bool has_expiry;
    int64_t expiry_ms;
    bool keep_ttl;
    bool changed; /* arguments were dropped or made absolute */
    const char *condition;
};

static bool set_option_parse(struct rewrite *rw, size_t *i, struct set_options *o)
{
    switch (rewrite_expiry_option(rw, *i, &o->expiry_ms)) {
    case EXPIRY_BAD:
        return false;
    case EXPIRY_OTHER:
        o->changed = true;
        __attribute__((fallthrough));
    case EXPIRY_ABSOLUTE_MS:
        o->has_expiry = true;
        *i += 2;
        return true;
    case EXPIRY_NO_OPTION:
        break;
    }
    if (rewrite_is(rw, *i, "KEEPTTL")) {
        o->keep_ttl = true;
    } else if (rewrite_is(rw, *i, "NX")) {
        o->condition = "NX";
    } else if (rewrite_is(rw, *i, "XX")) {
        o->condition = "XX";
    } else if (rewrite_is(rw, *i, "GET")) {
        o->changed = true;
    } else if (rewrite_source_is_redis(rw) && *i + 1 < rw->count &&
               (rewrite_is(rw, *i, "IFEQ") || rewrite_is(rw, *i, "IFNE") ||
                rewrite_is(rw, *i, "IFDEQ") || rewrite_is(rw, *i, "IFDNE"))) {
        o->changed = true;
        (*i)++; /* the condition was met */
    } else if (rewrite_is(rw, *i, "STICK")) {
        o->changed = true;
        rewrite_add_loss(rw, LOSS_NOTE_STICKY, "string", "sticky: Redis has no such flag");
    } else if (rewrite_is(rw, *i, "_MCFLAGS")) {
        o->changed = true;
        (*i)++; /* its value may be garbage: never looked at */
        rewrite_add_loss(rw, LOSS_NOTE_MC_FLAGS, "string", "memcache flags have no place in Redis");
    } else {
        return false;
    }
    (*i)++;
    return true;
}

static void set_write(struct rewrite *rw, const struct set_options *o)
{
    bool old = rewrite_target(rw) < 602;

    if (old && o->keep_ttl) {
        rewrite_script(rw, lua_set_keepttl, 1);
        rewrite_put(rw, rw->args[2]);
        return;
    }
    rewrite_begin(rw, "SET");
    rewrite_put_args(rw, 1, 3);
    if (o->condition != NULL)
        rewrite_put_str(rw, o->condition);
    if (o->keep_ttl)
        rewrite_put_str(rw, "KEEPTTL");
    if (!o->has_expiry)
        return;
    if (old) {
        rewrite_begin(rw, "PEXPIREAT");
        rewrite_put(rw, rw->args[1]);
    } else {
        rewrite_put_str(rw, "PXAT");
    }
    rewrite_put_i64(rw, o->expiry_ms);
}

void rewrite_set(struct rewrite *rw)
{
    struct set_options o = {0};
    size_t i = 3;

    while (i < rw->count) {
        if (!set_option_parse(rw, &i, &o)) {
            rewrite_malformed(rw, "SET with an option that is not known");
            return;
        }
    }
    if (rewrite_target(rw) < 602 && (o.keep_ttl || o.has_expiry))
        o.changed = true;
    if (o.changed)
        set_write(rw, &o);
    else
        rewrite_as_is(rw);
}

void rewrite_setex(struct rewrite *rw)
{
    struct set_options o = {.has_expiry = true};
    int64_t unit_ms = rewrite_is(rw, 0, "PSETEX") ? 1 : 1000;
    bool old = rewrite_target(rw) < 602;

    if (!rewrite_deadline(rw, rw->args[2], unit_ms, &o.expiry_ms)) {
        rewrite_malformed(rw, "the time is not a number");
        return;
    }
    rewrite_begin(rw, "SET");
    rewrite_put(rw, rw->args[1]);
    rewrite_put(rw, rw->args[3]);
    if (old) {
        rewrite_begin(rw, "PEXPIREAT");
        rewrite_put(rw, rw->args[1]);
    } else {
        rewrite_put_str(rw, "PXAT");
    }
    rewrite_put_i64(rw, o.expiry_ms);
}

/* Only what was executed is journalled, so the condition is met already. */
void rewrite_msetnx(struct rewrite *rw)
{
    if (rw->options->cluster && !rewrite_keys_in_one_slot(rw)) {
        rewrite_split(rw, "MSET");
        return;
    }
    rewrite_begin(rw, "MSET");
    rewrite_put_args(rw, 1, rw->count);
}

void rewrite_getdel(struct rewrite *rw)
{
    if (rewrite_target(rw) >= 602) {
        rewrite_as_is(rw);
        return;
    }
    rewrite_begin(rw, "DEL");
    rewrite_put(rw, rw->args[1]);
}

void rewrite_getex(struct rewrite *rw)
{
    int64_t ms;

    if (rewrite_is(rw, 2, "PERSIST")) {
        rewrite_begin(rw, "PERSIST");
        rewrite_put(rw, rw->args[1]);
        return;
    }
    switch (rewrite_expiry_option(rw, 2, &ms)) {
    case EXPIRY_BAD:
        rewrite_malformed(rw, "the time is not a number");
        return;
    case EXPIRY_NO_OPTION:
        rewrite_nothing(rw, "it only reads");
        return;
    default:
        rewrite_begin(rw, "PEXPIREAT");
        rewrite_put(rw, rw->args[1]);
        rewrite_put_i64(rw, ms);
    }
}

void rewrite_prepend(struct rewrite *rw)
{
    rewrite_script(rw, lua_prepend, 1);
    rewrite_put(rw, rw->args[2]);
    rewrite_note(rw, "value put in front of what the target holds");
}

/* Is args[i] the type after GET, SET or INCRBY, with an upper-case letter? */
static bool bitfield_is_upper_type(const struct rewrite *rw, size_t i)
{
    struct bytes w = rw->args[i];

    return i >= 3 && w.n >= 2 && w.n <= 3 && (w.p[0] == 'U' || w.p[0] == 'I') && w.p[1] >= '0' &&
           w.p[1] <= '9';
}

/* Redis reads only "u8", "i5"; dragonfly up to 1.26 journals its own upper-case form. */
void rewrite_bitfield(struct rewrite *rw)
{
    struct buf *scratch = rewrite_scratch(rw);
    size_t upper = 0;

    for (size_t i = 3; i < rw->count; i++)
        upper += bitfield_is_upper_type(rw, i) ? 1 : 0;
    if (upper == 0) {
        rewrite_as_is(rw);
        return;
    }
    if (!rewrite_ok(rw, buf_reserve(scratch, upper * 3, rw->err)))
        return;
    rewrite_begin(rw, "BITFIELD");
    for (size_t i = 1; i < rw->count; i++) {
        struct bytes w = rw->args[i];
        size_t at = scratch->n;

        if (!bitfield_is_upper_type(rw, i)) {
            rewrite_put(rw, w);
            continue;
        }
        for (size_t k = 0; k < w.n; k++)
            buf_push(scratch, k == 0 ? (uint8_t)(w.p[0] | 0x20) : w.p[k]);
        rewrite_put(rw, bytes_of(scratch->p + at, w.n));
    }
}
