#include "replay/replay_recheck.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "item/dump.h"
#include "item/entry_commands.h"
#include "mapping/replay_mapper.h"
#include "rdb/value_digest.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_state_store.h"
#include "replay/position/replay_suspect.h"
#include "replay/replay_begin.h"
#include "replay/replay_conflicts.h"
#include "replay/replay_connect.h"
#include "replay/replay_deferred.h"
#include "replay/replay_input.h"
#include "replay/replay_refused.h"
#include "replay/replay_setup.h"
#include "replay/replay_walk.h"
#include "target/cluster_pipe.h"

/* Values beyond this go as commands in pieces, so that the server is not held up by one. */
#define RESTORE_BYTES   (1u << 20)
#define IN_FLIGHT_BYTES (1u << 20)
/* Times to live that are read as what is left of them are not exact. */
#define LEFT_TOLERANCE_MS  2000
#define EXPIRETIME_VERSION 700u

struct replay_recheck {
    struct replay_options options;
    struct replay_result result;
    struct replay replay;
    struct cluster_pipe *pipe;
    struct replay_mapper *mapper;
    struct times_shift defer;
    struct recoder *recoder;
    struct entry_commands *by_restore;
    struct entry_commands *by_commands;
    char cursor[KEY_SCAN_CURSOR_SIZE];
    redisReply *portion;
    struct replay_suspect *suspects;
    size_t capacity;
    uint32_t db; /* of the target, for the key being put */
    char *why;
    uint64_t resolved; /* dead letters */
    /* what records after a position touch: hashes of keys, as far as these were looked through */
    uint64_t *touched_from; /* NULL: none yet; then touched_to */
    uint64_t *touched_to;
    struct key_set touched;
    bool flushed; /* all of them */
};

/* A value as the target has it, or is to have it. */
struct present {
    bool gone;
    struct value_digest digest;
    int64_t expire_ms; /* RDB_NO_EXPIRY: none */
    bool expire_exact;
};

static int take_nothing(void *context, const struct cluster_answer *answer, struct ft_err *err)
{
    (void)context;
    (void)answer;
    (void)err;
    return 0; /* every command here is a call */
}

/* Only where a replay of this input has left off can values of the source be put. */
static int check_state(const struct replay *r, struct ft_err *err)
{
    if (r->set.state.phase == REPLAY_PHASE_JOURNAL &&
        strcmp(r->set.state.capture, r->set.id) == 0 && strcmp(r->set.state.rules, r->rules) == 0 &&
        r->set.state.generation == r->source->generation)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL, "the target is not where this replay left it");
}

static int open_sender(struct replay_recheck *c, struct ft_err *err)
{
    struct replay *r = &c->replay;
    const struct replay_rules rules = replay_rules_of(r);
    struct entry_commands_options entries = {.target = r->target.kind,
                                             .json_as = c->options.json_as,
                                             .restore = !r->rights.no_restore,
                                             .no_restore = r->rights.no_restore,
                                             .plain_streams = replay_is_limited(r),
                                             .arg_max = replay_restore_max(r)};

    if (cluster_pipe_new(&c->pipe, &r->target, IN_FLIGHT_BYTES, take_nothing, c, err) != 0 ||
        replay_mapper_new(&c->mapper, &rules, err) != 0 ||
        recoder_new(&c->recoder, entries.target, entries.json_as, err) != 0 ||
        entry_commands_new(&c->by_restore, &entries, err) != 0)
        return -1;
    entries.restore = false;
    return entry_commands_new(&c->by_commands, &entries, err);
}

int replay_recheck_open(struct replay_recheck **ret, const struct replay_options *options,
                        struct replay_progress *progress, struct loss_report *losses,
                        struct ft_err *err)
{
    struct replay_recheck *c = calloc(1, sizeof(*c));
    struct replay *r;

