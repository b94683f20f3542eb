#include "replay/replay_retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "command/command_table.h"
#include "command/sent_key.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_position.h"
#include "replay/position/replay_state_store.h"
#include "replay/replay_begin.h"
#include "replay/replay_record.h"
#include "replay/replay_refused.h"
#include "replay/replay_walk.h"
#include "target/local_script.h"
#include "target/target_eval.h"

#define WHY_SIZE   120
#define FIRST_SIZE 400
/* Letters that are named each; the file has all. */
#define NOTES_MAX 10

/* A key that a letter changes, by name alone: a key of this name in another database may make a
 * letter stay, never the other way round. */
struct letter_key {
    uint8_t hash[KEY_SET_HASH_SIZE];
    uint32_t flow;           /* of its letters */
    bool many_flows;         /* whose order is not known */
    bool stays;              /* a letter on it stays: so do those after that one */
    uint64_t newest_lsn;     /* of records on it that are no letters; 0: none */
    uint64_t newest_foreign; /* likewise, in other flows */
    bool entry;              /* letters of it are of the entry */
    uint32_t letters;        /* of records inside the full sync */
    uint32_t named;          /* in the snapshot: by an entry, or by records inside the full sync */
};

struct retry {
    struct replay *r;
    struct translator *finder;
    struct letter_key *keys; /* sorted by hash, once all are known */
    size_t key_count;
    size_t key_cap;
    struct key_set letters; /* each key of each letter, with its position */
    bool snapshot;          /* there are letters of the snapshot */
    uint64_t *flushed;      /* per flow: LSN of the last flush; 0: none */
    uint64_t applied;       /* counts */
    uint64_t refused;
    uint64_t overtaken;
    uint64_t noted_refused, noted_unsent;
    char first[FIRST_SIZE]; /* of those that stay, and why */
};

static void key_hash(struct bytes key, uint8_t ret[KEY_SET_HASH_SIZE])
{
    key_set_hash(0, key, ret);
}

/* Names a key of a record. */
static void position_hash(uint32_t flow, uint64_t lsn, struct bytes key,
                          uint8_t ret[KEY_SET_HASH_SIZE])
{
    struct {
        uint64_t flow, lsn;
        uint8_t key[KEY_SET_HASH_SIZE];
    } name = {.flow = flow, .lsn = lsn};

    key_hash(key, name.key);
    key_set_hash(0, bytes_of(&name, sizeof(name)), ret);
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(((const struct letter_key *)a)->hash, ((const struct letter_key *)b)->hash,
                  KEY_SET_HASH_SIZE);
}

static struct letter_key *find_key(const struct retry *t, struct bytes key)
{
    struct letter_key wanted;

    key_hash(key, wanted.hash);
    return t->key_count == 0
               ? NULL
               : bsearch(&wanted, t->keys, t->key_count, sizeof(wanted), compare_keys);
}

/*
 * The letters
 */

typedef int letter_key_fn(struct retry *t, const struct replay_letter *l, struct bytes key,
                          struct ft_err *err);

struct key_visit {
    struct retry *t;
    const struct replay_letter *letter;
    letter_key_fn *take;
};

static int visit_key(void *context, struct bytes key, struct ft_err *err)
{
    const struct key_visit *v = context;

    return v->take(v->t, v->letter, key, err);
}

static int each_key(struct retry *t, const struct replay_letter *l, letter_key_fn *take,
                    struct ft_err *err)
{
    struct key_visit v = {t, l, take};

    return replay_refused_each_key(t->finder, l->db, l->args, l->count, visit_key, &v, err);
}

static int check_origin(void *context, const struct replay_letter *l, bool *ret_stays,
                        struct ft_err *err)
{
    const struct retry *t = context;
    const struct replay *r = t->r;

    *ret_stays = true;
    if (strcmp(l->origin.capture, r->set.id) != 0)
        return err_set(err, FT_ERR_STATE,
                       "\"%s\" holds dead letters of another capture, %s; nothing was sent",
                       r->o->retry_dead_letters, l->origin.capture);
    if (r->set.state.phase > REPLAY_PHASE_ENDING && l->origin.began_ms != r->set.state.began_ms)
        return err_set(
            err, FT_ERR_STATE,
            "\"%s\" holds dead letters of another replay of this capture than the one on "
            "the target; nothing was sent",
            r->o->retry_dead_letters);
    if (source_can(r->source, SOURCE_HAS_JOURNAL) && l->origin.flow >= r->source->stream_count)
        return err_set(err, FT_ERR_STATE,
                       "\"%s\" holds a dead letter of flow %" PRIu32 ", and there are %" PRIu32
                       " flows; nothing was sent",
                       r->o->retry_dead_letters, l->origin.flow, r->source->stream_count);
    return 0;
}

