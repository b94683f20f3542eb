#include "output/record_writer.h"

#include <stdlib.h>

#include "base/array.h"
#include "input/journal_pass.h"
#include "output/output_lua.h"

bool record_passes(const struct filter *f, const struct item *item, const struct translation *t)
{
    if (filter_is_empty(f))
        return true;
    if (t->class_ == TRANSLATION_FLUSH)
        return t->flush.kind != FLUSH_DB || filter_db(f, item->record.dbid);
    for (size_t i = 0; i < t->key_count; i++) {
        if (filter_db(f, t->keys[i].db) && filter_key(f, t->keys[i].key))
            return true;
    }
    return t->key_count == 0;
}

static int put_flush_slots(struct record_writer *w, const struct translation_flush *flush,
                           struct ft_err *err)
{
    size_t count = 3 + 2 * flush->range_count;
    struct bytes *words = calloc(count, sizeof(*words));
    char(*numbers)[I64_TEXT_SIZE] = calloc(count, sizeof(*numbers));
    int rc = -1;

    if (words == NULL || numbers == NULL) {
        err_nomem(err, "a command");
        goto out;
    }
    words[0] = bytes_str("EVAL");
    words[1] = bytes_str(lua_flush_slots);
    words[2] = bytes_str("0");
    for (size_t i = 3; i < count; i++) {
        const struct slot_range *range = &flush->ranges[(i - 3) / 2];
        uint16_t slot = i % 2 == 1 ? range->first : range->last;

        words[i] = bytes_of(numbers[i], i64_to_text(slot, numbers[i]));
    }
    rc = sink_resp_put(w->sink, 0, words, count, err);
out:
    free(words);
    free(numbers);
    return rc;
}

static int put_commands(struct record_writer *w, uint32_t db, const struct translation *t,
                        struct ft_err *err)
{
    if (t->key_count == 0 && t->class_ != TRANSLATION_FLUSH)
        db = SINK_RESP_ANY_DB;
    for (size_t i = 0; i < t->command_count; i++) {
        if (sink_resp_put(w->sink, db, t->commands[i].words, t->commands[i].count, err) != 0)
            return -1;
    }
    return 0;
}

static int add_loss(struct record_writer *w, const struct item *item, const struct translation *t,
                    enum loss_reason reason, const char *class_name, struct ft_err *err)
{
    struct bytes key = t->key_count == 0 ? bytes_of(NULL, 0) : t->keys[0].key;

    return loss_add(w->losses, reason, class_name, item->record.dbid, key, err);
}

static int add_losses(struct record_writer *w, const struct item *item, const struct translation *t,
                      struct ft_err *err)
{
    bool needs_client = t->class_ == TRANSLATION_READ_WRITE && t->command_count == 0;

    for (size_t i = 0; i < t->loss_count; i++) {
        if (add_loss(w, item, t, t->losses[i].reason, t->losses[i].class_name, err) != 0)
            return -1;
    }
    if (needs_client && add_loss(w, item, t, LOSS_COMMAND, item->record.name, err) != 0)
        return -1;
    w->lost += t->class_ == TRANSLATION_LOSS || needs_client;
    w->nothing += t->class_ == TRANSLATION_NOTHING;
    return 0;
}

/* A record, or what is left of one. */
static int put_translation(struct record_writer *w, const struct item *item, uint32_t db,
                           const struct translation *t, struct ft_err *err)
{
    if (add_losses(w, item, t, err) != 0)
        return -1;
    if (t->class_ == TRANSLATION_FLUSH && t->flush.kind == FLUSH_SLOTS)
        return put_flush_slots(w, &t->flush, err);
    return put_commands(w, db, t, err);
}

/*
 * Filters
 */

static int grow_keys(struct record_writer *w, size_t want, struct ft_err *err)
{
    size_t cap = w->key_capacity;

    if (ARRAY_RESERVE(&w->keys, &cap, want, "the keys of a command", err) != 0)
        return -1;
    return ARRAY_RESERVE(&w->named, &w->key_capacity, want, "the keys of a command", err);
}

