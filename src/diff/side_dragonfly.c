#include "diff/side_dragonfly.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "command/translate.h"
#include "diff/server_keys.h"
#include "item/flow_decoder.h"
#include "wire/dfly_master.h"

#define GIVE_UP_MS  60000u
#define PAUSE_MS    500u
#define PIECE_BYTES ((size_t)256 << 10)

struct side_dragonfly {
    struct diff_side side;
    struct diff_side_options o;
    struct server_means means;
    bool refused; /* DUMP is */
};

/* One flow of a full sync, in a thread of its own. */
struct flow {
    struct side_dragonfly *owner;
    struct diff_pass *pass;
    uint32_t index;
    struct master_flow flow;
    bool opened;
    struct diff_reader *reader;
    struct flow_decoder *decoder;
    struct translator *translator; /* finds the keys of records */
    struct key_names touched;
    uint8_t *piece;
    uint64_t told_bytes;
    bool failed; /* for the reason in err */
    struct ft_err err;
};

static int cancelled(struct ft_err *err)
{
    return err_set(err, FT_ERR_CANCELLED, "cancelled");
}

/*
 * A flow
 */

static int take_record(struct flow *f, const struct item *item, struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    const struct translation_key *keys;
    size_t count;

    if (record->arg_count == 0)
        return 0;
    if (translator_find_keys(f->translator, record->args, record->arg_count, record->dbid, &keys,
                             &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (diff_reader_touch(f->reader, keys[i].db, keys[i].key, err) != 0 ||
            (f->pass->table != NULL &&
             key_names_add(&f->touched, keys[i].db, keys[i].key, err) != 0))
            return -1;
    }
    return 0;
}

/* 1: the snapshot is complete. */
static int take_item(struct flow *f, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = item_entry(item);

    if (entry != NULL)
        return diff_reader_entry(f->reader, entry, (int64_t)(item->time_us / 1000), err);
    if (item_command(item) != NULL)
        return take_record(f, item, err);
    if (item->kind == ITEM_FUNCTION && f->pass->functions != NULL)
        return diff_functions_add(f->pass->functions, f->pass->of, item->rdb.bytes, err);
    return item->kind == ITEM_SNAPSHOT_END ||
           (!item->is_record && item->rdb.kind == RDB_ITEM_FULLSYNC_END);
}

static int receive(struct flow *f, struct ft_err *err)
{
    size_t n;

    if (conn_read(&f->flow.client.conn, f->piece, PIECE_BYTES, &n, GIVE_UP_MS, err) != 0)
        return -1;
    if (n == 0)
        return err_set(err, FT_ERR_NET, "the connection was closed during the full sync");
    atomic_fetch_add(&f->owner->side.progress->done[f->owner->side.of], n);
    return flow_decoder_push(f->decoder, FLOW_PART_SNAPSHOT, bytes_of(f->piece, n), clock_wall_us(),
                             err);
}

static int read_flow(struct flow *f, struct ft_err *err)
{
    struct bytes first = resp_client_leftover(&f->flow.client);
    int done = 0;

    if (first.n != 0 &&
        flow_decoder_push(f->decoder, FLOW_PART_SNAPSHOT, first, clock_wall_us(), err) != 0)
        return -1;
    while (done == 0) {
        struct item item;
        enum step step = flow_decoder_next(f->decoder, &item, err);

        if (step == STEP_ITEM)
            done = take_item(f, &item, err);
        else if (step == STEP_MORE)
            done = receive(f, err);
        else if (step == STEP_ERROR)
            done = -1;
        else
            done = err_set(err, FT_ERR_PROTOCOL, "the flow ended early");
    }
    return done < 0 ? -1 : diff_reader_end(f->reader, err);
}

static void *flow_main(void *context)
{
    struct flow *f = context;

    f->failed = read_flow(f, &f->err) != 0;
    if (f->failed && f->err.kind != FT_ERR_CANCELLED)
        (void)err_wrap(&f->err, "flow %u", f->index);
    dfly_flow_close(&f->flow);
    f->opened = false;
    return NULL;
}

static int open_flow(struct flow *f, const struct dfly_master *m, struct ft_err *err)
{
    const struct translator_options options = {.target = target_default()};
    struct flow_decoder_options how = {.rdb = {.dragonfly = true}, .flow = f->index};

    f->piece = malloc(PIECE_BYTES);
    if (f->piece == NULL)
        return err_nomem(err, "a flow");
    if (diff_reader_new(&f->reader, f->pass, err) != 0 ||
        translator_new(&f->translator, &options, err) != 0 ||
        flow_decoder_new(&f->decoder, &how, err) != 0 ||
        dfly_flow_open(&f->flow, m, f->index, 0, f->owner->o.cancel_fd, err) != 0)
        return -1;
    f->opened = true;
    return 0;
}

static void close_flow(struct flow *f)
{
    if (f->opened)
        dfly_flow_close(&f->flow);
    diff_reader_free(f->reader);
    translator_free(f->translator);
    flow_decoder_free(f->decoder);
    key_names_release(&f->touched);
    free(f->piece);
}

/*
 * A full sync
 */

static int run_flows(struct flow *flows, uint32_t count, struct ft_err *err)
{
    pthread_t *threads = calloc(count, sizeof(*threads));
    uint32_t started = 0;
    int rc = 0;

    if (threads == NULL)
        return err_nomem(err, "the flows of a side");
    for (; started < count; started++) {
        rc = pthread_create(&threads[started], NULL, flow_main, &flows[started]);
        if (rc != 0) {
            rc = err_errno(err, rc, "could not start a thread");
            break;
        }
    }
    /* flows that nobody reads are closed, so that the source ends the others */
    for (uint32_t i = started; i < count; i++) {
        dfly_flow_close(&flows[i].flow);
        flows[i].opened = false;
    }
    for (uint32_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL); /* joined only here */
        if (!flows[i].failed)
            continue;
        if (rc != 0 && err->kind == FT_ERR_CANCELLED)
            err_clear(err); /* what another one failed for says more */
        rc = err_copy(err, &flows[i].err);
    }
    free(threads);
    return rc;
}

