#include "input/repeated_keys.h"

#include <inttypes.h>
#include <stdlib.h>

/* The names that were seen of one hash: usually one. */
struct name {
    uint32_t db;
    struct buf key;
    struct name *next;
};

struct finder {
    uint64_t *hashes; /* ascending */
    size_t count;
    struct name **names; /* one list for each hash */
    repeated_key_fn *found;
    void *context;
};

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int add_name(struct name **list, uint32_t db, struct bytes key, struct ft_err *err)
{
    struct name *name = calloc(1, sizeof(*name));

    if (name == NULL)
        return err_nomem(err, "a name");
    if (buf_append(&name->key, key.p, key.n, err) != 0) {
        free(name);
        return -1;
    }
    name->db = db;
    name->next = *list;
    *list = name;
    return 0;
}

static int tell(struct finder *f, uint32_t stream, const struct rdb_entry *entry,
                struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    char key[100];

    (void)err_set(&what, FT_ERR_CORRUPT,
                  "key \"%s\" in database %" PRIu32
                  " comes twice, which redis-server refuses to load",
                  bytes_escape(entry->key, key, sizeof(key)), entry->db);
    return f->found(f->context, stream, &what, err);
}

static int take_key(struct finder *f, uint32_t stream, const struct rdb_entry *entry,
                    struct ft_err *err)
{
    uint64_t hash = key_log_hash(entry->db, entry->key);
    const uint64_t *at = bsearch(&hash, f->hashes, f->count, sizeof(hash), by_value);
    struct name **list;

    if (at == NULL)
        return 0;
    list = &f->names[at - f->hashes];
    for (const struct name *name = *list; name != NULL; name = name->next) {
        if (name->db == entry->db && bytes_eq(buf_bytes(&name->key), entry->key))
            return tell(f, stream, entry, err);
    }
    return add_name(list, entry->db, entry->key, err);
}

/* Keys have to come whole, so values are not passed over. */
static int read_stream(struct finder *f, const struct source *s, uint32_t stream,
                       struct ft_err *err)
{
    const struct source_stream_options options = {.snapshot_only = true};
    struct source_stream *st;
    struct item item;
    enum step step;
    int rc = 0;

    if (source_stream_open(&st, s, stream, &options, err) != 0)
        return -1;
    while (rc == 0 && (step = source_stream_next(st, &item, err)) != STEP_END) {
        if (step == STEP_ERROR)
            rc = -1;
        else if (item_entry(&item) != NULL)
            rc = take_key(f, stream, &item.rdb.entry, err);
    }
    source_stream_free(st);
    return rc;
}

static void free_names(struct finder *f)
{
    for (size_t i = 0; f->names != NULL && i < f->count; i++) {
        while (f->names[i] != NULL) {
            struct name *name = f->names[i];

            f->names[i] = name->next;
            buf_release(&name->key);
            free(name);
        }
    }
    free(f->names);
}

int repeated_keys_find(const struct source *s, struct hash_log *log, repeated_key_fn *found,
                       void *context, struct ft_err *err)
{
    uint64_t hashes[REPEATED_KEYS_MAX];
    struct finder f = {.hashes = hashes, .found = found, .context = context};
    int rc = 0;

    if (hash_log_repeats(log, hashes, REPEATED_KEYS_MAX, &f.count, err) != 0)
        return -1;
    if (f.count == 0)
        return 0;
    f.names = calloc(f.count, sizeof(*f.names));
    if (f.names == NULL)
        return err_nomem(err, "names");
    for (uint32_t i = 0; rc == 0 && i < s->stream_count; i++)
        rc = read_stream(&f, s, i, err);
    free_names(&f);
    return rc;
}

static int refuse(void *context, uint32_t stream, struct ft_err *what, struct ft_err *err)
{
    const struct source *s = context;

    *err = *what;
    if (source_stream_file(s, stream) != NULL)
        return err_wrap(err, "\"%s\"", source_stream_file(s, stream));
    return err_wrap(err, "\"%s\": flow %" PRIu32, s->path, stream);
}

int repeated_keys_refuse(const struct source *s, struct hash_log *log, struct ft_err *err)
{
    return repeated_keys_find(s, log, refuse, (void *)(uintptr_t)s, err);
}
