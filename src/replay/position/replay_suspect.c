#include "replay/position/replay_suspect.h"

#include <inttypes.h>
#include <stdio.h>

#include "replay/position/replay_lost.h"
#include "target/key_scan.h"
#include "wire/reply_error.h"

/* Few: of a sync, the keys of one portion are read again from the source together. */
#define PORTION 10u

void replay_suspects_name(const char *capture, char out[REPLAY_KEY_SIZE])
{
    (void)snprintf(out, REPLAY_KEY_SIZE, REPLAY_KEY_PREFIX "%s:suspect", capture); /* fits */
}

static int remember(struct replay_position_set *set, uint32_t db, struct bytes key,
                    struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];

    key_set_hash(db, key, hash);
    return key_set_add(&set->noted, hash, err);
}

int replay_suspects_list(struct replay_position_set *set, uint32_t db, struct bytes key,
                         struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];
    struct buf member = {0};
    struct bytes args[] = {bytes_str("SADD"), {NULL, 0}, {NULL, 0}};
    redisReply *reply;
    int rc = -1;

    replay_suspects_name(set->id, name);
    args[1] = bytes_str(name);
    if (buf_printf(&member, err, "%" PRIu32 ":", db) == 0 &&
        buf_append(&member, key.p, key.n, err) == 0) {
        args[2] = buf_bytes(&member);
        rc = target_node_call(target_client_node(set->target, args[1]), &reply, args, 3, err);
    }
    buf_release(&member);
    if (rc != 0)
        return -1;
    if (reply->type == REDIS_REPLY_INTEGER && reply->integer == 1)
        replay_report_listed_one(set->report);
    reply_free(reply);
    return remember(set, db, key, err);
}

int replay_suspects_add(struct replay_position_set *set, uint32_t db, struct bytes key,
                        struct ft_err *err)
{
    int rc = 0;

    pthread_mutex_lock(&set->note_mu);
    if (!key_set_has(&set->noted, db, key))
        rc = replay_suspects_list(set, db, key, err);
    pthread_mutex_unlock(&set->note_mu);
    return rc;
}

/* Nobody reads again what the filters leave out. */
static bool is_wanted(const struct replay_position_set *set, const struct translation_key *k)
{
    return filter_db(set->terms.filter, k->db) && filter_key(set->terms.filter, k->key);
}

static bool is_noted(const struct replay_position_set *set, const struct translation_key *k)
{
    return key_set_has(&set->noted, k->db, k->key);
}

static bool spreads(const struct replay_position_set *set, const struct translation *t)
{
    bool any = false;

    for (size_t i = 0; !any && i < t->key_count; i++)
        any = is_noted(set, &t->keys[i]);
    return any;
}

bool replay_is_doubtful(struct replay_position_set *set, const struct translation *t)
{
    bool doubtful = false;

    if (t->key_count > 1 && t->row != NULL && (t->row->flags & COMMAND_SPLIT) != 0)
        return false;
    for (size_t i = 0; !doubtful && i < t->key_count; i++) {
        const struct translation_key *k = &t->keys[i];

        doubtful = replay_lost_has(set, k->db, k->key);
        if (doubtful || !replay_report_any_listed(set->report))
            continue;
        pthread_mutex_lock(&set->note_mu);
        doubtful = is_noted(set, k);
        pthread_mutex_unlock(&set->note_mu);
    }
    return doubtful;
}

bool replay_doubt_explains(const char *part, const char *error)
{
    return part != NULL && part[0] == REPLAY_DOUBTFUL && reply_error_is_of_data(bytes_str(error));
}

int replay_suspects_note(struct replay_position_set *set, const struct translation *t,
                         struct ft_err *err)
{
    bool joint = translation_joins(t) && replay_report_any_listed(set->report);
    bool any = joint;
    int rc = 0;

    for (size_t i = 0; !any && i < t->key_count; i++)
        any = t->keys[i].suspect;
    if (!any)
        return 0;
    pthread_mutex_lock(&set->note_mu);
    joint = joint && spreads(set, t);
    for (size_t i = 0; rc == 0 && i < t->key_count; i++) {
        const struct translation_key *k = &t->keys[i];

        if ((k->suspect || (joint && translation_changes(t, i))) && is_wanted(set, k) &&
            !is_noted(set, k))
            rc = replay_suspects_list(set, k->db, k->key, err);
    }
    pthread_mutex_unlock(&set->note_mu);
    return rc;
}

int replay_suspects_note_entry(struct replay_position_set *set, const struct item *item,
                               struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    const struct translation_key key = {.db = entry->db, .key = entry->key};
    bool guessed;
    int rc;

    if (suspect_group_reads(set->journal_release, entry->type, entry->value, &guessed, err) != 0)
        return -1;
    if (!guessed)
        return 0;
    rc = replay_report_suspect_entry(set->report, set->journal_release, item, err);
    pthread_mutex_lock(&set->note_mu);
    if (rc == 0 && !is_noted(set, &key))
        rc = replay_suspects_list(set, entry->db, entry->key, err);
    pthread_mutex_unlock(&set->note_mu);
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

int replay_suspects_scan(struct replay_position_set *set, char cursor[KEY_SCAN_CURSOR_SIZE],
                         redisReply **ret, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];

    replay_suspects_name(set->id, name);
    return key_scan_set(target_client_node(set->target, bytes_str(name)), name, PORTION, cursor,
                        ret, err);
}

/* Found by an earlier run: this one's report names it too. */
static int take_listed(struct replay_position_set *set, uint32_t db, struct bytes key,
                       struct ft_err *err)
{
    return remember(set, db, key, err) == 0 ? replay_report_suspect(set->report, db, key, err) : -1;
}

static int take_all_listed(struct replay_position_set *set, const redisReply *members,
                           struct ft_err *err)
{
    for (size_t i = 0; i < members->elements; i++) {
        struct bytes member = bytes_of(members->element[i]->str, members->element[i]->len);
        struct bytes key;
        uint32_t db;

        if (replay_suspects_parse(member, &db, &key) && take_listed(set, db, key, err) != 0)
            return -1;
    }
    return 0;
}

int replay_suspects_count(struct replay_position_set *set, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];
    struct bytes args[] = {bytes_str("SCARD"), {NULL, 0}};
    redisReply *reply;

    replay_suspects_name(set->id, name);
    args[1] = bytes_str(name);
    if (target_node_call(target_client_node(set->target, args[1]), &reply, args, 2, err) != 0)
        return -1;
    replay_report_listed(set->report,
                         reply->type == REDIS_REPLY_INTEGER ? (uint64_t)reply->integer : 0);
    reply_free(reply);
    return 0;
}

int replay_suspects_load(struct replay_position_set *set, struct ft_err *err)
{
    char cursor[KEY_SCAN_CURSOR_SIZE] = "0";
    int rc;

    key_set_release(&set->noted);
    if (!set->has_journal)
        return 0;
    if (replay_suspects_count(set, err) != 0)
        return -1;
    do {
        redisReply *reply;

        if (replay_suspects_scan(set, cursor, &reply, err) != 0)
            return -1;
        rc = take_all_listed(set, reply->element[1], err);
        reply_free(reply);
    } while (rc == 0 && strcmp(cursor, "0") != 0);
    return rc;
}

int replay_suspects_clear(struct replay_position_set *set, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];
    struct bytes args[] = {bytes_str("DEL"), {NULL, 0}};

    replay_suspects_name(set->id, name);
    args[1] = bytes_str(name);
    return target_node_call(target_client_node(set->target, args[1]), NULL, args, 2, err);
}