static int read_by_name(struct side_dragonfly *s, struct diff_pass *pass,
                        const struct key_names *names, struct ft_err *err);

/* What changed during the full sync has the value that it has now. */
static int read_touched(struct side_dragonfly *s, struct diff_pass *pass, const struct flow *flows,
                        uint32_t count, struct ft_err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (flows[i].touched.count != 0 && read_by_name(s, pass, &flows[i].touched, err) != 0)
            return -1;
    }
    return 0;
}

static int full_sync(struct side_dragonfly *s, struct diff_pass *pass, struct ft_err *err)
{
    struct dfly_master m;
    struct flow *flows;
    uint32_t made = 0;
    int rc = 0;

    if (dfly_master_open(&m, s->o.uri, s->o.cancel_fd, GIVE_UP_MS, NULL, NULL, err) != 0)
        return -1;
    flows = calloc(m.flow_count, sizeof(*flows));
    if (flows == NULL)
        rc = err_nomem(err, "the flows of a side");
    for (; rc == 0 && made < m.flow_count; made++) {
        flows[made] = (struct flow){.owner = s, .pass = pass, .index = made, .err = FT_ERR_INIT};
        rc = open_flow(&flows[made], &m, err);
    }
    if (rc == 0)
        rc = dfly_master_sync(&m, err);
    if (rc == 0)
        rc = run_flows(flows, made, err);
    dfly_master_close(&m);
    if (rc == 0)
        rc = read_touched(s, pass, flows, made, err);
    for (uint32_t i = 0; i < made; i++)
        close_flow(&flows[i]);
    free(flows);
    return rc;
}

/*
 * One key after the other
 */

static int call(struct redis_pipe *pipe, const char *command, struct bytes key, redisReply **ret,
                struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(command), key};

    return redis_pipe_call(pipe, ret, args, 2, err);
}

