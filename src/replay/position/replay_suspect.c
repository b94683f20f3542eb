#include "replay/position/replay_suspect.h"

#include <inttypes.h>
#include <stdio.h>

#include "replay/replay_impl.h"
#include "target/key_scan.h"
#include "wire/reply_error.h"

void replay_suspects_name(const char *capture, char out[REPLAY_KEY_SIZE])
{
    (void)snprintf(out, REPLAY_KEY_SIZE, REPLAY_KEY_PREFIX "%s:suspect", capture); /* fits */
}

static int remember(struct replay *r, uint32_t db, struct bytes key, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];

    key_set_hash(db, key, hash);
    return key_set_add(&r->noted, hash, err);
}

int replay_suspects_list(struct replay *r, uint32_t db, struct bytes key, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];
    struct buf member = {0};
    struct bytes words[] = {bytes_str("SADD"), {NULL, 0}, {NULL, 0}};
    redisReply *reply;
    int rc = -1;

    replay_suspects_name(r->id, name);
    words[1] = bytes_str(name);
    if (buf_printf(&member, err, "%" PRIu32 ":", db) == 0 &&
        buf_append(&member, key.p, key.n, err) == 0) {
        words[2] = buf_bytes(&member);
        rc = target_node_call(target_client_node(&r->target, words[1]), &reply, words, 3, err);
    }
    buf_release(&member);
    if (rc != 0)
        return -1;
    if (reply->type == REDIS_REPLY_INTEGER && reply->integer == 1)
        atomic_fetch_add(&r->progress->suspects, 1);
    freeReplyObject(reply);
    return remember(r, db, key, err);
}

/* Nobody reads again what the filters leave out. */
static bool is_wanted(const struct replay *r, const struct translation_key *k)
{
    return filter_db(&r->o->filter, k->db) && filter_key(&r->o->filter, k->key);
}

static bool is_noted(const struct replay *r, const struct translation_key *k)
{
    return key_set_has(&r->noted, k->db, k->key);
}

static bool spreads(const struct replay *r, const struct translation *t)
{
    bool any = false;

    for (size_t i = 0; !any && i < t->key_count; i++)
        any = is_noted(r, &t->keys[i]);
    return any;
}

bool replay_is_doubtful(struct replay *r, const struct translation *t)
{
    bool doubtful = false;

    if (t->key_count > 1 && t->row != NULL && (t->row->flags & COMMAND_SPLIT) != 0)
        return false;
    for (size_t i = 0; !doubtful && i < t->key_count; i++) {
        const struct translation_key *k = &t->keys[i];

        doubtful = replay_lost_has(r, k->db, k->key);
        if (doubtful || atomic_load(&r->progress->suspects) == 0)
            continue;
        pthread_mutex_lock(&r->note_mu);
        doubtful = is_noted(r, k);
        pthread_mutex_unlock(&r->note_mu);
    }
    return doubtful;
}

bool replay_doubt_explains(const char *part, const char *error)
{
    return part != NULL && part[0] == REPLAY_DOUBTFUL && reply_error_is_of_data(bytes_str(error));
}

void replay_count_error(struct replay *r, bool doubtful)
{
    pthread_mutex_lock(&r->mu);
    r->result->expected_errors += !doubtful;
    r->result->doubtful_errors += doubtful;
    pthread_mutex_unlock(&r->mu);
}

int replay_suspects_note(struct replay *r, const struct translation *t, struct ft_err *err)
{
    bool joint = suspect_spreads(t) && atomic_load(&r->progress->suspects) != 0;
    bool any = joint;
    int rc = 0;

    for (size_t i = 0; !any && i < t->key_count; i++)
        any = t->keys[i].suspect;
    if (!any)
        return 0;
    pthread_mutex_lock(&r->note_mu);
    joint = joint && spreads(r, t);
    for (size_t i = 0; rc == 0 && i < t->key_count; i++) {
        const struct translation_key *k = &t->keys[i];

        if ((k->suspect || (joint && translation_changes(t, i))) && is_wanted(r, k) &&
            !is_noted(r, k))
            rc = replay_suspects_list(r, k->db, k->key, err);
    }
    pthread_mutex_unlock(&r->note_mu);
    return rc;
}

