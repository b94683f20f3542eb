#include "replay/replay_survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "input/stream_pool.h"
#include "mapping/replay_divide.h"
#include "mapping/replay_mapper.h"
#include "pump/pump.h"
#include "rdb/value_walk.h"
#include "replay/position/replay_dead.h"
#include "replay/replay_record.h"
#include "resp/resp_write.h"
#include "target/local_script.h"

#define NAME_BUCKETS 64u

/* What all streams add to. */
struct surveyor {
    struct replay *r;
    struct source_large *large;
    struct replay_survey *ret;
    pthread_mutex_t mu; /* guards ret but for its losses, which guard themselves */
};

/* One stream's part. */
struct worker {
    struct surveyor *s;
    struct replay_mapper *mapper;
    struct translator *translator;
    struct recoder *recoder;
    uint32_t db_max;
    uint64_t keys, records, in_sync, bytes;
    bool strings, values, modules, times, scripts;
    unsigned classes;
    struct reach_limit limit; /* of a request */
    char too_large[200];
    uint64_t too_large_count;
    bool with_values; /* the second pass */
    bool doubtful;    /* a type has come of which values may be lost */
    struct replay_command *commands;
    size_t command_count;
    size_t known[NAME_BUCKETS]; /* which of these a name like this was last */
};

static int add_loss(struct worker *w, enum loss_reason reason, const char *class_name, uint32_t db,
                    struct bytes key, struct ft_err *err)
{
    return loss_add(&w->s->ret->losses, reason, class_name, db, key, err);
}

/*
 * Entries
 */

static int take_value(struct worker *w, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *e = &item->rdb.entry;
    enum loss_reason loss = LOSS_NONE;
    struct bytes value;
    uint8_t type;

    if (recoder_run(w->recoder, e, (int64_t)(item->time_us / 1000), &type, &value, &loss, err) ==
        RECODE_ERROR)
        return -1;
    return loss == LOSS_NONE ? 0 : add_loss(w, loss, rdb_type_name(e->type), e->db, e->key, err);
}

/* A value is never longer in the input than it is, but for its length in front. */
static void look_at_string(struct worker *w, const struct rdb_entry *e, struct bytes key)
{
    char shown[60];

    if (w->limit.bytes == 0 || e->value_bytes + key.n <= w->limit.bytes)
        return;
    if (w->too_large_count++ == 0)
        (void)snprintf(w->too_large, sizeof(w->too_large),
                       "\"%s\" with a value of %" PRIu64 " bytes",
                       bytes_escape(key, shown, sizeof(shown)), (uint64_t)e->value_bytes);
}

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    struct worker *w = context;
    const struct replay *r = w->s->r;
    const struct rdb_entry *e = &item->rdb.entry;
    bool may_lose = recoder_may_lose(r->target.kind, e->type);
    enum replay_fate fate;
    struct bytes key;
    uint32_t db;

    if (w->with_values && !may_lose)
        return 0;
    fate = replay_mapper_key(w->mapper, e->db, e->key, &db, &key, err);
    if (fate != REPLAY_FATE_SAME && fate != REPLAY_FATE_CHANGED)
        return fate == REPLAY_FATE_ERROR ? -1 : 0;
    if (w->with_values)
        return take_value(w, item, err);
    if (db > w->db_max)
        w->db_max = db;
    w->times |= e->expire_ms != RDB_NO_EXPIRY;
    w->strings |= rdb_type_class(e->type) == VALUE_STRING;
    w->values |= rdb_type_class(e->type) != VALUE_STRING;
    w->modules |=
        rdb_type_class(e->type) == VALUE_MODULE && recoder_always_loses(e->type) == LOSS_NONE;
    w->classes |= 1u << rdb_type_class(e->type);
    if (rdb_type_class(e->type) == VALUE_STRING)
        look_at_string(w, e, key);
    w->doubtful |= may_lose;
    w->keys++;
    w->bytes += key.n + e->value_bytes;
    return 0;
}

/*
 * Records
 */

static int take_losses(struct worker *w, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct bytes key = t->key_count == 0 ? bytes_of(NULL, 0) : t->keys[0].key;
    struct replay_mapped mapped;
    enum replay_fate fate;

    if (t->loss_count == 0)
        return 0;
    fate = replay_mapper_record(w->mapper, item, t, &mapped, err);
    if (fate != REPLAY_FATE_SAME && fate != REPLAY_FATE_CHANGED && fate != REPLAY_FATE_TRANSFER)
        return fate == REPLAY_FATE_ERROR ? -1 : 0;
    for (size_t i = 0; i < t->loss_count; i++) {
        if (add_loss(w, t->losses[i].reason, t->losses[i].class_name, item->record.dbid, key,
                     err) != 0)
            return -1;
    }
    return 0;
}

