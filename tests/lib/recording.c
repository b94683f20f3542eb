#include "lib/recording.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fsutil.h"
#include "journal/journal_reader.h"
#include "rdb/rdb_stream.h"

#define FLOW_LIMIT_BYTES ((size_t)4 << 30)

/* ---- meta.json ---- */

static uint64_t meta_u64(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
}

static int meta_flow(struct recording_flow *f, json_t *meta, struct ft_err *err)
{
    const char *token = json_string_value(json_object_get(meta, "eof_token"));

    if (token == NULL || strlen(token) != 40)
        return err_set(err, FT_ERR_CORRUPT, "a flow without an EOF token");
    memcpy(f->token, token, sizeof(f->token));
    f->fullsync_bytes = meta_u64(meta, "fullsync_bytes");
    f->stable_start = meta_u64(meta, "stable_start");
    f->first_lsn = meta_u64(meta, "journal_offset");
    f->first_final_lsn = f->final_lsn = meta_u64(meta, "final_lsn");
    if (f->final_lsn < f->first_lsn)
        return err_set(err, FT_ERR_CORRUPT, "final_lsn lies before journal_offset");
    return 0;
}

static int meta_apply(struct recording *r, json_t *meta, struct ft_err *err)
{
    const char *replid = json_string_value(json_object_get(meta, "replid"));
    const char *title = json_string_value(json_object_get(meta, "title"));
    json_t *flows = json_object_get(meta, "flows");
    json_t *capa = json_object_get(meta, "capa_reply");
    int version[3];

    if (replid == NULL || strlen(replid) != 40 || json_array_size(flows) == 0)
        return err_set(err, FT_ERR_CORRUPT, "no replication id or no flows");
    memcpy(r->replication_id, replid, sizeof(r->replication_id));
    r->protocol = (int)meta_u64(meta, "master_version");
    r->capa_elements = capa != NULL ? (int)json_array_size(capa) : 5;
    if (title != NULL &&
        sscanf(title, "dragonfly %d.%d.%d", &version[0], &version[1], &version[2]) == 3)
        snprintf(r->df_version, sizeof(r->df_version), "df-v%d.%d.%d", version[0], version[1],
                 version[2]);
    r->flow_count = (uint32_t)json_array_size(flows);
    r->flows = calloc(r->flow_count, sizeof(*r->flows));
    if (r->flows == NULL)
        return err_nomem(err, "flows");
    for (uint32_t i = 0; i < r->flow_count; i++)
        if (meta_flow(&r->flows[i], json_array_get(flows, i), err) < 0)
            return -1;
    return 0;
}

static int load_meta(struct recording *r, const char *path, struct ft_err *err)
{
    char name[4096];
    json_error_t error;
    json_t *meta;
    int rc;

    snprintf(name, sizeof(name), "%s/meta.json", path);
    meta = json_load_file(name, 0, &error);
    if (meta == NULL)
        return err_set(err, FT_ERR_CORRUPT, "%s: line %d: %s", name, error.line, error.text);
    rc = meta_apply(r, meta, err);
    json_decref(meta);
    return rc < 0 ? err_wrap(err, "%s", name) : 0;
}

static int load_bytes(struct recording *r, const char *path, struct ft_err *err)
{
    char name[4096];

    for (uint32_t i = 0; i < r->flow_count; i++) {
        struct recording_flow *f = &r->flows[i];

        snprintf(name, sizeof(name), "%s/flow-%u.bin", path, i);
        if (fs_read_file(AT_FDCWD, name, FLOW_LIMIT_BYTES, &f->bytes, err) < 0)
            return -1;
        f->first_bytes = f->bytes.n;
    }
    return 0;
}

/* ---- positions ---- */

/* The version is an AUX field from 1.26 on; "df-ver" then comes within the first few of them. */
static void find_df_version(struct recording *r)
{
    static const char mark[] = "\x06"
                               "df-ver";
    const struct buf *b = &r->flows[0].bytes;
    size_t mark_n = sizeof(mark) - 1;

    for (size_t i = 0; i + mark_n + 64 < b->n && i < 512; i++) {
        size_t n = b->p[i + mark_n];

        if (memcmp(b->p + i, mark, mark_n) != 0 || n >= sizeof(r->df_version))
            continue;
        memcpy(r->df_version, b->p + i + mark_n + 1, n);
        r->df_version[n] = '\0';
        return;
    }
}

static int find_fullsync_end(struct recording_flow *f, struct ft_err *err)
{
    struct rdb_stream_options options = {.skip_values = true, .dragonfly = true};
    struct rdb_stream *s;
    struct rdb_item item;
    struct window in;
    enum step step;

    f->fullsync_end = RECORDING_UNKNOWN;
    if (f->fullsync_bytes == 0)
        return 0;
    if (rdb_stream_new(&s, &options, err) < 0)
        return -1;
    window_init(&in, 0, 0);
    if (window_push(&in, bytes_of(f->bytes.p, f->stable_start), err) < 0)
        step = STEP_ERROR;
    else
        do {
            step = rdb_stream_next(s, &in, &item, err);
            if (step == STEP_ITEM && item.kind == RDB_ITEM_FULLSYNC_END)
                f->fullsync_end = item.offset;
        } while (step == STEP_ITEM && f->fullsync_end == RECORDING_UNKNOWN);
    window_release(&in);
    rdb_stream_free(s);
    return step == STEP_ERROR ? -1 : 0;
}

