#include "archive/packed_reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "archive/archive_input.h"
#include "archive/libarchive.h"
#include "archive/member_check.h"
#include "archive/member_digest.h"
#include "base/crc32c.h"
#include "store/capture_manifest.h"
#include "store/segment_feed.h"

#define READ_BYTES (256u << 10)

struct packed_reader {
    struct archive_input *input;
    struct capture *capture;
    struct buf manifest;
    struct member_digest digest;
    /* where in the manifest the next segment stands */
    size_t generation;
    uint32_t flow;
    size_t segment;
    const struct segment_info *info; /* of the member being read; NULL: none */
    struct segment_id id;
    struct segment_feed feed;
    /* its blocks */
    struct segment_tally tally;
    struct buf stored;
    struct buf raw;
};

/* All of a member of at most limit_bytes. */
static int read_text(struct packed_reader *r, const char *name, size_t limit_bytes, struct buf *ret,
                     struct ft_err *err)
{
    size_t n;

    member_digest_begin(&r->digest);
    do {
        if (buf_reserve(ret, READ_BYTES, err) != 0 ||
            archive_input_read(r->input, ret->p + ret->n, READ_BYTES, &n, err) != 0)
            return err_wrap(err, "member \"%s\"", name);
        member_digest_add(&r->digest, bytes_of(ret->p + ret->n, n));
        ret->n += n;
        if (ret->n > limit_bytes) {
            return err_set(err, FT_ERR_CORRUPT, "member \"%s\" is larger than %zu bytes", name,
                           limit_bytes);
        }
    } while (n != 0);
    return 0;
}

static enum step next_member(struct packed_reader *r, const char *expected, uint64_t bytes,
                             struct ft_err *err)
{
    struct archive_entry *e;
    enum step step = archive_input_next(r->input, &e, err);

    if (step == STEP_ERROR && expected != NULL)
        err_wrap(err, "before member \"%s\"", expected);
    if (step != STEP_ITEM)
        return step;
    return member_check(e, expected, bytes, err) == 0 ? STEP_ITEM : STEP_ERROR;
}

static int need_member(struct packed_reader *r, const char *expected, uint64_t bytes,
                       struct ft_err *err)
{
    enum step step = next_member(r, expected, bytes, err);

    if (step != STEP_END)
        return step == STEP_ITEM ? 0 : -1;
    return err_set(err, FT_ERR_CORRUPT, "it ends before member \"%s\"", expected);
}

static int read_manifest(struct packed_reader *r, struct ft_err *err)
{
    struct archive_entry *e;
    enum step step = archive_input_next(r->input, &e, err);
    const char *name = step == STEP_ITEM ? libarchive.archive_entry_pathname(e) : NULL;

    if (step == STEP_ERROR)
        return -1;
    if (name == NULL || strcmp(name, CAPTURE_MANIFEST) != 0) {
        return err_set(err, FT_ERR_USAGE,
                       "it is not a packed capture, whose first member is " CAPTURE_MANIFEST);
    }
    if (member_check(e, CAPTURE_MANIFEST, MEMBER_ANY_SIZE, err) != 0 ||
        read_text(r, CAPTURE_MANIFEST, CAPTURE_MANIFEST_MAX_BYTES, &r->manifest, err) != 0 ||
        member_digest_end(&r->digest, CAPTURE_MANIFEST, err) != 0)
        return -1;
    return capture_from_manifest(&r->capture, buf_bytes(&r->manifest), archive_input_name(r->input),
                                 err);
}

int packed_open(struct packed_reader **ret, const char *path, int cancel_fd, struct ft_err *err)
{
    struct packed_reader *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_nomem(err, "an archive");
    if (member_digest_init(&r->digest, err) == 0 &&
        archive_input_open(&r->input, path, ARCHIVE_OF_MEMBERS, cancel_fd, err) == 0) {
        if (read_manifest(r, err) == 0) {
            *ret = r;
            return 0;
        }
        err_wrap(err, "\"%s\"", archive_input_name(r->input));
    }
    packed_free(r);
    return -1;
}

const struct capture *packed_capture(const struct packed_reader *r)
{
    return r->capture;
}