/* 1: at least one of them goes to the target. */
static int take_keys(struct worker *w, const struct translation *t, struct ft_err *err)
{
    bool any = false;

    for (size_t i = 0; i < t->key_count; i++) {
        struct bytes key;
        uint32_t db;
        enum replay_fate fate =
            replay_mapper_key(w->mapper, t->keys[i].db, t->keys[i].key, &db, &key, err);

        if (fate == REPLAY_FATE_ERROR)
            return -1;
        if (fate != REPLAY_FATE_SAME && fate != REPLAY_FATE_CHANGED)
            continue;
        any = true;
        if (db > w->db_max)
            w->db_max = db;
    }
    return any;
}

static size_t name_bucket(struct bytes name)
{
    return (name.n * 5 + name.p[0] * 3u + name.p[name.n - 1]) % NAME_BUCKETS;
}

/* The names are few, and most records have one that was just there. */
static int add_command(struct worker *w, struct bytes name, bool called, struct ft_err *err)
{
    size_t *known;
    size_t i = 0;

    if (name.n == 0 || name.n >= REPLAY_COMMAND_NAME)
        return 0;
    known = &w->known[name_bucket(name)];
    if (*known < w->command_count && bytes_is_word(name, w->commands[*known].name)) {
        w->commands[*known].called &= called;
        return 0;
    }
    while (i < w->command_count && !bytes_is_word(name, w->commands[i].name))
        i++;
    *known = i;
    if (i < w->command_count) {
        w->commands[i].called &= called;
        return 0;
    }
    if (ARRAY_ADD_ROOM(&w->commands, w->command_count, "commands", err) != 0)
        return -1;
    w->commands[i] = (struct replay_command){.called = called};
    memcpy(w->commands[i].name, name.p, name.n);
    w->command_count++;
    return 0;
}

/* What a script of this program calls stands in it: redis.call('NAME'. It selects the database it is in, if there are
 * several; what it asks with subcommands, it only reads. */
static int add_called(struct worker *w, struct bytes script, struct ft_err *err)
{
    static const char *const left_out[] = {"SELECT", "XINFO", "OBJECT"};
    static const char call[] = "call('";
    const uint8_t *end = script.p + script.n;
    const uint8_t *at = script.p;

    while ((at = memmem(at, (size_t)(end - at), call, strlen(call))) != NULL) {
        const uint8_t *quote;
        struct bytes name;
        bool left = false;

        at += strlen(call);
        quote = memchr(at, '\'', (size_t)(end - at));
        if (quote == NULL)
            return 0;
        name = bytes_of(at, (size_t)(quote - at));
        for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
            left |= bytes_is_word(name, left_out[i]);
        if (!left && add_command(w, name, true, err) != 0)
            return -1;
    }
    return 0;
}

/* Of those with subcommands each of these may be allowed by itself. */
static int add_sent(struct worker *w, const struct bytes *args, size_t count, struct ft_err *err)
{
    static const char *const containers[] = {"XGROUP", "SCRIPT", "FUNCTION"};
    char name[REPLAY_COMMAND_NAME];

    for (size_t i = 0; count > 1 && i < sizeof(containers) / sizeof(containers[0]); i++) {
        int n;

        if (!bytes_is_word(args[0], containers[i]) || args[1].n > REPLAY_COMMAND_NAME)
            continue;
        n = snprintf(name, sizeof(name), "%s %.*s", containers[i], (int)args[1].n,
                     (const char *)args[1].p);
        return add_command(w, bytes_of(name, (size_t)n), false, err);
    }
    return add_command(w, args[0], false, err);
}

static int add_commands(struct worker *w, const struct translation *t, struct ft_err *err)
{
    for (size_t i = 0; i < t->command_count; i++) {
        const struct bytes *args = t->commands[i].args;

        /* PEXPIREAT and its like, and SET with a time */
        w->times |= memmem(args[0].p, args[0].n, "EXPIRE", 6) != NULL ||
                    (t->commands[i].count > 3 && bytes_is_word(args[0], "SET"));
        if (add_sent(w, args, t->commands[i].count, err) != 0)
            return -1;
        if (t->commands[i].count < 2 || !bytes_eq_str(args[0], "EVAL"))
            continue;
        w->scripts |= !local_script_is_own(args[1]);
        if (add_called(w, args[1], err) != 0)
            return -1;
    }
    return 0;
}

