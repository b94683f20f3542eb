#include "store/flow_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "store/archived_list.h"
#include "store/capture_private.h"
#include "store/segment_format.h"
#include "store/segment_reader_open.h"
#include "store/segment_reader_seek.h"

/*
 * Nothing of the struct capture is used after _new, so that it can be refreshed or freed, and other
 * threads can have their own readers: segments beyond the known ones are found by their names.
 */
struct flow_reader {
    const struct flow_blocks *blocks; /* NULL: files below dirfd */
    void *elsewhere;                  /* of blocks */
    int dirfd;
    uint8_t capture_id[CAPTURE_ID_SIZE];
    uint32_t generation;
    uint32_t flow;
    struct segment_info *known;
    size_t known_count;
    uint64_t stable_lsn;
    bool snapshot_known;        /* the known segments hold the whole snapshot */
    struct segment_reader *seg; /* NULL: the segment `ordinal` has to be opened */
    uint32_t ordinal;
    /* where the segment `ordinal` must begin */
    uint64_t next_offset;
    uint64_t next_lsn;
    bool snapshot_done;
    char name[SEGMENT_NAME_MAX]; /* of the segment, without .partial */
};

static int copy_known(struct flow_reader *r, const struct capture_flow *f, struct ft_err *err)
{
    if (f->segment_count == 0)
        return 0;
    r->known = calloc(f->segment_count, sizeof(*r->known));
    if (r->known == NULL)
        return err_nomem(err, "a list of segments");
    memcpy(r->known, f->segments, f->segment_count * sizeof(*r->known));
    r->known_count = f->segment_count;
    return 0;
}

int flow_reader_new(struct flow_reader **ret, const struct capture *c, const struct generation *g,
                    uint32_t flow, struct ft_err *err)
{
    struct flow_reader *r;

    if (flow >= g->flow_count) {
        return err_set(err, FT_ERR_USAGE,
                       "generation %" PRIu32 " has %" PRIu32 " flow%s, there is no flow %" PRIu32,
                       g->id, g->flow_count, plural(g->flow_count), flow);
    }
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return err_nomem(err, "a flow reader");
    r->blocks = c->blocks;
    r->dirfd = r->blocks != NULL ? -1 : fcntl(c->dirfd, F_DUPFD_CLOEXEC, 3);
    if (r->blocks != NULL) {
        if (r->blocks->open(&r->elsewhere, c, g, flow, err) != 0)
            goto fail;
    } else if (r->dirfd < 0) {
        err_errno(err, errno, "could not open \"%s\" once more", c->path);
        goto fail;
    }
    memcpy(r->capture_id, c->id, sizeof(r->capture_id));
    r->generation = g->id;
    r->flow = flow;
    r->stable_lsn = g->flows[flow].stable_lsn;
    r->snapshot_known = g->flows[flow].snapshot_complete;
    if (copy_known(r, &g->flows[flow], err) != 0)
        goto fail;
    *ret = r;
    return 0;
fail:
    flow_reader_free(r);
    return -1;
}

void flow_reader_free(struct flow_reader *r)
{
    if (r == NULL)
        return;
    segment_reader_free(r->seg);
    if (r->elsewhere != NULL)
        r->blocks->free(r->elsewhere);
    if (r->dirfd >= 0)
        (void)close(r->dirfd);
    free(r->known);
    free(r);
}

static void close_segment(struct flow_reader *r)
{
    segment_reader_free(r->seg);
    r->seg = NULL;
}

const char *flow_reader_where(const struct flow_reader *r)
{
    return r->blocks != NULL ? r->blocks->where(r->elsewhere) : r->name;
}

static int check_join(const struct flow_reader *r, const struct segment_id *id, struct ft_err *err)
{
    if (id->start_offset != r->next_offset) {
        return err_at(err, FT_ERR_CORRUPT, 48,
                      "segment \"%s\" begins at stream offset %" PRIu64 ", wanted %" PRIu64,
                      r->name, id->start_offset, r->next_offset);
    }
    if ((id->kind == SEGMENT_SNAPSHOT) == r->snapshot_done) {
        return err_at(err, FT_ERR_CORRUPT, 44, "segment \"%s\" comes %s the snapshot's end",
                      r->name, r->snapshot_done ? "after" : "before");
    }
    if (id->start_lsn != (r->snapshot_done ? r->next_lsn : 0)) {
        return err_at(err, FT_ERR_CORRUPT, 56,
                      "segment \"%s\" begins with LSN %" PRIu64 ", wanted %" PRIu64, r->name,
                      id->start_lsn, r->next_lsn);
    }
    return 0;
}