    if (c == NULL)
        return err_nomem(err, "a look at suspect keys");
    r = &c->replay;
    c->options = *options;
    c->options.live = NULL;
    c->options.follow = false;
    c->options.at = "end";
    (void)snprintf(c->cursor, sizeof(c->cursor), "0"); /* fits */
    replay_setup(r, &c->options, progress, losses, &c->result);
    if (replay_input_open(r, err) != 0 || replay_connect(r, err) != 0 ||
        replay_state_load(&r->set, err) != 0 || check_state(r, err) != 0 ||
        replay_load_kept(r, err) != 0 || replay_suspects_count(&r->set, err) != 0 ||
        replay_setup_letters(r, err) != 0) {
        replay_recheck_close(c);
        return -1;
    }
    replay_set_shift(r);
    r->no_more_records = true;
    if (open_sender(c, err) != 0) {
        replay_recheck_close(c);
        return -1;
    }
    *ret = c;
    return 0;
}

void replay_recheck_close(struct replay_recheck *c)
{
    if (c == NULL)
        return;
    if (c->resolved != 0)
        replay_report_note(&c->replay.report,
                           "%" PRIu64
                           " commands in \"%s\" need not be sent any more, as their keys "
                           "were read again",
                           c->resolved, c->options.dead_letters);
    cluster_pipe_free(c->pipe);
    replay_mapper_free(c->mapper);
    times_shift_release(&c->defer);
    recoder_free(c->recoder);
    entry_commands_free(c->by_restore);
    entry_commands_free(c->by_commands);
    reply_free(c->portion);
    free(c->suspects);
    free(c->touched_from);
    key_set_release(&c->touched);
    replay_end_lease(&c->replay, true);
    replay_disconnect(&c->replay);
    replay_teardown(&c->replay);
    replay_result_release(&c->result);
    free(c);
}

int replay_recheck_add(struct replay_recheck *c, uint32_t db, struct bytes key, struct ft_err *err)
{
    return replay_suspects_list(&c->replay.set, db, key, err);
}

int replay_recheck_next(struct replay_recheck *c, const struct replay_suspect **ret,
                        size_t *ret_count, bool *ret_end, struct ft_err *err)
{
    const redisReply *members;
    size_t n = 0;

    reply_free(c->portion);
    c->portion = NULL;
    if (replay_suspects_scan(&c->replay.set, c->cursor, &c->portion, err) != 0)
        return -1;
    members = c->portion->element[1];
    if (ARRAY_RESERVE(&c->suspects, &c->capacity, members->elements, "a look at suspect keys",
                      err) != 0)
        return -1;
    for (size_t i = 0; i < members->elements; i++) {
        struct bytes member = bytes_of(members->element[i]->str, members->element[i]->len);

        if (replay_suspects_parse(member, &c->suspects[n].db, &c->suspects[n].key))
            n++;
    }
    *ret = c->suspects;
    *ret_count = n;
    *ret_end = strcmp(c->cursor, "0") == 0;
    return 0;
}

/*
 * What has happened since
 */

static int take_touched(void *context, const struct replay_walked *key, struct ft_err *err)
{
    struct replay_recheck *c = context;
    uint8_t hash[KEY_SET_HASH_SIZE];

    key_set_hash(key->db, key->key, hash);
    return key_set_add(&c->touched, hash, err);
}

static int take_flush(void *context, uint32_t flow, uint64_t lsn, struct ft_err *err)
{
    struct replay_recheck *c = context;

    (void)flow;
    (void)lsn;
    (void)err;
    c->flushed = true;
    return 0;
}

/* Another position: what was after the one before says nothing. */
static int begin_touched(struct replay_recheck *c, const uint64_t *from, struct ft_err *err)
{
    uint32_t n = c->replay.source->stream_count;

    if (c->touched_from != NULL && memcmp(c->touched_from, from, n * sizeof(*from)) == 0)
        return 0;
    free(c->touched_from);
    key_set_release(&c->touched);
    c->flushed = false;
    c->touched_from = calloc(n + 1u, 2 * sizeof(*from));
    if (c->touched_from == NULL)
        return err_nomem(err, "a position");
    c->touched_to = c->touched_from + n;
    memcpy(c->touched_from, from, n * sizeof(*from));
    memcpy(c->touched_to, from, n * sizeof(*from));
    return 0;
}

