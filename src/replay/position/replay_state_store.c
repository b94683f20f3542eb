#include "replay/position/replay_state_store.h"

#include <inttypes.h>
#include <stdio.h>

#include "replay/position/position_lua.h"
#include "target/target_eval.h"
#include "target/wait_replicas.h"

struct target_node *replay_state_node(struct replay_position_set *set)
{
    return target_client_node(set->target, bytes_str(set->state_key));
}

/* A state that somebody has removed is not to be made again by one of its fields. */
int replay_state_set(struct replay_position_set *set, const char *field, const char *value,
                     struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("EVAL"), bytes_str(lua_set_in_state),
                                 bytes_str("1"),    bytes_str(set->state_key),
                                 bytes_str(field),  bytes_str(value)};

    return target_eval_call(set->target, replay_state_node(set), NULL, args, 6, err);
}

int replay_state_eval(struct replay_position_set *set, const struct bytes *args, size_t count,
                      struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&set->note_mu);
    rc = target_eval_call(set->target, replay_state_node(set), NULL, args, count, err);
    pthread_mutex_unlock(&set->note_mu);
    return rc;
}

int replay_state_remove(struct replay_position_set *set, const char *field, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HDEL"), bytes_str(set->state_key), bytes_str(field)};

    return target_node_call(replay_state_node(set), NULL, args, 3, err);
}

int replay_state_secure(struct replay_position_set *set, struct ft_err *err)
{
    struct target_node *node = replay_state_node(set);

    return wait_replicas_node(set->target, node, err);
}

int replay_state_load(struct replay_position_set *set, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HGETALL"), bytes_str(set->state_key)};
    redisReply *reply;
    int rc;

    replay_state_release(&set->state);
    if (target_node_call(replay_state_node(set), &reply, args, 2, err) != 0)
        return -1;
    rc = replay_state_parse(&set->state, reply, set->flow_count, err);
    reply_free(reply);
    return rc;
}

int replay_state_check_owner(const struct replay_position_set *set, struct ft_err *err)
{
    if (strcmp(set->state.capture, set->id) == 0)
        return 0;
    return err_set(err, FT_ERR_STATE,
                   "the target belongs to the replay of another capture, %s; \"flowtape replay "
                   "--forget\" frees it, --flush empties it",
                   set->state.capture);
}

void replay_state_stream_done(struct replay_position_set *set, uint32_t flow)
{
    set->state.snap_done[flow] = true;
}

int replay_state_forget_stream(struct replay_position_set *set, uint32_t flow, struct ft_err *err)
{
    char field[REPLAY_TAG_TEXT];

    (void)snprintf(field, sizeof(field), "snap:%" PRIu32, flow); /* fits */
    if (set->state.snap_done[flow] && replay_state_remove(set, field, err) != 0)
        return -1;
    set->state.snap_done[flow] = false;
    return 0;
}

void replay_state_forget_all_streams(struct replay_position_set *set)
{
    memset(set->state.snap_done, 0, set->flow_count * sizeof(*set->state.snap_done));
}

int replay_state_note_deferral(struct replay_position_set *set, bool released, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&set->note_mu);
    rc = replay_state_set(set, "overdue", released ? "released" : "1", err);
    pthread_mutex_unlock(&set->note_mu);
    return rc;
}

int replay_state_defer_again(struct replay_position_set *set, struct ft_err *err)
{
    set->state.released = false;
    return replay_state_set(set, "overdue", "1", err);
}

int replay_state_end_deferral(struct replay_position_set *set, struct ft_err *err)
{
    if (replay_state_remove(set, "overdue", err) != 0)
        return -1;
    set->state.deferred = set->state.released = false;
    return 0;
}

/* Is it the same replay, in the same phase? */
static bool is_same_state(const struct replay_state *a, const struct replay_state *b)
{
    return a->phase == b->phase && a->generation == b->generation && a->began_ms == b->began_ms &&
           strcmp(a->capture, b->capture) == 0 && strcmp(a->rules, b->rules) == 0;
}

int replay_state_prove(struct replay_position_set *set, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HGETALL"), bytes_str(set->state_key)};
    struct replay_state found = {0};
    redisReply *reply;
    int rc;

    if (target_node_call(replay_state_node(set), &reply, args, 2, err) != 0)
        return -1;
    rc = replay_state_parse(&found, reply, set->flow_count, err);
    reply_free(reply);
    if (rc == 0 && !is_same_state(&found, &set->state))
        rc = err_set(err, FT_ERR_NET,
                     "the state of the replay on the target is not the one that was "
                     "written: somebody has removed or replaced it");
    replay_state_release(&found);
    return rc;
}