/* The file must be the one that the manifest names. Times there are rounded. */
static int check_known(struct flow_reader *r, const struct segment_info *want, struct ft_err *err)
{
    struct segment_info seen;

    if (!want->sealed)
        return 0;
    if (!segment_reader_sealed(r->seg)) {
        return err_set(err, FT_ERR_CORRUPT,
                       "segment \"%s\" is sealed in the manifest, but open on disk", r->name);
    }
    if (segment_reader_info(r->seg, &seen, err) != 0)
        return -1;
    if (seen.digest == want->digest && seen.raw_bytes == want->raw_bytes &&
        seen.file_bytes == want->file_bytes && seen.block_count == want->block_count &&
        seen.next_lsn == want->next_lsn && seen.ended == want->ended)
        return 0;
    return err_set(err, FT_ERR_CORRUPT,
                   "segment \"%s\" is not the one the manifest names: digest %016" PRIx64
                   " and %" PRIu64 " bytes, wanted %016" PRIx64 " and %" PRIu64 " bytes",
                   r->name, seen.digest, seen.file_bytes, want->digest, want->file_bytes);
}

static int try_kind(struct flow_reader *r, enum segment_kind kind, bool *ret_absent,
                    struct ft_err *err)
{
    struct segment_id id = {
        .generation = r->generation,
        .flow = r->flow,
        .ordinal = r->ordinal,
        .kind = kind,
    };

    memcpy(id.capture_id, r->capture_id, sizeof(id.capture_id));
    capture_segment_name(r->generation, r->flow, r->ordinal, kind, r->name);
    return segment_reader_try_open(&r->seg, r->dirfd, r->name, &id, ret_absent, err);
}

/* Returns 1: the segment `ordinal` is open, 0: it is not there (yet). */
static int open_segment(struct flow_reader *r, struct ft_err *err)
{
    const struct segment_info *known = r->ordinal < r->known_count ? &r->known[r->ordinal] : NULL;
    bool absent = true;

    if (known != NULL && try_kind(r, known->kind, &absent, err) != 0)
        return -1;
    if (known != NULL && known->sealed && absent &&
        archived_list_names(r->dirfd, known->name, known->digest))
        return err_set(err, FT_ERR_STATE, ARCHIVED_AND_GONE, r->name);
    if (known != NULL && known->sealed && absent) {
        return err_set(err, FT_ERR_CORRUPT, "segment \"%s\" is missing, the manifest names it",
                       r->name);
    }
    for (size_t i = 0; absent && i < sizeof(capture_kinds) / sizeof(capture_kinds[0]); i++) {
        if (try_kind(r, capture_kinds[i], &absent, err) != 0)
            return -1;
    }
    if (absent)
        return 0;
    if (check_join(r, segment_reader_id(r->seg), err) != 0 ||
        (known != NULL && check_known(r, known, err) != 0))
        return -1;
    return 1;
}

/* The segment is read to its end: the next one must go on from there. */
static int leave_segment(struct flow_reader *r, struct ft_err *err)
{
    struct segment_info info;

    if (segment_reader_info(r->seg, &info, err) != 0)
        return -1;
    r->next_offset = info.start_offset + info.raw_bytes;
    r->next_lsn = info.next_lsn;
    if (info.kind == SEGMENT_SNAPSHOT && info.ended)
        r->snapshot_done = true;
    r->ordinal++;
    close_segment(r);
    return 0;
}

/* Has the open segment got its final name since the last look? */
static bool is_renamed(const struct flow_reader *r)
{
    struct stat st;

    return fstatat(r->dirfd, r->name, &st, 0) == 0;
}

enum step flow_reader_next(struct flow_reader *r, struct segment_block *ret,
                           enum segment_kind *ret_kind, struct ft_err *err)
{
    bool again = false;