static int add_key(struct retry *t, const struct replay_letter *l, struct bytes key,
                   struct ft_err *err)
{
    uint8_t position[KEY_SET_HASH_SIZE];
    struct letter_key *k;

    if (ARRAY_RESERVE(&t->keys, &t->key_cap, t->key_count + 1, "keys of dead letters", err) != 0)
        return -1;
    k = &t->keys[t->key_count++];
    *k = (struct letter_key){.flow = l->origin.flow,
                             .entry = l->origin.entry,
                             .letters = l->origin.part == NULL && !l->origin.entry};
    key_hash(key, k->hash);
    t->snapshot |= l->origin.part == NULL;
    position_hash(l->origin.flow, l->origin.lsn, key, position);
    return l->origin.part == NULL ? 0 : key_set_add(&t->letters, position, err);
}

static int collect(void *context, const struct replay_letter *l, bool *ret_stays,
                   struct ft_err *err)
{
    *ret_stays = true;
    return each_key(context, l, add_key, err);
}

/* Each key once. */
static void merge_keys(struct retry *t)
{
    size_t n = 0;

    if (t->key_count != 0)
        qsort(t->keys, t->key_count, sizeof(*t->keys), compare_keys);
    for (size_t i = 0; i < t->key_count; i++) {
        struct letter_key *k = &t->keys[i];

        if (n == 0 || compare_keys(&t->keys[n - 1], k) != 0) {
            t->keys[n++] = *k;
            continue;
        }
        t->keys[n - 1].letters += k->letters;
        t->keys[n - 1].entry |= k->entry;
        t->keys[n - 1].many_flows |= t->keys[n - 1].flow != k->flow;
    }
    t->key_count = n;
}

/*
 * What came after them
 */

static int see_key(void *context, const struct replay_walked *named, struct ft_err *err)
{
    struct retry *t = context;
    struct letter_key *k = find_key(t, named->target_key);
    uint8_t position[KEY_SET_HASH_SIZE];

    (void)err;
    if (k == NULL)
        return 0;
    if (named->lsn == 0) {
        k->named++;
        return 0;
    }
    position_hash(named->flow, named->lsn, named->target_key, position);
    if (key_set_has_hash(&t->letters, position))
        return 0;
    if (named->flow == k->flow)
        k->newest_lsn = named->lsn;
    else
        k->newest_foreign = named->lsn;
    return 0;
}

static int see_flush(void *context, uint32_t flow, uint64_t lsn, struct ft_err *err)
{
    struct retry *t = context;

    (void)err;
    t->flushed[flow] = lsn;
    return 0;
}

/* Up to where the target is in each flow; *ret NULL: the replay is over, so it has everything. */
static int find_ends(const struct replay *r, uint64_t **ret, struct ft_err *err)
{
    uint64_t *lsn;

    *ret = NULL;
    if (r->set.state.phase != REPLAY_PHASE_JOURNAL)
        return 0;
    lsn = calloc(r->source->stream_count + 1u, sizeof(*lsn));
    if (lsn == NULL)
        return err_nomem(err, "the flows");
    for (size_t n = 0; n < r->target.node_count; n++) {
        const struct replay_position *p = &r->set.nodes[n].position;

        for (uint32_t i = 0; i < r->source->stream_count; i++) {
            if (p->lsn[i] > lsn[i])
                lsn[i] = p->lsn[i];
            for (size_t lane = 0; lane < p->lane_count; lane++) {
                if (p->lanes[lane].lsn[i] > lsn[i])
                    lsn[i] = p->lanes[lane].lsn[i];
            }
        }
    }
    *ret = lsn;
    return 0;
}

static int read_journal(struct retry *t, const uint64_t *ends, struct ft_err *err)
{
    const struct replay *r = t->r;
    uint64_t *begins;
    struct replay_walk w;
    int rc;

    if (source_first_lsns(r->source, &begins, err) != 0)
        return -1;
    rc = replay_walk_init(&w, t->r, r->source, see_key, t, err);
    if (rc == 0) {
        w.every = true;
        w.entries = true;
        w.flushed = see_flush;
        w.from_lsn = t->snapshot ? NULL : begins;
        w.to_lsn = ends;
        rc = replay_walk_all(&w, err);
    }
    replay_walk_release(&w);
    free(begins);
    return rc;
}