/* A command that cannot be cut, or of which one step is too large already. */
static void look_at_request(struct worker *w, const struct item *item, const struct translation *t)
{
    size_t head;
    size_t step;

    for (size_t i = 0; (w->limit.args != 0 || w->limit.bytes != 0) && i < t->command_count; i++) {
        const struct bytes *args = t->commands[i].args;
        size_t count = t->commands[i].count;
        size_t bytes = resp_command_size(args, count);

        if (reach_fits(&w->limit, count, bytes) || bytes_eq_str(args[0], "EVAL") ||
            (replay_divide(args, count, &head, &step) && count > head + step))
            continue;
        if (w->too_large_count++ == 0)
            (void)snprintf(w->too_large, sizeof(w->too_large),
                           "%.*s of flow %" PRIu32 ", LSN %" PRIu64
                           ", of %zu arguments and %zu bytes",
                           args[0].n < 32 ? (int)args[0].n : 32, (const char *)args[0].p,
                           item->flow, item->lsn, count, bytes);
    }
}

/*
 * Functions
 */

bool replay_library_name(struct bytes code, char out[REPLAY_LIBRARY_NAME])
{
    const uint8_t *end = code.n == 0 ? NULL : memchr(code.p, '\n', code.n);
    size_t line = end == NULL ? code.n : (size_t)(end - code.p);
    const char *name = memmem(code.p, line, " name=", 6);
    size_t n = 0;

    if (line < 2 || code.p[0] != '#' || code.p[1] != '!' || name == NULL)
        return false;
    name += 6;
    while (name + n < (const char *)code.p + line && strchr(" \t\r", name[n]) == NULL)
        n++;
    if (n == 0 || n >= REPLAY_LIBRARY_NAME)
        return false;
    memcpy(out, name, n);
    out[n] = '\0';
    return true;
}

bool replay_loads_library(const struct journal_record *record)
{
    return record->arg_count >= 3 && bytes_is_word(record->args[1], "LOAD");
}

static int add_library(struct worker *w, struct bytes code, struct ft_err *err)
{
    struct replay_survey *ret = w->s->ret;
    char name[REPLAY_LIBRARY_NAME];
    char(*grown)[REPLAY_LIBRARY_NAME];
    int rc = 0;

    if (!replay_library_name(code, name))
        return 0;
    pthread_mutex_lock(&w->s->mu);
    for (size_t i = 0; i < ret->library_count; i++) {
        if (strcmp(ret->libraries[i], name) == 0) {
            pthread_mutex_unlock(&w->s->mu);
            return 0;
        }
    }
    grown = reallocarray(ret->libraries, ret->library_count + 1, sizeof(*grown));
    if (grown == NULL) {
        rc = err_nomem(err, "function libraries");
    } else {
        ret->libraries = grown;
        memcpy(grown[ret->library_count++], name, sizeof(name));
    }
    pthread_mutex_unlock(&w->s->mu);
    return rc;
}

static int take_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct worker *w = context;
    int passes;

    if (t->class_ == TRANSLATION_FLUSH)
        return 0;
    passes = take_keys(w, t, err);
    if (passes < 0)
        return -1;
    w->records += passes;
    if (passes)
        look_at_request(w, item, t);
    if (passes && add_commands(w, t, err) != 0)
        return -1;
    if (t->functions && replay_loads_library(&item->record) &&
        add_library(w, item->record.args[item->record.arg_count - 1], err) != 0)
        return -1;
    return take_losses(w, item, t, err);
}

static int take_function(void *context, const struct item *item, struct bytes code,
                         struct ft_err *err)
{
    (void)item; /* any stream's */
    return add_library(context, code, err);
}

/* Notes are for when it happens. */
static int take_loss(void *context, enum loss_reason reason, const char *class_name, uint32_t db,
                     struct bytes key, struct ft_err *err)
{
    return loss_is_note(reason) ? 0 : add_loss(context, reason, class_name, db, key, err);
}

/*
 * Streams
 */

static int check_cancelled(void *context, uint64_t stream_bytes, struct ft_err *err)
{
    struct worker *w = context;

    (void)stream_bytes;
    return replay_check_cancelled(w->s->r, err);
}

static int open_pump(struct worker *w, struct pump **ret, struct ft_err *err)
{
    const struct replay *r = w->s->r;
    struct pump_options options = {.source = r->source,
                                   .target = r->target.kind,
                                   .json_as = r->o->json_as,
                                   .filter = &r->o->filter,
                                   .whole_records = true,
                                   .expired_ms = PUMP_NOTHING_EXPIRED,
                                   .tick = check_cancelled,
                                   .tick_context = w};
    struct item_sink sink = {.context = w, .entry = take_entry};

    if (!w->with_values) {
        options.translator = w->translator;
        sink.record = take_record;
        sink.function = take_function;
        sink.loss = take_loss;
    }
    /* records after the cut are not replayed */
    if (source_can(r->source, SOURCE_HAS_JOURNAL) && r->follow == NULL)
        options.stop_lsn = r->cut.stop_lsn;
    return pump_new(ret, &options, &sink, err);
}

