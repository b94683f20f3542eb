#include "audit/census.h"

#include <stdlib.h>

#include "base/array.h"
#include "input/source_stretches.h"
#include "input/stream_pool.h"
#include "pump/pump.h"

#define SMALLEST_SIZE_CLASS 64u

const char *census_ttl_name(unsigned ttl)
{
    static const char *const names[CENSUS_TTL_COUNT] = {
        [CENSUS_TTL_NONE] = "none", [CENSUS_TTL_OVER] = "over",  [CENSUS_TTL_HOUR] = "<1h",
        [CENSUS_TTL_DAY] = "<1d",   [CENSUS_TTL_MONTH] = "<30d", [CENSUS_TTL_LONGER] = ">=30d",
    };

    return names[ttl];
}

const char *census_size_name(unsigned size_class)
{
    static const char *const names[CENSUS_SIZE_COUNT] = {"<=64B",    "<=1KiB", "<=16KiB",
                                                         "<=256KiB", "<=4MiB", ">4MiB"};

    return names[size_class];
}

/* The entry of a database; found at once while keys of one database follow each other. */
static struct census_db *find_db(struct census *c, uint32_t db, struct ft_err *err)
{
    size_t i = c->db_count;

    while (i > 0 && c->dbs[i - 1].db > db)
        i--;
    if (i > 0 && c->dbs[i - 1].db == db)
        return &c->dbs[i - 1];
    if (ARRAY_ADD_ROOM(&c->dbs, c->db_count, "a census", err) != 0)
        return NULL;
    memmove(&c->dbs[i + 1], &c->dbs[i], (c->db_count - i) * sizeof(*c->dbs));
    c->dbs[i] = (struct census_db){.db = db};
    c->db_count++;
    return &c->dbs[i];
}

static enum census_ttl ttl_class(int64_t expire_ms, uint64_t now_us)
{
    int64_t left_s;

    if (expire_ms == RDB_NO_EXPIRY)
        return CENSUS_TTL_NONE;
    left_s = expire_ms / 1000 - (int64_t)(now_us / 1000000);
    if (left_s <= 0)
        return CENSUS_TTL_OVER;
    if (left_s < 3600)
        return CENSUS_TTL_HOUR;
    if (left_s < 86400)
        return CENSUS_TTL_DAY;
    return left_s < 30 * 86400 ? CENSUS_TTL_MONTH : CENSUS_TTL_LONGER;
}

static unsigned size_class(uint64_t bytes)
{
    uint64_t limit = SMALLEST_SIZE_CLASS;
    unsigned i = 0;

    while (i < CENSUS_SIZE_COUNT - 1 && bytes > limit) {
        limit *= 16;
        i++;
    }
    return i;
}

static int note_largest(struct census *c, uint64_t bytes, uint32_t db, struct bytes key,
                        struct ft_err *err)
{
    if (bytes <= c->largest_bytes)
        return 0;
    c->largest_bytes = bytes;
    c->largest_db = db;
    buf_clear(&c->largest_key);
    return buf_append(&c->largest_key, key.p, key.n, err);
}

static int add_entry(void *context, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    struct census *c = context;
    enum value_class class = rdb_type_class(entry->type);
    struct census_db *db = find_db(c, entry->db, err);

    if (db == NULL)
        return -1;
    db->keys[class]++;
    db->bytes[class] += entry->value_bytes;
    c->keys++;
    c->bytes += entry->value_bytes;
    c->types[entry->type]++;
    c->ttls[ttl_class(entry->expire_ms, item->time_us)]++;
    c->sizes[size_class(entry->value_bytes)]++;
    return note_largest(c, entry->value_bytes, entry->db, entry->key, err);
}

static int add_record(void *context, const struct item *item, const struct translation *t,
                      struct ft_err *err)
{
    struct census *c = context;

    (void)t; /* counted as it is */
    (void)err;
    if (item->lsn == 0)
        c->records_in_snapshot++;
    else
        c->records++;
    return 0;
}

