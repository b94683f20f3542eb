#include "sync/check_served.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "input/cut.h"
#include "input/journal_pass.h"
#include "item/entry_commands.h"
#include "serve/serve_live.h"
#include "sync/sync_check.h"

/* As many are read again from the source together. */
#define PORTION 10u
/* Values beyond this go as commands in pieces, so that a replica is not held up by one. */
#define RESTORE_BYTES (1u << 20)

struct served {
    struct sync_check *c;
    const struct serve_options *o;
    uint32_t generation; /* that is served, and stands at the goal */
    struct serve_suspects_at at;
    struct replay_suspect portion[PORTION];
    struct buf names[PORTION]; /* of the portion */
    struct recoder *recoder;
    struct entry_commands *by_restore;
    struct entry_commands *by_commands;
    uint32_t db; /* of the key that is being put */
    /* what records after a position touch: hashes of keys, as far as these were looked through */
    uint32_t flow_count;
    uint64_t *touched_from; /* NULL: none yet; then touched_to */
    uint64_t *touched_to;
    struct key_set touched;
    bool flushed; /* all of them */
};

static void close_served(void *target)
{
    struct served *v = target;

    for (size_t i = 0; i < PORTION; i++)
        buf_release(&v->names[i]);
    recoder_free(v->recoder);
    entry_commands_free(v->by_restore);
    entry_commands_free(v->by_commands);
    key_set_release(&v->touched);
    free(v->touched_from);
    free(v);
}

static void publish_count(const struct served *v)
{
    atomic_store(&v->c->progress->suspects, serve_suspects_count(&v->c->live->suspects));
}

static int open_served(struct sync_check *c, void **ret, struct ft_err *err)
{
    const struct serve_options *o = c->serve;
    struct entry_commands_options entries = {
        .target = o->target, .json_as = o->json_as, .restore = true};
    struct served *v = calloc(1, sizeof(*v));
    struct live_state state;

    if (v == NULL)
        return err_nomem(err, "a look at suspect keys");
    live_flows_state(c->live->flows, &state);
    v->c = c;
    v->o = o;
    v->generation = state.applied_generation;
    if (recoder_new(&v->recoder, o->target, o->json_as, err) != 0 ||
        entry_commands_new(&v->by_restore, &entries, err) != 0)
        goto failed;
    entries.restore = false;
    if (entry_commands_new(&v->by_commands, &entries, err) != 0)
        goto failed;
    publish_count(v);
    *ret = v;
    return 0;
failed:
    close_served(v);
    return -1;
}

/*
 * The list
 */

static int next(void *target, const struct replay_suspect **ret, size_t *ret_count, bool *ret_end,
                struct ft_err *err)
{
    struct served *v = target;
    struct suspect s;
    size_t n = 0;
    int rc = 1;

    while (n < PORTION &&
           (rc = serve_suspects_next(&v->c->live->suspects, &v->at, &v->names[n], &s, err)) > 0)
        v->portion[n++] = (struct replay_suspect){s.db, s.key};
    if (rc < 0)
        return -1;
    if (rc == 0) /* the next call begins anew */
        v->at = (struct serve_suspects_at){0};
    *ret = v->portion;
    *ret_count = n;
    *ret_end = rc == 0;
    return 0;
}

static int add(void *target, uint32_t db, struct bytes key, struct ft_err *err)
{
    const struct served *v = target;
    const struct suspect s = {.db = db, .key = key};
    int rc = serve_suspects_add(&v->c->live->suspects, &s, err);

    publish_count(v);
    return rc;
}

