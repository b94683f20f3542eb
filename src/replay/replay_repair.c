#include "replay/replay_repair.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "item/entry_commands.h"
#include "mapping/replay_divide.h"
#include "mapping/replay_mapper.h"
#include "rdb/value_walk.h"
#include "replay/position/key_lines.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_position.h"
#include "replay/position/replay_state_store.h"
#include "replay/replay_begin.h"
#include "replay/replay_conflicts.h"
#include "replay/replay_impl.h"
#include "state/state_run.h"

/* Applies the journal up to the state. */
#define REDIS_SERVER "redis-server"

struct repair {
    struct replay *r;
    struct key_set wanted; /* by the target's databases and names */
    pthread_mutex_t mu;    /* guards what follows, and the connections of the target's nodes */
    struct key_set brought;
    uint32_t *selected; /* per node */
    uint64_t keys, missing;
};

/* One lane of the state. */
struct bringer {
    struct repair *repair;
    struct replay_mapper *mapper;
    struct entry_commands *commands;
    struct target_node *node; /* of the key that is being put */
};

/*
 * One key, in one step
 */

static int take_exec(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    const redisReply *refused = reply->type == REDIS_REPLY_ERROR ? reply : NULL;

    (void)tag;
    for (size_t i = 0; refused == NULL && reply->type == REDIS_REPLY_ARRAY && i < reply->elements;
         i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR)
            refused = reply->element[i];
    }
    return refused == NULL ? 0 : target_node_refused(context, refused->str, err);
}

static int put_args(struct target_node *node, const struct bytes *args, size_t count,
                    struct ft_err *err)
{
    return redis_pipe_put(node->pipe, 0, args, count, err);
}

static int put_text(struct target_node *node, const char *arg, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(arg)};

    return put_args(node, args, 1, err);
}

/* Replies go to take_exec from here on, until finish_step. */
static int begin_step(struct repair *p, uint32_t db, struct bytes key, struct target_node **ret,
                      struct ft_err *err)
{
    size_t index = target_client_index(&p->r->target, key);
    struct target_node *node = &p->r->target.nodes[index];
    char number[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};

    redis_pipe_on_reply(node->pipe, take_exec, node);
    *ret = node;
    if (p->selected[index] != db && put_args(node, args, 2, err) != 0)
        return -1;
    p->selected[index] = db;
    return put_text(node, "MULTI", err);
}

static int finish_step(struct target_node *node, struct ft_err *err)
{
    if (put_text(node, "EXEC", err) != 0 || redis_pipe_drain(node->pipe, err) != 0)
        return -1;
    redis_pipe_on_reply(node->pipe, NULL, NULL);
    return 0;
}

static int put_piece(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    return put_args(context, args, count, err);
}

static int put_command(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    struct bringer *b = context;
    const struct reach_limit limit = replay_request_limit(&b->repair->r->set);
    char error[REPLAY_TOO_LONG_TEXT];
    const struct bytes *timed;
    bool divided = false;
    size_t n;

    if (replay_mapper_times(b->mapper, args, count, &timed, &n, err) != 0)
        return -1;
    if (n == 0)
        return 0;
    if (replay_is_too_long(&b->repair->r->set, timed, n, error) &&
        replay_divide_to_fit(&limit, timed, n, put_piece, b->node, &divided, err) != 0)
        return -1;
    return divided ? 0 : put_args(b->node, timed, n, err);
}

static int delete_key(struct repair *p, uint32_t db, struct bytes key, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("DEL"), key};
    struct target_node *node;

    if (begin_step(p, db, key, &node, err) != 0 || put_args(node, args, 2, err) != 0)
        return -1;
    return finish_step(node, err);
}

/*
 * The state
 */

