#include "archive/pack.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/libarchive.h"
#include "archive/member_digest.h"
#include "archive/pack_select.h"
#include "base/fsutil.h"
#include "store/capture_manifest.h"

#define READ_BYTES (256u << 10)
/* A file is taken for compressed already when samples of it, by a quick compressor, keep nine tenths. */
#define SAMPLES          8
#define SAMPLE_BYTES     (64u << 10)
#define SAMPLE_LEVEL     1
#define STORED_OUT_OF_10 9

struct packing {
    const struct capture *capture;
    const struct pack_options *options;
    const struct pack_selection *selection;
    struct pack_result *result;
    struct pack_output *output;
    struct archive *tar;
    bool dropped; /* nothing more is to be written */
    struct member_digest digest;
    uint8_t *buffer;
    struct ft_err cause; /* of the callback, which can say only that it failed */
};

static la_ssize_t on_write(struct archive *a, void *context, const void *p, size_t n)
{
    struct packing *p_ = context;

    if (!p_->dropped && pack_output_write(p_->output, bytes_of(p, n), &p_->cause) == 0)
        return (la_ssize_t)n;
    libarchive.archive_set_error(a, EIO, "not written");
    return -1;
}

static int fail(struct packing *p, struct ft_err *err)
{
    const char *text = libarchive.archive_error_string(p->tar);

    if (p->cause.kind != FT_ERR_NONE) {
        *err = p->cause;
        return -1;
    }
    /* without memory there may be no text either */
    if (text == NULL || libarchive.archive_errno(p->tar) == ENOMEM)
        return err_nomem(err, "an archive");
    return err_set(err, FT_ERR_IO, "could not write the archive: %s", text);
}

static bool is_cancelled(const struct packing *p)
{
    struct pollfd fd = {.fd = p->options->cancel_fd, .events = POLLIN};

    return p->options->cancel_fd >= 0 && poll(&fd, 1, 0) > 0;
}

/*
 * Members
 */

static int begin_member(struct packing *p, const char *name, uint64_t bytes, bool store,
                        struct ft_err *err)
{
    struct archive_entry *e;
    int rc;

    if (pack_output_begin(p->output, store, err) != 0)
        return -1;
    e = libarchive.archive_entry_new();
    if (e == NULL)
        return err_nomem(err, "a member of an archive");
    libarchive.archive_entry_set_pathname(e, name);
    libarchive.archive_entry_set_filetype(e, AE_IFREG);
    libarchive.archive_entry_set_perm(e, 0600);
    libarchive.archive_entry_set_size(e, (la_int64_t)bytes);
    libarchive.archive_entry_set_mtime(e, (time_t)(p->capture->created_us / 1000000), 0);
    rc = libarchive.archive_write_header(p->tar, e);
    libarchive.archive_entry_free(e);
    member_digest_begin(&p->digest);
    return rc == ARCHIVE_OK ? 0 : fail(p, err);
}

static int add_piece(struct packing *p, struct bytes piece, struct ft_err *err)
{
    member_digest_add(&p->digest, piece);
    while (piece.n > 0) {
        la_ssize_t n = libarchive.archive_write_data(p->tar, piece.p, piece.n);

        if (n <= 0)
            return fail(p, err);
        piece = bytes_of(piece.p + n, piece.n - (size_t)n);
    }
    return 0;
}

static int end_member(struct packing *p, struct ft_err *err)
{
    return libarchive.archive_write_finish_entry(p->tar) == ARCHIVE_OK ? 0 : fail(p, err);
}

static int add_text(struct packing *p, const char *name, struct bytes text, struct ft_err *err)
{
    if (begin_member(p, name, text.n, false, err) != 0 || add_piece(p, text, err) != 0)
        return -1;
    p->result->bytes_in += text.n;
    return end_member(p, err);
}

/* Does what is in the file get smaller? Its blocks may be compressed, or what the source has sent. */
static int is_compressed(struct packing *p, int fd, const struct segment_info *info, bool *ret,
                         struct ft_err *err)
{
    const struct codec_spec codec = {.id = CODEC_ZSTD, .level = SAMPLE_LEVEL};
    uint64_t step = info->file_bytes / SAMPLES;
    size_t n = info->file_bytes < SAMPLE_BYTES ? (size_t)info->file_bytes : SAMPLE_BYTES;
    size_t bound = codec_block_bound(&codec, n);
    uint8_t *out = malloc(bound);
    size_t before = 0;
    size_t after = 0;
    int rc = 0;

    if (out == NULL)
        return err_nomem(err, "a buffer");
    for (uint64_t i = 0; rc == 0 && i < SAMPLES; i++) {
        size_t packed = 0;

        if (i * step + n > info->file_bytes)
            break;
        rc = fs_pread_all(fd, p->buffer, n, i * step, info->name, err);
        if (rc == 0)
            rc = codec_block_compress(&codec, bytes_of(p->buffer, n), out, bound, &packed, err);
        before += n;
        after += packed == 0 ? n : packed;
    }
    free(out);
    *ret = after * 10 > before * STORED_OUT_OF_10;
    return rc;
}

