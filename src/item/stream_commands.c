#include "item/stream_commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "item/dump.h"
#include "rdb/value_stream.h"

/* "18446744073709551615-18446744073709551615" */
#define ID_TEXT_SIZE 44

/* From these on there are CREATECONSUMER, and counters of entries. */
#define CONSUMER_VERSION 602u
#define COUNTERS_VERSION 700u
/* From this one on a loss of what producers added is not one of the target's version. */
#define PRODUCERS_VERSION 806u
#define DELETED_AT_ONCE   100u

struct filling {
    const struct target *target;
    const struct rdb_entry *entry;
    struct stream_iter *it;
    command_fn *put;
    void *context;
    struct bytes *args;
    size_t args_cap;
    struct stream_id last;     /* that was added */
    bool any;                  /* something was added */
    struct stream_id *pending; /* of all groups, sorted; only where there is no RESTORE */
    size_t pending_count, pending_at;
    struct stream_id *gone; /* of these, those that are not entries any more */
    size_t gone_count;
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

static int compare(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* What is pending but deleted has to be there when it is claimed; it is deleted again after that. */
static int add_gone(struct filling *f, struct stream_id id)
{
    char text[ID_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("XADD"), f->entry->key, id_arg(id, text), bytes_str("f"),
                                 bytes_str("v")};

    f->gone[f->gone_count++] = id;
    f->last = id;
    f->any = true;
    return f->put(f->context, args, 5, f->err);
}

/* Those in front of an entry; NULL: the rest. */
static int add_gone_before(struct filling *f, const struct stream_id *entry)
{
    for (; f->pending_at < f->pending_count; f->pending_at++) {
        struct stream_id id = f->pending[f->pending_at];
        int order = entry == NULL ? -1 : compare(id, *entry);

        if (order > 0)
            break;
        if (order < 0 && add_gone(f, id) != 0)
            return -1;
    }
    return 0;
}

static int add_entry(struct filling *f, const struct stream_entry *entry)
{
    size_t count = 3 + entry->arg_count;
    char id[ID_TEXT_SIZE];

    if (add_gone_before(f, &entry->id) != 0)
        return -1;
    if (ARRAY_RESERVE(&f->args, &f->args_cap, count, "an entry of a stream", f->err) != 0)
        return -1;
    f->args[0] = bytes_str("XADD");
    f->args[1] = f->entry->key;
    f->args[2] = id_arg(entry->id, id);
    memcpy(f->args + 3, entry->args, entry->arg_count * sizeof(*f->args));
    f->last = entry->id;
    f->any = true;
    return f->put(f->context, f->args, count, f->err);
}

/* Counters are set by XSETID too, and then it is not known yet what is deleted last. */
static int set_last_id(struct filling *f, bool with_counters)
{
    const struct stream_head *head = stream_iter_head(f->it);
    char added[I64_TEXT_SIZE];
    char deleted[ID_TEXT_SIZE];
    char id[ID_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("XSETID"),
                                 f->entry->key,
                                 id_arg(head->last_id, id),
                                 bytes_str("ENTRIESADDED"),
                                 bytes_of(added, i64_to_text((int64_t)head->entries_added, added)),
                                 bytes_str("MAXDELETEDID"),
                                 id_arg(head->max_deleted_id, deleted)};

    return f->put(f->context, args, with_counters ? 7 : 3, f->err);
}

static int add_entries(struct filling *f)
{
    struct stream_entry entry;
    enum step step;

    while ((step = stream_iter_next_entry(f->it, &entry, f->err)) == STEP_ITEM) {
        if (add_entry(f, &entry) != 0)
            return -1;
    }
    return step == STEP_ERROR ? -1 : add_gone_before(f, NULL);
}

/*
 * Groups, without RESTORE
 */

static int compare_ids(const void *a, const void *b)
{
    return compare(*(const struct stream_id *)a, *(const struct stream_id *)b);
}

/* Of all consumers of all groups, by an iterator of its own: they come after the entries. */
static int collect_pending(struct filling *f)
{
    struct stream_entry entry;
    struct stream_group group;
    struct stream_consumer consumer;
    struct stream_pending pending;
    struct stream_iter *it;
    size_t cap = 0;
    size_t count = 0;
    enum step step;
    int rc = stream_iter_new(&it, f->entry->type, f->entry->value, f->err);

    if (rc != 0)
        return -1;
    while ((step = stream_iter_next_entry(it, &entry, f->err)) == STEP_ITEM)
        continue;
    while (step != STEP_ERROR && (step = stream_iter_next_group(it, &group, f->err)) == STEP_ITEM) {
        while (step != STEP_ERROR &&
               (step = stream_iter_next_consumer(it, &consumer, f->err)) == STEP_ITEM) {
            while ((step = stream_iter_next_pending(it, &pending, f->err)) == STEP_ITEM) {
                if (ARRAY_RESERVE(&f->pending, &cap, count + 1, "pending entries", f->err) != 0) {
                    step = STEP_ERROR;
                    break;
                }
                f->pending[count++] = pending.id;
            }
        }
    }
    stream_iter_free(it);
    if (step == STEP_ERROR)
        return -1;
    if (count != 0)
        qsort(f->pending, count, sizeof(*f->pending), compare_ids);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare(f->pending[i], f->pending[f->pending_count - 1]) != 0)
            f->pending[f->pending_count++] = f->pending[i];
    }
    f->gone = calloc(f->pending_count + 1, sizeof(*f->gone));
    return f->gone == NULL ? err_nomem(f->err, "pending entries") : 0;
}