/* Whatever of it is lost, the key is as a replay would have left it. */
static int bring_key(struct bringer *b, const struct rdb_entry *original,
                     const struct rdb_entry *entry, struct ft_err *err)
{
    const struct bytes del[] = {bytes_str("DEL"), entry->key};
    struct repair *p = b->repair;
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;

    if (begin_step(p, entry->db, entry->key, &b->node, err) != 0 ||
        put_args(b->node, del, 2, err) != 0)
        return -1;
    result = entry_commands_run(b->commands, entry, (int64_t)(clock_wall_us() / 1000), true,
                                put_command, b, &loss, err);
    if (result == RECODE_ERROR)
        return -1;
    if (loss != LOSS_NONE && replay_report_loss(&p->r->report, loss, rdb_type_name(entry->type),
                                                original->db, original->key, err) != 0)
        return -1;
    return finish_step(b->node, err);
}

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    struct bringer *b = context;
    struct repair *p = b->repair;
    struct rdb_entry entry = item->rdb.entry;
    uint8_t hash[KEY_SET_HASH_SIZE];
    enum replay_fate fate;
    int rc = 0;

    if (replay_check_cancelled(p->r, err) != 0)
        return -1;
    fate = replay_mapper_key(b->mapper, entry.db, entry.key, &entry.db, &entry.key, err);
    if (fate != REPLAY_FATE_SAME && fate != REPLAY_FATE_CHANGED)
        return fate == REPLAY_FATE_ERROR ? -1 : 0;
    key_set_hash(entry.db, entry.key, hash);
    if (!key_set_has_hash(&p->wanted, hash))
        return 0;
    entry.raw = bytes_of(NULL, 0);
    pthread_mutex_lock(&p->mu);
    rc = bring_key(b, &item->rdb.entry, &entry, err);
    if (rc == 0)
        rc = key_set_add(&p->brought, hash, err);
    p->keys += rc == 0;
    pthread_mutex_unlock(&p->mu);
    return rc;
}

static void free_bringer(void *context)
{
    struct bringer *b = context;

    replay_mapper_free(b->mapper);
    entry_commands_free(b->commands);
    free(b);
}

static int make_sink(struct item_sink *ret, struct repair *p, struct ft_err *err)
{
    const struct replay_rules rules = replay_rules_of(p->r);
    const struct entry_commands_options options = {
        .target = p->r->target.kind,
        .json_as = p->r->o->json_as,
        .restore = !p->r->rights.no_restore,
        .no_restore = p->r->rights.no_restore,
        .plain_streams = replay_is_limited(p->r),
        .arg_max = replay_restore_max(p->r),
    };
    struct bringer *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return err_nomem(err, "a lane of the state");
    b->repair = p;
    *ret = (struct item_sink){.context = b, .entry = take_entry, .free = free_bringer};
    if (replay_mapper_new(&b->mapper, &rules, err) != 0)
        return -1;
    return entry_commands_new(&b->commands, &options, err);
}

static int run_state(struct repair *p, struct state_run *run, struct ft_err *err)
{
    uint32_t count = state_run_lanes(run);
    struct item_sink *sinks = calloc(count + 1u, sizeof(*sinks));
    struct state_counts counts;
    uint32_t made = 0;
    int rc = sinks == NULL ? err_nomem(err, "the lanes of the state") : 0;

    while (rc == 0 && made < count)
        rc = make_sink(&sinks[made++], p, err);
    if (rc == 0) {
        rc = state_run_start(run, sinks, err);
        if (state_run_join(run, &counts, rc == 0 ? err : &(struct ft_err)FT_ERR_INIT) != 0)
            rc = -1;
    } else {
        for (uint32_t i = 0; i < made; i++) {
            if (sinks[i].context != NULL)
                free_bringer(sinks[i].context);
        }
    }
    free(sinks);
    return rc;
}

static int bring_state(struct repair *p, struct ft_err *err)
{
    struct replay *r = p->r;
    const struct state_options options = {
        .source = r->source,
        .cut = source_can(r->source, SOURCE_HAS_JOURNAL) ? &r->cut : NULL,
        .target = r->target.kind,
        .json_as = r->o->json_as,
        .redis_server = REDIS_SERVER,
        .filter = &r->o->filter,
        .expired_ms = PUMP_NOTHING_EXPIRED,
        .losses = r->report.losses,
    };
    struct state_run *run;
    int rc;

    if (state_run_new(&run, &options, err) != 0)
        return -1;
    rc = run_state(p, run, err);
    state_run_free(run);
    return rc;
}

