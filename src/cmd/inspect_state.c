#include "cmd/inspect_state.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/quoting.h"
#include "cmd/value_lines.h"
#include "rdb/value_walk.h"
#include "state/state_run.h"

/* Applies the journal up to the state. */
#define REDIS_SERVER "redis-server"

struct printer {
    const struct state_view *v;
    struct state_run *run;
    struct bytes key; /* p NULL: all keys, and no values */
    uint64_t limit;
    pthread_mutex_t mu; /* guards what follows, and standard output */
    uint64_t found;
    bool enough;
};

static int print_json(struct printer *p, const struct rdb_entry *e, struct ft_err *err)
{
    json_t *json =
        json_pack("{s:s, s:I, s:o, s:s, s:I}", "state", p->v->at, "db", (json_int_t)e->db, "key",
                  json_from_bytes(e->key), "type", value_class_name(rdb_type_class(e->type)),
                  "bytes", (json_int_t)e->value_bytes);
    json_t *lines = p->key.p == NULL ? NULL : json_array();
    int rc = 0;

    if (json == NULL)
        return err_nomem(err, "a key");
    json_object_set_new(json, "expire_ms",
                        e->expire_ms == RDB_NO_EXPIRY ? json_null()
                                                      : json_integer((json_int_t)e->expire_ms));
    if (lines != NULL) {
        json_object_set_new(json, "value", lines);
        rc = value_lines(e, value_line_append, lines, err);
    }
    if (rc == 0) {
        json_dumpf(json, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(json);
    return rc;
}

static int print_text(struct printer *p, const struct rdb_entry *e, struct ft_err *err)
{
    char time[FORMAT_TIME];
    char size[FORMAT_SIZE];
    int rc = 0;

    if (p->key.p != NULL)
        printf("state at %s: ", p->v->at);
    printf("%" PRIu32 "/", e->db);
    quoting_print(stdout, e->key, 0);
    printf("  %s, %s", value_class_name(rdb_type_class(e->type)),
           format_size(e->value_bytes, size));
    if (e->expire_ms != RDB_NO_EXPIRY)
        printf(", until %s", format_time_us((uint64_t)e->expire_ms * 1000, time));
    if (p->key.p != NULL)
        rc = value_lines(e, value_line_print, NULL, err);
    putchar('\n');
    return rc;
}

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *e = &item->rdb.entry;
    struct printer *p = context;
    int rc = 0;

    if (p->key.p != NULL && (!bytes_eq(e->key, p->key) || !filter_db(p->v->filter, e->db)))
        return 0;
    pthread_mutex_lock(&p->mu);
    if (!p->enough) {
        p->found++;
        rc = p->v->json ? print_json(p, e, err) : print_text(p, e, err);
        p->enough = p->limit != 0 && p->found >= p->limit;
        if (p->enough)
            state_run_stop(p->run);
    }
    pthread_mutex_unlock(&p->mu);
    return rc;
}

static int run_lanes(struct printer *p, struct ft_err *err)
{
    uint32_t count = state_run_lanes(p->run);
    struct item_sink *sinks = calloc(count + 1u, sizeof(*sinks));
    struct ft_err why = FT_ERR_INIT;
    struct state_counts counts;
    int rc;

    if (sinks == NULL)
        return err_nomem(err, "the lanes of the state");
    for (uint32_t i = 0; i < count; i++)
        sinks[i] = (struct item_sink){.context = p, .entry = take_entry};
    rc = state_run_start(p->run, sinks, &why);
    if (state_run_join(p->run, &counts, &why) != 0)
        rc = -1;
    free(sinks);
    if (rc == 0 || (p->enough && why.kind == FT_ERR_CANCELLED))
        return 0;
    *err = why;
    return -1;
}

static int run_state(struct printer *p, struct ft_err *err)
{
    const struct source *source = p->v->source;
    struct cut cut = {0};
    struct loss_report losses;
    const struct state_options options = {
        .source = source,
        .cut = source_can(source, SOURCE_HAS_JOURNAL) ? &cut : NULL,
        .target = target_default(),
        .redis_server = REDIS_SERVER,
        .filter = p->key.p == NULL ? p->v->filter : NULL,
        .expired_ms = PUMP_NOTHING_EXPIRED,
        .losses = &losses,
    };
    int rc = source_resolve_cut(source, p->v->at, &cut, err);

    if (rc != 0)
        return -1;
    loss_init(&losses);
    (void)pthread_mutex_init(&p->mu, NULL); /* default attributes: cannot fail on Linux */
    rc = state_run_new(&p->run, &options, err);
    if (rc == 0) {
        rc = run_lanes(p, err);
        state_run_free(p->run);
    }
    if (rc == 0 && losses.losses != 0)
        fprintf(stderr,
                "flowtape inspect: %" PRIu64 " key%s records, and a type that redis-server cannot "
                "hold: not shown\n",
                losses.losses, losses.losses == 1 ? " has" : "s have");
    (void)pthread_mutex_destroy(&p->mu); /* nobody holds it any more */
    loss_release(&losses);
    cut_release(&cut);
    return rc;
}

int inspect_keys(const struct state_view *v, uint64_t limit, struct ft_err *err)
{
    struct printer p = {.v = v, .limit = limit};

    return run_state(&p, err);
}

int inspect_key_state(const struct state_view *v, struct bytes key, bool may_fail,
                      struct ft_err *err)
{
    struct printer p = {.v = v, .key = key.p == NULL ? bytes_str("") : key};

    struct ft_err why = FT_ERR_INIT;

    if (run_state(&p, &why) != 0) {
        if (may_fail && !v->json) {
            printf("state at %s: not known: %s\n", v->at, why.msg);
            return 0;
        }
        *err = why;
        return -1;
    }
    if (p.found != 0)
        return 0;
    if (v->json)
        return puts("{\"state\":null}") == EOF ? err_set(err, FT_ERR_IO, "could not write") : 0;
    printf("state at %s: there is no such key\n", v->at);
    return 0;
}
