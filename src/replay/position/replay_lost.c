#include "replay/position/replay_lost.h"

#include <stdio.h>
#include <stdlib.h>

#include "target/key_scan.h"
#include "wire/reach.h"

#define SAVE_KEYS    500u /* in one command */
#define LOAD_PORTION 1000u

void replay_lost_name(const char *capture, char out[REPLAY_KEY_SIZE])
{
    (void)snprintf(out, REPLAY_KEY_SIZE, REPLAY_KEY_PREFIX "%s:lost", capture); /* fits */
}

static int remember(struct replay_position_set *set, const uint8_t hash[KEY_SET_HASH_SIZE],
                    struct ft_err *err)
{
    if (key_set_add(&set->lost, hash, err) != 0)
        return -1;
    atomic_store(&set->any_lost, true);
    return 0;
}

int replay_lost_add(struct replay_position_set *set, uint32_t db, struct bytes key,
                    struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    int rc = 0;

    key_set_hash(db, key, hash);
    pthread_mutex_lock(&set->note_mu);
    if (!key_set_has_hash(&set->lost, hash)) {
        rc = remember(set, hash, err);
        if (rc == 0)
            rc = buf_append(&set->unsaved_lost, hash, sizeof(hash), err);
    }
    pthread_mutex_unlock(&set->note_mu);
    return rc;
}

bool replay_lost_has(struct replay_position_set *set, uint32_t db, struct bytes key)
{
    bool has;

    if (!atomic_load(&set->any_lost))
        return false;
    pthread_mutex_lock(&set->note_mu);
    has = key_set_has(&set->lost, db, key);
    pthread_mutex_unlock(&set->note_mu);
    return has;
}

/* Under note_mu. */
static int save(struct replay_position_set *set, struct ft_err *err)
{
    const struct reach_limit limit = reach_limit_of(set->target->named->reach);
    size_t most = limit.args != 0 && limit.args < SAVE_KEYS + 2 ? limit.args : SAVE_KEYS + 2;
    struct bytes args[SAVE_KEYS + 2] = {bytes_str("SADD")};
    char name[REPLAY_KEY_SIZE];

    replay_lost_name(set->id, name);
    args[1] = bytes_str(name);
    for (size_t at = 0; at < set->unsaved_lost.n;) {
        size_t count = 2;

        for (; at < set->unsaved_lost.n && count < most; at += KEY_SET_HASH_SIZE)
            args[count++] = bytes_of(set->unsaved_lost.p + at, KEY_SET_HASH_SIZE);
        if (target_node_call(target_client_node(set->target, args[1]), NULL, args, count, err) != 0)
            return -1;
    }
    buf_clear(&set->unsaved_lost);
    return 0;
}

int replay_lost_save(struct replay_position_set *set, struct ft_err *err)
{
    int rc = 0;

    if (!atomic_load(&set->any_lost))
        return 0;
    pthread_mutex_lock(&set->note_mu);
    if (set->unsaved_lost.n != 0)
        rc = save(set, err);
    pthread_mutex_unlock(&set->note_mu);
    return rc;
}

static int take_members(struct replay_position_set *set, const redisReply *members,
                        struct ft_err *err)
{
    for (size_t i = 0; i < members->elements; i++) {
        const redisReply *m = members->element[i];

        if (m->len == KEY_SET_HASH_SIZE && remember(set, (const uint8_t *)m->str, err) != 0)
            return -1;
    }
    return 0;
}

int replay_lost_load(struct replay_position_set *set, struct ft_err *err)
{
    char cursor[KEY_SCAN_CURSOR_SIZE] = "0";
    char name[REPLAY_KEY_SIZE];
    int rc;

    key_set_release(&set->lost);
    buf_clear(&set->unsaved_lost);
    atomic_store(&set->any_lost, false);
    replay_lost_name(set->id, name);
    do {
        redisReply *reply;

        if (key_scan_set(target_client_node(set->target, bytes_str(name)), name, LOAD_PORTION,
                         cursor, &reply, err) != 0)
            return -1;
        rc = take_members(set, reply->element[1], err);
        reply_free(reply);
    } while (rc == 0 && strcmp(cursor, "0") != 0);
    return rc;
}

int replay_lost_clear(struct replay_position_set *set, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];
    struct bytes args[] = {bytes_str("DEL"), {NULL, 0}};

    replay_lost_name(set->id, name);
    args[1] = bytes_str(name);
    return target_node_call(target_client_node(set->target, args[1]), NULL, args, 2, err);
}
