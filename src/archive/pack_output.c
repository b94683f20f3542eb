#include "archive/pack_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/libarchive.h"
#include "base/parse.h"

#define ZSTD_LEVEL_MAX 22
#define LEVEL_TEXT     16

/* What libarchive calls them, and the levels at which they lose least time on what they cannot shrink. */
static const struct {
    const char *name;
    const char *store_level;
} filters[] = {
    [PACK_ZSTD] = {"zstd", "-50"}, [PACK_LZ4] = {"lz4", "1"},    [PACK_XZ] = {"xz", "0"},
    [PACK_GZIP] = {"gzip", "0"},   [PACK_NONE] = {"none", NULL},
};

#define FILTER_COUNT (sizeof(filters) / sizeof(filters[0]))

struct pack_output {
    struct output_file file;
    struct pack_compression compression;
    struct archive *frame; /* NULL: none is open */
    bool dropped;          /* nothing more is to be written */
    struct ft_err cause;   /* of the callback, which can say only that it failed */
};

int pack_compression_parse(const char *text, struct pack_compression *ret, struct ft_err *err)
{
    struct pack_compression c = {0};
    uint64_t level;

    if (strncmp(text, "zstd:", 5) == 0) {
        if (parse_u64(text + 5, &level, err) != 0)
            return -1;
        if (level == 0 || level > ZSTD_LEVEL_MAX)
            return err_set(err, FT_ERR_USAGE, "zstd has levels 1 to %d", ZSTD_LEVEL_MAX);
        c.level = (int)level;
        *ret = c;
        return 0;
    }
    for (size_t i = 0; i < FILTER_COUNT; i++) {
        if (strcmp(text, filters[i].name) == 0) {
            c.filter = (enum pack_filter)i;
            *ret = c;
            return 0;
        }
    }
    return err_set(err, FT_ERR_USAGE, "wanted none, lz4, zstd, zstd:LEVEL, xz or gzip, not \"%s\"",
                   text);
}

static la_ssize_t on_write(struct archive *a, void *context, const void *p, size_t n)
{
    struct pack_output *o = context;

    if (!o->dropped && output_file_write(&o->file, bytes_of(p, n), &o->cause) == 0)
        return (la_ssize_t)n;
    libarchive.archive_set_error(a, EIO, "not written");
    return -1;
}

/* kind: of what libarchive says. */
static int fail(struct pack_output *o, enum ft_err_kind kind, struct ft_err *err)
{
    const char *text = o->frame == NULL ? NULL : libarchive.archive_error_string(o->frame);

    if (o->cause.kind != FT_ERR_NONE) {
        *err = o->cause;
        return -1;
    }
    /* without memory there may be no text either */
    if (text == NULL || libarchive.archive_errno(o->frame) == ENOMEM)
        return err_nomem(err, "an archive");
    return err_set(err, kind, "could not compress with %s: %s", filters[o->compression.filter].name,
                   text);
}

int pack_output_open(struct pack_output **ret, const char *path, const struct pack_compression *c,
                     struct ft_err *err)
{
    struct pack_output *o;

    if (libarchive_load(err) != 0)
        return -1;
    o = calloc(1, sizeof(*o));
    if (o == NULL)
        return err_nomem(err, "an archive");
    *o = (struct pack_output){.compression = *c, .cause = FT_ERR_INIT};
    if (output_file_open(&o->file, path, err) != 0) {
        free(o);
        return -1;
    }
    *ret = o;
    return 0;
}

static int end_frame(struct pack_output *o, struct ft_err *err)
{
    int rc = 0;

    if (o->frame == NULL)
        return 0;
    if (libarchive.archive_write_close(o->frame) != ARCHIVE_OK)
        rc = fail(o, FT_ERR_IO, err);
    (void)libarchive.archive_write_free(o->frame); /* closed */
    o->frame = NULL;
    return rc;
}

/* The level, and no time in a header. */
static bool set_options(struct archive *a, const struct pack_compression *c, bool store)
{
    const char *name = filters[c->filter].name;
    char level[LEVEL_TEXT];

    if (c->filter == PACK_GZIP &&
        libarchive.archive_write_set_filter_option(a, name, "timestamp", NULL) != ARCHIVE_OK)
        return false;
    if (!store && c->level == 0)
        return true;
    (void)snprintf(level, sizeof(level), "%d", c->level); /* fits */
    return libarchive.archive_write_set_filter_option(a, name, "compression-level",
                                                      store ? filters[c->filter].store_level
                                                            : level) == ARCHIVE_OK;
}

/* A "raw" archive is one member without any header: the filter alone. */
static bool start_frame(struct archive *a, struct pack_output *o, bool store)
{
    struct archive_entry *e;
    bool ok;

    if (libarchive.archive_write_set_format_raw(a) != ARCHIVE_OK ||
        libarchive.archive_write_add_filter_by_name(a, filters[o->compression.filter].name) !=
            ARCHIVE_OK ||
        !set_options(a, &o->compression, store) ||
        libarchive.archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
        libarchive.archive_write_open(a, o, NULL, on_write, NULL) != ARCHIVE_OK)
        return false;
    e = libarchive.archive_entry_new();
    if (e == NULL)
        return false;
    libarchive.archive_entry_set_filetype(e, AE_IFREG);
    ok = libarchive.archive_write_header(a, e) == ARCHIVE_OK;
    libarchive.archive_entry_free(e);
    return ok;
}

int pack_output_begin(struct pack_output *o, bool store, struct ft_err *err)
{
    if (o->compression.filter == PACK_NONE)
        return 0;
    if (end_frame(o, err) != 0)
        return -1;
    o->frame = libarchive.archive_write_new();
    if (o->frame == NULL)
        return err_nomem(err, "an archive");
    return start_frame(o->frame, o, store) ? 0 : fail(o, FT_ERR_UNSUPPORTED, err);
}

int pack_output_write(struct pack_output *o, struct bytes bytes, struct ft_err *err)
{
    if (o->compression.filter == PACK_NONE)
        return output_file_write(&o->file, bytes, err);
    while (bytes.n > 0) {
        la_ssize_t n = libarchive.archive_write_data(o->frame, bytes.p, bytes.n);

        if (n <= 0)
            return fail(o, FT_ERR_IO, err);
        bytes = bytes_of(bytes.p + n, bytes.n - (size_t)n);
    }
    return 0;
}

int pack_output_finish(struct pack_output *o, struct ft_err *err)
{
    if (end_frame(o, err) != 0)
        return -1;
    return output_file_finish(&o->file, err);
}

uint64_t pack_output_bytes(const struct pack_output *o)
{
    return o->file.bytes;
}

void pack_output_free(struct pack_output *o)
{
    if (o == NULL)
        return;
    o->dropped = true; /* so that what is not complete does not look so */
    (void)libarchive.archive_write_free(o->frame); /* takes NULL, and fails to write the end */
    output_file_release(&o->file);
    free(o);
}