static int make_group(struct filling *f, const struct stream_group *group)
{
    char id[ID_TEXT_SIZE];
    char read[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("XGROUP"),
                                 bytes_str("CREATE"),
                                 f->entry->key,
                                 group->name,
                                 id_arg(group->last_id, id),
                                 bytes_str("ENTRIESREAD"),
                                 bytes_of(read, i64_to_text(group->entries_read, read))};
    bool counted = f->target->version >= COUNTERS_VERSION && group->entries_read >= 0;

    return f->put(f->context, args, counted ? 7 : 5, f->err);
}

/* Reading what it has pending makes a consumer too, and delivers nothing. */
static int make_consumer(struct filling *f, const struct stream_group *group, struct bytes name)
{
    const struct bytes create[] = {bytes_str("XGROUP"), bytes_str("CREATECONSUMER"), f->entry->key,
                                   group->name, name};
    const struct bytes read[] = {
        bytes_str("XREADGROUP"), bytes_str("GROUP"), group->name,          name,
        bytes_str("COUNT"),      bytes_str("1"),     bytes_str("STREAMS"), f->entry->key,
        bytes_str("0")};

    return f->target->version >= CONSUMER_VERSION ? f->put(f->context, create, 5, f->err)
                                                  : f->put(f->context, read, 9, f->err);
}

static int claim(struct filling *f, const struct stream_group *group,
                 const struct stream_pending *pending)
{
    char id[ID_TEXT_SIZE];
    char time[I64_TEXT_SIZE];
    char count[I64_TEXT_SIZE];
    const struct bytes args[] = {
        bytes_str("XCLAIM"),
        f->entry->key,
        group->name,
        pending->consumer,
        bytes_str("0"),
        id_arg(pending->id, id),
        bytes_str("TIME"),
        bytes_of(time, i64_to_text(pending->delivery_time_ms, time)),
        bytes_str("RETRYCOUNT"),
        bytes_of(count, i64_to_text((int64_t)pending->delivery_count, count)),
        bytes_str("FORCE"),
        bytes_str("JUSTID"),
    };

    return f->put(f->context, args, 12, f->err);
}