/* How many keys pass; -1: error. */
static int64_t find_taken(struct record_writer *w, const struct translation *t, struct ft_err *err)
{
    int64_t taken = 0;

    if (grow_keys(w, t->key_count, err) != 0)
        return -1;
    for (size_t i = 0; i < t->key_count; i++) {
        const struct translation_key *k = &t->keys[i];

        w->keys[i] = (struct part_key){.db = k->db, .name = k->key};
        w->keys[i].taken = filter_db(w->filter, k->db) && filter_key(w->filter, k->key);
        taken += w->keys[i].taken;
    }
    return taken;
}

static int find_effect(struct record_writer *w, const struct item *item,
                       const struct translation *t, enum record_effect *ret, struct ft_err *err)
{
    *ret = RECORD_HAD_EFFECT;
    if (!record_is_conditional(&item->record, t))
        return 0;
    if (w->effects == NULL && effects_new(&w->effects, w->source, err) != 0)
        return -1;
    return effects_of(w->effects, item, t, ret, err);
}

/* Keys that the record changed by means of some that do not pass. */
static int name_unknown(struct record_writer *w, const struct item *item,
                        const struct translation *t, struct ft_err *err)
{
    struct translation suspects = *t;

    for (size_t i = 0; i < t->key_count; i++) {
        w->named[i] = t->keys[i];
        w->named[i].suspect = w->keys[i].unknown;
    }
    suspects.keys = w->named;
    return suspect_add_all(w->suspects, item, &suspects, err);
}

static int put_part(struct record_writer *w, const struct item *item, const struct translation *t,
                    struct ft_err *err)
{
    struct translation left;
    enum record_effect effect;

    if (find_effect(w, item, t, &effect, err) != 0)
        return -1;
    switch (record_part_make(&w->part, &item->record, t, effect, w->keys, err)) {
    case RECORD_LEFT_ERROR:
        return -1;
    case RECORD_LEFT_WORDS:
        if (suspect_add_all(w->suspects, item, t, err) != 0 ||
            translator_run(w->translator, w->part.words, w->part.count, w->part.db,
                           (int64_t)(item->time_us / 1000), &left, err) != 0)
            return -1;
        return put_translation(w, item, w->part.db, &left, err);
    case RECORD_LEFT_UNKNOWN:
        w->filtered++;
        return name_unknown(w, item, t, err);
    case RECORD_LEFT_NOTHING:
        break;
    }
    w->filtered++;
    return 0;
}

static int put_filtered(struct record_writer *w, const struct item *item,
                        const struct translation *t, struct ft_err *err)
{
    int64_t taken = find_taken(w, t, err);

    if (taken < 0)
        return -1;
    if (taken != 0 && (size_t)taken < t->key_count)
        return put_part(w, item, t, err);
    if (taken == 0) {
        w->filtered++;
        return 0;
    }
    if (suspect_add_all(w->suspects, item, t, err) != 0)
        return -1;
    return put_translation(w, item, item->record.dbid, t, err);
}

int record_writer_put(struct record_writer *w, const struct item *item, const struct translation *t,
                      struct ft_err *err)
{
    int rc;

    if (t->key_count == 0 || filter_is_empty(w->filter)) {
        if (!record_passes(w->filter, item, t)) {
            w->filtered++;
            return 0;
        }
        if (t->class_ == TRANSLATION_FLUSH && w->effects != NULL)
            effects_flush(w->effects, &t->flush, item->record.dbid);
        if (suspect_add_all(w->suspects, item, t, err) != 0)
            return -1;
        return put_translation(w, item, item->record.dbid, t, err);
    }
    rc = put_filtered(w, item, t, err);
    if (rc == 0 && w->effects != NULL)
        rc = effects_pass(w->effects, item, t, err);
    return rc;
}

int record_writer_init(struct record_writer *w, const struct source *source,
                       const struct target *target, enum json_as json_as, struct ft_err *err)
{
    w->source = source;
    w->suspects->filter = w->filter;
    return journal_translator_new(&w->translator, source, target, json_as, err);
}

void record_writer_release(struct record_writer *w)
{
    if (w->suspects != NULL)
        w->suspects->filter = NULL; /* it may end sooner than they do */
    translator_free(w->translator);
    effects_free(w->effects);
    record_part_release(&w->part);
    free(w->keys);
    free(w->named);
}