static int copy_file(struct packing *p, int fd, const struct segment_info *info, struct ft_err *err)
{
    uint64_t at = 0;

    while (at < info->file_bytes) {
        uint64_t left = info->file_bytes - at;
        size_t n = left < READ_BYTES ? (size_t)left : READ_BYTES;

        if (is_cancelled(p))
            return err_set(err, FT_ERR_CANCELLED, "stopped");
        if (fs_pread_all(fd, p->buffer, n, at, info->name, err) != 0 ||
            add_piece(p, bytes_of(p->buffer, n), err) != 0)
            return -1;
        at += n;
        atomic_fetch_add(&p->options->progress->bytes, n);
    }
    return 0;
}

/* The manifest says how long it is, and a reader will hold it to that. */
static int check_size(int fd, const struct segment_info *info, struct ft_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_errno(err, errno, "could not look at \"%s\"", info->name);
    if ((uint64_t)st.st_size == info->file_bytes)
        return 0;
    return err_set(err, FT_ERR_CORRUPT,
                   "segment \"%s\" has %" PRIu64 " bytes, the manifest says %" PRIu64, info->name,
                   (uint64_t)st.st_size, info->file_bytes);
}

static int add_segment(struct packing *p, const struct segment_info *info, struct ft_err *err)
{
    int fd = pack_selection_open(p->selection, p->capture, info, err);
    bool store = false;
    int rc;

    if (fd < 0)
        return -1;
    rc = check_size(fd, info, err);
    if (rc == 0)
        rc = is_compressed(p, fd, info, &store, err);
    if (rc == 0)
        rc = begin_member(p, info->name, info->file_bytes, store, err);
    if (rc == 0)
        rc = copy_file(p, fd, info, err);
    (void)close(fd); /* opened to read */
    if (rc != 0 || end_member(p, err) != 0)
        return -1;
    p->result->segments++;
    p->result->stored += store;
    p->result->bytes_in += info->file_bytes;
    return member_digest_end(&p->digest, info->name, err);
}

/*
 * The whole
 */

static int open_archive(struct packing *p, struct ft_err *err)
{
    if (libarchive_load(err) != 0 || member_digest_init(&p->digest, err) != 0)
        return -1;
    p->buffer = malloc(READ_BYTES);
    p->tar = libarchive.archive_write_new();
    if (p->buffer == NULL || p->tar == NULL)
        return err_nomem(err, "an archive");
    /* Nothing is withheld, so that members begin where the frames do. */
    if (libarchive.archive_write_set_format_pax_restricted(p->tar) != ARCHIVE_OK ||
        libarchive.archive_write_add_filter_none(p->tar) != ARCHIVE_OK ||
        libarchive.archive_write_set_bytes_per_block(p->tar, 0) != ARCHIVE_OK ||
        libarchive.archive_write_open(p->tar, p, NULL, on_write, NULL) != ARCHIVE_OK)
        return fail(p, err);
    return pack_output_open(&p->output, p->options->output, &p->options->compression, err);
}

static int add_manifest(struct packing *p, struct ft_err *err)
{
    char *text;
    int rc;

    if (capture_manifest_text(p->capture, &text, err) != 0)
        return -1;
    rc = add_text(p, CAPTURE_MANIFEST, bytes_str(text), err);
    free(text);
    return rc == 0 ? member_digest_end(&p->digest, CAPTURE_MANIFEST, err) : -1;
}

static int add_generation(struct packing *p, const struct generation *g, struct ft_err *err)
{
    p->result->generations++;
    for (uint32_t i = 0; i < g->flow_count; i++) {
        const struct capture_flow *f = &g->flows[i];

        for (size_t s = 0; s < f->segment_count; s++) {
            if (add_segment(p, &f->segments[s], err) != 0)
                return -1;
        }
    }
    return 0;
}

static int write_archive(struct packing *p, struct ft_err *err)
{
    if (open_archive(p, err) != 0 || add_manifest(p, err) != 0)
        return -1;
    for (size_t i = 0; i < p->capture->generation_count; i++) {
        if (add_generation(p, &p->capture->generations[i], err) != 0)
            return -1;
    }
    if (add_text(p, PACKED_DIGESTS, buf_bytes(&p->digest.list), err) != 0)
        return -1;
    if (libarchive.archive_write_close(p->tar) != ARCHIVE_OK)
        return fail(p, err);
    if (pack_output_finish(p->output, err) != 0)
        return -1;
    p->result->bytes_out = pack_output_bytes(p->output);
    return 0;
}

static void packing_release(struct packing *p)
{
    p->dropped = true;
    if (p->tar != NULL)
        (void)libarchive.archive_write_free(p->tar); /* which fails to write the end */
    pack_output_free(p->output);
    member_digest_release(&p->digest);
    free(p->buffer);
}

int pack_run(struct capture *c, const struct pack_options *o, struct pack_result *ret,
             struct ft_err *err)
{
    struct pack_selection selection;
    struct packing p = {
        .capture = c, .options = o, .selection = &selection, .result = ret, .cause = FT_ERR_INIT};
    int rc;

    *ret = (struct pack_result){0};
    if (pack_select(&selection, c, o, err) != 0)
        return -1;
    ret->sealed = selection.copied;
    rc = write_archive(&p, err);
    packing_release(&p);
    pack_selection_release(&selection);
    return rc;
}
