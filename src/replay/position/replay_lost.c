#include "replay/position/replay_lost.h"

#include <stdio.h>
#include <stdlib.h>

#include "replay/position/replay_suspect.h"
#include "replay/replay_impl.h"
#include "target/key_scan.h"

#define SAVE_KEYS 500u /* in one command */

void replay_lost_name(const char *capture, char out[REPLAY_KEY_SIZE])
{
    (void)snprintf(out, REPLAY_KEY_SIZE, REPLAY_KEY_PREFIX "%s:lost", capture); /* fits */
}

static int remember(struct replay *r, const uint8_t hash[KEY_SET_HASH_SIZE], struct ft_err *err)
{
    if (key_set_add(&r->lost, hash, err) != 0)
        return -1;
    atomic_store(&r->any_lost, true);
    return 0;
}

int replay_lost_add(struct replay *r, uint32_t db, struct bytes key, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    int rc = 0;

    key_set_hash(db, key, hash);
    pthread_mutex_lock(&r->note_mu);
    if (!key_set_has_hash(&r->lost, hash)) {
        rc = remember(r, hash, err);
        if (rc == 0)
            rc = buf_append(&r->unsaved_lost, hash, sizeof(hash), err);
    }
    pthread_mutex_unlock(&r->note_mu);
    return rc;
}

bool replay_lost_has(struct replay *r, uint32_t db, struct bytes key)
{
    bool has;

    if (!atomic_load(&r->any_lost))
        return false;
    pthread_mutex_lock(&r->note_mu);
    has = key_set_has(&r->lost, db, key);
    pthread_mutex_unlock(&r->note_mu);
    return has;
}

/* Under note_mu. */
static int save(struct replay *r, struct ft_err *err)
{
    struct bytes words[SAVE_KEYS + 2] = {bytes_str("SADD")};
    char name[REPLAY_KEY_SIZE];

    replay_lost_name(r->id, name);
    words[1] = bytes_str(name);
    for (size_t at = 0; at < r->unsaved_lost.n;) {
        size_t count = 2;

        for (; at < r->unsaved_lost.n && count < SAVE_KEYS + 2; at += KEY_SET_HASH_SIZE)
            words[count++] = bytes_of(r->unsaved_lost.p + at, KEY_SET_HASH_SIZE);
        if (target_node_call(target_client_node(&r->target, words[1]), NULL, words, count, err) !=
            0)
            return -1;
    }
    buf_clear(&r->unsaved_lost);
    return 0;
}

int replay_lost_save(struct replay *r, struct ft_err *err)
{
    int rc = 0;

    if (!atomic_load(&r->any_lost))
        return 0;
    pthread_mutex_lock(&r->note_mu);
    if (r->unsaved_lost.n != 0)
        rc = save(r, err);
    pthread_mutex_unlock(&r->note_mu);
    return rc;
}

static int take_members(struct replay *r, const redisReply *members, struct ft_err *err)
{
    for (size_t i = 0; i < members->elements; i++) {
        const redisReply *m = members->element[i];

        if (m->len == KEY_SET_HASH_SIZE && remember(r, (const uint8_t *)m->str, err) != 0)
            return -1;
    }
    return 0;
}

int replay_lost_load(struct replay *r, struct ft_err *err)
{
    char cursor[KEY_SCAN_CURSOR_SIZE] = "0";
    char name[REPLAY_KEY_SIZE];
    int rc;

    key_set_release(&r->lost);
    buf_clear(&r->unsaved_lost);
    atomic_store(&r->any_lost, false);
    replay_lost_name(r->id, name);
    do {
        redisReply *reply;

        if (replay_scan_members(r, name, cursor, &reply, err) != 0)
            return -1;
        rc = take_members(r, reply->element[1], err);
        freeReplyObject(reply);
    } while (rc == 0 && strcmp(cursor, "0") != 0);
    return rc;
}

int replay_lost_clear(struct replay *r, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];
    struct bytes words[] = {bytes_str("DEL"), {NULL, 0}};

    replay_lost_name(r->id, name);
    words[1] = bytes_str(name);
    return target_node_call(target_client_node(&r->target, words[1]), NULL, words, 2, err);
}