struct bytes packed_manifest(const struct packed_reader *r)
{
    return buf_bytes(&r->manifest);
}

/* The next segment that the manifest names, with its identity; false: there is none. */
static bool find_next(struct packed_reader *r, const struct segment_info **ret,
                      struct segment_id *ret_id)
{
    const struct capture *c = r->capture;

    for (; r->generation < c->generation_count; r->generation++, r->flow = 0) {
        const struct generation *g = &c->generations[r->generation];

        for (; r->flow < g->flow_count; r->flow++, r->segment = 0) {
            const struct capture_flow *f = &g->flows[r->flow];

            if (r->segment == f->segment_count)
                continue;
            *ret = &f->segments[r->segment++];
            *ret_id = (struct segment_id){.generation = g->id,
                                          .flow = r->flow,
                                          .ordinal = (*ret)->ordinal,
                                          .kind = (*ret)->kind};
            memcpy(ret_id->capture_id, c->id, sizeof(ret_id->capture_id));
            return true;
        }
    }
    return false;
}

/* The list of digests, and nothing after it. */
static int read_end(struct packed_reader *r, struct ft_err *err)
{
    struct buf list = {0};
    const char *differs = NULL;
    enum step step = STEP_ERROR;

    if (need_member(r, PACKED_DIGESTS, r->digest.list.n, err) == 0 &&
        read_text(r, PACKED_DIGESTS, r->digest.list.n, &list, err) == 0) {
        differs = member_digest_differs(&r->digest, buf_bytes(&list));
        if (differs != NULL)
            err_set(err, FT_ERR_CORRUPT, "member \"%s\" has not the digest that was noted",
                    differs);
        else
            step = next_member(r, NULL, 0, err);
    }
    buf_release(&list);
    return step == STEP_END ? 0 : -1;
}

enum step packed_next(struct packed_reader *r, const struct segment_info **ret,
                      struct segment_id *ret_id, struct ft_err *err)
{
    const struct segment_info *info;
    struct segment_id id;

    if (!find_next(r, &info, &id)) {
        if (read_end(r, err) == 0)
            return STEP_END;
    } else if (need_member(r, info->name, info->file_bytes, err) == 0) {
        member_digest_begin(&r->digest);
        segment_feed_release(&r->feed);
        if (segment_feed_init(&r->feed, &id, info, err) != 0)
            return STEP_ERROR;
        r->info = info;
        r->id = id;
        r->tally = (struct segment_tally){0};
        *ret = info;
        *ret_id = id;
        return STEP_ITEM;
    }
    err_wrap(err, "\"%s\"", archive_input_name(r->input));
    return STEP_ERROR;
}

static int end_segment(struct packed_reader *r, struct ft_err *err)
{
    if (segment_feed_finish(&r->feed, err) != 0)
        return -1;
    return member_digest_end(&r->digest, r->info->name, err);
}

int packed_read(struct packed_reader *r, void *p, size_t n, size_t *ret_n, struct ft_err *err)
{
    int rc = archive_input_read(r->input, p, n, ret_n, err);

    if (rc == 0) {
        member_digest_add(&r->digest, bytes_of(p, *ret_n));
        rc = *ret_n == 0 ? end_segment(r, err)
                         : segment_feed_push(&r->feed, bytes_of(p, *ret_n), err);
    }
    if (rc == 0 || err->kind == FT_ERR_CANCELLED)
        return rc;
    return err_wrap(err, "\"%s\": member \"%s\"", archive_input_name(r->input), r->info->name);
}

int packed_skip(struct packed_reader *r, struct ft_err *err)
{
    return archive_input_skip(r->input, err) == 0
               ? 0
               : err_wrap(err, "\"%s\"", archive_input_name(r->input));
}

/* n more bytes of the segment after those that r->stored has. */
static int read_more(struct packed_reader *r, size_t n, struct ft_err *err)
{
    size_t got = 1;

    if (buf_reserve(&r->stored, n, err) != 0)
        return -1;
    for (; n > 0 && got != 0; n -= got) {
        if (packed_read(r, r->stored.p + r->stored.n, n, &got, err) != 0)
            return -1;
        r->stored.n += got;
    }
    return n == 0 ? 0 : err_set(err, FT_ERR_CORRUPT, "member \"%s\" ends early", r->info->name);
}