int replay_suspects_note_entry(struct replay *r, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    const struct translation_key key = {.db = entry->db, .key = entry->key};
    bool guessed;
    int rc;

    if (suspect_group_reads(source_journal_release(r->source), entry->type, entry->value, &guessed,
                            err) != 0)
        return -1;
    if (!guessed)
        return 0;
    pthread_mutex_lock(&r->mu);
    rc = suspect_add_entry(&r->result->suspects, source_journal_release(r->source), item, err);
    pthread_mutex_unlock(&r->mu);
    pthread_mutex_lock(&r->note_mu);
    if (rc == 0 && !is_noted(r, &key))
        rc = replay_suspects_list(r, entry->db, entry->key, err);
    pthread_mutex_unlock(&r->note_mu);
    return rc;
}

/*
 * What is listed
 */

/* "db:key" */
bool replay_suspects_parse(struct bytes member, uint32_t *ret_db, struct bytes *ret_key)
{
    const uint8_t *colon = member.n == 0 ? NULL : memchr(member.p, ':', member.n);
    size_t digits = colon == NULL ? 0 : (size_t)(colon - member.p);
    uint64_t db;

    if (digits == 0 || !bytes_to_u64(bytes_of(member.p, digits), &db) || db > UINT32_MAX)
        return false;
    *ret_db = (uint32_t)db;
    *ret_key = bytes_of(colon + 1, member.n - digits - 1);
    return true;
}

int replay_suspects_scan(struct replay *r, char cursor[KEY_SCAN_CURSOR_SIZE], redisReply **ret,
                         struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];

    replay_suspects_name(r->id, name);
    return replay_scan_members(r, name, cursor, ret, err);
}

int replay_scan_members(struct replay *r, const char *name, char cursor[KEY_SCAN_CURSOR_SIZE],
                        redisReply **ret, struct ft_err *err)
{
    const struct bytes words[] = {bytes_str("SSCAN"), bytes_str(name), bytes_str(cursor)};
    struct target_node *node = target_client_node(&r->target, words[1]);
    redisReply *reply;

    if (target_node_call(node, &reply, words, 3, err) != 0)
        return -1;
    if (!key_scan_is_reply(reply)) {
        freeReplyObject(reply);
        return err_set(err, FT_ERR_PROTOCOL, "%s does not answer SSCAN as Redis does", node->name);
    }
    (void)snprintf(cursor, KEY_SCAN_CURSOR_SIZE, "%s", reply->element[0]->str); /* it was checked */
    *ret = reply;
    return 0;
}

/* Found by an earlier run: this one's report names it too. */
static int take_listed(struct replay *r, uint32_t db, struct bytes key, struct ft_err *err)
{
    const struct suspect s = {.db = db, .key = key};
    int rc;

    if (remember(r, db, key, err) != 0)
        return -1;
    pthread_mutex_lock(&r->mu);
    rc = suspect_add(&r->result->suspects, &s, err);
    pthread_mutex_unlock(&r->mu);
    return rc;
}

static int take_all_listed(struct replay *r, const redisReply *members, struct ft_err *err)
{
    for (size_t i = 0; i < members->elements; i++) {
        struct bytes member = bytes_of(members->element[i]->str, members->element[i]->len);
        struct bytes key;
        uint32_t db;

        if (replay_suspects_parse(member, &db, &key) && take_listed(r, db, key, err) != 0)
            return -1;
    }
    return 0;
}

int replay_suspects_count(struct replay *r, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];
    struct bytes words[] = {bytes_str("SCARD"), {NULL, 0}};
    redisReply *reply;

    replay_suspects_name(r->id, name);
    words[1] = bytes_str(name);
    if (target_node_call(target_client_node(&r->target, words[1]), &reply, words, 2, err) != 0)
        return -1;
    atomic_store(&r->progress->suspects,
                 reply->type == REDIS_REPLY_INTEGER ? (uint64_t)reply->integer : 0);
    freeReplyObject(reply);
    return 0;
}

int replay_suspects_load(struct replay *r, struct ft_err *err)
{
    char cursor[KEY_SCAN_CURSOR_SIZE] = "0";
    int rc;

    key_set_release(&r->noted);
    if (!source_can(r->source, SOURCE_HAS_JOURNAL))
        return 0;
    if (replay_suspects_count(r, err) != 0)
        return -1;
    do {
        redisReply *reply;

        if (replay_suspects_scan(r, cursor, &reply, err) != 0)
            return -1;
        rc = take_all_listed(r, reply->element[1], err);
        freeReplyObject(reply);
    } while (rc == 0 && strcmp(cursor, "0") != 0);
    return rc;
}

int replay_suspects_clear(struct replay *r, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];
    struct bytes words[] = {bytes_str("DEL"), {NULL, 0}};

    replay_suspects_name(r->id, name);
    words[1] = bytes_str(name);
    return target_node_call(target_client_node(&r->target, words[1]), NULL, words, 2, err);
}
