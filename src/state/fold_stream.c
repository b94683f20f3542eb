#include "state/fold_stream.h"

#include <inttypes.h>
#include <stdlib.h>

#include "command/command_lua.h"
#include "command/command_table.h"
#include "command/left_out.h"
#include "rdb/value_walk.h"

/*
 * Commands are sent without waiting for their replies, so when one is refused the record it came from is
 * long gone: a ring of what was sent lately remembers for each which key and command to name. A refusal is a loss, but not where the source will have had the
 * same error: it journals some commands whether or not they did anything.
 */
static bool is_absent(const char *error)
{
    return strstr(error, "no such key") != NULL;
}

/* A command that the server refused, unless the source will have had the same error. */
static int note_refusal(struct fold_stream *s, uint64_t tag, const redisReply *reply,
                        struct ft_err *err)
{
    const struct fold_in_flight *u = &s->in_flight[tag % FOLD_IN_FLIGHT];
    const char *name = u->row == NULL ? "entry" : u->row->name;

    if (command_error_expected(u->row, reply->str) || (u->left_out && is_absent(reply->str)))
        return 0;
    return loss_add(s->fold->options.losses, LOSS_REFUSED, name, u->db,
                    bytes_of(u->key, u->key_size), err);
}

static int on_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct fold_stream *s = context;

    if (s->reader != NULL)
        return s->reader(s->reader_context, tag, reply, err);
    if (reply->type == REDIS_REPLY_ERROR)
        return note_refusal(s, tag, reply, err);
    return 0;
}

static int connect_stream(struct fold_stream *s, struct ft_err *err)
{
    struct fold *f = s->fold;
    const struct entry_commands_options entries = {
        .target = f->engine, .json_as = f->options.json_as, .restore = true};

    s->shift.script = lua_hsetex;
    s->in_flight = calloc(FOLD_IN_FLIGHT, sizeof(*s->in_flight));
    if (s->in_flight == NULL)
        return err_nomem(err, "the point-in-time conversion");
    if (journal_translator_new(&s->translator, f->source, f->engine, f->options.json_as, err) !=
            0 ||
        journal_translator_new(&s->for_target, f->source, f->options.target, f->options.json_as,
                               err) != 0 ||
        entry_commands_new(&s->entries, &entries, err) != 0 ||
        private_redis_connect(f->server, &s->pipe, on_reply, s, err) != 0)
        return -1;
    translator_set_moment(s->translator, cut_moment_ms(f->options.cut, 0));
    return 0;
}

