/* Streams: ids the source did not resolve, trimming by id on Redis 5, groups. */
#include "command/rewrite_stream.h"

#include <stdio.h>

#include "command/command_lua.h"
#include "command/suspect.h"

#define AUTOCLAIM_COUNT     100 /* of XAUTOCLAIM without COUNT */
#define AUTOCLAIM_COUNT_MAX 1000000000

/* [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT n]] in any order. */
struct trim {
    bool no_make;
    size_t minid;  /* the threshold's argument; 0: none */
    size_t maxlen; /* the option's own argument; 0: none */
    size_t maxlen_end;
    bool about; /* ~: how much goes is the executor's own choice */
    size_t end; /* the first argument after the options */
};

static bool trim_parse(const struct rewrite *rw, size_t i, struct trim *ret)
{
    for (;;) {
        size_t at = i;
        bool by_id = rewrite_is(rw, i, "MINID");

        if (rewrite_is(rw, i, "NOMKSTREAM")) {
            ret->no_make = true;
            i++;
            continue;
        }
        if (!by_id && !rewrite_is(rw, i, "MAXLEN"))
            break;
        i++;
        if (rewrite_is(rw, i, "~"))
            ret->about = true;
        if (rewrite_is(rw, i, "~") || rewrite_is(rw, i, "="))
            i++;
        if (i >= rw->count)
            return false;
        if (by_id)
            ret->minid = i;
        i++;
        if (!by_id) {
            ret->maxlen = at;
            ret->maxlen_end = i;
        }
        if (rewrite_is(rw, i, "LIMIT"))
            i += 2;
    }
    ret->end = i;
    return i <= rw->count;
}

static void trim_by_id_old(struct rewrite *rw, const struct trim *trim)
{
    rewrite_script(rw, lua_xtrim_minid, 1);
    rewrite_put(rw, rw->args[trim->minid]);
}

static void xadd_auto(struct rewrite *rw, const struct trim *trim)
{
    bool old = rewrite_target(rw) < 602;

    rewrite_script(rw, lua_xadd_auto, 1);
    rewrite_put_i64(rw, rw->now_ms);
    rewrite_put_str(rw, trim->no_make ? "1" : "0");
    if (old) {
        rewrite_put_i64(rw, (int64_t)(trim->maxlen_end - trim->maxlen) + 1);
        rewrite_put_args(rw, trim->maxlen, trim->maxlen_end);
        rewrite_put_args(rw, trim->end, rw->count);
    } else {
        rewrite_put_i64(rw, (int64_t)trim->end - 1);
        rewrite_put_args(rw, 2, rw->count);
    }
    if (old && trim->minid != 0)
        trim_by_id_old(rw, trim);
    rewrite_suspect(rw);
    rewrite_note(rw,
                 "the source's own id is not in the journal: the time of receipt takes its place");
}

static void xadd_write_old(struct rewrite *rw, const struct trim *trim)
{
    rewrite_script(rw, lua_xadd_trim, 1);
    rewrite_put_str(rw, trim->no_make ? "1" : "0");
    if (trim->minid != 0)
        rewrite_put(rw, rw->args[trim->minid]);
    else
        rewrite_put_str(rw, "-");
    rewrite_put_args(rw, trim->maxlen, trim->maxlen_end);
    rewrite_put_args(rw, trim->end, rw->count);
}

void rewrite_xadd(struct rewrite *rw)
{
    struct trim trim = {0};

    if (!trim_parse(rw, 2, &trim) || rw->count < trim.end + 3 || (rw->count - trim.end) % 2 != 1) {
        rewrite_malformed(rw, "XADD with unknown arguments");
        return;
    }
    if (trim.about)
        rewrite_suspect(rw);
    if (bytes_eq_str(rw->args[trim.end], "*"))
        xadd_auto(rw, &trim);
    else if (rewrite_target(rw) < 602 && (trim.minid != 0 || trim.no_make))
        xadd_write_old(rw, &trim);
    else
        rewrite_as_is(rw);
}

void rewrite_xtrim(struct rewrite *rw)
{
    struct trim trim = {0};

    if (!trim_parse(rw, 2, &trim) || trim.end != rw->count || trim.no_make) {
        rewrite_malformed(rw, "XTRIM with unknown arguments");
        return;
    }
    if (trim.about)
        rewrite_suspect(rw);
    if (trim.minid == 0 || rewrite_target(rw) >= 602)
        rewrite_as_is(rw);
    else
        trim_by_id_old(rw, &trim);
}

