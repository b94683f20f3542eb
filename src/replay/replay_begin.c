#include "replay/replay_begin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "mapping/replay_saved.h"
#include "replay/position/position_lua.h"
#include "replay/position/replay_claims.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_position.h"
#include "replay/position/replay_state_store.h"
#include "replay/position/replay_suspect.h"
#include "replay/replay_conflicts.h"
#include "replay/replay_connect.h"
#include "replay/replay_content.h"
#include "replay/replay_impl.h"
#include "replay/replay_preflight.h"
#include "replay/replay_release.h"
#include "replay/replay_rights.h"
#include "replay/replay_servers.h"
#include "target/wait_replicas.h"

static int delete_key(struct replay *r, const char *key, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("DEL"), bytes_str(key)};

    return target_node_call(target_client_node(&r->target, args[1]), NULL, args, 2, err);
}

/* Whoever comes when only a part is gone must not take the rest for a replay that goes on. */
static int remove_state(struct replay *r, struct ft_err *err)
{
    char suspects[REPLAY_KEY_SIZE];
    char lost[REPLAY_KEY_SIZE];
    char kept[REPLAY_KEY_SIZE];
    char libraries[REPLAY_KEY_SIZE];

    (void)replay_kept_name(r->set.state.capture, kept);
    (void)replay_kept_libraries_name(r->set.state.capture, libraries);
    replay_suspects_name(r->set.state.capture, suspects);
    replay_lost_name(r->set.state.capture, lost);
    if (replay_state_set(&r->set, "phase", "ending", err) != 0 ||
        replay_positions_remove(&r->set, err) != 0 || delete_key(r, kept, err) != 0 ||
        delete_key(r, libraries, err) != 0 || delete_key(r, suspects, err) != 0 ||
        delete_key(r, lost, err) != 0)
        return -1;
    return delete_key(r, r->set.state_key, err);
}

int replay_remove_state(struct replay *r, struct ft_err *err)
{
    if (replay_state_load(&r->set, err) != 0)
        return -1;
    if (r->set.state.phase != REPLAY_PHASE_NONE &&
        (replay_release_all(r, replay_source_ahead_ms(r), err) != 0 || remove_state(r, err) != 0))
        return -1;
    return replay_claims_drop(&r->set, err);
}

static int check_rules(const struct replay *r, struct ft_err *err)
{
    if (strcmp(r->set.state.rules, r->rules) == 0)
        return 0;
    return err_set(
        err, FT_ERR_STATE,
        "this replay was begun with other filters, --db-map, --rename, "
        "--shared-target, --ttl, --json-as or --on-conflict; give the same ones, or begin again with --from-start");
}

static bool was_begun(const struct replay_state *s, uint32_t generation)
{
    for (size_t i = 0; i < s->begun_count; i++) {
        if (s->begun[i] == generation)
            return true;
    }
    return false;
}

/* A generation that came after the one on the target takes its place; an older one does not. */
static int check_generation(const struct replay *r, struct ft_err *err)
{
    if (r->source->generation >= r->set.state.generation)
        return 0;
    return err_set(err, FT_ERR_STATE,
                   "the target has generation %" PRIu32 " already, this is generation %" PRIu32
                   "; --from-start goes back to it",
                   r->set.state.generation, r->source->generation);
}

/* Which streams were done before no longer counts; of a generation with more streams neither. Nor does what was emptied
 * since. */
static int remove_done(struct replay *r, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HGETALL"), bytes_str(r->set.state_key)};
    redisReply *reply;
    int rc = 0;

    if (target_node_call(replay_state_node(&r->set), &reply, args, 2, err) != 0)
        return -1;
    for (size_t i = 0; rc == 0 && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i += 2) {
        const redisReply *field = reply->element[i];

        if (field->type == REDIS_REPLY_STRING &&
            (strncmp(field->str, "snap:", 5) == 0 || strcmp(field->str, "emptied") == 0 ||
             strcmp(field->str, "dbs") == 0))
            rc = replay_state_remove(&r->set, field->str, err);
    }
    reply_free(reply);
    return rc;
}

/* All fields of a replay that begins, at once; no stream is done. While the full sync is running the target is never dirty.
 * Old positions count no longer, and go when there are new ones. */