static int look_behind(struct retry *t, struct ft_err *err)
{
    uint64_t *ends;
    int rc;

    merge_keys(t);
    if (!source_can(t->r->source, SOURCE_HAS_JOURNAL) || t->key_count == 0)
        return 0;
    if (find_ends(t->r, &ends, err) != 0)
        return -1;
    rc = read_journal(t, ends, err);
    free(ends);
    return rc;
}

/*
 * Sending
 */

/* noted: how many there were of this kind, so that one does not crowd out the other. */
static void note_stay(struct retry *t, const struct replay_letter *l, uint64_t *noted,
                      const char *what, const char *why)
{
    struct replay_letter_name name;
    char text[FIRST_SIZE];

    replay_letter_name(&l->origin, l->args, l->count, &name);
    (void)snprintf(text, sizeof(text), "%s: %s %s: %s", name.where, name.what, what,
                   why); /* a longer one is cut */
    if ((*noted)++ < NOTES_MAX)
        replay_report_note(&t->r->report, "%s", text);
    if (t->first[0] == '\0')
        memcpy(t->first, text, sizeof(text));
}

/* LSN of what overtook it, or 0. */
static uint64_t overtaken_by(const struct retry *t, const struct replay_letter *l,
                             const struct letter_key *k)
{
    uint64_t flushed =
        source_can(t->r->source, SOURCE_HAS_JOURNAL) ? t->flushed[l->origin.flow] : 0;

    if (k->newest_foreign != 0 || k->many_flows)
        return k->newest_foreign != 0 ? k->newest_foreign : l->origin.lsn;
    if (k->newest_lsn > l->origin.lsn)
        return k->newest_lsn;
    return flushed > l->origin.lsn ? flushed : 0;
}

static int look_at_key(struct retry *t, const struct replay_letter *l, struct bytes key,
                       struct ft_err *err)
{
    struct letter_key *k = find_key(t, key);
    uint64_t lsn = overtaken_by(t, l, k);
    char why[WHY_SIZE];

    if (replay_is_own_key(key))
        (void)snprintf(why, sizeof(why), "what it needs was there for a moment only");
    else if (k->stays)
        (void)snprintf(why, sizeof(why), "a letter before it on this key stays");
    else if (lsn != 0)
        (void)snprintf(why, sizeof(why), "LSN %" PRIu64 " has changed the key since", lsn);
    else if (l->origin.part == NULL && k->named > k->letters + k->entry)
        (void)snprintf(why, sizeof(why), "records inside the full sync have changed the key since");
    else
        return 0;
    note_stay(t, l, &t->noted_unsent, "is not sent", why);
    return err_set(err, FT_ERR_STATE, "overtaken");
}

static int keep_key(struct retry *t, const struct replay_letter *l, struct bytes key,
                    struct ft_err *err)
{
    (void)l;
    (void)err;
    find_key(t, key)->stays = true;
    return 0;
}

/* In the database that is selected. */
static int call(const struct replay *r, const struct target_node *node,
                const struct replay_letter *l, redisReply **ret, struct ft_err *err)
{
    uint64_t keys;

    if (!r->rights.no_eval || !bytes_eq_str(l->args[0], "EVAL") || l->count < 3 ||
        !local_script_is_own(l->args[1]) || !bytes_to_u64(l->args[2], &keys) || keys > l->count - 3)
        return redis_pipe_call(node->pipe, ret, l->args, l->count, err);
    return target_eval_keys(node->pipe, l->db, ret, l->args, l->count, l->args + 3, keys, err);
}

/* One command at a time, and its reply: nothing is in doubt but the one that was in flight. */
static int send(struct retry *t, const struct replay_letter *l, bool *ret_refused,
                struct ft_err *err)
{
    struct replay *r = t->r;
    char db[I64_TEXT_SIZE];
    const struct bytes select[] = {bytes_str("SELECT"), bytes_of(db, i64_to_text(l->db, db))};
    struct target_node *node = target_client_node(&r->target, command_sent_key(l->args, l->count));
    char error[REPLAY_TOO_LONG_TEXT];
    redisReply *reply;

