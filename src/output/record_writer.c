#include "output/record_writer.h"

#include <stdlib.h>

#include "base/array.h"
#include "command/left_out.h"
#include "output/output_lua.h"

static int put_flush_slots(struct record_writer *w, const struct translation_flush *flush,
                           struct ft_err *err)
{
    size_t count = 3 + 2 * flush->range_count;
    struct bytes *args = calloc(count, sizeof(*args));
    char(*numbers)[I64_TEXT_SIZE] = calloc(count, sizeof(*numbers));
    int rc = -1;

    if (args == NULL || numbers == NULL) {
        err_nomem(err, "a command");
        goto out;
    }
    args[0] = bytes_str("EVAL");
    args[1] = bytes_str(lua_flush_slots);
    args[2] = bytes_str("0");
    for (size_t i = 3; i < count; i++) {
        const struct slot_range *range = &flush->ranges[(i - 3) / 2];
        uint16_t slot = i % 2 == 1 ? range->first : range->last;

        args[i] = bytes_of(numbers[i], i64_to_text(slot, numbers[i]));
    }
    rc = resp_file_put(w->file, 0, args, count, err);
out:
    free(args);
    free(numbers);
    return rc;
}

static int put_commands(struct record_writer *w, uint32_t db, const struct translation *t,
                        struct ft_err *err)
{
    if (t->key_count == 0 && t->class_ != TRANSLATION_FLUSH && !t->any_key)
        db = RESP_FILE_ANY_DB;
    for (size_t i = 0; i < t->command_count; i++) {
        if (resp_file_put(w->file, db, t->commands[i].args, t->commands[i].count, err) != 0)
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
    return 0;
}

static int put_vanished(struct record_writer *w, const struct item *item,
                        const struct translation *t, struct ft_err *err)
{
    struct left_out_command c;
    bool vanishes;

    if (left_out_take(w->losses, item, t, &vanishes, err) != 0)
        return -1;
    if (!vanishes)
        return 0;
    left_out_command(&c, &t->keys[0], &t->keys[1]);
    return resp_file_put(w->file, t->keys[0].db, c.args, LEFT_OUT_ARGS, err);
}

int record_writer_put(struct record_writer *w, const struct item *item, const struct translation *t,
                      struct ft_err *err)
{
    if (add_losses(w, item, t, err) != 0 || put_vanished(w, item, t, err) != 0)
        return -1;
    if (t->class_ == TRANSLATION_FLUSH && t->flush.kind == FLUSH_SLOTS)
        return put_flush_slots(w, &t->flush, err);
    return put_commands(w, item->record.dbid, t, err);
}