static int read_stream(struct worker *w, uint32_t index, struct ft_err *err)
{
    const struct replay *r = w->s->r;
    const struct source_stream_options options = {
        .skip_values = !w->with_values,
        .keep_args = true,
        .snapshot_only =
            w->with_values || (source_can(r->source, SOURCE_HAS_JOURNAL) && r->cut.is_snapshot),
        .follow = r->follow != NULL,
        .scripts = true,
        .large = w->with_values ? w->s->large : NULL,
    };
    struct source_stream *stream;
    struct pump *pump;
    int rc;

    if (source_stream_open(&stream, r->source, index, &options, err) != 0)
        return -1;
    rc = open_pump(w, &pump, err);
    if (rc == 0) {
        rc = pump_stream(pump, stream, err);
        if (!w->with_values)
            w->in_sync += pump_counts(pump)->in_sync;
        pump_free(pump);
    }
    source_stream_free(stream);
    return rc;
}

static int add_names(struct replay_survey *ret, const struct worker *w, struct ft_err *err)
{
    for (size_t i = 0; i < w->command_count; i++) {
        const struct replay_command *c = &w->commands[i];
        size_t k = 0;

        while (k < ret->command_count && strcmp(ret->commands[k].name, c->name) != 0)
            k++;
        if (k == ret->command_count) {
            if (ARRAY_ADD_ROOM(&ret->commands, ret->command_count, "commands", err) != 0)
                return -1;
            ret->commands[ret->command_count++] = *c;
        }
        ret->commands[k].called &= c->called;
    }
    return 0;
}

static int add_up(struct surveyor *s, const struct worker *w, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&s->mu);
    if (w->db_max > s->ret->db_max)
        s->ret->db_max = w->db_max;
    s->ret->strings |= w->strings;
    s->ret->times |= w->times;
    s->ret->scripts |= w->scripts;
    s->ret->values |= w->values;
    s->ret->modules |= w->modules;
    s->ret->classes |= w->classes;
    if (s->ret->too_large_count == 0)
        memcpy(s->ret->too_large, w->too_large, sizeof(s->ret->too_large));
    s->ret->too_large_count += w->too_large_count;
    s->ret->keys += w->keys;
    s->ret->records += w->records;
    s->ret->in_sync += w->in_sync;
    s->ret->bytes += w->bytes;
    rc = add_names(s->ret, w, err);
    pthread_mutex_unlock(&s->mu);
    return rc;
}

static int survey_stream(void *context, const struct source *source, uint32_t index,
                         struct ft_err *err)
{
    struct surveyor *s = context;
    struct replay *r = s->r;
    const struct replay_rules rules = replay_rules_of(r);
    struct worker w = {.s = s, .limit = replay_request_limit(&s->r->set)};
    int rc = -1;

    (void)source;
    if (replay_mapper_new(&w.mapper, &rules, err) == 0 &&
        replay_translator_new(&w.translator, &rules, err) == 0 &&
        recoder_new(&w.recoder, r->target.kind, r->o->json_as, err) == 0)
        rc = read_stream(&w, index, err);
    w.with_values = true;
    if (rc == 0 && w.doubtful)
        rc = read_stream(&w, index, err);
    if (rc == 0)
        rc = add_up(s, &w, err);
    free(w.commands);
    replay_mapper_free(w.mapper);
    translator_free(w.translator);
    recoder_free(w.recoder);
    return rc;
}

int replay_survey_run(struct replay_survey *ret, struct replay *r, struct ft_err *err)
{
    struct surveyor s = {.r = r, .ret = ret};
    int rc;

    *ret = (struct replay_survey){0};
    loss_init(&ret->losses);
    if (source_large_new(&s.large, err) != 0)
        return -1;
    (void)pthread_mutex_init(&s.mu, NULL); /* default attributes: cannot fail on Linux */
    read_progress_begin(r->source->progress, "preflight", source_bytes(r->source));
    rc = stream_pool_run(r->source, survey_stream, &s, err);
    (void)pthread_mutex_destroy(&s.mu); /* nobody holds it any more */
    source_large_free(s.large);
    return rc;
}

void replay_survey_release(struct replay_survey *s)
{
    loss_release(&s->losses);
    free(s->libraries);
    s->libraries = NULL;
    free(s->commands);
    s->commands = NULL;
}