static int add_group(struct filling *f, const struct stream_group *group)
{
    struct stream_consumer consumer;
    struct stream_pending pending;
    enum step step;

    if (make_group(f, group) != 0)
        return -1;
    while ((step = stream_iter_next_consumer(f->it, &consumer, f->err)) == STEP_ITEM) {
        if (make_consumer(f, group, consumer.name) != 0)
            return -1;
        while ((step = stream_iter_next_pending(f->it, &pending, f->err)) == STEP_ITEM) {
            pending.consumer = consumer.name;
            if (claim(f, group, &pending) != 0)
                return -1;
        }
        if (step == STEP_ERROR)
            return -1;
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int delete_gone(struct filling *f)
{
    struct bytes args[DELETED_AT_ONCE + 2] = {bytes_str("XDEL"), f->entry->key};
    char ids[DELETED_AT_ONCE][ID_TEXT_SIZE];

    for (size_t at = 0; at < f->gone_count;) {
        size_t n = 0;

        for (; at < f->gone_count && n < DELETED_AT_ONCE; n++, at++)
            args[2 + n] = id_arg(f->gone[at], ids[n]);
        if (f->put(f->context, args, 2 + n, f->err) != 0)
            return -1;
    }
    return 0;
}

/* A stream with nothing in it is what is left of a group. */
static int make_empty(struct filling *f)
{
    const struct bytes create[] = {bytes_str("XGROUP"), bytes_str("CREATE"),
                                   f->entry->key,       bytes_str("flowtape"),
                                   bytes_str("0"),      bytes_str("MKSTREAM")};
    const struct bytes destroy[] = {bytes_str("XGROUP"), bytes_str("DESTROY"), f->entry->key,
                                    bytes_str("flowtape")};

    return f->put(f->context, create, 6, f->err) == 0 ? f->put(f->context, destroy, 4, f->err) : -1;
}

static int fill_all(struct filling *f, enum loss_reason *ret_loss)
{
    const struct bytes del[] = {bytes_str("DEL"), f->entry->key};
    struct stream_group group;
    enum step step;

    if (collect_pending(f) != 0 || f->put(f->context, del, 2, f->err) != 0 || add_entries(f) != 0 ||
        (!f->any && make_empty(f) != 0) || set_last_id(f, false) != 0)
        return -1;
    while ((step = stream_iter_next_group(f->it, &group, f->err)) == STEP_ITEM) {
        if (group.unowned.n != 0)
            *ret_loss = LOSS_STREAM_PENDING;
        if (add_group(f, &group) != 0)
            return -1;
    }
    if (step == STEP_ERROR || delete_gone(f) != 0)
        return -1;
    if (*ret_loss == LOSS_NONE && f->target->version >= PRODUCERS_VERSION &&
        stream_iter_producers(f->it).n != 0)
        *ret_loss = LOSS_NOTE_STREAM_PRODUCERS;
    return f->target->version >= COUNTERS_VERSION ? set_last_id(f, true) : 0;
}

enum recode_result stream_commands_run_plain(const struct target *target,
                                             const struct rdb_entry *entry, command_fn *put,
                                             void *context, enum loss_reason *ret_loss,
                                             struct ft_err *err)
{
    struct filling f = {
        .target = target, .entry = entry, .put = put, .context = context, .err = err};
    int rc = stream_iter_new(&f.it, entry->type, entry->value, err);

    *ret_loss = LOSS_NONE;
    if (rc == 0)
        rc = fill_all(&f, ret_loss);
    stream_iter_free(f.it);
    free(f.args);
    free(f.pending);
    free(f.gone);
    return rc == 0 ? RECODE_OK : RECODE_ERROR;
}

/*
 * With RESTORE
 */

enum recode_result stream_commands_run(const struct target *target, const struct rdb_entry *entry,
                                       command_fn *put, void *context, enum loss_reason *ret_loss,
                                       struct ft_err *err)
{
    struct filling f = {
        .target = target, .entry = entry, .put = put, .context = context, .err = err};
    enum recode_result result = RECODE_ERROR;
    int rc;

    if (stream_iter_new(&f.it, entry->type, entry->value, err) != 0)
        return RECODE_ERROR;
    rc = put_shell(&f, target, &result, ret_loss);
    if (rc == 0 && result == RECODE_OK)
        rc = add_entries(&f);
    if (rc == 0 && result == RECODE_OK && compare(stream_iter_head(f.it)->last_id, f.last) != 0)
        rc = set_last_id(&f, false);
    stream_iter_free(f.it);
    free(f.args);
    return rc == 0 ? result : RECODE_ERROR;
}