static int add_script(void *context, const struct item *item, struct bytes body, struct ft_err *err)
{
    struct census *c = context;

    (void)item;
    (void)body;
    (void)err;
    c->scripts++;
    return 0;
}

static int add_function(void *context, const struct item *item, struct bytes code,
                        struct ft_err *err)
{
    struct census *c = context;

    (void)item;
    (void)code;
    (void)err;
    c->functions++;
    return 0;
}

/* A stream, of which several threads may count stretches. */
struct stream_count {
    const struct source *source;
    struct census *census;
};

static int merge_dbs(struct census *to, const struct census *from, struct ft_err *err)
{
    for (size_t i = 0; i < from->db_count; i++) {
        struct census_db *db = find_db(to, from->dbs[i].db, err);

        if (db == NULL)
            return -1;
        for (unsigned c = 0; c < VALUE_CLASS_COUNT; c++) {
            db->keys[c] += from->dbs[i].keys[c];
            db->bytes[c] += from->dbs[i].bytes[c];
        }
    }
    return 0;
}

static int merge(struct census *to, const struct census *from, struct ft_err *err)
{
    to->keys += from->keys;
    to->bytes += from->bytes;
    to->functions += from->functions;
    to->scripts += from->scripts;
    to->records += from->records;
    to->records_in_snapshot += from->records_in_snapshot;
    for (unsigned i = 0; i < RDB_TYPE_COUNT; i++)
        to->types[i] += from->types[i];
    for (unsigned i = 0; i < CENSUS_TTL_COUNT; i++)
        to->ttls[i] += from->ttls[i];
    for (unsigned i = 0; i < CENSUS_SIZE_COUNT; i++)
        to->sizes[i] += from->sizes[i];
    if (merge_dbs(to, from, err) != 0)
        return -1;
    return note_largest(to, from->largest_bytes, from->largest_db, buf_bytes(&from->largest_key),
                        err);
}

static int count_stretch(void *context, void *part, struct source_stream *stream,
                         struct ft_err *err)
{
    const struct stream_count *c = context;
    const struct pump_options options = {
        .source = c->source, .as_is = true, .expired_ms = PUMP_NOTHING_EXPIRED};
    const struct item_sink sink = {.context = part,
                                   .entry = add_entry,
                                   .record = add_record,
                                   .script = add_script,
                                   .function = add_function};
    struct pump *pump;
    int rc = pump_new(&pump, &options, &sink, err);

    if (rc == 0) {
        rc = pump_stream(pump, stream, err);
        pump_free(pump);
    }
    return rc;
}

static int add_stretch(void *context, void *part, struct ft_err *err)
{
    struct stream_count *c = context;

    return merge(c->census, part, err);
}

static void release_stretch(void *part)
{
    census_release(part);
}

static int count_stream(void *context, const struct source *source, uint32_t index,
                        struct ft_err *err)
{
    const struct source_stream_options options = {.skip_values = true};
    struct stream_count count = {source, (struct census *)context + index};
    const struct stretch_work work = {.context = &count,
                                      .part_bytes = sizeof(struct census),
                                      .run = count_stretch,
                                      .add = add_stretch,
                                      .release = release_stretch};

    return source_stretches_run(source, index, &options, &work,
                                source_stretches_threads(source, index), err);
}

int census_of(struct census *ret, const struct source *source, struct ft_err *err)
{
    struct census *parts = calloc(source->stream_count, sizeof(*parts));
    int rc;

    memset(ret, 0, sizeof(*ret));
    if (parts == NULL)
        return err_nomem(err, "a census");
    read_progress_begin(source->progress, "counting", source_bytes(source));
    rc = stream_pool_run(source, count_stream, parts, err);
    for (uint32_t i = 0; i < source->stream_count; i++) {
        if (rc == 0)
            rc = merge(ret, &parts[i], err);
        census_release(&parts[i]);
    }
    free(parts);
    return rc;
}

void census_release(struct census *c)
{
    free(c->dbs);
    c->dbs = NULL;
    buf_release(&c->largest_key);
}