static int start_blocks(struct packed_reader *r, struct ft_err *err)
{
    uint32_t bytes;

    buf_clear(&r->stored);
    if (read_more(r, SEGMENT_HEADER_BYTES, err) != 0 ||
        segment_header_size(r->stored.p, &bytes, err) != 0 ||
        read_more(r, bytes - SEGMENT_HEADER_BYTES, err) != 0 ||
        segment_header_decode(r->stored.p, bytes, &r->id, err) != 0)
        return -1;
    segment_tally_start(&r->tally, &r->id, bytes);
    return 0;
}

/* Index and trailer: the digest is checked when all is read. */
static enum step end_blocks(struct packed_reader *r, struct ft_err *err)
{
    size_t n = 1;

    if (r->tally.continued)
        return (enum step)err_set(err, FT_ERR_CORRUPT, "\"%s\" ends within an item", r->info->name);
    while (n != 0) {
        if (packed_read(r, r->stored.p, r->stored.cap, &n, err) != 0)
            return STEP_ERROR;
    }
    return STEP_END;
}

static int take_block(struct packed_reader *r, struct segment_block *ret, struct ft_err *err)
{
    struct block_header h;
    struct bytes stored;
    uint32_t crc;

    if (read_more(r, BLOCK_HEADER_BYTES - INDEX_HEAD_BYTES, err) != 0 ||
        block_header_decode(r->stored.p, &h, err) != 0 || read_more(r, h.block.payload.n, err) != 0)
        return -1;
    stored = bytes_of(r->stored.p + BLOCK_HEADER_BYTES, h.block.payload.n);
    h.block.payload = stored;
    h.block.file_offset = r->tally.file_offset;
    crc = crc32c(0, stored.p, stored.n);
    if (crc != h.payload_crc) {
        return err_at(err, FT_ERR_CORRUPT, h.block.file_offset,
                      "block payload: CRC-32C is %08" PRIx32 ", wanted %08" PRIx32, crc,
                      h.payload_crc);
    }
    buf_clear(&r->raw);
    if (segment_tally_add(&r->tally, &r->id, &h.block, err) != 0 ||
        buf_reserve(&r->raw, h.block.raw_bytes, err) != 0 ||
        codec_block_decompress(h.block.codec, stored, r->raw.p, h.block.raw_bytes, err) != 0)
        return -1;
    h.block.payload = bytes_of(r->raw.p, h.block.raw_bytes);
    *ret = h.block;
    return 0;
}

enum step packed_next_block(struct packed_reader *r, struct segment_block *ret, struct ft_err *err)
{
    if (r->tally.file_offset == 0 && start_blocks(r, err) != 0)
        return STEP_ERROR;
    buf_clear(&r->stored);
    if (read_more(r, INDEX_HEAD_BYTES, err) != 0)
        return STEP_ERROR;
    if (memcmp(r->stored.p, segment_index_magic, sizeof(segment_index_magic)) == 0)
        return end_blocks(r, err);
    return take_block(r, ret, err) == 0 ? STEP_ITEM : STEP_ERROR;
}

void packed_free(struct packed_reader *r)
{
    if (r == NULL)
        return;
    archive_input_free(r->input);
    capture_free(r->capture);
    segment_feed_release(&r->feed);
    member_digest_release(&r->digest);
    buf_release(&r->manifest);
    buf_release(&r->stored);
    buf_release(&r->raw);
    free(r);
}

bool packed_looks_so(const char *path)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct archive_input *in;
    struct archive_entry *e;
    bool so = false;

    if (archive_input_open(&in, path, ARCHIVE_OF_MEMBERS, -1, &ignored) != 0)
        return false;
    if (archive_input_next(in, &e, &ignored) == STEP_ITEM) {
        const char *name = libarchive.archive_entry_pathname(e);

        so = name != NULL && strcmp(name, CAPTURE_MANIFEST) == 0;
    }
    archive_input_free(in);
    return so;
}