/*
 * The file
 */

static int want_key(void *context, uint32_t db, struct bytes key, struct ft_err *err)
{
    struct repair *p = context;
    uint8_t hash[KEY_SET_HASH_SIZE];

    if (key_set_has(&p->r->kept, db, key)) /* --on-conflict skip: the target's own */
        return 0;
    if (db != 0 && p->r->target.cluster)
        return err_set(err, FT_ERR_USAGE,
                       "\"%s\" names database %" PRIu32 ", and a cluster has only 0",
                       p->r->o->only_keys, db);
    key_set_hash(db, key, hash);
    return key_set_add(&p->wanted, hash, err);
}

static int delete_missing(void *context, uint32_t db, struct bytes key, struct ft_err *err)
{
    struct repair *p = context;

    if (replay_is_own_key(key) || key_set_has(&p->brought, db, key) ||
        key_set_has(&p->r->kept, db, key))
        return 0;
    if (replay_check_cancelled(p->r, err) != 0 || delete_key(p, db, key, err) != 0)
        return -1;
    p->missing++;
    replay_report_deleted(&p->r->report);
    return 0;
}

/*
 * Beside a replay
 */

/* What it will do to these keys it must have done. */
static int check_positions(struct replay *r, struct ft_err *err)
{
    if (r->set.state.deferred)
        return err_set(
            err, FT_ERR_STATE,
            "the expiry of keys is deferred on the target: let the replay run to its end "
            "first");
    if (r->set.state.phase == REPLAY_PHASE_SNAPSHOT)
        return err_set(err, FT_ERR_STATE,
                       "the replay on the target is in its snapshot: let it run to its end first");
    if (!source_can(r->source, SOURCE_HAS_JOURNAL))
        return 0;
    if (replay_positions_load(&r->set, err) != 0)
        return -1;
    for (size_t n = 0; n < r->set.node_count; n++) {
        for (uint32_t i = 0; i < r->cut.flow_count; i++) {
            if (r->set.nodes[n].position.lsn[i] != r->cut.stop_lsn[i] ||
                replay_positions_furthest(&r->set, n, i) != r->cut.stop_lsn[i])
                return err_set(err, FT_ERR_STATE,
                               "the replay on the target stands at another LSN of flow %" PRIu32
                               " (%" PRIu64 ") than the state that is asked for (%" PRIu64
                               "): let it run there first, or give --at",
                               i, r->set.nodes[n].position.lsn[i], r->cut.stop_lsn[i]);
        }
    }
    return 0;
}

static int check_state(struct replay *r, struct ft_err *err)
{
    if (replay_state_load(&r->set, err) != 0)
        return -1;
    if (r->set.state.phase <= REPLAY_PHASE_ENDING)
        return 0;
    if (replay_check_resumed(r, err) != 0 || check_positions(r, err) != 0)
        return -1;
    replay_set_shift(r);
    return replay_load_kept(r, err);
}

int replay_repair_check_file(const char *path, struct ft_err *err)
{
    return key_lines_each(path, NULL, NULL, err);
}

int replay_repair(struct replay *r, struct ft_err *err)
{
    struct repair p = {.r = r};
    int rc;

    if (check_state(r, err) != 0)
        return -1;
    p.selected = calloc(r->target.node_count, sizeof(*p.selected));
    if (p.selected == NULL)
        return err_nomem(err, "the nodes");
    (void)pthread_mutex_init(&p.mu, NULL); /* default attributes: cannot fail on Linux */
    rc = key_lines_each(r->o->only_keys, want_key, &p, err);
    if (rc == 0 && p.wanted.count != 0 && (rc = bring_state(&p, err)) == 0)
        rc = key_lines_each(r->o->only_keys, delete_missing, &p, err);
    replay_report_stream_done(&r->report, 0, p.keys);
    (void)pthread_mutex_destroy(&p.mu); /* nobody holds it any more */
    key_set_release(&p.wanted);
    key_set_release(&p.brought);
    free(p.selected);
    return rc;
}
