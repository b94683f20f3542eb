#include "item/stream_commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "item/dump.h"
#include "rdb/value_stream.h"

/* "18446744073709551615-18446744073709551615" */
#define ID_TEXT_SIZE 44

struct filling {
    const struct rdb_entry *entry;
    struct stream_iter *it;
    command_fn *put;
    void *context;
    struct bytes *args;
    size_t args_cap;
    struct stream_id last; /* that was added */
    struct ft_err *err;
};

static struct bytes id_arg(struct stream_id id, char text[ID_TEXT_SIZE])
{
    int n = snprintf(text, ID_TEXT_SIZE, "%" PRIu64 "-%" PRIu64, id.ms, id.seq); /* fits */

    return bytes_of(text, (size_t)n);
}

static int put_shell(struct filling *f, const struct target *target, enum recode_result *ret,
                     enum loss_reason *ret_loss)
{
    struct buf value = {0};
    struct buf payload = {0};
    uint8_t type;
    int rc = 0;

    *ret = recode_stream_shell(target, f->entry, f->it, &value, &type, ret_loss, f->err);
    if (*ret == RECODE_OK)
        rc = dump_append(&payload, type, buf_bytes(&value), target->rdb_version, f->err);
    if (*ret == RECODE_OK && rc == 0) {
        const struct bytes args[] = {bytes_str("RESTORE"), f->entry->key, bytes_str("0"),
                                     buf_bytes(&payload), bytes_str("REPLACE")};

        rc = f->put(f->context, args, 5, f->err);
    }
    buf_release(&payload);
    buf_release(&value);
    return rc;
}

static int add_entry(struct filling *f, const struct stream_entry *entry)
{
    size_t count = 3 + entry->arg_count;
    char id[ID_TEXT_SIZE];

    if (ARRAY_RESERVE(&f->args, &f->args_cap, count, "an entry of a stream", f->err) != 0)
        return -1;
    f->args[0] = bytes_str("XADD");
    f->args[1] = f->entry->key;
    f->args[2] = id_arg(entry->id, id);
    memcpy(f->args + 3, entry->args, entry->arg_count * sizeof(*f->args));
    f->last = entry->id;
    return f->put(f->context, f->args, count, f->err);
}

static int add_entries(struct filling *f)
{
    struct stream_id last;
    struct stream_entry entry;
    char id[ID_TEXT_SIZE];
    enum step step;

    while ((step = stream_iter_next_entry(f->it, &entry, f->err)) == STEP_ITEM) {
        if (add_entry(f, &entry) != 0)
            return -1;
    }
    if (step == STEP_ERROR)
        return -1;
    last = stream_iter_head(f->it)->last_id;
    if (last.ms != f->last.ms || last.seq != f->last.seq) {
        const struct bytes args[] = {bytes_str("XSETID"), f->entry->key, id_arg(last, id)};

        return f->put(f->context, args, 3, f->err);
    }
    return 0;
}

enum recode_result stream_commands_run(const struct target *target, const struct rdb_entry *entry,
                                       command_fn *put, void *context, enum loss_reason *ret_loss,
                                       struct ft_err *err)
{
    struct filling f = {.entry = entry, .put = put, .context = context, .err = err};
    enum recode_result result = RECODE_ERROR;
    int rc;

    if (stream_iter_new(&f.it, entry->type, entry->value, err) != 0)
        return RECODE_ERROR;
    rc = put_shell(&f, target, &result, ret_loss);
    if (rc == 0 && result == RECODE_OK)
        rc = add_entries(&f);
    stream_iter_free(f.it);
    free(f.args);
    return rc == 0 ? result : RECODE_ERROR;
}
