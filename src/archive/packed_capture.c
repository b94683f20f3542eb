#include "archive/packed_capture.h"

#include <inttypes.h>
#include <stdlib.h>

#include "archive/packed_reader.h"
#include "store/flow_reader.h"

struct packed_flow {
    char *path;
    uint32_t generation;
    uint32_t flow;
    size_t segment_count;
    size_t snapshot_count; /* of the segments, the first ones */
    uint64_t *start_lsn;   /* of each segment */
    size_t next;           /* ordinal of the segment that is wanted */
    struct packed_reader *reader;
    const struct segment_info *info; /* of the segment being read; NULL: it has to be found */
    char name[SEGMENT_NAME_MAX];
};

static void flow_free(void *reader)
{
    struct packed_flow *f = reader;

    if (f == NULL)
        return;
    packed_free(f->reader);
    free(f->start_lsn);
    free(f->path);
    free(f);
}

static int flow_open(void **ret, const struct capture *c, const struct generation *g, uint32_t flow,
                     struct ft_err *err)
{
    const struct capture_flow *from = &g->flows[flow];
    struct packed_flow *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_nomem(err, "a flow reader");
    f->path = strdup(c->path);
    f->start_lsn = calloc(from->segment_count + 1, sizeof(*f->start_lsn));
    if (f->path == NULL || f->start_lsn == NULL) {
        flow_free(f);
        return err_nomem(err, "a flow reader");
    }
    f->generation = g->id;
    f->flow = flow;
    f->segment_count = from->segment_count;
    for (size_t i = 0; i < from->segment_count; i++) {
        f->start_lsn[i] = from->segments[i].start_lsn;
        f->snapshot_count += from->segments[i].kind == SEGMENT_SNAPSHOT;
    }
    *ret = f;
    return 0;
}

/* Go through the archive up to the segment that is wanted. */
static int find_segment(struct packed_flow *f, struct ft_err *err)
{
    struct segment_id id;

    if (f->reader == NULL && packed_open(&f->reader, f->path, -1, err) != 0)
        return -1;
    for (;;) {
        enum step step = packed_next(f->reader, &f->info, &id, err);

        if (step == STEP_ERROR)
            return -1;
        if (step == STEP_END) {
            return err_set(err, FT_ERR_CORRUPT, "\"%s\" is another archive than it was", f->path);
        }
        if (id.generation == f->generation && id.flow == f->flow && id.ordinal == f->next)
            return 0;
        if (packed_skip(f->reader, err) != 0)
            return -1;
    }
}

static enum step flow_next(void *reader, struct segment_block *ret, enum segment_kind *ret_kind,
                           struct ft_err *err)
{
    struct packed_flow *f = reader;

    while (f->next < f->segment_count) {
        enum step step;

        if (f->info == NULL && find_segment(f, err) != 0)
            return STEP_ERROR;
        memcpy(f->name, f->info->name, sizeof(f->name));
        step = packed_next_block(f->reader, ret, err);
        if (step == STEP_ITEM)
            *ret_kind = f->info->kind;
        if (step != STEP_END)
            return step;
        f->next++;
        f->info = NULL;
    }
    return STEP_END;
}

/* The last segment of the journal that begins at or before the LSN, or its first one, from its start. */
static int flow_seek_lsn(void *reader, uint64_t lsn, struct ft_err *err)
{
    struct packed_flow *f = reader;
    size_t i = f->snapshot_count;

    (void)err;
    while (i + 1 < f->segment_count && f->start_lsn[i + 1] <= lsn)
        i++;
    packed_free(f->reader);
    f->reader = NULL;
    f->info = NULL;
    f->next = i;
    return 0;
}

static const char *flow_where(const void *reader)
{
    return ((const struct packed_flow *)reader)->name;
}

static const struct flow_blocks blocks = {
    .open = flow_open,
    .next = flow_next,
    .seek_lsn = flow_seek_lsn,
    .where = flow_where,
    .free = flow_free,
};

int packed_capture_open(struct capture **ret, const char *path, struct ft_err *err)
{
    struct packed_reader *r;
    int rc;

    if (packed_open(&r, path, -1, err) != 0)
        return -1;
    rc = capture_from_manifest(ret, packed_manifest(r), path, err);
    packed_free(r);
    if (rc == 0)
        (*ret)->blocks = &blocks;
    return rc;
}
