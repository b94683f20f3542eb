#include "diff/side_server.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "diff/server_scan.h"
#include "mapping/replay_own_key.h"
#include "wire/slot_map_fetch.h"

#define GIVE_UP_MS 60000u
#define PAUSE_MS   500u
/* While slots move all the time a scan is not made again for ever. */
#define SCANS_MAX     3
#define NAMES_AT_ONCE 10000u

struct side_server {
    struct diff_side side;
    struct diff_side_options o;
    const struct diff_rules *rules;
    struct target_client target;
    struct server_means means;
    struct server_pace pace;
};

static int sleep_on(void *context, uint64_t ms, struct ft_err *err)
{
    struct side_server *s = context;
    struct pollfd stop = {.fd = s->o.cancel_fd, .events = POLLIN};

    if (poll(&stop, 1, (int)ms) <= 0)
        return 0;
    return err_set(err, FT_ERR_CANCELLED, "cancelled");
}

/*
 * All masters at once
 */

static void *scan_main(void *context)
{
    server_scan_run(context);
    return NULL;
}

static int read_strays(struct side_server *s, struct diff_pass *pass,
                       const struct key_names *strays, struct ft_err *err)
{
    struct diff_reader *reader;
    int rc;

    if (strays->count == 0)
        return 0;
    if (diff_reader_new(&reader, pass, err) != 0)
        return -1;
    diff_reader_ask(reader);
    rc = server_keys_read(&s->target, &s->means, reader, strays, &s->pace, err);
    if (rc == 0)
        rc = diff_reader_end(reader, err);
    diff_reader_free(reader);
    return rc;
}

/* 1: slots were on their way. */
static int scan_masters(struct side_server *s, struct diff_pass *pass, struct ft_err *err)
{
    size_t count = s->target.node_count;
    struct server_scan *scans = calloc(count, sizeof(*scans));
    pthread_t *threads = calloc(count, sizeof(*threads));
    size_t started = 0;
    bool moving = false;
    int rc = 0;

    if (scans == NULL || threads == NULL)
        rc = err_nomem(err, "the masters of a side");
    for (; rc == 0 && started < count; started++) {
        scans[started] = (struct server_scan){.node = &s->target.nodes[started],
                                              .host = &s->target.host,
                                              .means = &s->means,
                                              .pass = pass,
                                              .pace = &s->pace,
                                              .progress = s->side.progress,
                                              .err = FT_ERR_INIT};
        rc = pthread_create(&threads[started], NULL, scan_main, &scans[started]);
        if (rc != 0) {
            rc = err_errno(err, rc, "could not start a thread");
            break;
        }
    }
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL); /* joined only here */
        moving |= scans[i].moving;
        if (scans[i].failed)
            rc = err_copy(err, &scans[i].err); /* the first one stays */
    }
    for (size_t i = 0; i < started; i++) {
        if (rc == 0)
            rc = read_strays(s, pass, &scans[i].strays, err);
        key_names_release(&scans[i].strays);
    }
    free(scans);
    free(threads);
    return rc != 0 ? -1 : moving;
}

/* 1: it is not that of the beginning any more. */
static int map_has_changed(struct side_server *s, struct ft_err *err)
{
    struct slot_map *now;
    int changed;

    if (!s->target.cluster)
        return 0;
    if (slot_map_refetch(&now, s->target.map, &s->target.uri, s->o.cancel_fd, GIVE_UP_MS, err) != 0)
        return -1;
    changed = !slot_map_same(now, s->target.map);
    slot_map_free(now);
    return changed;
}

/*
 * A pass
 */

/* What the replay that has written there has noted down. Who may not ask is told of no replay. */
static int find_replay(struct side_server *s, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HMGET"), bytes_str(s->means.state),
                                 bytes_str("began_ms"), bytes_str("options")};
    redisReply *reply;
    int rc = 0;

    if (target_node_ask(target_client_node(&s->target, args[1]), &reply, args, 4, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        const redisReply *began = reply->element[0];
        const redisReply *options = reply->element[1];

        if (began->type == REDIS_REPLY_STRING)
            (void)bytes_to_i64(bytes_of(began->str, began->len), &s->side.began_ms); /* stays 0 */
        if (options->type == REDIS_REPLY_STRING)
            rc = buf_append(&s->side.options, options->str, options->len, err);
    }
    reply_free(reply);
    return rc;
}

static int open_target(struct side_server *s, struct ft_err *err)
{
    if (target_client_open(&s->target, NULL, err) == 0 &&
        server_means_find(&s->target, &s->side, s->rules, &s->means, err) == 0)
        return 0;
    target_client_close(&s->target);
    return -1;
}

