#include "command/translation.h"

#include <stdio.h>
#include <xxhash.h>

bool translation_changes(const struct translation *t, size_t key)
{
    if (t->row == NULL)
        return true;
    switch (t->row->plan) {
    case PLAN_COPY:
        return key == 1;
    case PLAN_SORT_STORE:
        return key == t->key_count - 1;
    case PLAN_STORE:
        /* GEORADIUS has it at the end, the others in front */
        return key == (strncmp(t->row->name, "GEORADIUS", 9) == 0 ? t->key_count - 1 : 0);
    default:
        return (t->row->flags & COMMAND_READ_ONLY) == 0;
    }
}

bool translation_joins(const struct translation *t)
{
    return t->key_count > 1 && t->row != NULL &&
           (t->row->flags & (COMMAND_SPLIT | COMMAND_READ_ONLY)) == 0;
}

bool translation_moves(const struct translation *t)
{
    enum plan_kind plan = t->row == NULL ? PLAN_NONE : t->row->plan;

    return t->key_count == 2 && (plan == PLAN_RENAME || plan == PLAN_COPY || plan == PLAN_MOVE);
}

const char *translation_class_name(enum translation_class c)
{
    static const char *const names[] = {
        [TRANSLATION_AS_IS] = "as-is",           [TRANSLATION_REWRITTEN] = "rewritten",
        [TRANSLATION_READ_WRITE] = "read-write", [TRANSLATION_NOTHING] = "nothing",
        [TRANSLATION_FLUSH] = "flush",           [TRANSLATION_LOSS] = "loss",
    };

    return names[c];
}

const char *plan_kind_name(enum plan_kind kind)
{
    static const char *const names[] = {
        [PLAN_NONE] = "",       [PLAN_RENAME] = "RENAME",
        [PLAN_COPY] = "COPY",   [PLAN_MOVE] = "MOVE",
        [PLAN_SMOVE] = "SMOVE", [PLAN_LMOVE] = "LMOVE",
        [PLAN_STORE] = "STORE", [PLAN_SORT_STORE] = "SORT-STORE",
        [PLAN_POP] = "POP",     [PLAN_DELETE_DIGEST] = "DELETE-DIGEST",
    };

    return names[kind];
}

void translation_digest(struct bytes value, char out[TRANSLATION_DIGEST_SIZE])
{
    snprintf(out, TRANSLATION_DIGEST_SIZE, "%016llx",
             (unsigned long long)XXH3_64bits(value.p, value.n));
}