int fold_stream_new(struct fold_stream **ret, struct fold *f, struct ft_err *err)
{
    struct fold_stream *s;

    *ret = NULL;
    if (fold_plan_is_empty(f->plan))
        return 0;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return err_nomem(err, "the point-in-time conversion");
    s->fold = f;
    if (f->server != NULL && connect_stream(s, err) != 0) {
        fold_stream_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

static int put(struct fold_stream *s, const struct bytes *args, size_t count, struct ft_err *err)
{
    const struct bytes *moved;

    if (s->pipe == NULL)
        return err_set(err, FT_ERR_BUG, "a command for a private server, and there is none");
    if (times_shift_run(&s->shift, args, count, TIMES_SHIFT_MS, &moved, err) != 0)
        return -1;
    s->in_flight[s->next_tag % FOLD_IN_FLIGHT] = s->current;
    return redis_pipe_put(s->pipe, s->next_tag++, moved, count, err);
}

int fold_stream_select(struct fold_stream *s, uint32_t db, struct ft_err *err)
{
    char text[I64_TEXT_SIZE];
    struct bytes args[2] = {bytes_str("SELECT")};

    if (s->db_known && s->db == db)
        return 0;
    if (db >= PRIVATE_REDIS_DATABASES) {
        return err_set(err, FT_ERR_LIMIT,
                       "database %" PRIu32 ": the private redis-server has %d databases", db,
                       PRIVATE_REDIS_DATABASES);
    }
    args[1] = bytes_of(text, i64_to_text(db, text));
    s->db = db;
    s->db_known = true;
    return put(s, args, 2, err);
}

static void set_current(struct fold_stream *s, const struct command_row *row, uint32_t db,
                        struct bytes key)
{
    s->current.row = row;
    s->current.db = db;
    s->current.left_out = false;
    s->current.key_size = (uint8_t)(key.n < FOLD_KEY_SHOWN ? key.n : FOLD_KEY_SHOWN);
    if (key.n != 0)
        memcpy(s->current.key, key.p, s->current.key_size);
}

/*
 * What the private server cannot hold but the target could is not the data's fault: say what to do
 * instead of calling it a loss.
 */
static int check_engine(const struct fold_stream *s, enum loss_reason loss, struct ft_err *err)
{
    const struct target *target = s->fold->options.target;
    const struct target *engine = s->fold->engine;
    bool better = (loss == LOSS_MEMBER_TTL && target->member_ttl && !engine->member_ttl) ||
                  (loss == LOSS_JSON && (target->modules & ~engine->modules & TARGET_JSON) != 0);

    if (!better && loss != LOSS_COMMAND)
        return 0;
    return err_set(err, FT_ERR_STATE,
                   "the journal touches what Redis %s holds but the redis-server that applies it, "
                   "%s, does not (%s); --redis-server PATH names one that does",
                   target->name, engine->name, loss_reason_name(loss));
}

static int put_entry_command(void *context, const struct bytes *args, size_t count,
                             struct ft_err *err)
{
    return put(context, args, count, err);
}

/* A value into the private server. */
static int put_entry(void *context, const struct rdb_entry *entry, int64_t time_ms,
                     struct ft_err *err)
{
    struct fold_stream *s = context;
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;

    set_current(s, NULL, entry->db, entry->key);
    if (fold_stream_select(s, entry->db, err) != 0)
        return -1;
    result = entry_commands_run(s->entries, entry, cut_moment_ms(s->fold->options.cut, time_ms),
                                true, put_entry_command, s, &loss, err);
    if (result == RECODE_ERROR)
        return -1;
    if (loss == LOSS_NONE)
        return 0;
    if (check_engine(s, loss, err) != 0)
        return -1;
    return loss_add(s->fold->options.losses, loss, rdb_type_name(entry->type), entry->db,
                    entry->key, err);
}

int fold_stream_entry(struct fold_stream *s, const struct item *item, unsigned marks,
                      struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    int64_t time_ms = (int64_t)(item->time_us / 1000);

    if ((marks & KEY_NEEDED) == 0)
        return 0;
    return (marks & KEY_SERVED) != 0 ? put_entry(s, entry, time_ms, err)
                                     : plain_keys_put(s->fold->plain, entry, time_ms, err);
}

/* DELEX key IFDEQ|IFDNE digest */
static int delete_by_digest(struct fold_stream *s, const struct translation_plan *plan,
                            struct ft_err *err)
{
    const struct bytes get[] = {bytes_str("GET"), plan->args[1]};
    const struct bytes del[] = {bytes_str("DEL"), plan->args[1]};
    char digest[TRANSLATION_DIGEST_SIZE];
    bool if_equal = bytes_is_word(plan->args[2], "IFDEQ");
    redisReply *reply;
    bool is_string;

    if (redis_pipe_call(s->pipe, &reply, get, 2, err) != 0)
        return -1;
    is_string = reply->type == REDIS_REPLY_STRING;
    if (is_string)
        translation_digest(bytes_of(reply->str, reply->len), digest);
    reply_free(reply);
    if (!is_string || bytes_is_word(plan->args[3], digest) != if_equal)
        return 0;
    return put(s, del, 2, err);
}

/* The keys of some slots, on a server that knows no slots. */
static int flush_slots(struct fold_stream *s, const struct translation_flush *flush,
                       struct ft_err *err);

/* What the private server does not know as a command may be known to a newer target, or to nobody. */
static int lost_on_target(struct fold_stream *s, const struct item *item, bool *ret_lost,
                          struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    struct translation t;

    *ret_lost = true;
    if (s->fold->options.target->version <= s->fold->engine->version)
        return 0;
    if (translator_run(s->for_target, record->args, record->arg_count, record->dbid,
                       (int64_t)(item->time_us / 1000), &t, err) != 0)
        return -1;
    *ret_lost = t.class_ == TRANSLATION_LOSS;
    return 0;
}

static int take_losses(struct fold_stream *s, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct bytes key = t->key_count > 0 ? t->keys[0].key : bytes_of(NULL, 0);

    for (size_t i = 0; i < t->loss_count; i++) {
        enum loss_reason loss = t->losses[i].reason;
        bool lost = false;

        if (loss == LOSS_COMMAND && lost_on_target(s, item, &lost, err) != 0)
            return -1;
        if (!lost && check_engine(s, loss, err) != 0)
            return -1;
        if (loss_add(s->fold->options.losses, loss, t->losses[i].class_name, item->record.dbid, key,
                     err) != 0)
            return -1;
    }
    return 0;
}

static int note_suspects(struct fold_stream *s, const struct item *item,
                         const struct translation *t, struct ft_err *err)
{
    int rc;

    if (s->fold->options.suspects == NULL)
        return 0;
    pthread_mutex_lock(&s->fold->suspects_mu);
    rc = suspect_add_all(s->fold->options.suspects, s->fold->options.losses, item, t, err);
    pthread_mutex_unlock(&s->fold->suspects_mu);
    return rc;
}

static int put_vanished(struct fold_stream *s, const struct item *item, const struct translation *t,
                        struct ft_err *err)
{
    struct left_out_command c;
    bool vanishes;

    s->current.left_out = left_out_moves(s->fold->options.losses, t);
    if (left_out_take(s->fold->options.losses, item, t, &vanishes, err) != 0)
        return -1;
    if (!vanishes)
        return 0;
    left_out_command(&c, &t->keys[0], &t->keys[1]);
    return put(s, c.args, LEFT_OUT_ARGS, err);
}

static struct bytes plain_key(const struct plain_command *c, size_t i)
{
    return c->args[c->first + i * c->step];
}

static bool is_served(const struct fold_stream *s, uint32_t db, struct bytes key)
{
    return (fold_look(s->fold, db, key) & KEY_SERVED) != 0;
}

/* Of a command that does the same to each of its keys, what it does to those that no server is needed for. */
static int change_plain(struct fold_stream *s, const struct item *item,
                        const struct plain_command *c, size_t *ret_served, struct ft_err *err)
{
    uint32_t db = item->record.dbid;

    *ret_served = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (is_served(s, db, plain_key(c, i)))
            ++*ret_served;
        else if (!s->fold->noted && plain_keys_change(s->fold->plain, db, c, i,
                                                      (int64_t)(item->time_us / 1000), err) != 0)
            return -1;
    }
    return 0;
}

/* The server got the whole of a command, but has no part in these keys. */
static int take_back(struct fold_stream *s, uint32_t db, const struct plain_command *c,
                     struct ft_err *err)
{
    for (size_t i = 0; c->kind == PLAIN_SET && i < c->count; i++) {
        const struct bytes del[] = {bytes_str("DEL"), plain_key(c, i)};

        if (!is_served(s, db, del[1]) && put(s, del, 2, err) != 0)
            return -1;
    }
    return 0;
}

static int put_commands(struct fold_stream *s, const struct translation *t, struct ft_err *err)
{
    for (size_t i = 0; i < t->command_count; i++) {
        if (put(s, t->commands[i].args, t->commands[i].count, err) != 0)
            return -1;
    }
    return 0;
}

static int take_plain(struct fold_stream *s, const struct item *item, const struct translation *t,
                      const struct plain_command *c, struct ft_err *err)
{
    uint32_t db = item->record.dbid;
    size_t served;

    if (change_plain(s, item, c, &served, err) != 0)
        return -1;
    if (served == 0)
        return 0;
    if (fold_stream_select(s, db, err) != 0 || put_commands(s, t, err) != 0)
        return -1;
    return served == c->count ? 0 : take_back(s, db, c, err);
}

/* What is not plain is for the server, and so the plan had it. */
static int check_served(const struct fold_stream *s, const struct translation *t,
                        struct ft_err *err)
{
    for (size_t i = 0; i < t->key_count; i++) {
        if (!is_served(s, t->keys[i].db, t->keys[i].key))
            return err_set(err, FT_ERR_BUG, "a record that was plain at first is not so any more");
    }
    return 0;
}

static int take_translation(void *context, const struct item *item, const struct translation *t,
                            struct ft_err *err)
{
    struct fold_stream *s = context;
    uint32_t db = item->record.dbid;
    struct plain_command c;

    if (!fold_plan_concerns(s->fold->plan, t))
        return 0;
    set_current(s, t->row, db, t->key_count > 0 ? t->keys[0].key : bytes_of(NULL, 0));
    if (take_losses(s, item, t, err) != 0 || note_suspects(s, item, t, err) != 0)
        return -1;
    if (t->class_ == TRANSLATION_NOTHING)
        return 0;
    c = plain_command_of(t);
    if (c.kind != PLAIN_UNKNOWN)
        return take_plain(s, item, t, &c, err);
    if (check_served(s, t, err) != 0 || fold_stream_select(s, db, err) != 0)
        return -1;
    if (t->class_ == TRANSLATION_FLUSH && !s->fold->noted &&
        plain_keys_flush(s->fold->plain, db, &t->flush, err) != 0)
        return -1;
    if (t->class_ == TRANSLATION_FLUSH && t->flush.kind == FLUSH_SLOTS)
        return flush_slots(s, &t->flush, err);
    if (t->class_ == TRANSLATION_READ_WRITE && t->plan.kind == PLAN_DELETE_DIGEST)
        return delete_by_digest(s, &t->plan, err);
    return put_vanished(s, item, t, err) != 0 ? -1 : put_commands(s, t, err);
}

int fold_stream_record(struct fold_stream *s, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    return take_translation(s, item, t, err);
}

int fold_stream_script(struct fold_stream *s, struct bytes body, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("SCRIPT"), bytes_str("LOAD"), body};

    set_current(s, command_find(args[0]), 0, bytes_of(NULL, 0));
    return put(s, args, 3, err);
}

