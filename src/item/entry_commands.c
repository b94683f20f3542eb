#include "item/entry_commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "item/dump.h"
#include "item/stream_commands.h"
#include "rdb/rdb_string.h"
#include "rdb/value_check.h"
#include "rdb/value_iter.h"
#include "rdb/value_walk.h"

#define PIECE_BYTES    (64u << 10)
#define PIECE_ARGS_MAX 512
#define ARGS_MAX       (PIECE_ARGS_MAX + 8)
/* A RESTORE occupies both sides with the whole of it, and no command may be larger than 512 MiB. */
#define RESTORE_STREAM_MAX ((size_t)8 << 20)

struct entry_commands {
    struct entry_commands_options options;
    struct recoder *recoder;
    struct value_iter *it;
    struct value_check check;
    struct buf scratch; /* a decoded string, or a payload */
    struct buf piece; /* elements of the command being filled; arguments point in here at the end */
    size_t ends[PIECE_ARGS_MAX];
    struct bytes args[ARGS_MAX];
    size_t arg_count;
};

/* One entry on its way. */
struct rendering {
    struct entry_commands *e;
    const struct rdb_entry *entry;
    int64_t now_ms;
    command_fn *put;
    void *context;
    struct ft_err *err;
    bool lost_ttl;
    bool any; /* something of the value was put */
};

int entry_commands_new(struct entry_commands **ret, const struct entry_commands_options *options,
                       struct ft_err *err)
{
    struct entry_commands *e = calloc(1, sizeof(*e));

    if (e == NULL)
        return err_nomem(err, "a renderer of entries");
    e->options = *options;
    if (e->options.piece_bytes == 0)
        e->options.piece_bytes = PIECE_BYTES;
    if (recoder_new(&e->recoder, options->target, options->json_as, err) != 0) {
        entry_commands_free(e);
        return -1;
    }
    *ret = e;
    return 0;
}

void entry_commands_free(struct entry_commands *e)
{
    if (e == NULL)
        return;
    recoder_free(e->recoder);
    value_iter_free(e->it);
    value_check_release(&e->check);
    buf_release(&e->scratch);
    buf_release(&e->piece);
    free(e);
}

static int put_args(struct rendering *r, const struct bytes *args, size_t count)
{
    return r->put(r->context, args, count, r->err);
}

static struct bytes number_arg(int64_t value, char text[I64_TEXT_SIZE])
{
    return bytes_of(text, i64_to_text(value, text));
}

static int put_del(struct rendering *r)
{
    const struct bytes args[] = {bytes_str("DEL"), r->entry->key};

    return put_args(r, args, 2);
}

static int put_expiry(struct rendering *r)
{
    char text[I64_TEXT_SIZE];
    struct bytes args[] = {bytes_str("PEXPIREAT"), r->entry->key, {NULL, 0}};

    if (r->entry->expire_ms == RDB_NO_EXPIRY)
        return 0;
    args[2] = number_arg(r->entry->expire_ms, text);
    return put_args(r, args, 3);
}

/* SET, with the time to live in it where the target's SET has PXAT. */
static int put_set(struct rendering *r, struct bytes value)
{
    bool pxat = r->e->options.target->version >= 602 && r->entry->expire_ms != RDB_NO_EXPIRY;
    char text[I64_TEXT_SIZE];
    struct bytes args[] = {bytes_str("SET"), r->entry->key, value, bytes_str("PXAT"), {NULL, 0}};

    if (pxat)
        args[4] = number_arg(r->entry->expire_ms, text);
    if (put_args(r, args, pxat ? 5 : 3) != 0)
        return -1;
    return pxat ? 0 : put_expiry(r);
}

static int put_string(struct rendering *r)
{
    struct bytes in = r->entry->value;
    struct bytes value;

    if (rdb_string_take(&in, &value, &r->e->scratch, r->err) != 0)
        return -1;
    return put_set(r, value);
}

/* The command so far: arguments of the piece after the fixed ones. */
static int flush_piece(struct rendering *r, const char *name)
{
    struct entry_commands *e = r->e;
    size_t start = 0;

    if (e->arg_count == 0)
        return 0;
    e->args[0] = bytes_str(name);
    e->args[1] = r->entry->key;
    for (size_t i = 0; i < e->arg_count; i++) {
        /* there is no memory where all arguments are empty */
        e->args[2 + i] = bytes_of(start > 0 ? e->piece.p + start : e->piece.p, e->ends[i] - start);
        start = e->ends[i];
    }
    if (put_args(r, e->args, 2 + e->arg_count) != 0)
        return -1;
    r->any = true;
    e->arg_count = 0;
    buf_clear(&e->piece);
    buf_trim(&e->piece, 4 * e->options.piece_bytes);
    return 0;
}

static int add_arg(struct rendering *r, struct bytes arg)
{
    struct entry_commands *e = r->e;

    if (buf_append(&e->piece, arg.p, arg.n, r->err) != 0)
        return -1;
    e->ends[e->arg_count++] = e->piece.n;
    return 0;
}