static int look_through(struct replay_recheck *c, const uint64_t *to, struct ft_err *err)
{
    struct replay *r = &c->replay;
    struct replay_walk w;
    int rc = replay_walk_init(&w, r, r->source, take_touched, c, err);

    w.from_lsn = c->touched_to;
    w.to_lsn = to;
    w.follow = true;
    w.up_to_now = true;
    w.flushed = take_flush;
    for (uint32_t i = 0; rc == 0 && i < r->source->stream_count; i++) {
        if (to[i] > c->touched_to[i])
            rc = replay_walk_stream(&w, i, err);
    }
    replay_walk_release(&w);
    if (rc == 0)
        memcpy(c->touched_to, to, r->source->stream_count * sizeof(*to));
    return rc;
}

int replay_recheck_touched(struct replay_recheck *c, const uint64_t *from, const uint64_t *to,
                           const struct replay_suspect *key, bool *ret, struct ft_err *err)
{
    if (begin_touched(c, from, err) != 0 || look_through(c, to, err) != 0)
        return -1;
    *ret = c->flushed || key_set_has(&c->touched, key->db, key->key);
    return 0;
}

/*
 * What the target has
 */

static int ask_target(struct replay_recheck *c, redisReply **ret, const char *command,
                      struct bytes key, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(command), key};

    if (cluster_pipe_call(c->pipe, c->db, ret, args, 2, err) != 0)
        return -1;
    if ((*ret)->type != REDIS_REPLY_ERROR)
        return 0;
    (void)err_set(err, FT_ERR_PROTOCOL, "the target answered %s: %s", command, (*ret)->str);
    reply_free(*ret);
    return -1;
}

static int digest_payload(const redisReply *reply, struct present *p, struct ft_err *err)
{
    struct buf own = {0}; /* with the fields' own times; empty: it has none */
    struct dump dump;
    int rc;

    p->gone = reply->type != REDIS_REPLY_STRING;
    if (p->gone)
        return 0;
    if (dump_parse(bytes_of(reply->str, reply->len), &dump, err) != 0 ||
        times_shift_undo_value(dump.type, dump.value, &own, err) != 0)
        return -1;
    rc = own.n == 0
             ? value_digest_run(dump.type, dump.value, &p->digest, err)
             : value_digest_run(times_shift_type(dump.type), buf_bytes(&own), &p->digest, err);
    buf_release(&own);
    return rc;
}

/* What cannot be understood counts as different. */
static int look_at_target(struct replay_recheck *c, struct bytes key, struct present *ret,
                          struct ft_err *err)
{
    bool exact = c->replay.target.version >= EXPIRETIME_VERSION;
    struct ft_err ignored = FT_ERR_INIT;
    redisReply *reply;

    *ret = (struct present){.expire_ms = RDB_NO_EXPIRY, .expire_exact = exact};
    if (ask_target(c, &reply, "DUMP", key, err) != 0)
        return -1;
    if (digest_payload(reply, ret, &ignored) != 0)
        ret->digest = (struct value_digest){0};
    reply_free(reply);
    if (ret->gone)
        return 0;
    if (ask_target(c, &reply, exact ? "PEXPIRETIME" : "PTTL", key, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0)
        ret->expire_ms =
            exact ? reply->integer : (int64_t)(clock_wall_us() / 1000) + reply->integer;
    if (ret->expire_ms >= TIMES_MOVED_MS)
        ret->expire_ms -= TIMES_SHIFT_MS;
    reply_free(reply);
    return 0;
}

static bool same_expiry(const struct present *a, const struct present *b)
{
    int64_t apart =
        a->expire_ms > b->expire_ms ? a->expire_ms - b->expire_ms : b->expire_ms - a->expire_ms;

    if (a->expire_ms == RDB_NO_EXPIRY || b->expire_ms == RDB_NO_EXPIRY)
        return a->expire_ms == b->expire_ms;
    return apart <= (a->expire_exact && b->expire_exact ? 0 : LEFT_TOLERANCE_MS);
}

static bool is_same(const struct present *a, const struct present *b)
{
    if (a->gone || b->gone)
        return a->gone == b->gone;
    return value_digest_eq(&a->digest, &b->digest) && same_expiry(a, b);
}

/*
 * What it is to have
 */

static int64_t expiry_of(const struct replay *r, int64_t expire_ms)
{
    if (expire_ms == RDB_NO_EXPIRY || r->o->ttl == REPLAY_TTL_DROP)
        return RDB_NO_EXPIRY;
    return r->o->ttl == REPLAY_TTL_SHIFT ? expire_ms + r->shift_ms : expire_ms;
}

/* 1: the target cannot hold it. */
static int want(struct replay_recheck *c, const struct rdb_entry *entry, struct present *ret,
                struct ft_err *err)
{
    int64_t now_ms = (int64_t)(clock_wall_us() / 1000);
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;
    struct bytes value;
    uint8_t type;

