#include <inttypes.h>
#include <stdio.h>

#include "replay/replay_impl.h"
#include "wire/reply_error.h"

#define KEY_SHOWN   60
#define ERROR_SHOWN 200

int replay_dead_open(struct replay *r, struct ft_err *err)
{
    const char *path =
        r->o->retry_dead_letters != NULL ? r->o->retry_dead_letters : r->o->dead_letters;

    return path == NULL ? 0 : replay_letters_open(&r->letters, path, err);
}

/* The first one is what the run ends with. */
static void note_failure(struct replay *r, const struct replay_letter_origin *origin,
                         const struct bytes *words, size_t count, const char *error)
{
    struct bytes key = count > 1 ? words[1] : bytes_of(NULL, 0);
    char where[KEY_SHOWN] = "snapshot";
    char name[KEY_SHOWN];
    char shown[KEY_SHOWN];

    if (atomic_load(&r->failed_fast))
        return;
    if (origin->part != NULL)
        (void)snprintf(where, sizeof(where), "LSN %" PRIu64, origin->lsn); /* fits */
    (void)bytes_escape(words[0], name, sizeof(name));
    (void)bytes_escape(key, shown, sizeof(shown));
    (void)err_set(&r->failure, FT_ERR_PROTOCOL,
                  "flow %" PRIu32 ", %s: the target refused %s \"%s\": %.*s; the same replay with "
                  "--on-error dead-letter=FILE collects such commands and goes on",
                  origin->flow, where, name, shown, ERROR_SHOWN, error);
    atomic_store(&r->failed_fast, true);
}

bool replay_is_foreign_script(const struct bytes *words, size_t count, const char *error)
{
    return count > 1 && bytes_is_word(words[0], "SCRIPT") && bytes_is_word(words[1], "LOAD") &&
           reply_error_kind_of(bytes_str(error)) == REPLY_ERROR_OTHER;
}

int replay_dead_add(struct replay *r, uint32_t flow, uint64_t lsn, const char *part, uint32_t db,
                    const struct bytes *words, size_t count, const char *error, struct ft_err *err)
{
    const struct replay_letter_origin origin = {
        .capture = r->id,
        .began_ms = r->state.began_ms,
        .flow = flow,
        .lsn = part == NULL ? 0 : lsn,
        .part = part,
    };
    int rc = 0;

    pthread_mutex_lock(&r->mu);
    r->result->failed++;
    if (r->letters == NULL)
        note_failure(r, &origin, words, count, error);
    else
        rc = replay_letters_add(r->letters, &origin, db, words, count, error, err);
    pthread_mutex_unlock(&r->mu);
    return rc;
}

int replay_dead_refuse(struct replay *r, const struct item *item, const char *part, uint32_t db,
                       const struct bytes *words, size_t count, const char *error,
                       struct ft_err *err)
{
    if (replay_dead_add(r, item->flow, item->lsn, part, db, words, count, error, err) != 0)
        return -1;
    return r->letters != NULL ? 0 : err_set(err, FT_ERR_PROTOCOL, "%s", error);
}

int replay_dead_drop(struct replay *r, const uint32_t *flow, struct ft_err *err)
{
    int rc = 0;

    pthread_mutex_lock(&r->mu);
    if (r->letters != NULL && r->state.phase != REPLAY_PHASE_NONE)
        rc = replay_letters_drop(r->letters, r->state.capture, r->state.began_ms, flow, err);
    pthread_mutex_unlock(&r->mu);
    return rc;
}

/*
 * Again
 */

/* One command at a time, and its reply: nothing is in doubt but the one that was under way. */
static int send_letter(void *context, const struct replay_letter *l, bool *ret_refused,
                       struct ft_err *err)
{
    struct replay *r = context;
    char db[I64_TEXT_SIZE];
    const struct bytes select[] = {bytes_str("SELECT"), bytes_of(db, i64_to_text(l->db, db))};
    struct replay_node *node = replay_node_of(r, replay_command_key(l->words, l->count));
    redisReply *reply;

    if (!r->target.cluster && replay_call(node, NULL, select, 2, err) != 0)
        return -1;
    r->letter_sent = true;
    if (redis_pipe_call(node->pipe, &reply, l->words, l->count, err) != 0)
        return -1;
    *ret_refused = reply->type == REDIS_REPLY_ERROR &&
                   !command_error_expected(command_find(l->words[0]), reply->str);
    if (*ret_refused)
        replay_note(r, "refused again: %s", reply->str);
    freeReplyObject(reply);
    r->result->failed += *ret_refused;
    r->result->records += !*ret_refused;
    return 0;
}

/* What only the target knows to be refused goes into the file first: what is sent again from there
 * must not be found on the target afterwards. */
static int take_left(struct replay *r, struct ft_err *err)
{
    int rc;

    if (replay_state_load(r, err) != 0)
        return -1;
    if (r->state.phase != REPLAY_PHASE_JOURNAL || strcmp(r->state.capture, r->id) != 0)
        return 0;
    rc = replay_positions_load(r, err);
    if (rc == 0)
        rc = replay_check_failed(r, err);
    r->result->failed = 0;
    return rc;
}

int replay_dead_retry(struct replay *r, struct ft_err *err)
{
    if (take_left(r, err) != 0 || replay_letters_each(r->letters, send_letter, r, err) != 0)
        return -1;
    if (r->result->failed == 0)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL, "%llu commands were refused again; they stay in \"%s\"",
                   (unsigned long long)r->result->failed, r->o->retry_dead_letters);
}
