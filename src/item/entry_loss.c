#include "item/entry_loss.h"

#include <inttypes.h>

bool entry_passes(const struct filter *f, const struct rdb_entry *entry)
{
    return filter_db(f, entry->db) && filter_class(f, rdb_type_class(entry->type)) &&
           filter_key(f, entry->key);
}

bool entry_is_over(const struct rdb_entry *entry, int64_t now_ms)
{
    return entry->expire_ms != RDB_NO_EXPIRY && entry->expire_ms <= now_ms;
}

int entry_add_loss(struct loss_report *r, const struct rdb_entry *entry, enum loss_reason reason,
                   struct ft_err *err)
{
    if (reason == LOSS_NONE)
        return 0;
    return loss_add(r, reason, rdb_type_name(entry->type), entry->db, entry->key, err);
}

int entry_add_notes(struct loss_report *r, const struct rdb_entry *entry, struct ft_err *err)
{
    const char *class_name = value_class_name(rdb_type_class(entry->type));

    if (entry->sticky && loss_add(r, LOSS_NOTE_STICKY, class_name, entry->db, entry->key, err) != 0)
        return -1;
    if (!entry->has_mc_flags)
        return 0;
    return loss_add(r, LOSS_NOTE_MC_FLAGS, class_name, entry->db, entry->key, err);
}

const struct rdb_entry *entry_of_member_times(const struct filter *f, const struct rdb_item *aux)
{
    if (!bytes_eq_str(aux->name, RDB_AUX_KEYDB_MEMBER) || aux->entry.key.n == 0)
        return NULL;
    return entry_passes(f, &aux->entry) ? &aux->entry : NULL;
}

enum loss_reason function_loss(const struct target *target, const struct rdb_item *function)
{
    if (function->kind == RDB_ITEM_FUNCTION_PRE_GA)
        return LOSS_FUNCTION_PRE_GA;
    return target->functions ? LOSS_NONE : LOSS_FUNCTION;
}

int entry_wrap(const struct rdb_entry *entry, struct ft_err *err)
{
    char key[100];

    return err_wrap(err, "key \"%s\" in database %" PRIu32,
                    bytes_escape(entry->key, key, sizeof(key)), entry->db);
}