    *ret = (struct present){.expire_ms = expiry_of(&c->replay, entry->expire_ms),
                            .expire_exact = true};
    ret->gone = ret->expire_ms != RDB_NO_EXPIRY && ret->expire_ms <= now_ms;
    if (ret->gone)
        return 0;
    result = recoder_run(c->recoder, entry, now_ms, &type, &value, &loss, err);
    if (result == RECODE_ERROR)
        return -1;
    if (loss != LOSS_NONE) {
        (void)snprintf(c->why, REPLAY_WHY_SIZE, "Redis %s cannot hold it: %s",
                       c->replay.target.kind->name, loss_reason_name(loss)); /* fits */
        if (c->options.fail_on_loss)
            return 1;
        if (replay_report_add_loss(&c->replay.report, loss, rdb_type_name(entry->type), entry->db,
                                   entry->key, err) != 0)
            return -1;
    }
    ret->gone = result != RECODE_OK;
    return ret->gone ? 0 : value_digest_run(type, value, &ret->digest, err);
}

/* After one that was refused the rest of the value would only be put in the wrong place. */
static int write_command(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    struct replay_recheck *c = context;
    char error[REPLAY_TOO_LONG_TEXT];
    const struct bytes *timed;
    redisReply *reply;
    size_t n;

    if (replay_retime(&c->replay, c->mapper, &c->defer, c->db, args, count, &timed, &n, err) != 0)
        return -1;
    if (n == 0 || c->why[0] != '\0')
        return 0;
    if (replay_is_too_long(&c->replay.set, timed, n, error)) {
        (void)snprintf(c->why, REPLAY_WHY_SIZE, "%s", error); /* fits */
        return 0;
    }
    if (cluster_pipe_call(c->pipe, c->db, &reply, timed, n, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        (void)snprintf(c->why, REPLAY_WHY_SIZE, "the target answered: %.150s", reply->str);
    reply_free(reply);
    return 0;
}

static int write_value(struct replay_recheck *c, const struct rdb_entry *entry, bool gone,
                       struct ft_err *err)
{
    const struct bytes del[] = {bytes_str("DEL"), entry->key};
    bool large = entry->value_bytes > RESTORE_BYTES || rdb_type_class(entry->type) == VALUE_STRING;
    enum loss_reason loss = LOSS_NONE; /* was counted before */

    if (gone)
        return write_command(c, del, 2, err);
    return entry_commands_run(large ? c->by_commands : c->by_restore, entry,
                              (int64_t)(clock_wall_us() / 1000), true, write_command, c, &loss,
                              err) == RECODE_ERROR
               ? -1
               : 0;
}

/* entry: under its name on the target. */
static enum replay_rechecked put_mapped(struct replay_recheck *c, const struct rdb_entry *source,
                                        const struct rdb_entry *entry, bool gone,
                                        struct ft_err *err)
{
    struct present wanted = {.gone = true};
    struct present found;
    int lost = gone ? 0 : want(c, source, &wanted, err);

    if (lost < 0)
        return REPLAY_RECHECK_ERROR;
    if (lost > 0)
        return REPLAY_RECHECK_REFUSED;
    c->why[0] = '\0';
    if (look_at_target(c, entry->key, &found, err) != 0)
        return REPLAY_RECHECK_ERROR;
    if (is_same(&wanted, &found))
        return REPLAY_RECHECK_EQUAL;
    if (write_value(c, entry, wanted.gone, err) != 0)
        return REPLAY_RECHECK_ERROR;
    if (c->why[0] != '\0')
        return REPLAY_RECHECK_REFUSED;
    return wanted.gone ? REPLAY_RECHECK_DELETED : REPLAY_RECHECK_CORRECTED;
}

enum replay_rechecked replay_recheck_put(struct replay_recheck *c, const struct rdb_entry *entry,
                                         bool gone, char ret_why[REPLAY_WHY_SIZE],
                                         struct ft_err *err)
{
    struct rdb_entry mapped = *entry;

    c->why = ret_why;
    c->why[0] = '\0';
    switch (replay_mapper_key(c->mapper, entry->db, entry->key, &c->db, &mapped.key, err)) {
    case REPLAY_FATE_SAME:
    case REPLAY_FATE_CHANGED:
        mapped.db = c->db;
        return put_mapped(c, entry, &mapped, gone, err);
    case REPLAY_FATE_FILTERED:
    case REPLAY_FATE_KEPT:
        return REPLAY_RECHECK_EQUAL;
    case REPLAY_FATE_ERROR:
    case REPLAY_FATE_TRANSFER:
    case REPLAY_FATE_UNKNOWN:
        break;
    }
    return REPLAY_RECHECK_ERROR;
}

static int unlist(struct replay *r, const char *name, const struct replay_suspect *suspect,
                  struct ft_err *err)
{
    struct bytes args[] = {bytes_str("SREM"), bytes_str(name), {NULL, 0}};
    struct buf member = {0};
    int rc = -1;

    if (buf_printf(&member, err, "%" PRIu32 ":", suspect->db) == 0 &&
        buf_append(&member, suspect->key.p, suspect->key.n, err) == 0) {
        args[2] = buf_bytes(&member);
        rc = target_node_call(target_client_node(&r->target, args[1]), NULL, args, 3, err);
    }
    buf_release(&member);
    return rc;
}

/* Letters that are about them must not be sent any more. */
static int drop_letters(struct replay_recheck *c, const struct replay_suspect *keys, size_t count,
                        struct ft_err *err)
{
    struct key_set names = {0};
    uint64_t resolved = 0;
    int rc = 0;

    if (c->replay.set.letters == NULL)
        return 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        uint8_t hash[KEY_SET_HASH_SIZE];
        struct bytes key;
        uint32_t db;
        enum replay_fate fate =
            replay_mapper_key(c->mapper, keys[i].db, keys[i].key, &db, &key, err);

        if (fate == REPLAY_FATE_ERROR)
            rc = -1;
        if (fate != REPLAY_FATE_SAME && fate != REPLAY_FATE_CHANGED)
            continue;
        key_set_hash(db, key, hash);
        rc = key_set_add(&names, hash, err);
    }
    if (rc == 0)
        rc = replay_refused_resolve(&c->replay, &names, &resolved, err);
    key_set_release(&names);
    c->resolved += resolved;
    return rc;
}

int replay_recheck_done(struct replay_recheck *c, const struct replay_suspect *keys, size_t count,
                        struct ft_err *err)
{
    char name[REPLAY_KEY_SIZE];

    if (count == 0)
        return 0;
    if (cluster_pipe_wait_replicas(c->pipe, err) != 0 || drop_letters(c, keys, count, err) != 0)
        return -1;
    replay_suspects_name(c->replay.set.id, name);
    for (size_t i = 0; i < count; i++) {
        if (unlist(&c->replay, name, &keys[i], err) != 0)
            return -1;
    }
    return replay_suspects_count(&c->replay.set, err);
}