static int find_records(struct recording_flow *f, struct ft_err *err)
{
    size_t count = (size_t)(f->final_lsn - f->first_lsn), found = 0;
    struct journal_reader *reader;
    struct journal_record record;
    struct window in;
    enum step step;

    f->starts = calloc(count + RECORDING_PINGS_MAX + 1, sizeof(*f->starts));
    f->ends = calloc(count + RECORDING_PINGS_MAX + 1, sizeof(*f->ends));
    if (f->starts == NULL || f->ends == NULL)
        return err_nomem(err, "record positions");
    if (buf_reserve(&f->bytes, RECORDING_PINGS_MAX, err) < 0 ||
        journal_reader_new(&reader, true, 0, err) < 0)
        return -1;
    window_init(&in, f->stable_start, 0);
    if (window_push(&in, bytes_of(f->bytes.p + f->stable_start, f->bytes.n - f->stable_start),
                    err) < 0)
        step = STEP_ERROR;
    else
        do {
            in.closed = true;
            step = journal_reader_next(reader, &in, &record, err);
            if (step != STEP_ITEM || !record.counted)
                continue;
            if (found < count) {
                f->starts[found] = record.offset;
                f->ends[found] = window_offset(&in);
            }
            found++;
        } while (step == STEP_ITEM);
    window_release(&in);
    journal_reader_free(reader);
    if (step == STEP_ERROR)
        return -1;
    if (found != count)
        return err_set(err, FT_ERR_CORRUPT, "%zu counted records, meta.json says %zu", found,
                       count);
    return 0;
}

static int chain(struct recording *r, const char *path, struct ft_err *err)
{
    struct recording *next = calloc(1, sizeof(*next));
    int rc = -1;

    if (next == NULL)
        return err_nomem(err, "recording");
    if (load_meta(next, path, err) < 0 || load_bytes(next, path, err) < 0)
        goto out;
    if (next->flow_count != r->flow_count) {
        err_set(err, FT_ERR_CORRUPT, "the second recording has another number of flows");
        goto out;
    }
    for (uint32_t i = 0; i < r->flow_count; i++) {
        struct recording_flow *f = &r->flows[i], *g = &next->flows[i];

        if (g->first_lsn != f->final_lsn) {
            err_set(err, FT_ERR_CORRUPT, "flow %u: the second recording does not continue", i);
            goto out;
        }
        if (buf_append(&f->bytes, g->bytes.p, g->bytes.n, err) < 0)
            goto out;
        f->final_lsn = g->final_lsn;
    }
    rc = 0;
out:
    recording_free(next);
    return rc;
}

static int open_all(struct recording *r, const char *path, const char *resume_path,
                    struct ft_err *err)
{
    if (load_meta(r, path, err) < 0 || load_bytes(r, path, err) < 0)
        return -1;
    find_df_version(r);
    if (resume_path != NULL && chain(r, resume_path, err) < 0)
        return -1;
    for (uint32_t i = 0; i < r->flow_count; i++) {
        struct recording_flow *f = &r->flows[i];

        if (f->stable_start > f->first_bytes || f->fullsync_bytes > f->stable_start)
            return err_set(err, FT_ERR_CORRUPT, "flow %u: phases beyond its end", i);
        if (find_fullsync_end(f, err) < 0 || find_records(f, err) < 0)
            return err_wrap(err, "%s: flow %u", path, i);
    }
    return 0;
}

int recording_open(struct recording **ret, const char *path, const char *resume_path,
                   struct ft_err *err)
{
    struct recording *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_nomem(err, "recording");
    if (open_all(r, path, resume_path, err) < 0) {
        recording_free(r);
        return -1;
    }
    *ret = r;
    return 0;
}

bool recording_add_ping(struct recording_flow *f)
{
    size_t at = (size_t)(f->final_lsn - f->first_lsn);

    if (f->first_final_lsn != f->final_lsn || f->pings == RECORDING_PINGS_MAX)
        return false;
    f->pings++;
    f->starts[at] = f->bytes.n;
    buf_push(&f->bytes, RECORDING_PING);
    f->ends[at] = f->bytes.n;
    f->first_bytes = f->bytes.n;
    f->first_final_lsn = ++f->final_lsn;
    return true;
}

uint64_t recording_lsn_offset(const struct recording_flow *f, uint64_t lsn)
{
    if (lsn == f->final_lsn)
        return f->bytes.n;
    /* At the seam the first recording may end with an LSN mark. */
    if (lsn == f->first_final_lsn)
        return f->first_bytes;
    return f->starts[lsn - f->first_lsn];
}

uint64_t recording_lsn_at(const struct recording_flow *f, uint64_t offset)
{
    size_t low = 0, high = (size_t)(f->final_lsn - f->first_lsn);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (f->ends[middle] <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return f->first_lsn + low;
}

void recording_free(struct recording *r)
{
    if (r == NULL)
        return;
    for (uint32_t i = 0; i < r->flow_count && r->flows != NULL; i++) {
        buf_release(&r->flows[i].bytes);
        free(r->flows[i].starts);
        free(r->flows[i].ends);
    }
    free(r->flows);
    free(r);
}