static int done(void *target, const struct replay_suspect *keys, size_t count, struct ft_err *err)
{
    const struct served *v = target;

    if (count == 0)
        return 0;
    if (serve_live_commit(v->c->live, v->generation, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (serve_suspects_done(&v->c->live->suspects, keys[i].db, keys[i].key, err) != 0)
            return -1;
    }
    publish_count(v);
    return 0;
}

/*
 * What has happened since
 */

static int take_keys(void *context, const struct item *item, const struct translation *t,
                     struct ft_err *err)
{
    struct served *v = context;

    (void)item;
    v->flushed |= t->class_ == TRANSLATION_FLUSH;
    for (size_t i = 0; i < t->key_count; i++) {
        uint8_t hash[KEY_SET_HASH_SIZE];

        key_set_hash(t->keys[i].db, t->keys[i].key, hash);
        if (key_set_add(&v->touched, hash, err) != 0)
            return -1;
    }
    return 0;
}

/* Another position: what was after the one before says nothing. */
static int begin_touched(struct served *v, const struct source *source, const uint64_t *from,
                         struct ft_err *err)
{
    size_t n = source->stream_count;

    if (v->touched_from != NULL && v->flow_count == n &&
        memcmp(v->touched_from, from, n * sizeof(*from)) == 0)
        return 0;
    free(v->touched_from);
    key_set_release(&v->touched);
    v->flushed = false;
    v->flow_count = source->stream_count;
    v->touched_from = calloc(n + 1, 2 * sizeof(*from));
    if (v->touched_from == NULL)
        return err_nomem(err, "a position");
    v->touched_to = v->touched_from + n;
    memcpy(v->touched_from, from, n * sizeof(*from));
    memcpy(v->touched_to, from, n * sizeof(*from));
    return 0;
}

static int look_through(struct served *v, const struct source *source, const uint64_t *to,
                        struct ft_err *err)
{
    size_t size = source->stream_count * sizeof(*to);
    struct translator *translator = NULL;
    struct journal_pass_counts counts;
    struct cut cut = {.flow_count = source->stream_count, .start_lsn = v->touched_to};
    int rc = -1;

    cut.stop_lsn = malloc(size);
    if (cut.stop_lsn == NULL)
        return err_nomem(err, "a position");
    memcpy(cut.stop_lsn, to, size);
    if (journal_translator_new(&translator, source, v->o->target, v->o->json_as, err) == 0)
        rc = journal_pass_run(source, &cut, translator, take_keys, v, &counts, err);
    translator_free(translator);
    if (rc == 0) {
        v->flushed |= counts.partial_flush_flows != 0;
        memcpy(v->touched_to, to, size);
    }
    free(cut.stop_lsn);
    return rc;
}

static int touched(void *target, const uint64_t *from, const uint64_t *to,
                   const struct replay_suspect *key, bool *ret, struct ft_err *err)
{
    struct served *v = target;
    struct source *source;
    int rc = -1;

    if (source_open(&source, v->c->replay->input, v->generation, err) != 0)
        return -1;
    if (begin_touched(v, source, from, err) == 0)
        rc = look_through(v, source, to, err);
    source_free(source);
    if (rc == 0)
        *ret = v->flushed || key_set_has(&v->touched, key->db, key->key);
    return rc;
}

/*
 * The value
 */

static int put_command(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    const struct served *v = context;

    return serve_live_put(v->c->live, v->generation, v->db, args, count, err);
}

/* Is nothing left of it? 1: yes, 0: no; 2: replicas cannot hold it, ret_why. Its time is the replica's affair: it removes the key
 * when it is a master. */
static int look_at_value(struct served *v, const struct rdb_entry *entry,
                         char ret_why[REPLAY_WHY_SIZE], struct ft_err *err)
{
    int64_t now_ms = (int64_t)(clock_wall_us() / 1000);
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;
    struct bytes value;
    uint8_t type;

    result = recoder_run(v->recoder, entry, now_ms, &type, &value, &loss, err);
    if (result == RECODE_ERROR)
        return -1;
    if (loss != LOSS_NONE && v->o->fail_on_loss) {
        (void)snprintf(ret_why, REPLAY_WHY_SIZE, "Redis %s cannot hold it: %s", v->o->target->name,
                       loss_reason_name(loss)); /* fits */
        return 2;
    }
    if (loss != LOSS_NONE &&
        loss_add(v->c->losses, loss, rdb_type_name(entry->type), entry->db, entry->key, err) != 0)
        return -1;
    return result != RECODE_OK;
}

static enum replay_rechecked put(void *target, const struct rdb_entry *entry, bool gone,
                                 char ret_why[REPLAY_WHY_SIZE], struct ft_err *err)
{
    const struct bytes del[] = {bytes_str("DEL"), entry->key};
    bool large = entry->value_bytes > RESTORE_BYTES || rdb_type_class(entry->type) == VALUE_STRING;
    enum loss_reason loss; /* was counted */
    struct served *v = target;
    int empty = 1;

    ret_why[0] = '\0';
    v->db = entry->db;
    if (!gone)
        empty = look_at_value(v, entry, ret_why, err);
    switch (empty) {
    case 0:
        return entry_commands_run(large ? v->by_commands : v->by_restore, entry,
                                  (int64_t)(clock_wall_us() / 1000), true, put_command, v, &loss,
                                  err) == RECODE_ERROR
                   ? REPLAY_RECHECK_ERROR
                   : REPLAY_RECHECK_CORRECTED;
    case 1:
        return put_command(v, del, 2, err) != 0 ? REPLAY_RECHECK_ERROR : REPLAY_RECHECK_DELETED;
    case 2:
        return REPLAY_RECHECK_REFUSED;
    default:
        return REPLAY_RECHECK_ERROR;
    }
}

const struct check_target check_served = {
    .open = open_served,
    .next = next,
    .add = add,
    .touched = touched,
    .put = put,
    .done = done,
    .close = close_served,
};
