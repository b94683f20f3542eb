#include "target/replay_scan.h"

#include <stdlib.h>

#include "base/clock.h"

/* A replay is not expected to take longer. */
#define AHEAD_MS INT64_C(86400000)
/* What follows the capture closer than this need not be held back. */
#define BEHIND_US UINT64_C(1000000)
/* A key whose time was over so long before the last record will not be named by those to come. */
#define GRACE_MS 5000

/*
 * Dragonfly gives no key more than nine years: what has more than half of the shift is held back. It
 * gets its own time back, or is deleted if that was over before the grace; so it is left for later
 * if it was over since. Returns how many were deleted and left.
 */
#define SHIFT_TEXT "2000000000000"
_Static_assert(TIMES_SHIFT_MS == INT64_C(2000000000000), "the number in SHIFT_TEXT");

#define SCRIPT_BODY                                                               \
    "local shift,grace=tonumber(ARGV[1]),tonumber(ARGV[2]) local gone,left=0,0 "  \
    "for i=3,#ARGV do local key=ARGV[i] local rest=redis.call('PTTL',key)-shift " \
    "if rest>-shift/2 then "                                                      \
    "if rest<=-grace then redis.call('DEL',key) gone=gone+1 "                     \
    "elseif rest<=0 then left=left+1 "                                            \
    "else local at=redis.pcall('PEXPIRETIME',key) "                               \
    "if type(at)=='number' then "                                                 \
    "redis.call('PEXPIREAT',key,string.format('%.0f',at-shift)) "                 \
    "else redis.call('PEXPIRE',key,string.format('%.0f',rest)) end end "          \
    "end end return {gone,left}"
#define SCRIPT_FLAGS "#!lua flags=allow-cross-slot-keys\n"
#define SCRIPT_WORDS 5u

bool replay_holds_overdue(const struct replay *r)
{
    return r->source->kind == SOURCE_CAPTURE && !r->cut.is_snapshot;
}

int64_t replay_hold_until(const struct replay *r)
{
    return (int64_t)(clock_wall_us() / 1000) + (r->keeps_up ? 0 : AHEAD_MS);
}

void replay_see_time(struct replay *r, uint64_t time_us)
{
    uint64_t now_us = clock_wall_us();

    if (time_us > r->seen_us)
        r->seen_us = time_us;
    r->keeps_up = r->follow != NULL && (time_us >= now_us || now_us - time_us < BEHIND_US);
}

int replay_note_overdue(struct replay *r, struct ft_err *err)
{
    int rc = 0;

    if (atomic_load(&r->overdue))
        return 0;
    pthread_mutex_lock(&r->note_mu);
    if (!atomic_load(&r->overdue))
        rc = replay_state_set(r, "overdue", "1", err);
    if (rc == 0)
        atomic_store(&r->overdue, true);
    pthread_mutex_unlock(&r->note_mu);
    return rc;
}

bool replay_has_overdue(const struct replay *r)
{
    return r->state.overdue || atomic_load(&r->overdue);
}

struct overdue_run {
    struct replay *r;
    struct bytes *words;
    size_t capacity;
    char grace[I64_TEXT_SIZE];
    size_t grace_n;
    uint64_t left;
};

static int reserve(struct overdue_run *o, size_t count, struct ft_err *err)
{
    struct bytes *grown;

    if (count <= o->capacity)
        return 0;
    grown = reallocarray(o->words, count, sizeof(*grown));
    if (grown == NULL)
        return err_nomem(err, "names of keys");
    o->words = grown;
    o->capacity = count;
    return 0;
}

static int end_keys(void *context, struct replay_node *node, uint32_t db, const struct bytes *keys,
                    size_t count, struct ft_err *err)
{
    struct overdue_run *o = context;
    bool flags = o->r->target.version >= REPLAY_SCRIPT_FLAGS_VERSION;
    redisReply *reply;

    (void)db;
    if (reserve(o, count + SCRIPT_WORDS, err) != 0)
        return -1;
    o->words[0] = bytes_str("EVAL");
    o->words[1] = bytes_str(flags ? SCRIPT_FLAGS SCRIPT_BODY : SCRIPT_BODY);
    o->words[2] = bytes_str("0");
    o->words[3] = bytes_str(SHIFT_TEXT);
    o->words[4] = bytes_of(o->grace, o->grace_n);
    memcpy(o->words + SCRIPT_WORDS, keys, count * sizeof(*keys));
    if (replay_call(node, &reply, o->words, count + SCRIPT_WORDS, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        o->r->result->overdue += (uint64_t)reply->element[0]->integer;
        o->left += (uint64_t)reply->element[1]->integer;
    }
    freeReplyObject(reply);
    return 0;
}

static int release_keys(struct replay *r, int64_t grace_ms, struct ft_err *err)
{
    struct overdue_run o = {.r = r};
    int rc = 0;

    if (!replay_has_overdue(r))
        return 0;
    o.grace_n = i64_to_text(grace_ms, o.grace);
    for (size_t i = 0; rc == 0 && i < r->target.node_count; i++)
        rc = replay_scan(&r->target.nodes[i], end_keys, &o, err);
    free(o.words);
    if (rc != 0)
        return -1;
    if (o.left != 0)
        return 0;
    if (replay_state_remove(r, "overdue", err) != 0)
        return -1;
    r->state.overdue = false;
    atomic_store(&r->overdue, false);
    return 0;
}

int replay_end_overdue(struct replay *r, struct ft_err *err)
{
    return release_keys(r, 0, err);
}

int replay_release_overdue(struct replay *r, struct ft_err *err)
{
    uint64_t now_us = clock_wall_us();
    int64_t unseen_ms = now_us > r->seen_us ? (int64_t)((now_us - r->seen_us) / 1000) : 0;

    return release_keys(r, unseen_ms + GRACE_MS, err);
}