static void xgroup_drop_entries_read(struct rewrite *rw)
{
    size_t i = 5;

    while (i < rw->count && !rewrite_is(rw, i, "ENTRIESREAD"))
        i++;
    if (i >= rw->count || rewrite_target(rw) >= 700) {
        rewrite_as_is(rw);
        return;
    }
    rewrite_begin(rw, "XGROUP");
    rewrite_put_args(rw, 1, i);
    rewrite_put_args(rw, i + 2, rw->count);
    if (!rewrite_is(rw, i + 1, "-1")) /* not known */
        rewrite_add_loss(rw, LOSS_NOTE_STREAM_COUNTERS, "stream",
                         loss_reason_text(LOSS_NOTE_STREAM_COUNTERS));
}

/* A claim makes a consumer only when it gets an entry; later releases always make it. */
static bool is_old(const struct rewrite *rw)
{
    return rewrite_source_up_to(rw, SOURCE_RELEASE_OLD);
}

/* Redis 5 has no CREATECONSUMER; reading a history that is empty makes the consumer. */
static void put_consumer(struct rewrite *rw, struct bytes key, size_t group_arg)
{
    if (rewrite_target(rw) >= 602) {
        rewrite_begin(rw, "XGROUP");
        rewrite_put_str(rw, "CREATECONSUMER");
        rewrite_put(rw, key);
        rewrite_put_args(rw, group_arg, group_arg + 2);
        return;
    }
    rewrite_begin(rw, "XREADGROUP");
    rewrite_put_str(rw, "GROUP");
    rewrite_put_args(rw, group_arg, group_arg + 2);
    rewrite_put_str(rw, "COUNT");
    rewrite_put_str(rw, "1");
    rewrite_put_str(rw, "STREAMS");
    rewrite_put(rw, key);
    rewrite_put_str(rw, "0");
}

static void make_consumer(struct rewrite *rw, size_t key_arg)
{
    put_consumer(rw, rw->args[key_arg], key_arg + 1);
}

/* As it is written for a Redis without CREATECONSUMER; others propagate what a read changes in its place. */
void rewrite_xreadgroup(struct rewrite *rw)
{
    if (rewrite_is(rw, 1, "GROUP") && rewrite_is(rw, rw->count - 1, "0"))
        put_consumer(rw, rw->args[rw->count - 2], 2);
    else
        rewrite_malformed(rw, "XREADGROUP of entries, which is not propagated");
}

/* A key that has groups, of whose reads the source does not tell. */
static void guess_groups(struct rewrite *rw)
{
    if (rewrite_source_up_to(rw, SUSPECT_GROUP_READS_RELEASE))
        rewrite_suspect(rw);
}

/* XGROUP subcommand key group ... */
void rewrite_xgroup(struct rewrite *rw)
{
    bool has_id = rewrite_is(rw, 1, "CREATE") || rewrite_is(rw, 1, "SETID");

    guess_groups(rw);

    if (has_id && rw->count >= 5)
        xgroup_drop_entries_read(rw);
    else if (rewrite_is(rw, 1, "CREATECONSUMER") && rw->count == 5 && rewrite_target(rw) < 602)
        make_consumer(rw, 2);
    else if ((rewrite_is(rw, 1, "DESTROY") && rw->count == 4) ||
             (rewrite_is(rw, 1, "CREATECONSUMER") && rw->count == 5) ||
             (rewrite_is(rw, 1, "DELCONSUMER") && rw->count == 5))
        rewrite_as_is(rw);
    else
        rewrite_malformed(rw, "XGROUP with unknown arguments");
}

/* What an executor's clock decides differs when it is another clock. */
static void claim_by_clock(struct rewrite *rw)
{
    int64_t min_idle;

    if (!bytes_to_i64(rw->args[4], &min_idle) || min_idle > 0) {
        rewrite_suspect(rw);
        rewrite_note(rw, "which entries are idle long enough depends on the clock");
    }
}