static int write_state(struct replay *r, bool dirty, struct ft_err *err)
{
    char generation[I64_TEXT_SIZE + 1] = "";
    char began[REPLAY_TAG_TEXT];
    char now[I64_TEXT_SIZE];
    struct bytes args[] = {
        bytes_str("HSET"),
        bytes_str(r->set.state_key),
        bytes_str("version"),
        bytes_str(r->set.state.by_slot ? REPLAY_STATE_BY_SLOT_TEXT : "1"),
        bytes_str("capture"),
        bytes_str(r->set.id),
        bytes_str("rules"),
        bytes_str(r->rules),
        bytes_str("phase"),
        bytes_str("snapshot"),
        bytes_str("began_ms"),
        {NULL, 0},
        bytes_str("generation"),
        {NULL, 0},
        {NULL, 0},
        bytes_str("1"),
        bytes_str("options"),
        {NULL, 0},
        bytes_str(r->growing != NULL ? "early" : "dirty"),
        bytes_str(r->growing != NULL ? sharding_rule_name(r->guard.rule) : "1"),
    };
    const bool marked = dirty || r->growing != NULL;
    const struct replay_rules rules = replay_rules_of(r);
    struct buf options = {0};
    int rc;

    generation[i64_to_text(r->source->generation, generation)] = '\0';
    (void)snprintf(began, sizeof(began), "began:%s", generation); /* fits */
    args[11] = bytes_of(now, i64_to_text((int64_t)(clock_wall_us() / 1000), now));
    args[13] = bytes_str(generation);
    args[14] = bytes_str(began);
    rc = replay_saved_put(&options, &rules, err);
    args[17] = buf_bytes(&options);
    if (rc == 0)
        rc = remove_done(r, err);
    if (rc == 0)
        rc = target_node_call(replay_state_node(&r->set), NULL, args, marked ? 20 : 18, err);
    buf_release(&options);
    return rc;
}

static int begin_new(struct replay *r, struct ft_err *err)
{
    struct replay_checks preflight;
    bool empty;

    if ((r->growing != NULL ? replay_preflight_early(&preflight, r, err)
                            : replay_preflight_run(&preflight, r, err)) != 0)
        return -1;
    if (replay_dead_drop(&r->set, NULL, err) != 0 ||
        (r->set.state.phase != REPLAY_PHASE_NONE && remove_state(r, err) != 0))
        return -1;
    /* what was removed held the lease, and stood behind a claim */
    if ((r->o->flush && replay_content_flush(r, err) != 0) || replay_take_lease(r, err) != 0 ||
        replay_claims_take(&r->set, err) != 0 || replay_content_is_empty(r, &empty, err) != 0)
        return -1;
    if (!empty && (r->follow != NULL || r->growing != NULL))
        return replay_content_refuse(r, err);
    if (r->o->on_conflict == REPLAY_CONFLICT_SKIP && replay_write_kept(r, err) != 0)
        return -1;
    if (write_state(r, !empty, err) != 0)
        return -1;
    return replay_state_load(&r->set, err);
}

/*
 * What came of a full sync that never became complete counts for nothing: its files are gone, and what vanished at the source
 * since then cannot be told from what is there. The target was empty before, so nothing else is on it.
 */
static int take_back(struct replay *r, struct ft_err *err)
{
    if (replay_state_check_owner(&r->set, err) != 0)
        return -1;
    replay_report_note(
        &r->report, "the target has a part of a full sync that was not complete, and is emptied");
    if (replay_dead_drop(&r->set, NULL, err) != 0 || replay_content_drop_functions(r, err) != 0 ||
        replay_content_flush(r, err) != 0 || replay_take_lease(r, err) != 0)
        return -1;
    return replay_state_load(&r->set, err);
}

/* Has the full sync become complete since, so that the rest of it can be brought as ever? */
static bool is_complete_since(const struct replay *r)
{
    const struct replay_state *s = &r->set.state;

    return r->growing == NULL && r->source->generation == s->generation &&
           strcmp(s->rules, r->rules) == 0 &&
           (r->source->stream_count == 1 ||
            strcmp(s->early, sharding_rule_name(r->source->guard.rule)) == 0);
}

static int load_state(struct replay *r, bool anew, struct ft_err *err)
{
    if (replay_check_rights(r, err) != 0 || replay_state_load(&r->set, err) != 0)
        return -1;
    if (r->set.state.early[0] == '\0' || (!anew && is_complete_since(r)))
        return 0;
    return take_back(r, err);
}

