#include "replay/replay_refused.h"

#include <inttypes.h>
#include <stdlib.h>

#include "command/sent_key.h"
#include "mapping/replay_own_key.h"
#include "replay/position/replay_suspect.h"
#include "replay/replay_impl.h"
#include "replay/replay_walk.h"

/* What is noted, one after the other, each with its key after it. */
struct noted {
    uint64_t lsn; /* 0: the snapshot */
    uint64_t key_bytes;
    uint32_t flow;
    uint32_t db;
};

/*
 * The keys of a command
 */

/* EVAL script number key... */
static int each_script_key(const struct bytes *args, size_t count, replay_refused_key_fn *take,
                           void *context, struct ft_err *err)
{
    uint64_t keys;

    if (count < 3 || !bytes_to_u64(args[2], &keys))
        return 0;
    for (size_t i = 3; i < count && i - 3 < keys; i++) {
        if (take(context, args[i], err) != 0)
            return -1;
    }
    return 0;
}

int replay_refused_each_key(struct translator *finder, uint32_t db, const struct bytes *args,
                            size_t count, replay_refused_key_fn *take, void *context,
                            struct ft_err *err)
{
    const struct translation_key *keys;
    struct bytes first = command_sent_key(args, count);
    bool first_taken = first.p == NULL;
    size_t key_count;

    if (bytes_is_word(args[0], "EVAL"))
        return each_script_key(args, count, take, context, err);
    if (translator_find_keys(finder, args, count, db, &keys, &key_count, err) != 0)
        return -1;
    for (size_t i = 0; i < key_count; i++) {
        first_taken |= bytes_eq(keys[i].key, first);
        if (take(context, keys[i].key, err) != 0)
            return -1;
    }
    return first_taken ? 0 : take(context, first, err);
}

/*
 * Noting
 */

struct adding {
    struct replay *r;
    struct noted of;
};

static int add_key(void *context, struct bytes key, struct ft_err *err)
{
    struct adding *a = context;

    if (replay_is_own_key(key))
        return 0;
    a->of.key_bytes = key.n;
    if (buf_append(&a->r->refused, &a->of, sizeof(a->of), err) != 0)
        return -1;
    return buf_append(&a->r->refused, key.p, key.n, err);
}

int replay_refused_add(struct replay *r, uint32_t flow, uint64_t lsn, uint32_t db,
                       const struct bytes *args, size_t count, struct ft_err *err)
{
    struct adding a = {.r = r, .of = {.lsn = lsn, .flow = flow, .db = db}};
    struct replay_rules rules;
    struct translator *finder;
    int rc;

    if (r->o->live == NULL)
        return 0;
    rules = replay_rules_of(r);
    if (replay_translator_new(&finder, &rules, err) != 0)
        return -1;
    pthread_mutex_lock(&r->refused_mu);
    rc = replay_refused_each_key(finder, db, args, count, add_key, &a, err);
    pthread_mutex_unlock(&r->refused_mu);
    translator_free(finder);
    return rc;
}

/*
 * Listing
 */

static bool take_noted(struct bytes *in, struct noted *ret, struct bytes *ret_key)
{
    if (in->n == 0)
        return false;
    memcpy(ret, in->p, sizeof(*ret)); /* add_key made it */
    *ret_key = bytes_of(in->p + sizeof(*ret), ret->key_bytes);
    *in = bytes_of(ret_key->p + ret_key->n, in->n - sizeof(*ret) - ret_key->n);
    return true;
}

/* The names that the source has for what was noted of one flow. */
struct search {
    struct replay *r;
    struct key_set wanted; /* as the target has them */
    uint64_t first_lsn, last_lsn;
    bool any;      /* of records */
    bool snapshot; /* of the snapshot */
};

static int list_wanted(void *context, const struct replay_walked *key, struct ft_err *err)
{
    struct search *s = context;

    if (!key_set_has(&s->wanted, key->target_db, key->target_key))
        return 0;
    return replay_suspects_add(&s->r->set, key->db, key->key, err);
}

static int want(struct search *s, struct bytes noted, uint32_t flow, struct ft_err *err)
{
    struct noted n;
    struct bytes key;

    while (take_noted(&noted, &n, &key)) {
        uint8_t hash[KEY_SET_HASH_SIZE];

        if (n.flow != flow)
            continue;
        key_set_hash(n.db, key, hash);
        if (key_set_add(&s->wanted, hash, err) != 0)
            return -1;
        s->snapshot |= n.lsn == 0;
        if (n.lsn != 0 && (!s->any || n.lsn < s->first_lsn))
            s->first_lsn = n.lsn;
        if (n.lsn > s->last_lsn)
            s->last_lsn = n.lsn;
        s->any |= n.lsn != 0;
    }
    return 0;
}