static int scan_until_still(struct side_server *s, struct diff_pass *pass, struct ft_err *err)
{
    for (int i = 0;; i++) {
        int moved;

        atomic_store(&s->side.progress->total[s->side.of], 0);
        atomic_store(&s->side.progress->done[s->side.of], 0);
        if (open_target(s, err) != 0)
            return -1;
        if (pass->functions != NULL)
            diff_functions_begin(pass->functions, s->side.of, (unsigned)s->target.node_count);
        moved = scan_masters(s, pass, err);
        if (moved == 0)
            moved = map_has_changed(s, err);
        target_client_close(&s->target);
        if (moved <= 0 || i + 1 == SCANS_MAX)
            return moved < 0 ? -1 : 0;
    }
}

/* Those of the table that still differ, some at a time. */
static int read_due(struct side_server *s, struct diff_pass *pass, struct ft_err *err)
{
    struct diff_table *table = pass->table;
    struct key_names names = {0};
    struct buf name = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < table->capacity; i++) {
        const struct diff_suspect *suspect = &table->slots[i];

        /* a cluster has no other database, and refuses to be asked for one */
        if (!diff_table_is_due(suspect) || (s->target.cluster && suspect->db[s->side.of] != 0))
            continue;
        buf_clear(&name);
        rc = diff_table_read_name(table, suspect, s->side.of, &name, err);
        if (rc == 0)
            rc = key_names_add(&names, suspect->db[s->side.of], buf_bytes(&name), err);
        if (rc == 0 && names.count == NAMES_AT_ONCE) {
            rc = read_strays(s, pass, &names, err);
            key_names_clear(&names);
        }
    }
    if (rc == 0)
        rc = read_strays(s, pass, &names, err);
    buf_release(&name);
    key_names_release(&names);
    return rc;
}

/* By name, if all names are known. 1: they are not. */
static int read_named(struct side_server *s, struct diff_pass *pass, struct ft_err *err)
{
    struct diff_table *table = pass->table;
    int rc;

    for (size_t i = 0; i < table->capacity; i++) {
        if (diff_table_is_due(&table->slots[i]) && !table->slots[i].named)
            return 1;
    }
    if (open_target(s, err) != 0)
        return -1;
    rc = read_due(s, pass, err);
    target_client_close(&s->target);
    return rc;
}

static int read_server(struct diff_side *side, struct diff_pass *pass, struct ft_err *err)
{
    struct side_server *s = (struct side_server *)side;
    uint64_t began_ms = clock_mono_ms();

    for (;;) {
        int rc = pass->table == NULL ? 1 : read_named(s, pass, err);

        if (rc > 0)
            rc = scan_until_still(s, pass, err);
        if (rc == 0)
            return 0;
        if ((err->kind != FT_ERR_NET && err->kind != FT_ERR_TIMEOUT) ||
            clock_mono_ms() - began_ms > GIVE_UP_MS)
            return err->kind == FT_ERR_CANCELLED ? -1 : err_wrap(err, "%s", side->name);
        err_clear(err);
        if (sleep_on(s, PAUSE_MS, err) != 0)
            return -1;
    }
}

static void free_server(struct diff_side *side)
{
    struct side_server *s = (struct side_server *)side;

    target_client_release(&s->target);
    (void)pthread_mutex_destroy(&s->pace.mu);
    buf_release(&side->options);
    free(side->name);
    free(s);
}

static const struct diff_side_ops server_ops = {read_server, free_server};

int side_server_new(struct diff_side **ret, enum diff_of of, const char *name,
                    const struct diff_side_options *options, const struct diff_rules *rules,
                    struct ft_err *err)
{
    struct side_server *s = calloc(1, sizeof(*s));
    struct target_host host;
    int rc;

    if (s == NULL)
        return err_nomem(err, "a side");
    s->o = *options;
    s->rules = rules;
    s->side = (struct diff_side){.of = of,
                                 .ops = &server_ops,
                                 .live = true,
                                 .progress = options->progress,
                                 .name = diff_side_escape(name)};
    (void)pthread_mutex_init(&s->pace.mu, NULL); /* default attributes: cannot fail on Linux */
    host = (struct target_host){
        .cancel_fd = options->cancel_fd, .give_up_ms = GIVE_UP_MS, .sleep = sleep_on, .context = s};
    target_client_init(&s->target, options->uri, &host);
    s->target.reads_only = true;
    s->pace.pace.per_second = options->rate_keys;
    s->pace.host = &s->target.host;
    rc = s->side.name == NULL ? err_nomem(err, "the name of a side") : open_target(s, err);
    if (rc == 0)
        rc = find_replay(s, err);
    if (rc != 0 && s->side.name != NULL && err->kind != FT_ERR_CANCELLED)
        (void)err_wrap(err, "%s", s->side.name);
    if (rc != 0) {
        free_server(&s->side);
        return -1;
    }
    s->side.kind = *s->target.kind;
    s->side.limited = true;
    s->side.by_type = !s->means.dump;
    s->side.kind_name = s->target.cluster ? "cluster" : "redis";
    target_client_close(&s->target);
    *ret = &s->side;
    return 0;
}