    if (replay_is_too_long(&r->set, l->args, l->count, error)) {
        note_stay(t, l, &t->noted_refused, "was refused again", error);
        t->refused++;
        *ret_refused = true;
        return 0;
    }
    if (!r->target.cluster && target_node_call(node, NULL, select, 2, err) != 0)
        return -1;
    r->letter_sent = true;
    if (call(r, node, l, &reply, err) != 0)
        return -1;
    *ret_refused = reply->type == REDIS_REPLY_ERROR &&
                   !command_error_expected(command_find(l->args[0]), reply->str);
    if (*ret_refused)
        note_stay(t, l, &t->noted_refused, "was refused again", reply->str);
    reply_free(reply);
    t->refused += *ret_refused;
    if (!*ret_refused)
        replay_report_letter(&r->report);
    return 0;
}

static int send_letter(void *context, const struct replay_letter *l, bool *ret_stays,
                       struct ft_err *err)
{
    struct ft_err why = FT_ERR_INIT;
    struct retry *t = context;

    *ret_stays = each_key(t, l, look_at_key, &why) != 0;
    if (*ret_stays && why.kind != FT_ERR_STATE) {
        *err = why;
        return -1;
    }
    t->overtaken += *ret_stays;
    if (!*ret_stays && send(t, l, ret_stays, err) != 0)
        return -1;
    return *ret_stays ? each_key(t, l, keep_key, err) : 0;
}

/*
 * All of it
 */

/* What only the target knows to be refused goes into the file first: what is sent again from there
 * must not be found on the target afterwards. */
static int take_left(struct retry *t, struct ft_err *err)
{
    struct replay *r = t->r;
    int rc;

    if (replay_state_load(&r->set, err) != 0 ||
        replay_letters_each(r->set.letters, check_origin, t, err) != 0)
        return -1;
    if (r->set.state.phase <= REPLAY_PHASE_ENDING)
        return 0;
    if (strcmp(r->set.state.capture, r->set.id) != 0)
        return err_set(err, FT_ERR_STATE, "the target belongs to the replay of another capture, %s",
                       r->set.state.capture);
    if (r->set.state.generation != r->source->generation)
        return err_set(err, FT_ERR_STATE,
                       "the target has generation %" PRIu32 " of the capture: --generation %" PRIu32
                       " sends its letters",
                       r->set.state.generation, r->set.state.generation);
    if (r->set.state.phase != REPLAY_PHASE_JOURNAL)
        return 0;
    rc = replay_positions_load(&r->set, err);
    if (rc == 0)
        rc = replay_check_failed(&r->set, err);
    replay_report_letters(&r->report, 0);
    return rc;
}

static int end(const struct retry *t, struct ft_err *err)
{
    uint64_t stay = t->refused + t->overtaken;

    replay_report_letters(&t->r->report, stay);
    if (stay == 0)
        return 0;
    if (t->noted_refused > NOTES_MAX)
        replay_report_note(&t->r->report, "and %" PRIu64 " more were refused again",
                           t->noted_refused - NOTES_MAX);
    if (t->noted_unsent > NOTES_MAX)
        replay_report_note(&t->r->report, "and %" PRIu64 " more are not sent",
                           t->noted_unsent - NOTES_MAX);
    return err_set(err, t->refused != 0 ? FT_ERR_PROTOCOL : FT_ERR_STATE,
                   "%" PRIu64 " command%s in \"%s\": %" PRIu64 " %s refused again, %" PRIu64
                   " %s not sent, as what %s has changed since; the first: %s",
                   stay, stay == 1 ? " stays" : "s stay", t->r->o->retry_dead_letters, t->refused,
                   t->refused == 1 ? "was" : "were", t->overtaken,
                   t->overtaken == 1 ? "was" : "were", stay == 1 ? "it changes" : "they change",
                   t->first);
}

int replay_retry(struct replay *r, struct ft_err *err)
{
    const struct replay_rules rules = replay_rules_of(r);
    struct retry t = {.r = r, .flushed = calloc(r->source->stream_count + 1u, sizeof(uint64_t))};
    int rc = -1;

    if (t.flushed == NULL)
        err_nomem(err, "the flows");
    else if (take_left(&t, err) == 0 && replay_translator_new(&t.finder, &rules, err) == 0 &&
             replay_letters_each(r->set.letters, collect, &t, err) == 0 &&
             look_behind(&t, err) == 0 &&
             replay_letters_each(r->set.letters, send_letter, &t, err) == 0)
        rc = end(&t, err);
    translator_free(t.finder);
    key_set_release(&t.letters);
    free(t.keys);
    free(t.flushed);
    return rc;
}
