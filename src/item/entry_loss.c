#include "item/entry_loss.h"

#include <inttypes.h>

#include "item/recode.h"

bool entry_passes_rules(const struct filter *f, const struct rdb_entry *entry)
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

int entry_add_its_notes(struct loss_report *r, const struct rdb_entry *entry,
                        const struct target *target, bool by_commands, struct ft_err *err)
{
    const char *class_name = value_class_name(rdb_type_class(entry->type));
    unsigned drops = recode_stream_drops(target, entry);
    const struct {
        bool there;
        enum loss_reason reason;
    } notes[] = {
        {entry->sticky, LOSS_NOTE_STICKY},
        {entry->has_mc_flags, LOSS_NOTE_MC_FLAGS},
        {entry->has_key_meta, LOSS_NOTE_KEY_META},
        {by_commands && (entry->has_idle || entry->has_freq), LOSS_NOTE_ACCESS},
        {(drops & STREAM_DROPS_COUNTERS) != 0, LOSS_NOTE_STREAM_COUNTERS},
        {(drops & STREAM_DROPS_ACTIVE_TIMES) != 0, LOSS_NOTE_STREAM_TIMES},
        {(drops & STREAM_DROPS_PRODUCERS) != 0, LOSS_NOTE_STREAM_PRODUCERS},
    };

    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        if (notes[i].there &&
            loss_add(r, notes[i].reason, class_name, entry->db, entry->key, err) != 0)
            return -1;
    }
    return 0;
}

const struct rdb_entry *entry_of_member_times(const struct filter *f, const struct rdb_item *aux)
{
    if (!bytes_eq_str(aux->name, RDB_AUX_KEYDB_MEMBER) || aux->entry.key.n == 0 ||
        aux->entry.type == RDB_TYPE_KEYDB_CRON) /* when a job runs next */
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
