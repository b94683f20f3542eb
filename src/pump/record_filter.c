#include "pump/record_filter.h"

#include <stdlib.h>

bool record_filter_passes(const struct filter *f, const struct item *item,
                          const struct translation *t)
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

static int add_suspects(struct record_filter *f, const struct item *item,
                        const struct translation *t, struct ft_err *err)
{
    return f->suspects == NULL ? 0 : suspect_add_all(f->suspects, f->losses, item, t, err);
}

static int grow_keys(struct record_filter *f, size_t want, struct ft_err *err)
{
    struct part_key *keys;
    struct translation_key *named;

    if (want <= f->key_capacity)
        return 0;
    keys = reallocarray(f->keys, want, sizeof(*keys));
    if (keys == NULL)
        return err_nomem(err, "the keys of a command");
    f->keys = keys;
    named = reallocarray(f->named, want, sizeof(*named));
    if (named == NULL)
        return err_nomem(err, "the keys of a command");
    f->named = named;
    f->key_capacity = want;
    return 0;
}

/* How many keys pass; -1: error. */
static int64_t find_taken(struct record_filter *f, const struct translation *t, struct ft_err *err)
{
    int64_t taken = 0;

    if (grow_keys(f, t->key_count, err) != 0)
        return -1;
    for (size_t i = 0; i < t->key_count; i++) {
        const struct translation_key *k = &t->keys[i];

        f->keys[i] = (struct part_key){.db = k->db, .name = k->key};
        f->keys[i].taken = filter_db(f->filter, k->db) && filter_key(f->filter, k->key);
        taken += f->keys[i].taken;
    }
    return taken;
}

static int find_effect(struct record_filter *f, const struct item *item,
                       const struct translation *t, enum record_effect *ret, struct ft_err *err)
{
    *ret = RECORD_HAD_EFFECT;
    if (!record_is_conditional(&item->record, t))
        return 0;
    if (f->effects == NULL && effects_new(&f->effects, f->source, err) != 0)
        return -1;
    return effects_of(f->effects, item, t, ret, err);
}

/* Keys that the record changed by means of some that do not pass. */
static int name_unknown(struct record_filter *f, const struct item *item,
                        const struct translation *t, struct ft_err *err)
{
    struct translation suspects = *t;

    for (size_t i = 0; i < t->key_count; i++) {
        f->named[i] = t->keys[i];
        f->named[i].suspect = f->keys[i].unknown;
    }
    suspects.keys = f->named;
    return add_suspects(f, item, &suspects, err);
}

/* The translator of the record itself is still in use: effects want its keys afterwards. */
static int take_part(struct record_filter *f, const struct item *item, journal_record_fn *take,
                     void *context, struct ft_err *err)
{
    struct item left = *item;
    struct translation t;

    if (f->translator == NULL &&
        journal_translator_new(&f->translator, f->source, f->target, f->json_as, err) != 0)
        return -1;
    if (translator_run(f->translator, f->part.args, f->part.count, f->part.db,
                       (int64_t)(item->time_us / 1000), &t, err) != 0)
        return -1;
    left.record.dbid = f->part.db;
    return take(context, &left, &t, err);
}

static int run_part(struct record_filter *f, const struct item *item, const struct translation *t,
                    journal_record_fn *take, void *context, struct ft_err *err)
{
    enum record_effect effect;

    if (find_effect(f, item, t, &effect, err) != 0)
        return -1;
    switch (record_part_make(&f->part, &item->record, t, effect, f->keys, err)) {
    case RECORD_LEFT_ERROR:
        return -1;
    case RECORD_LEFT_ARGS:
        if (add_suspects(f, item, t, err) != 0)
            return -1;
        return take_part(f, item, take, context, err);
    case RECORD_LEFT_UNKNOWN:
        return name_unknown(f, item, t, err) != 0 ? -1 : 1;
    case RECORD_LEFT_NOTHING:
        break;
    }
    return 1;
}

static int run_keys(struct record_filter *f, const struct item *item, const struct translation *t,
                    journal_record_fn *take, void *context, struct ft_err *err)
{
    int64_t taken = find_taken(f, t, err);

    if (taken < 0)
        return -1;
    if (taken == 0)
        return 1;
    if ((size_t)taken < t->key_count)
        return run_part(f, item, t, take, context, err);
    return add_suspects(f, item, t, err) != 0 ? -1 : take(context, item, t, err);
}

int record_filter_run(struct record_filter *f, const struct item *item, const struct translation *t,
                      journal_record_fn *take, void *context, struct ft_err *err)
{
    int rc;

    if (t->key_count == 0 || filter_is_empty(f->filter)) {
        if (!record_filter_passes(f->filter, item, t))
            return 1;
        if (t->class_ == TRANSLATION_FLUSH && f->effects != NULL)
            effects_flush(f->effects, &t->flush, item->record.dbid);
        return add_suspects(f, item, t, err) != 0 ? -1 : take(context, item, t, err);
    }
    rc = run_keys(f, item, t, take, context, err);
    if (rc >= 0 && f->effects != NULL && effects_pass(f->effects, item, t, err) != 0)
        return -1;
    return rc;
}

void record_filter_release(struct record_filter *f)
{
    translator_free(f->translator);
    effects_free(f->effects);
    record_part_release(&f->part);
    free(f->keys);
    free(f->named);
    *f = (struct record_filter){0};
}
