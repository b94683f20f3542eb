#include "sync/check_replayed.h"

#include "sync/sync_check.h"

static int open_target(struct sync_check *c, void **ret, struct ft_err *err)
{
    struct replay_recheck *target;

    if (replay_recheck_open(&target, c->replay, c->progress, c->losses, err) != 0)
        return -1;
    *ret = target;
    return 0;
}

static int next(void *target, const struct replay_suspect **ret, size_t *ret_count, bool *ret_end,
                struct ft_err *err)
{
    return replay_recheck_next(target, ret, ret_count, ret_end, err);
}

static int add(void *target, uint32_t db, struct bytes key, struct ft_err *err)
{
    return replay_recheck_add(target, db, key, err);
}

static int touched(void *target, const uint64_t *from, const uint64_t *to,
                   const struct replay_suspect *key, bool *ret, struct ft_err *err)
{
    return replay_recheck_touched(target, from, to, key, ret, err);
}

static enum replay_rechecked put(void *target, const struct rdb_entry *entry, bool gone,
                                 char ret_why[REPLAY_WHY_SIZE], struct ft_err *err)
{
    return replay_recheck_put(target, entry, gone, ret_why, err);
}

static int done(void *target, const struct replay_suspect *keys, size_t count, struct ft_err *err)
{
    return replay_recheck_done(target, keys, count, err);
}

static void close_target(void *target)
{
    replay_recheck_close(target);
}

const struct check_target check_replayed = {
    .open = open_target,
    .next = next,
    .add = add,
    .touched = touched,
    .put = put,
    .done = done,
    .close = close_target,
};
