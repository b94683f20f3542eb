#include "pipe/replay_scan.h"

#include <stdlib.h>

/* Dragonfly gives no key more than nine years: what has more than 31 is held back. */
#define HELD_TEXT "1000000000000"
_Static_assert(TIMES_SHIFT_MS == 2 * INT64_C(1000000000000), "half of the shift");

#define SCRIPT_BODY                                                                    \
    "local n=0 for i=2,#ARGV do if redis.call('PTTL',ARGV[i])>tonumber(ARGV[1]) then " \
    "redis.call('DEL',ARGV[i]) n=n+1 end end return n"
#define SCRIPT_FLAGS "#!lua flags=allow-cross-slot-keys\n"

bool replay_holds_overdue(const struct replay *r)
{
    return r->source->kind == SOURCE_CAPTURE && !r->cut.is_snapshot;
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

struct overdue_run {
    struct replay *r;
    struct bytes *words;
    size_t capacity;
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
    if (reserve(o, count + 4, err) != 0)
        return -1;
    o->words[0] = bytes_str("EVAL");
    o->words[1] = bytes_str(flags ? SCRIPT_FLAGS SCRIPT_BODY : SCRIPT_BODY);
    o->words[2] = bytes_str("0");
    o->words[3] = bytes_str(HELD_TEXT);
    memcpy(o->words + 4, keys, count * sizeof(*keys));
    if (replay_call(node, &reply, o->words, count + 4, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_INTEGER)
        o->r->result->overdue += (uint64_t)reply->integer;
    freeReplyObject(reply);
    return 0;
}

int replay_end_overdue(struct replay *r, struct ft_err *err)
{
    struct overdue_run o = {.r = r};
    int rc = 0;

    if (!r->state.overdue && !atomic_load(&r->overdue))
        return 0;
    for (size_t i = 0; rc == 0 && i < r->target.node_count; i++)
        rc = replay_scan(&r->target.nodes[i], end_keys, &o, err);
    free(o.words);
    if (rc != 0 || replay_state_remove(r, "overdue", err) != 0)
        return -1;
    r->state.overdue = false;
    atomic_store(&r->overdue, false);
    return 0;
}