int fold_stream_function(struct fold_stream *s, struct bytes code, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("FUNCTION"), bytes_str("LOAD"), bytes_str("REPLACE"),
                                 code};

    set_current(s, command_find(args[0]), 0, bytes_of(NULL, 0));
    return put(s, args, 4, err);
}

int fold_stream_drain(struct fold_stream *s, struct ft_err *err)
{
    return s->pipe == NULL ? 0 : redis_pipe_drain(s->pipe, err);
}

int fold_stream_journal(struct fold_stream *s, struct journal_pass_counts *ret_counts,
                        struct ft_err *err)
{
    *ret_counts = *fold_plan_counts(s->fold->plan);
    if (s->fold->noted && !fold_plan_asks(s->fold->plan))
        return 0;
    if (journal_pass_run(s->fold->source, s->fold->options.cut, s->translator, take_translation, s,
                         ret_counts, err) != 0)
        return -1;
    return fold_stream_drain(s, err);
}

static bool in_ranges(const struct translation_flush *flush, uint16_t slot)
{
    for (size_t i = 0; i < flush->range_count; i++) {
        if (slot >= flush->ranges[i].first && slot <= flush->ranges[i].last)
            return true;
    }
    return false;
}

static int delete_in_ranges(struct fold_stream *s, const redisReply *keys,
                            const struct translation_flush *flush, struct ft_err *err)
{
    for (size_t i = 0; i < keys->elements; i++) {
        struct bytes key = bytes_of(keys->element[i]->str, keys->element[i]->len);
        const struct bytes del[] = {bytes_str("DEL"), key};

        if (in_ranges(flush, slot_of(key)) && put(s, del, 2, err) != 0)
            return -1;
    }
    return 0;
}

static int flush_slots(struct fold_stream *s, const struct translation_flush *flush,
                       struct ft_err *err)
{
    char cursor[32] = "0";

    do {
        const struct bytes scan[] = {bytes_str("SCAN"), bytes_str(cursor), bytes_str("COUNT"),
                                     bytes_str("1000")};
        redisReply *reply;
        int rc;

        if (redis_pipe_call(s->pipe, &reply, scan, 4, err) != 0)
            return -1;
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
            reply->element[0]->len >= sizeof(cursor)) {
            reply_free(reply);
            return err_set(err, FT_ERR_PROTOCOL,
                           "the private redis-server answered SCAN strangely");
        }
        (void)strcpy(cursor, reply->element[0]->str); /* fits */
        rc = delete_in_ranges(s, reply->element[1], flush, err);
        reply_free(reply);
        if (rc != 0)
            return -1;
    } while (strcmp(cursor, "0") != 0);
    return 0;
}

void fold_stream_free(struct fold_stream *s)
{
    if (s == NULL)
        return;
    redis_pipe_free(s->pipe);
    translator_free(s->translator);
    translator_free(s->for_target);
    entry_commands_free(s->entries);
    times_shift_release(&s->shift);
    free(s->in_flight);
    free(s);
}
