#include "replay/replay_conflicts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "replay/replay_impl.h"
#include "replay/replay_walk.h"
#include "resp/resp_write.h"
#include "target/cluster_pipe.h"
#include "target/key_scan.h"

#define IN_FLIGHT_BYTES (256u << 10) /* on each connection */
#define LOAD_PORTION    1000u

struct prober {
    struct replay *r;
    struct cluster_pipe *pipe;
    uint64_t found;
    char first[80]; /* of those found */
};

static int keep_found(struct prober *p, const struct cluster_answer *answer, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    struct bytes *args;
    size_t count;

    if (resp_take_command(answer->command, &args, &count, err) != 0)
        return -1;
    if (p->found++ == 0)
        (void)bytes_escape(args[1], p->first, sizeof(p->first));
    key_set_hash(answer->db, args[1], hash);
    free(args);
    return key_set_add(&p->r->kept, hash, err);
}

static int take_exists(void *context, const struct cluster_answer *answer, struct ft_err *err)
{
    if (answer->reply->type == REDIS_REPLY_ERROR)
        return err_set(err, FT_ERR_PROTOCOL, "the target answered: %s", answer->reply->str);
    if (answer->reply->type != REDIS_REPLY_INTEGER || answer->reply->integer == 0)
        return 0;
    return keep_found(context, answer, err);
}

static int probe_key(void *context, const struct replay_walked *key, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("EXISTS"), key->target_key};
    struct prober *p = context;

    return cluster_pipe_put(p->pipe, key->target_db, 0, key->target_key, args, 2, err);
}

static int probe_all(struct prober *p, struct ft_err *err)
{
    struct replay_walk w;
    int rc = replay_walk_init(&w, p->r, p->r->source, probe_key, p, err);

    w.entries = true;
    if (rc == 0)
        rc = replay_walk_all(&w, err);
    if (rc == 0)
        rc = cluster_pipe_drain(p->pipe, err);
    replay_walk_release(&w);
    return rc;
}

const char *replay_kept_name(const char *capture, char out[REPLAY_KEY_SIZE])
{
    (void)snprintf(out, REPLAY_KEY_SIZE, REPLAY_KEY_PREFIX "%s:kept", capture); /* fits */
    return out;
}

const char *replay_kept_libraries_name(const char *capture, char out[REPLAY_KEY_SIZE])
{
    (void)snprintf(out, REPLAY_KEY_SIZE, REPLAY_KEY_PREFIX "%s:kept-lib", capture); /* likewise */
    return out;
}

static int write_set(struct replay *r, const struct key_set *set, const char *name,
                     struct ft_err *err)
{
    struct bytes args[] = {bytes_str("DEL"), bytes_str(name), {NULL, 0}};
    struct target_node *node = target_client_node(&r->target, args[1]);

    if (target_node_call(node, NULL, args, 2, err) != 0)
        return -1;
    args[0] = bytes_str("SADD");
    for (size_t i = 0; i < set->capacity; i++) {
        args[2] = bytes_of(set->slots[i], KEY_SET_HASH_SIZE);
        if (set->slots[i][0] != 0 && redis_pipe_put(node->pipe, 0, args, 3, err) != 0)
            return -1;
    }
    return redis_pipe_drain(node->pipe, err);
}

int replay_write_kept(struct replay *r, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];

    if (write_set(r, &r->kept, replay_kept_name(r->set.id, name), err) != 0)
        return -1;
    return write_set(r, &r->kept_libraries, replay_kept_libraries_name(r->set.id, name), err);
}

int replay_find_kept(struct replay *r, struct ft_err *err)
{
    struct prober p = {.r = r};
    int rc;

    key_set_release(&r->kept);
    rc = cluster_pipe_new(&p.pipe, &r->target, IN_FLIGHT_BYTES, take_exists, &p, err);
    if (rc == 0)
        rc = probe_all(&p, err);
    if (rc == 0 && p.found != 0 && r->o->on_conflict == REPLAY_CONFLICT_FAIL) {
        rc = err_set(err, FT_ERR_LOSS,
                     "the target has %zu key%s of the input already, such as \"%s\"; nothing was "
                     "written (--on-conflict replace or skip)",
                     r->kept.count, plural(r->kept.count), p.first);
    }
    cluster_pipe_free(p.pipe);
    return rc;
}

/* {..., library_name, NAME, ...} */
static int keep_library(struct replay *r, const redisReply *library, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];

    for (size_t i = 0; library->type == REDIS_REPLY_ARRAY && i + 1 < library->elements; i += 2) {
        const redisReply *name = library->element[i + 1];

        if (library->element[i]->type != REDIS_REPLY_STRING || name->type != REDIS_REPLY_STRING ||
            strcmp(library->element[i]->str, "library_name") != 0)
            continue;
        key_set_hash(0, bytes_of(name->str, name->len), hash);
        return key_set_add(&r->kept_libraries, hash, err);
    }
    return 0;
}

int replay_find_kept_libraries(struct replay *r, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("FUNCTION"), bytes_str("LIST")};
    int rc = 0;

    key_set_release(&r->kept_libraries);
    for (size_t n = 0; rc == 0 && n < r->target.node_count; n++) {
        redisReply *reply;

        if (target_node_ask(&r->target.nodes[n], &reply, args, 2, err) != 0)
            return -1;
        for (size_t i = 0; rc == 0 && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
            rc = keep_library(r, reply->element[i], err);
        reply_free(reply); /* a refusal: it has none, or loading one will be refused as well */
    }
    return rc;
}

static int take_kept(struct key_set *set, const redisReply *hashes, struct ft_err *err)
{
    for (size_t i = 0; i < hashes->elements; i++) {
        const redisReply *hash = hashes->element[i];

        if (hash->len == KEY_SET_HASH_SIZE &&
            key_set_add(set, (const uint8_t *)hash->str, err) != 0)
            return -1;
    }
    return 0;
}

static int load_set(struct replay *r, struct key_set *set, const char *name, struct ft_err *err)
{
    struct target_node *node = target_client_node(&r->target, bytes_str(name));
    char cursor[KEY_SCAN_CURSOR_SIZE] = "0";
    int rc;

    key_set_release(set);
    do {
        redisReply *reply;

        if (key_scan_set(node, name, LOAD_PORTION, cursor, &reply, err) != 0)
            return -1;
        rc = take_kept(set, reply->element[1], err);
        reply_free(reply);
    } while (rc == 0 && strcmp(cursor, "0") != 0);
    return rc;
}

int replay_load_kept(struct replay *r, struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];

    if (r->o->on_conflict != REPLAY_CONFLICT_SKIP) {
        key_set_release(&r->kept);
        key_set_release(&r->kept_libraries);
        return 0;
    }
    if (load_set(r, &r->kept, replay_kept_name(r->set.id, name), err) != 0 ||
        load_set(r, &r->kept_libraries, replay_kept_libraries_name(r->set.id, name), err) != 0)
        return -1;
    replay_report_kept(&r->report, r->kept.count);
    return 0;
}
