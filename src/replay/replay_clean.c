#include "replay/replay_clean.h"

#include <inttypes.h>
#include <stdlib.h>

#include "replay/position/replay_state_store.h"
#include "replay/replay_impl.h"
#include "replay/replay_walk.h"
#include "target/cluster_pipe.h"

#define IN_FLIGHT_BYTES (256u << 10) /* on each connection */

/*
 * Deleting
 */

struct deleter {
    struct replay *r;
    struct cluster_pipe *pipe;
    struct key_set again; /* what the snapshot brings, under its names on the target */
    bool spare;           /* those */
};

static int take_deleted(void *context, const struct cluster_answer *answer, struct ft_err *err)
{
    (void)context;
    if (answer->reply->type != REDIS_REPLY_ERROR)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL, "the target refused to delete a key: %s",
                   answer->reply->str);
}

static int delete_key(void *context, const struct replay_walked *key, struct ft_err *err)
{
    struct deleter *d = context;
    const struct bytes args[] = {bytes_str(rights_delete_name(&d->r->rights)), key->target_key};

    if (d->spare && key_set_has(&d->again, key->target_db, key->target_key))
        return 0;
    replay_report_deleted(&d->r->report);
    return cluster_pipe_put(d->pipe, key->target_db, 0, key->target_key, args, 2, err);
}

static int note_again(void *context, const struct replay_walked *key, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    struct deleter *d = context;

    key_set_hash(key->target_db, key->target_key, hash);
    return key_set_add(&d->again, hash, err);
}

/* Keys of the snapshot are replaced by it. Which of them a filter for types leaves out, names do not tell. */
static int find_again(struct deleter *d, struct ft_err *err)
{
    struct replay_walk w;
    int rc;

    if (d->r->o->filter.classes != 0)
        return 0;
    rc = replay_walk_init(&w, d->r, d->r->source, note_again, d, err);
    w.entries = true;
    w.no_records = true;
    if (rc == 0)
        rc = replay_walk_all(&w, err);
    replay_walk_release(&w);
    return rc;
}

/*
 * The keys that the records of streams not done yet will touch. Those inside the full sync may come before
 * the entry that replaces the key, those after it come later.
 */
static int clean_current(struct deleter *d, const uint64_t *stable_lsn, bool behind,
                         struct ft_err *err)
{
    struct replay_walk w;
    int rc = replay_walk_init(&w, d->r, d->r->source, delete_key, d, err);

    w.from_lsn = behind ? stable_lsn : NULL;
    w.to_lsn = behind ? NULL : stable_lsn;
    d->spare = behind;
    for (uint32_t i = 0; rc == 0 && i < d->r->source->stream_count; i++) {
        if (!d->r->set.state.snap_done[i])
            rc = replay_walk_stream(&w, i, err);
    }
    replay_walk_release(&w);
    return rc;
}

static int clean_records(struct deleter *d, struct ft_err *err)
{
    const struct source *source = d->r->source;
    uint64_t *stable_lsn;
    int rc;

    if (source_first_lsns(source, &stable_lsn, err) != 0)
        return -1;
    rc = clean_current(d, stable_lsn, false, err);
    if (rc == 0)
        rc = clean_current(d, stable_lsn, true, err);
    free(stable_lsn);
    return rc;
}

/* Everything that an older generation has brought, but for what is replaced. */
static int clean_generation(struct deleter *d, uint32_t generation, struct ft_err *err)
{
    struct replay_walk w;
    struct source *source;
    int rc;

    if (source_open(&source, d->r->o->input, generation, err) != 0) {
        return err_wrap(err, "the target has generation %" PRIu32 ", whose keys have to be deleted",
                        generation);
    }
    rc = replay_walk_init(&w, d->r, source, delete_key, d, err);
    w.entries = true;
    d->spare = true;
    if (rc == 0)
        rc = replay_walk_all(&w, err);
    replay_walk_release(&w);
    source_free(source);
    return rc;
}

static bool any_done(const struct replay *r)
{
    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        if (r->set.state.snap_done[i])
            return true;
    }
    return false;
}

static int clean(struct deleter *d, struct ft_err *err)
{
    const struct replay_state *s = &d->r->set.state;

    if (s->begun_count > 1 && find_again(d, err) != 0)
        return -1;
    for (size_t i = 0; !any_done(d->r) && i < s->begun_count; i++) {
        if (s->begun[i] != s->generation && clean_generation(d, s->begun[i], err) != 0)
            return -1;
    }
    if (source_can(d->r->source, SOURCE_HAS_JOURNAL) && clean_records(d, err) != 0)
        return -1;
    return cluster_pipe_drain(d->pipe, err);
}

/* That the rule does not hold may show itself on the way. */
static int clean_guarded(struct deleter *d, struct ft_err *err)
{
    struct replay *r = d->r;
    bool was_off = owner_guard_is_off(&r->guard);

    if (was_off)
        replay_state_forget_all_streams(
            &r->set); /* a record may name keys of a stream that is done */
    if (clean(d, err) != 0)
        return -1;
    if (owner_guard_is_off(&r->guard) == was_off)
        return 0;
    replay_state_forget_all_streams(&r->set); /* a record may name keys of a stream that is done */
    return clean(d, err);
}

int replay_clean(struct replay *r, struct ft_err *err)
{
    struct deleter d = {.r = r};
    int rc = cluster_pipe_new(&d.pipe, &r->target, IN_FLIGHT_BYTES, take_deleted, &d, err);

    if (rc == 0)
        rc = clean_guarded(&d, err);
    key_set_release(&d.again);
    cluster_pipe_free(d.pipe);
    return rc;
}
