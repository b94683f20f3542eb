#include "command/translate.h"

#include <stdio.h>
#include <stdlib.h>

#include "command/command_keys.h"
#include "command/command_table.h"
#include "command/rewrite.h"
#include "command/rewrite_redis.h"

struct translator {
    struct translator_options options;
    struct recoder *recoder;
    struct key_list keys;
    struct rewrite_pools pools;
};

/* What a row without a function of its own becomes. */
static void rewrite_by_flags(struct rewrite *rw)
{
    const struct command_row *row = rw->row;
    bool apart = rw->options->cluster && !rewrite_keys_in_one_slot(rw);

    if (row->flags & COMMAND_READ_ONLY)
        rewrite_nothing(rw, "it only reads");
    else if (row->since > rewrite_target(rw))
        rewrite_needs(rw, row->since, row->name);
    else if (apart && (row->flags & COMMAND_SPLIT))
        rewrite_split(rw, row->name);
    else if (apart && row->plan == PLAN_STORE)
        rewrite_plan(rw, rw->keys->keys[1].arg, rw->keys->keys[0].arg);
    else
        rewrite_as_is(rw);
}

static void rewrite_unknown(struct rewrite *rw)
{
    char name[64];

    if (rw->count > 1)
        key_list_push(rw->keys, rw->args, 1);
    snprintf(rw->pools->note, sizeof(rw->pools->note), "unknown command \"%s\"",
             bytes_escape(rw->args[0], name, sizeof(name)));
    rewrite_loss(rw, LOSS_COMMAND, "unknown", rw->pools->note);
}

static void rewrite_run(struct rewrite *rw)
{
    if (rw->row == NULL)
        rewrite_unknown(rw);
    else if (!command_arity_ok(rw->row, rw->count))
        rewrite_malformed(rw, "wrong number of arguments");
    else if (!rw->keys_ok && !(rw->row->flags & COMMAND_SLICED))
        rewrite_malformed(rw, "the arguments are not well formed");
    else if (rewrite_source_is_redis(rw) && rw->row->of_redis != NULL)
        rw->row->of_redis(rw);
    else if (rw->row->rewrite != NULL)
        rw->row->rewrite(rw);
    else
        rewrite_by_flags(rw);
}

static bool find_keys(const struct command_row *row, const struct bytes *args, size_t count,
                      struct key_list *list)
{
    if (row == NULL || !command_arity_ok(row, count)) {
        if (row != NULL && row->key_first == 1 && count > 1)
            key_list_push(list, args, 1);
        return row == NULL;
    }
    if (row->find_keys != NULL)
        return row->find_keys(args, count, list);
    return keys_by_range(row, args, count, list);
}

static void translator_reset(struct translator *t, uint32_t db)
{
    key_list_clear(&t->keys, db);
    rewrite_pools_clear(&t->pools);
}

int translator_new(struct translator **ret, const struct translator_options *options,
                   struct ft_err *err)
{
    struct translator *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return err_nomem(err, "a translator");
    t->options = *options;
    if (recoder_new(&t->recoder, options->target, options->json_as, err) < 0) {
        free(t);
        return -1;
    }
    *ret = t;
    return 0;
}

void translator_set_moment(struct translator *t, int64_t moment_ms)
{
    t->options.moment_ms = moment_ms;
}

int translator_run(struct translator *t, const struct bytes *args, size_t count, uint32_t db,
                   int64_t received_ms, struct translation *ret, struct ft_err *err)
{
    struct translation out = {.class_ = TRANSLATION_AS_IS, .note = ""};
    struct rewrite rw = {
        .pools = &t->pools,
        .recoder = t->recoder,
        .options = &t->options,
        .args = args,
        .count = count,
        .db = db,
        .now_ms = received_ms,
        .keys = &t->keys,
        .out = &out,
        .err = err,
    };

    if (count == 0)
        return err_set(err, FT_ERR_CORRUPT, "a journal record without a command");
    translator_reset(t, db);
    rw.row = command_find(args[0]);
    rw.keys_ok = find_keys(rw.row, args, count, &t->keys);
    out.row = rw.row;
    out.every_node =
        rw.row != NULL && (rw.row->flags & (COMMAND_EVERY_NODE | COMMAND_ALL_FLOWS)) != 0;
    out.was_effective = rewrite_source_is_redis(&rw);
    rewrite_run(&rw);
    if (rw.failed)
        return -1;
    if (t->keys.failed)
        return err_nomem(err, "the keys of a command");
    rewrite_finish(&rw);
    *ret = out;
    return 0;
}

int translator_find_keys(struct translator *t, const struct bytes *args, size_t count, uint32_t db,
                         const struct translation_key **ret_keys, size_t *ret_count,
                         struct ft_err *err)
{
    const struct command_row *row = count == 0 ? NULL : command_find(args[0]);

    translator_reset(t, db);
    find_keys(row, args, count, &t->keys);
    if (row == NULL && count > 1)
        key_list_push(&t->keys, args, 1);
    if (t->keys.failed)
        return err_nomem(err, "the keys of a command");
    *ret_keys = t->keys.keys;
    *ret_count = t->keys.count;
    return 0;
}

void translator_free(struct translator *t)
{
    if (t == NULL)
        return;
    recoder_free(t->recoder);
    key_list_release(&t->keys);
    rewrite_pools_release(&t->pools);
    free(t);
}