/* IDLE and TIME, which say the same thing in two ways. */
struct claim_times {
    size_t idle; /* the option's argument; 0: none */
    int64_t idle_ms;
    bool has_time;
    bool has_last_id; /* as XREADGROUP is journalled: its consumer is there */
};

static bool claim_parse(const struct rewrite *rw, struct claim_times *c)
{
    for (size_t i = 6; i < rw->count; i++) {
        if (rewrite_is(rw, i, "IDLE"))
            c->idle = i;
        c->has_time = c->has_time || rewrite_is(rw, i, "TIME");
        c->has_last_id = c->has_last_id || rewrite_is(rw, i, "LASTID");
    }
    if (c->idle == 0)
        return true;
    return c->idle + 1 < rw->count && bytes_to_i64(rw->args[c->idle + 1], &c->idle_ms) &&
           c->idle_ms >= 0 && c->idle_ms <= rw->now_ms;
}

/* XCLAIM key group consumer min-idle id... [IDLE ms] [TIME ms] ...: times by the receive time. */
void rewrite_xclaim(struct rewrite *rw)
{
    struct claim_times c = {0};

    if (!claim_parse(rw, &c)) {
        rewrite_malformed(rw, "XCLAIM with an idle time that is none");
        return;
    }
    guess_groups(rw);
    claim_by_clock(rw);
    if (c.has_time && (c.has_last_id || is_old(rw))) {
        rewrite_as_is(rw);
        return;
    }
    if (!c.has_last_id && !is_old(rw))
        make_consumer(rw, 1);
    rewrite_begin(rw, "XCLAIM");
    rewrite_put_args(rw, 1, c.idle != 0 ? c.idle : rw->count);
    if (c.idle != 0)
        rewrite_put_args(rw, c.idle + 2, rw->count);
    if (!c.has_time) {
        rewrite_put_str(rw, "TIME");
        rewrite_put_i64(rw, rw->now_ms - c.idle_ms);
    }
}

/* The option COUNT in the arguments after the first id, as the script gets it; false: unknown arguments. */
static bool autoclaim_options(const struct rewrite *rw, int64_t *ret_count, bool *ret_just_id)
{
    *ret_count = AUTOCLAIM_COUNT;
    *ret_just_id = false;
    for (size_t i = 6; i < rw->count; i++) {
        if (rewrite_is(rw, i, "JUSTID")) {
            *ret_just_id = true;
        } else if (!rewrite_is(rw, i, "COUNT") || i + 1 >= rw->count ||
                   !bytes_to_i64(rw->args[++i], ret_count) || *ret_count < 1) {
            return false;
        }
    }
    if (*ret_count > AUTOCLAIM_COUNT_MAX)
        *ret_count = AUTOCLAIM_COUNT_MAX;
    return true;
}

static void autoclaim_old(struct rewrite *rw)
{
    int64_t count;
    bool just_id;

    if (!autoclaim_options(rw, &count, &just_id)) {
        rewrite_malformed(rw, "XAUTOCLAIM with unknown arguments");
        return;
    }
    if (!is_old(rw))
        make_consumer(rw, 1);
    rewrite_script(rw, lua_xautoclaim_old, 1);
    rewrite_put_args(rw, 2, 6);
    rewrite_put_i64(rw, count);
    rewrite_put_i64(rw, rw->now_ms);
    if (just_id)
        rewrite_put_str(rw, "JUSTID");
}

/* XAUTOCLAIM key group consumer min-idle first-id [COUNT n] [JUSTID] */
void rewrite_xautoclaim(struct rewrite *rw)
{
    guess_groups(rw);
    claim_by_clock(rw);
    /* From 7.2 on the command always makes the consumer. A script that reads before it writes can be run anywhere; what 6.2
     * does with deleted entries, only its own command. */
    if (rewrite_target(rw) < 602 || (is_old(rw) && rewrite_target(rw) >= 702) ||
        (rewrite_target(rw) >= 700 && !is_old(rw))) {
        autoclaim_old(rw);
        return;
    }
    if (is_old(rw)) {
        rewrite_as_is(rw);
        return;
    }
    make_consumer(rw, 1);
    rewrite_script(rw, lua_xautoclaim, 1);
    rewrite_put_i64(rw, rw->now_ms);
    rewrite_put_args(rw, 2, rw->count);
}
