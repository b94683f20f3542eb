#include "command/record_part.h"

#include <stdlib.h>

#include "base/array.h"

/* The record without the keys that are not taken, each with the arguments up to the next. */
static void drop_keys(struct record_part *p, const struct journal_record *record,
                      const struct translation *t, const struct part_key *keys)
{
    size_t step = (size_t)t->row->key_step;
    size_t n = t->keys[0].arg;

    memcpy(p->args, record->args, n * sizeof(*p->args));
    for (size_t i = 0; i < t->key_count; i++) {
        if (!keys[i].taken)
            continue;
        p->db = keys[i].db;
        p->args[n++] = keys[i].name;
        for (size_t j = 1; j < step; j++)
            p->args[n++] = record->args[t->keys[i].arg + j];
    }
    p->count = n;
}

/* What the record takes away from its first key; false: nothing. */
static bool take_away(struct record_part *p, const struct journal_record *record,
                      const struct translation *t, const struct part_key *key)
{
    bool left = record->arg_count > 3 && bytes_is_word(record->args[3], "LEFT");

    p->db = key->db;
    p->args[1] = key->name;
    p->count = 2;
    switch (t->row->plan) {
    case PLAN_RENAME:
    case PLAN_MOVE:
        p->args[0] = bytes_str("DEL");
        return true;
    case PLAN_LMOVE:
        p->args[0] = bytes_str(left ? "LPOP" : "RPOP");
        return true;
    case PLAN_SMOVE:
        p->args[0] = bytes_str("SREM");
        p->args[2] = record->args[3];
        p->count = 3;
        return true;
    default:
        return false;
    }
}

static enum record_left leave_unknown(const struct translation *t, struct part_key *keys)
{
    enum record_left left = RECORD_LEFT_NOTHING;

    for (size_t i = 0; i < t->key_count; i++) {
        keys[i].unknown = keys[i].taken && translation_changes(t, i);
        if (keys[i].unknown)
            left = RECORD_LEFT_UNKNOWN;
    }
    return left;
}

enum record_left record_part_make(struct record_part *p, const struct journal_record *record,
                                  const struct translation *t, enum record_effect effect,
                                  struct part_key *keys, struct ft_err *err)
{
    size_t want = record->arg_count < 3 ? 3 : record->arg_count;

    for (size_t i = 0; i < t->key_count; i++)
        keys[i].unknown = false;
    if (ARRAY_RESERVE(&p->args, &p->capacity, want, "the keys of a command", err) != 0)
        return RECORD_LEFT_ERROR;
    if (t->row != NULL && (t->row->flags & COMMAND_SPLIT) != 0) {
        drop_keys(p, record, t, keys);
        return RECORD_LEFT_ARGS;
    }
    if (record_is_conditional(record, t)) {
        if (effect == RECORD_HAD_NONE)
            return RECORD_LEFT_NOTHING;
        if (effect == RECORD_EFFECT_UNKNOWN)
            return leave_unknown(t, keys);
    }
    if (t->row != NULL && keys[0].taken && take_away(p, record, t, &keys[0]))
        return RECORD_LEFT_ARGS;
    return leave_unknown(t, keys);
}

void record_part_release(struct record_part *p)
{
    free(p->args);
    *p = (struct record_part){0};
}
