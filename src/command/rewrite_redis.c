#include "command/rewrite_redis.h"

/* EXPIRE key s, PEXPIRE key ms, EXPIREAT key s, PEXPIREAT key ms; a condition that follows was met. */
void rewrite_redis_expire(struct rewrite *rw)
{
    const char *name = rw->row->name;
    int64_t unit_ms = name[0] == 'P' ? 1 : 1000;
    bool absolute = strstr(name, "AT") != NULL;
    int64_t ms;

    if (absolute && unit_ms == 1 && rw->count == 3) {
        rewrite_as_is(rw);
        return;
    }
    if (!absolute && !rewrite_deadline(rw, rw->args[2], unit_ms, &ms)) {
        rewrite_malformed(rw, "the time is not a number");
        return;
    }
    if (absolute && (!bytes_to_i64(rw->args[2], &ms) || __builtin_mul_overflow(ms, unit_ms, &ms))) {
        rewrite_malformed(rw, "the time is not a number");
        return;
    }
    rewrite_begin(rw, "PEXPIREAT");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_i64(rw, ms);
}

/* Counting keeps the count in the key. */
void rewrite_redis_pfcount(struct rewrite *rw)
{
    if (rw->options->cluster && !rewrite_keys_in_one_slot(rw))
        rewrite_nothing(rw, "it only reads");
    else
        rewrite_as_is(rw);
}

/* Other scripts of the target stay. */
void rewrite_redis_script(struct rewrite *rw)
{
    if (rewrite_is(rw, 1, "LOAD") && rw->count == 3)
        rewrite_as_is(rw);
    else
        rewrite_nothing(rw, "scripts that the target keeps change no value");
}

/* XSETID key id [ENTRIESADDED n] [MAXDELETEDID id] */
void rewrite_redis_xsetid(struct rewrite *rw)
{
    if (rewrite_target(rw) >= 700 || rw->count == 3) {
        rewrite_as_is(rw);
        return;
    }
    rewrite_begin(rw, "XSETID");
    rewrite_put_args(rw, 1, 3);
    rewrite_add_loss(rw, LOSS_NOTE_STREAM_COUNTERS, "stream",
                     loss_reason_text(LOSS_NOTE_STREAM_COUNTERS));
}

void rewrite_redis_probabilistic(struct rewrite *rw)
{
    unsigned wanted = TARGET_BLOOM;

    if ((rw->options->target->modules & wanted) != 0)
        rewrite_as_is(rw);
    else
        rewrite_loss(rw, LOSS_MODULE, rw->row->name, "a command of a module");
}

/* Patterns name keys that the arguments do not. */
void rewrite_redis_sort(struct rewrite *rw)
{
    for (size_t i = 2; i + 1 < rw->count; i++) {
        bool by = rewrite_is(rw, i, "BY");

        if ((by || rewrite_is(rw, i, "GET")) && memchr(rw->args[i + 1].p, '*', rw->args[i + 1].n))
            rw->out->any_key = true;
    }
    rw->row->rewrite(rw);
}

void rewrite_cron(struct rewrite *rw)
{
    rewrite_nothing(rw, "no other server has cron jobs");
    rewrite_add_loss(rw, LOSS_CRON, "keydb_cron", loss_reason_text(LOSS_CRON));
}

void rewrite_deleted(struct rewrite *rw)
{
    rewrite_begin(rw, "DEL");
    rewrite_put(rw, rw->args[1]);
}

/*
 * EVAL script numkeys key... arg..., EVALSHA likewise: up to 6.2 a Redis propagates scripts instead of what they did. What
 * they do may depend on the version that executes them, and on keys that they do not declare.
 */
void rewrite_eval(struct rewrite *rw)
{
    rw->out->any_key = true;
    if (rw->options->cluster && (rw->keys->count == 0 || !rewrite_keys_in_one_slot(rw))) {
        rewrite_malformed(rw, "a cluster runs a script where all of its keys are");
        return;
    }
    if (rw->options->keeps_others && rewrite_is(rw, 0, "EVALSHA")) {
        rewrite_malformed(rw, "a script by its digest, whose text did not come before it");
        return;
    }
    rw->out->class_ = TRANSLATION_READ_WRITE;
    rewrite_begin(rw, rw->row->name);
    rewrite_put_args(rw, 1, rw->count);
    rw->pools->pending[rw->pools->command_count - 1].script = true;
    rewrite_suspect(rw);
    rewrite_note(rw, "a script is executed again: what it does may depend on the target's version");
}

void rewrite_function(struct rewrite *rw)
{
    if (rw->options->target->functions) {
        rewrite_as_is(rw);
        rw->out->functions = true;
        return;
    }
    rewrite_nothing(rw, "the target has no functions");
    rewrite_add_loss(rw, LOSS_FUNCTION, "function", loss_reason_text(LOSS_FUNCTION));
}