static int select_database(struct redis_pipe *pipe, uint32_t db, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    redisReply *reply;
    int rc = 0;

    if (call(pipe, "SELECT", bytes_of(number, i64_to_text(db, number)), &reply, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        rc = err_set(err, FT_ERR_PROTOCOL, "the source answered SELECT: %s", reply->str);
    reply_free(reply);
    return rc;
}

/* 1: it may not be asked for. */
static int read_key(struct side_dragonfly *s, struct redis_pipe *pipe, struct server_value *value,
                    uint32_t db, struct bytes key, struct ft_err *err)
{
    struct rdb_entry entry = {.db = db, .key = key};
    redisReply *reply;
    bool there;
    int rc = 0;

    if (call(pipe, server_means_time_command(&s->means), key, &reply, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR && s->means.absolute_times) {
        s->means.absolute_times = false; /* an older release */
        reply_free(reply);
        if (call(pipe, server_means_time_command(&s->means), key, &reply, err) != 0)
            return -1;
    }
    there = server_means_take_time(&s->means, reply, &entry.expire_ms);
    rc = reply->type == REDIS_REPLY_ERROR;
    reply_free(reply);
    if (rc != 0)
        return rc;
    if (!there)
        return diff_reader_gone(value->reader, db, key, err);
    if (call(pipe, "DUMP", key, &reply, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        rc = 1;
    else if (reply->type == REDIS_REPLY_NIL)
        rc = diff_reader_gone(value->reader, db, key, err);
    else
        rc =
            server_value_take(value, &entry, VALUE_MODULE, reply, err); /* by DUMP whatever it is */
    reply_free(reply);
    return rc;
}

static int read_by_name(struct side_dragonfly *s, struct diff_pass *pass,
                        const struct key_names *names, struct ft_err *err)
{
    struct server_value value = {0};
    struct diff_reader *reader = NULL;
    struct redis_pipe *pipe = NULL;
    uint32_t selected = 0;
    int rc = s->refused ? 1 : diff_reader_new(&reader, pass, err);

    if (rc == 0) {
        diff_reader_ask(reader);
        server_value_begin(&value, &s->means, s->side.name, reader);
        rc = redis_pipe_open_within(&pipe, s->o.uri, s->o.cancel_fd, GIVE_UP_MS, NULL, NULL, err);
    }
    for (size_t i = 0; rc == 0 && i < names->count; i++) {
        if (names->list[i].db != selected)
            rc = select_database(pipe, names->list[i].db, err);
        selected = names->list[i].db;
        if (rc == 0)
            rc = read_key(s, pipe, &value, selected, key_names_at(names, i), err);
    }
    if (rc == 0)
        rc = diff_reader_end(reader, err);
    s->refused |= rc > 0;
    redis_pipe_free(pipe);
    server_value_release(&value);
    diff_reader_free(reader);
    return rc < 0 ? -1 : 0;
}

/* Names of what still differs; 1: not all are known. */
static int list_due(struct side_dragonfly *s, struct diff_pass *pass, struct key_names *ret,
                    struct ft_err *err)
{
    struct diff_table *table = pass->table;
    struct buf name = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < table->capacity; i++) {
        const struct diff_suspect *suspect = &table->slots[i];

        if (!diff_table_is_due(suspect))
            continue;
        buf_clear(&name);
        rc = suspect->named ? diff_table_read_name(table, suspect, s->side.of, &name, err) : 1;
        if (rc == 0)
            rc = key_names_add(ret, suspect->db[s->side.of], buf_bytes(&name), err);
    }
    buf_release(&name);
    return rc;
}

static int read_pass(struct side_dragonfly *s, struct diff_pass *pass, struct ft_err *err)
{
    struct key_names names = {0};
    int rc = pass->table == NULL || s->refused ? 1 : list_due(s, pass, &names, err);

    if (rc == 0)
        rc = read_by_name(s, pass, &names, err);
    key_names_release(&names);
    if (rc < 0)
        return -1;
    return rc == 0 && !s->refused ? 0 : full_sync(s, pass, err);
}

static int pause_for(const struct side_dragonfly *s, struct ft_err *err)
{
    struct pollfd stop = {.fd = s->o.cancel_fd, .events = POLLIN};

    return poll(&stop, 1, PAUSE_MS) <= 0 ? 0 : cancelled(err);
}

static int read_dragonfly(struct diff_side *side, struct diff_pass *pass, struct ft_err *err)
{
    struct side_dragonfly *s = (struct side_dragonfly *)side;
    uint64_t began_ms = clock_mono_ms();

    for (;;) {
        if (read_pass(s, pass, err) == 0)
            return 0;
        if (err->kind == FT_ERR_CANCELLED)
            return -1;
        if ((err->kind != FT_ERR_NET && err->kind != FT_ERR_TIMEOUT) ||
            clock_mono_ms() - began_ms > GIVE_UP_MS)
            return err_wrap(err, "%s", side->name);
        err_clear(err);
        if (pause_for(s, err) != 0)
            return -1;
    }
}

static void free_dragonfly(struct diff_side *side)
{
    free(side->name);
    free(side);
}

static const struct diff_side_ops dragonfly_ops = {read_dragonfly, free_dragonfly};

int side_dragonfly_new(struct diff_side **ret, enum diff_of of, const char *name,
                       const struct diff_side_options *options, struct ft_err *err)
{
    struct side_dragonfly *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_nomem(err, "a side");
    s->o = *options;
    s->means = (struct server_means){.dump = true, .absolute_times = true};
    s->side = (struct diff_side){.of = of,
                                 .ops = &dragonfly_ops,
                                 .live = true,
                                 .kind_name = "dragonfly",
                                 .progress = options->progress,
                                 .name = diff_side_escape(name)};
    if (s->side.name == NULL) {
        free(s);
        return err_nomem(err, "the name of a side");
    }
    *ret = &s->side;
    return 0;
}