static int add_element(struct rendering *r, enum value_class class,
                       const struct value_element *element)
{
    char score[DOUBLE_TEXT_SIZE];

    if (class == VALUE_HASH)
        return add_arg(r, element->field) != 0 ? -1 : add_arg(r, element->value);
    if (class == VALUE_ZSET && add_arg(r, bytes_str(double_to_text(element->score, score))) != 0)
        return -1;
    return add_arg(r, element->value);
}

/* Alone, and from where it lies. */
static int put_large_element(struct rendering *r, enum value_class class, const char *name,
                             const struct value_element *element)
{
    struct bytes args[4] = {bytes_str(name), r->entry->key};
    char score[DOUBLE_TEXT_SIZE];
    size_t n = 2;

    if (class == VALUE_HASH)
        args[n++] = element->field;
    if (class == VALUE_ZSET)
        args[n++] = bytes_str(double_to_text(element->score, score));
    args[n++] = element->value;
    r->any = true;
    return put_args(r, args, n);
}

/* Members whose time was over are left out where the target cannot time them itself. */
static bool is_over(struct rendering *r, enum value_class class,
                    const struct value_element *element)
{
    bool timed = class == VALUE_HASH && r->e->options.target->member_ttl;

    if (element->expire_ms == VALUE_NO_TTL || timed)
        return false;
    r->lost_ttl = true;
    return element->expire_ms <= r->now_ms;
}

static int open_value(struct rendering *r)
{
    struct entry_commands *e = r->e;

    if (e->it == NULL)
        return value_iter_new(&e->it, r->entry->type, r->entry->value, r->err);
    return value_iter_reset(e->it, r->entry->type, r->entry->value, r->err);
}

static int put_elements(struct rendering *r, enum value_class class, const char *name)
{
    struct entry_commands *e = r->e;
    struct value_element element;
    enum step step;

    e->arg_count = 0;
    buf_clear(&e->piece);
    if (open_value(r) != 0)
        return -1;
    while ((step = value_iter_next(e->it, &element, r->err)) == STEP_ITEM) {
        if (is_over(r, class, &element))
            continue;
        if (element.field.n + element.value.n > e->options.piece_bytes) {
            if (flush_piece(r, name) != 0 || put_large_element(r, class, name, &element) != 0)
                return -1;
            continue;
        }
        if (add_element(r, class, &element) != 0)
            return -1;
        if ((e->piece.n >= e->options.piece_bytes || e->arg_count + 2 > PIECE_ARGS_MAX) &&
            flush_piece(r, name) != 0)
            return -1;
    }
    return step == STEP_ERROR ? -1 : flush_piece(r, name);
}

/* HPEXPIREAT key ms FIELDS 1 field, for each timed field. */
static int put_field_times(struct rendering *r)
{
    struct value_element element;
    enum step step;

    if (open_value(r) != 0)
        return -1;
    while ((step = value_iter_next(r->e->it, &element, r->err)) == STEP_ITEM) {
        char text[I64_TEXT_SIZE];
        struct bytes args[] = {bytes_str("HPEXPIREAT"), r->entry->key,  {NULL, 0},
                               bytes_str("FIELDS"),     bytes_str("1"), element.field};

        if (element.expire_ms == VALUE_NO_TTL)
            continue;
        args[2] = number_arg(element.expire_ms, text);
        if (put_args(r, args, 6) != 0)
            return -1;
    }
    return step == STEP_ERROR ? -1 : 0;
}

static bool may_have_field_times(unsigned type)
{
    return type == RDB_TYPE_DF_HASH_WITH_EXPIRY || type == RDB_TYPE_VALKEY_HASH ||
           (type >= RDB_TYPE_HASH_METADATA_PRE_GA && type <= RDB_TYPE_HASH_LISTPACK_EX);
}

static enum recode_result put_collection(struct rendering *r, enum value_class class, bool replace,
                                         enum loss_reason *ret_loss)
{
    static const char *const names[VALUE_CLASS_COUNT] = {
        [VALUE_LIST] = "RPUSH",
        [VALUE_SET] = "SADD",
        [VALUE_HASH] = "HSET",
        [VALUE_ZSET] = "ZADD",
    };

    if (replace && put_del(r) != 0)
        return RECODE_ERROR;
    if (put_elements(r, class, names[class]) != 0)
        return RECODE_ERROR;
    if (r->lost_ttl)
        *ret_loss = LOSS_MEMBER_TTL;
    if (!r->any)
        return RECODE_EMPTY;
    if (r->e->options.target->member_ttl && may_have_field_times(r->entry->type) &&
        put_field_times(r) != 0)
        return RECODE_ERROR;
    return put_expiry(r) == 0 ? RECODE_OK : RECODE_ERROR;
}

static bool has_commands(enum value_class class)
{
    return class != VALUE_MODULE && class != VALUE_PROBABILISTIC;
}

