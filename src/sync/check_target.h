/*
 * check_target.h - where suspect keys are listed, and get the values that the source has: a target that a replay writes to, or
 * the stream of a capture that is served.
 *
 * Shape        As replay_recheck.h has it, which says what each function owes.
 */
#ifndef FLOWTAPE_SYNC_CHECK_TARGET_H
#define FLOWTAPE_SYNC_CHECK_TARGET_H

#include "replay/replay_recheck.h"

struct sync_check;

struct check_target {
    int (*open)(struct sync_check *c, void **ret, struct ft_err *err);
    int (*next)(void *target, const struct replay_suspect **ret, size_t *ret_count, bool *ret_end,
                struct ft_err *err);
    int (*add)(void *target, uint32_t db, struct bytes key, struct ft_err *err);
    int (*touched)(void *target, const uint64_t *from, const uint64_t *to,
                   const struct replay_suspect *key, bool *ret, struct ft_err *err);
    enum replay_rechecked (*put)(void *target, const struct rdb_entry *entry, bool gone,
                                 char ret_why[REPLAY_WHY_SIZE], struct ft_err *err);
    int (*done)(void *target, const struct replay_suspect *keys, size_t count, struct ft_err *err);
    void (*close)(void *target);
};

#endif