    if (r->blocks != NULL)
        return r->blocks->next(r->elsewhere, ret, ret_kind, err);
    for (;;) {
        int found = r->seg != NULL ? 1 : open_segment(r, err);
        enum step step;

        if (found <= 0)
            return found == 0 ? STEP_END : STEP_ERROR;
        step = segment_reader_next(r->seg, ret, NULL, err);
        switch (step) {
        case STEP_ITEM:
            *ret_kind = segment_reader_id(r->seg)->kind;
            return STEP_ITEM;
        case STEP_END:
            if (leave_segment(r, err) != 0)
                return STEP_ERROR;
            again = false;
            break;
        case STEP_MORE:
            if (segment_reader_is_gone(r->seg)) {
                close_segment(r); /* another one may have its place by now */
                break;
            }
            if (!is_renamed(r))
                return STEP_END;
            if (again) {
                return (enum step)err_set(err, FT_ERR_CORRUPT,
                                          "segment \"%s\" is sealed, but its end is damaged",
                                          r->name);
            }
            again = true;
            break;
        default:
            return STEP_ERROR;
        }
    }
}

/*
 * Seeking
 */

/* Stand before the segment with this index, which is known or the first one that is not. */
static void stand_before(struct flow_reader *r, size_t index)
{
    const struct segment_info *last = index == 0 ? NULL : &r->known[index - 1];

    close_segment(r);
    r->ordinal = (uint32_t)index;
    r->next_offset = last == NULL ? 0 : last->start_offset + last->raw_bytes;
    r->next_lsn = last == NULL ? 0 : last->next_lsn;
    r->snapshot_done = false;
    for (size_t i = 0; i < index; i++)
        r->snapshot_done |= r->known[i].kind == SEGMENT_SNAPSHOT && r->known[i].ended;
}

/* The last known segment that begins at or before the LSN, or the first after the snapshot. */
static size_t find_known(const struct flow_reader *r, uint64_t lsn)
{
    size_t i = 0;

    while (i < r->known_count && r->known[i].kind == SEGMENT_SNAPSHOT)
        i++;
    while (i + 1 < r->known_count && r->known[i + 1].start_lsn <= lsn)
        i++;
    return i;
}

/* Go on to segments that came later, as long as the LSN lies after the one that is open. */
static int find_segment(struct flow_reader *r, uint64_t lsn, uint64_t *ret_next_lsn,
                        struct ft_err *err)
{
    *ret_next_lsn = r->next_lsn;
    for (;;) {
        struct segment_info info;
        int found = open_segment(r, err);

        if (found < 0)
            return -1;
        if (found == 0)
            return 0;
        if (segment_reader_info(r->seg, &info, err) != 0)
            return -1;
        *ret_next_lsn = info.next_lsn;
        if (lsn < info.next_lsn || !info.sealed)
            return 0;
        if (leave_segment(r, err) != 0)
            return -1;
    }
}

int flow_reader_seek_lsn(struct flow_reader *r, uint64_t lsn, struct ft_err *err)
{
    uint64_t next_lsn;

    if (!r->snapshot_known) {
        return err_set(err, FT_ERR_USAGE,
                       "flow %" PRIu32 " has no journal: its snapshot is not "
                       "complete",
                       r->flow);
    }
    if (lsn < r->stable_lsn) {
        return err_set(err, FT_ERR_USAGE,
                       "the journal of flow %" PRIu32 " begins with LSN %" PRIu64 ", not %" PRIu64,
                       r->flow, r->stable_lsn, lsn);
    }
    if (r->blocks != NULL)
        return r->blocks->seek_lsn(r->elsewhere, lsn, err);
    stand_before(r, find_known(r, lsn));
    if (find_segment(r, lsn, &next_lsn, err) != 0)
        return -1;
    if (lsn > next_lsn) {
        return err_set(err, FT_ERR_USAGE,
                       "the journal of flow %" PRIu32 " ends before LSN %" PRIu64 ", not %" PRIu64,
                       r->flow, next_lsn, lsn);
    }
    /* An increment is an RDB stream, which has to be read from its first byte. */
    if (r->seg == NULL || segment_reader_id(r->seg)->kind == SEGMENT_INCREMENT)
        return 0;
    return segment_reader_seek(r->seg, true, lsn, err);
}

int flow_reader_seek_snapshot_end(struct flow_reader *r, struct ft_err *err)
{
    size_t i = 0;

    if (r->blocks != NULL)
        return 0;
    while (i < r->known_count && !r->known[i].ended)
        i++;
    stand_before(r, i);
    if (open_segment(r, err) <= 0)
        return err_set(err, FT_ERR_STATE, "flow %" PRIu32 " has no complete snapshot", r->flow);
    return segment_reader_seek(r->seg, false, UINT64_MAX, err);
}