/* *ret_too_long: nothing was put, as the target takes no such payload; only where there is another way. */
static enum recode_result put_restore(struct rendering *r, bool *ret_too_long,
                                      enum loss_reason *ret_loss)
{
    struct entry_commands *e = r->e;
    bool timed = r->entry->expire_ms != RDB_NO_EXPIRY;
    uint64_t most = e->options.arg_max;
    struct bytes args[] = {bytes_str("RESTORE"), r->entry->key,      {NULL, 0}, {NULL, 0},
                           bytes_str("REPLACE"), bytes_str("ABSTTL")};
    enum recode_result result;
    char text[I64_TEXT_SIZE];

    buf_clear(&e->scratch);
    buf_trim(&e->scratch, 4 * e->options.piece_bytes);
    result = dump_make(e->recoder, e->options.target, r->entry, r->now_ms, &e->scratch, ret_loss,
                       r->err);
    if (result != RECODE_OK)
        return result;
    *ret_too_long =
        most != 0 && e->scratch.n > most && has_commands(rdb_type_class(r->entry->type));
    args[2] = number_arg(timed ? r->entry->expire_ms : 0, text);
    args[3] = buf_bytes(&e->scratch);
    if (!*ret_too_long && put_args(r, args, timed ? 6 : 5) != 0)
        return RECODE_ERROR;
    buf_clear(&e->scratch);
    buf_trim(&e->scratch, 4 * e->options.piece_bytes);
    return RECODE_OK;
}

static enum recode_result put_large_stream(struct rendering *r, enum loss_reason *ret_loss)
{
    enum recode_result result =
        stream_commands_run(r->e->options.target, r->entry, r->put, r->context, ret_loss, r->err);

    if (result == RECODE_OK && put_expiry(r) != 0)
        return RECODE_ERROR;
    return result;
}

static enum recode_result put_plain_stream(struct rendering *r, enum loss_reason *ret_loss)
{
    enum recode_result result = stream_commands_run_plain(r->e->options.target, r->entry, r->put,
                                                          r->context, ret_loss, r->err);

    return result == RECODE_OK && put_expiry(r) != 0 ? RECODE_ERROR : result;
}

static enum recode_result put_json(struct rendering *r, bool replace, enum loss_reason *ret_loss)
{
    const struct entry_commands_options *options = &r->e->options;
    struct bytes in = r->entry->value;
    struct bytes args[] = {bytes_str("JSON.SET"), r->entry->key, bytes_str("$"), {NULL, 0}};

    if (options->json_as != JSON_AS_STRING && (options->target->modules & TARGET_JSON) == 0 &&
        options->json_as != JSON_AS_MODULE) {
        *ret_loss = LOSS_JSON;
        return RECODE_LOST;
    }
    if (rdb_string_take(&in, &args[3], &r->e->scratch, r->err) != 0)
        return RECODE_ERROR;
    if (options->json_as == JSON_AS_STRING)
        return put_set(r, args[3]) == 0 ? RECODE_OK : RECODE_ERROR;
    if ((replace && put_del(r) != 0) || put_args(r, args, 4) != 0 || put_expiry(r) != 0)
        return RECODE_ERROR;
    return RECODE_OK;
}

enum recode_result entry_commands_run(struct entry_commands *e, const struct rdb_entry *entry,
                                      int64_t now_ms, bool replace, command_fn *put, void *context,
                                      enum loss_reason *ret_loss, struct ft_err *err)
{
    struct rendering r = {
        .e = e, .entry = entry, .now_ms = now_ms, .put = put, .context = context, .err = err};
    enum value_class class = rdb_type_class(entry->type);
    bool by_restore =
        !e->options.no_restore && (e->options.restore || !has_commands(class) ||
                                   (class == VALUE_STREAM && entry->value.n <= RESTORE_STREAM_MAX));

    *ret_loss = LOSS_NONE;
    if (entry->expire_ms != RDB_NO_EXPIRY && entry->expire_ms <= 0)
        return replace && put_del(&r) != 0 ? RECODE_ERROR : RECODE_EMPTY;
    if (by_restore) {
        bool too_long = false;
        enum recode_result result = put_restore(&r, &too_long, ret_loss);

        if (!too_long)
            return result;
        *ret_loss = LOSS_NONE;
    }
    if (!has_commands(class)) {
        *ret_loss = recoder_always_loses(entry->type);
        if (*ret_loss == LOSS_NONE)
            *ret_loss = LOSS_MODULE;
        return RECODE_LOST;
    }
    if (class == VALUE_STREAM && !e->options.no_restore && !e->options.plain_streams)
        return put_large_stream(&r, ret_loss);
    if (value_check_run(&e->check, entry->type, entry->value, err) != 0)
        return RECODE_ERROR;
    if (class == VALUE_STREAM)
        return put_plain_stream(&r, ret_loss);
    if (class == VALUE_STRING)
        return put_string(&r) == 0 ? RECODE_OK : RECODE_ERROR;
    if (class == VALUE_JSON)
        return put_json(&r, replace, ret_loss);
    return put_collection(&r, class, replace, ret_loss);
}
