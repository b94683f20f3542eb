#include "audit/verify_items.h"

#include <string.h>

#include <inttypes.h>

static int check_key(struct verify_items *c, uint32_t db, struct bytes key, int64_t expire_ms,
                     struct ft_err *err)
{
    c->report->keys++;
    if (expire_ms != RDB_NO_EXPIRY && expire_ms <= c->keys->now_ms)
        return 0;
    return key_log_add(c->keys->log, &c->keys->batch, db, key, err);
}

static int check_entry(void *context, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    struct verify_items *c = context;

    if (check_key(c, entry->db, entry->key, entry->expire_ms, err) != 0)
        return -1;
    return value_check_run(&c->values, entry->type, entry->value, err);
}

/* Whether a string holds together was seen when its end was found. */
int verify_items_run(struct verify_items *c, struct ft_err *err)
{
    for (size_t i = 0; i < c->run.count; i++) {
        const struct rdb_plain *plain = &c->run.entries[i];

        if (check_key(c, c->run.db, plain->key, plain->expire_ms, err) != 0)
            return err_wrap(err, "offset %" PRIu64, plain->offset);
    }
    return 0;
}

static int count_record(void *context, const struct item *item, const struct translation *t,
                        struct ft_err *err)
{
    struct verify_items *c = context;

    (void)t;
    (void)err;
    c->report->records++;
    c->report->given_up += strcmp(item->record.name, "DFLYCLUSTER") == 0;
    return 0;
}

int verify_items_init(struct verify_items *c, struct ft_err *err)
{
    const struct pump_options options = {.as_is = true, .expired_ms = PUMP_NOTHING_EXPIRED};
    const struct item_sink sink = {.context = c, .entry = check_entry, .record = count_record};

    return pump_new(&c->pump, &options, &sink, err);
}

void verify_items_release(struct verify_items *c)
{
    pump_free(c->pump);
    value_check_release(&c->values);
}

int verify_item(struct verify_items *c, const struct item *item, struct ft_err *err)
{
    if (pump_item(c->pump, item, err) == 0)
        return 0;
    return err_wrap(err, "offset %" PRIu64, item->offset);
}