static int walk_flow(struct search *s, uint32_t flow, bool snapshot, struct ft_err *err)
{
    const struct source *source = s->r->source;
    uint64_t *from = calloc(2 * (source->stream_count + 1u), sizeof(*from));
    uint64_t *to = from == NULL ? NULL : from + source->stream_count + 1u;
    struct replay_walk w;
    int rc;

    if (from == NULL)
        return err_nomem(err, "the flows");
    from[flow] = s->first_lsn;
    to[flow] = snapshot ? source_lsns(source, flow).first : s->last_lsn + 1;
    rc = replay_walk_init(&w, s->r, source, list_wanted, s, err);
    if (rc == 0) {
        w.entries = snapshot;
        w.follow = true;
        w.up_to_now = true;
        w.from_lsn = snapshot ? NULL : from;
        w.to_lsn = to;
        rc = replay_walk_stream(&w, flow, err);
    }
    replay_walk_release(&w);
    free(from);
    return rc;
}

static int search_flow(struct replay *r, struct bytes noted, uint32_t flow, struct ft_err *err)
{
    struct search s = {.r = r};
    int rc = want(&s, noted, flow, err);

    if (rc == 0 && s.snapshot)
        rc = walk_flow(&s, flow, true, err);
    if (rc == 0 && s.any)
        rc = walk_flow(&s, flow, false, err);
    key_set_release(&s.wanted);
    return rc;
}

static int list_all(struct replay *r, struct bytes noted, struct ft_err *err)
{
    struct noted n;
    struct bytes key;
    int rc = 0;

    if (replay_map_is_identity(&r->o->map)) {
        while (rc == 0 && take_noted(&noted, &n, &key))
            rc = replay_suspects_add(&r->set, n.db, key, err);
        return rc;
    }
    for (uint32_t i = 0; rc == 0 && i < r->source->stream_count; i++)
        rc = search_flow(r, noted, i, err);
    return rc;
}

int replay_refused_save(struct replay *r, struct ft_err *err)
{
    bool any;
    int rc = 0;

    do {
        struct buf noted;

        pthread_mutex_lock(&r->refused_mu);
        noted = r->refused;
        r->refused = (struct buf){0};
        pthread_mutex_unlock(&r->refused_mu);
        any = noted.n != 0;
        if (any)
            rc = list_all(r, buf_bytes(&noted), err);
        buf_release(&noted);
    } while (rc == 0 && any);
    return rc;
}

/*
 * Letters that are done
 */

struct resolving {
    struct replay *r;
    struct translator *finder;
    const struct key_set *keys;
    uint32_t db;   /* of the letter being looked at */
    bool any;      /* of its keys is among them */
    uint64_t done; /* letters */
};

static int look_at_key(void *context, struct bytes key, struct ft_err *err)
{
    struct resolving *s = context;

    (void)err;
    s->any |= key_set_has(s->keys, s->db, key);
    return 0;
}

static int drop_covered(void *context, const struct replay_letter *l, bool *ret_stays,
                        struct ft_err *err)
{
    struct resolving *s = context;

    *ret_stays = true;
    if (strcmp(l->origin.capture, s->r->set.id) != 0 ||
        l->origin.began_ms != s->r->set.state.began_ms)
        return 0;
    s->db = l->db;
    s->any = false;
    if (replay_refused_each_key(s->finder, l->db, l->args, l->count, look_at_key, s, err) != 0)
        return -1;
    *ret_stays = !s->any;
    s->done += s->any;
    return 0;
}

int replay_refused_resolve(struct replay *r, const struct key_set *keys, uint64_t *ret,
                           struct ft_err *err)
{
    struct resolving s = {.r = r, .keys = keys};
    struct replay_rules rules;
    int rc;

    *ret = 0;
    if (r->set.letters == NULL)
        return 0;
    rules = replay_rules_of(r);
    if (replay_translator_new(&s.finder, &rules, err) != 0)
        return -1;
    rc = replay_letters_each(r->set.letters, drop_covered, &s, err);
    translator_free(s.finder);
    *ret = s.done;
    return rc;
}