/* FIELDS n f... from args[at] on: the first field, or 0. */
static size_t first_field(const struct rewrite *rw, size_t at)
{
    uint64_t n;

    if (!rewrite_is(rw, at, "FIELDS") || at + 1 >= rw->count ||
        !bytes_to_u64(rw->args[at + 1], &n) || n == 0 || n != rw->count - at - 2)
        return 0;
    return at + 2;
}

/* HGETDEL key FIELDS n f... */
void rewrite_hgetdel(struct rewrite *rw)
{
    size_t first = first_field(rw, 2);

    if (first == 0) {
        rewrite_malformed(rw, "HGETDEL with unknown arguments");
        return;
    }
    rewrite_begin(rw, "HDEL");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_args(rw, first, rw->count);
}

/* HPERSIST key FIELDS n f... */
void rewrite_hpersist(struct rewrite *rw)
{
    if (rw->options->target->member_ttl)
        rewrite_as_is(rw);
    else
        rewrite_nothing(rw, "the target has no times of fields");
}

/* HPEXPIREAT key ms [condition] FIELDS n f..., HEXPIREAT, HPEXPIRE: the condition was met. */
void rewrite_hash_times(struct rewrite *rw)
{
    const char *name = rw->row->name;
    int64_t unit_ms = name[1] == 'P' ? 1 : 1000;
    bool absolute = strstr(name, "AT") != NULL;
    size_t first = first_field(rw, rewrite_is(rw, 3, "FIELDS") ? 3 : 4);
    int64_t ms = 0;

    if (first == 0 ||
        (absolute ? !bytes_to_i64(rw->args[2], &ms) || __builtin_mul_overflow(ms, unit_ms, &ms)
                  : !rewrite_deadline(rw, rw->args[2], unit_ms, &ms))) {
        rewrite_malformed(rw, "times of fields with unknown arguments");
        return;
    }
    if (rw->options->target->member_ttl) {
        rewrite_begin(rw, "HPEXPIREAT");
        rewrite_put(rw, rw->args[1]);
        rewrite_put_i64(rw, ms);
        rewrite_put_args(rw, first - 2, rw->count);
    } else if (rewrite_is_over(rw, ms)) {
        rewrite_begin(rw, "HDEL");
        rewrite_put(rw, rw->args[1]);
        rewrite_put_args(rw, first, rw->count);
    } else {
        rewrite_nothing(rw, "the target has no times of fields");
        rewrite_add_loss(rw, LOSS_MEMBER_TTL, "hash", loss_reason_text(LOSS_MEMBER_TTL));
    }
}

void rewrite_message(struct rewrite *rw)
{
    rewrite_nothing(rw, "a message is no value");
}

/* MSETEX n key value ... [NX|XX] [EX|PX|EXAT|PXAT time | KEEPTTL]: as one SET for each; a condition was met. */
void rewrite_msetex(struct rewrite *rw)
{
    bool keep = false, has_time = false;
    int64_t ms = 0;
    uint64_t n;
    size_t i;

    if (!bytes_to_u64(rw->args[1], &n) || n == 0 || n > (rw->count - 2) / 2) {
        rewrite_malformed(rw, "MSETEX with unknown arguments");
        return;
    }
    for (i = 2 + 2 * (size_t)n; i < rw->count; i++) {
        enum expiry_option o = rewrite_expiry_option(rw, i, &ms);

        keep |= rewrite_is(rw, i, "KEEPTTL");
        has_time |= o == EXPIRY_ABSOLUTE_MS || o == EXPIRY_OTHER;
        i += o != EXPIRY_NO_OPTION;
        if (o == EXPIRY_BAD)
            i = SIZE_MAX - 1;
    }
    if (i > rw->count || (keep && rewrite_target(rw) < 600)) {
        rewrite_malformed(rw, "MSETEX with a time that is none");
        return;
    }
    for (i = 2; i < 2 + 2 * (size_t)n; i += 2) {
        rewrite_begin(rw, "SET");
        rewrite_put_args(rw, i, i + 2);
        if (keep)
            rewrite_put_str(rw, "KEEPTTL");
        if (!has_time)
            continue;
        rewrite_begin(rw, "PEXPIREAT");
        rewrite_put(rw, rw->args[i]);
        rewrite_put_i64(rw, ms);
    }
}

void rewrite_swapdb(struct rewrite *rw)
{
    rw->out->any_key = true;
    if (rw->options->keeps_others || rw->options->cluster)
        rewrite_loss(rw, LOSS_COMMAND, rw->row->name,
                     "two databases change places, which the target's cannot");
    else
        rewrite_as_is(rw);
}