/* What could not be checked before it was begun. */
static int check_since(struct replay *r, struct ft_err *err)
{
    struct replay_checks preflight;
    struct ft_err own = FT_ERR_INIT;

    if (replay_preflight_run(&preflight, r, &own) == 0)
        return replay_state_remove(&r->set, "early", err);
    if (own.kind == FT_ERR_NET || own.kind == FT_ERR_TIMEOUT || own.kind == FT_ERR_CANCELLED ||
        take_back(r, err) == 0)
        *err = own;
    return -1;
}

/* Another generation takes over: its snapshot has to be brought from its first byte. */
static int begin_generation(struct replay *r, struct ft_err *err)
{
    struct replay_checks preflight;

    if (replay_preflight_run(&preflight, r, err) != 0 ||
        replay_dead_drop(&r->set, NULL, err) != 0 || write_state(r, true, err) != 0 ||
        replay_suspects_clear(&r->set, err) != 0 || replay_lost_clear(&r->set, err) != 0)
        return -1;
    if (r->source->generation != r->set.state.generation)
        replay_report_note(&r->report,
                           "generation %" PRIu32 " takes the place of generation %" PRIu32,
                           r->source->generation, r->set.state.generation);
    return replay_state_load(&r->set, err);
}

int replay_check_resumed(const struct replay *r, struct ft_err *err)
{
    if (replay_state_check_owner(&r->set, err) != 0 || check_rules(r, err) != 0)
        return -1;
    return check_generation(r, err);
}

static int go_on(struct replay *r, struct ft_err *err)
{
    if (replay_check_resumed(r, err) != 0 ||
        (r->set.state.early[0] != '\0' && check_since(r, err) != 0))
        return -1;
    if (r->o->early_generation != r->set.state.generation)
        replay_report_resumed(&r->report);
    if (r->source->generation == r->set.state.generation &&
        was_begun(&r->set.state, r->set.state.generation))
        return 0;
    return begin_generation(r, err);
}

void replay_set_shift(struct replay *r)
{
    if (r->o->ttl == REPLAY_TTL_SHIFT)
        r->shift_ms = (int64_t)r->set.state.began_ms - (int64_t)(r->source->began_us / 1000);
}

int replay_begin(struct replay *r, struct ft_err *err)
{
    bool anew = !r->started && (r->o->from_start || r->o->flush);
    int rc;

    if (load_state(r, anew, err) != 0)
        return -1;
    if (r->started && r->set.state.phase <= REPLAY_PHASE_ENDING) {
        return err_set(err, FT_ERR_PROTOCOL,
                       "the target came back without its data: what it had was lost; start again");
    }
    if (r->set.state.phase <= REPLAY_PHASE_ENDING || (anew && r->o->flush))
        rc = begin_new(r, err);
    else if (anew)
        rc = replay_state_check_owner(&r->set, err) != 0 ? -1 : begin_generation(r, err);
    else
        rc = go_on(r, err);
    if (rc != 0)
        return -1;
    r->started = true;
    replay_set_shift(r);
    if (replay_suspects_load(&r->set, err) != 0 || replay_lost_load(&r->set, err) != 0)
        return -1;
    return replay_load_kept(r, err);
}

int replay_begin_early(struct replay *r, struct ft_err *err)
{
    if (load_state(r, true, err) != 0)
        return -1;
    if (r->set.state.phase > REPLAY_PHASE_ENDING && !r->o->flush)
        return err_set(err, FT_ERR_STATE, "the target has a part of this capture");
    if (begin_new(r, err) != 0)
        return -1;
    r->started = true;
    replay_set_shift(r);
    return replay_load_kept(r, err);
}

int replay_begin_journal(struct replay *r, struct ft_err *err)
{
    uint64_t *lsn = NULL;
    int rc;

    if (source_can(r->source, SOURCE_HAS_JOURNAL) && source_first_lsns(r->source, &lsn, err) != 0)
        return -1;
    rc = replay_positions_reset(&r->set, lsn, err);
    free(lsn);
    /* after the positions: a flush from here on takes them along */
    if (rc == 0 && (rc = replay_check_flushes(r, err)) > 0)
        return err_set(err, FT_ERR_NET,
                       "the target was emptied before the snapshots were complete");
    for (size_t i = 0; rc == 0 && i < r->target.node_count; i++)
        rc = wait_replicas_node(&r->target, &r->target.nodes[i], err);
    if (rc == 0)
        rc = replay_state_set(&r->set, "phase", "journal", err);
    /* were this lost when a replica takes over, the positions would begin again */
    if (rc == 0)
        rc = replay_state_secure(&r->set, err);
    return rc == 0 ? replay_state_load(&r->set, err) : -1;
}
