#include "archive/archive_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/libarchive.h"

#define READ_BYTES (256u << 10)

struct archive_input {
    struct archive *archive;
    char *name;
    int fd;
    int cancel_fd;
    uint8_t *buffer;
    struct ft_err cause; /* of the callback, which can say only that it failed */
};

/* A pipe may have nothing to say for as long as its writer lives. */
static int wait_for_bytes(struct archive_input *in)
{
    struct pollfd fds[2] = {{.fd = in->fd, .events = POLLIN},
                            {.fd = in->cancel_fd, .events = POLLIN}};

    if (in->cancel_fd < 0)
        return 0;
    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR)
            return err_errno(&in->cause, errno, "could not wait for \"%s\"", in->name);
    }
    return fds[1].revents == 0 ? 0 : err_set(&in->cause, FT_ERR_CANCELLED, "stopped");
}

static la_ssize_t on_read(struct archive *a, void *context, const void **ret)
{
    struct archive_input *in = context;
    ssize_t n = -1;

    *ret = in->buffer;
    if (wait_for_bytes(in) == 0) {
        do
            n = read(in->fd, in->buffer, READ_BYTES);
        while (n < 0 && errno == EINTR);
        if (n >= 0)
            return n;
        err_errno(&in->cause, errno, "could not read \"%s\"", in->name);
    }
    libarchive.archive_set_error(a, EIO, "not read");
    return -1;
}

/* What nobody wants need not be read where it can be jumped over. */
static la_int64_t on_skip(struct archive *a, void *context, la_int64_t n)
{
    struct archive_input *in = context;
    off_t before = lseek(in->fd, 0, SEEK_CUR);
    off_t after = before < 0 ? -1 : lseek(in->fd, (off_t)n, SEEK_CUR);

    (void)a;
    return after < 0 ? 0 : (la_int64_t)(after - before);
}

/* The callback's own words, or what libarchive has found in the bytes. */
static int fail(struct archive_input *in, struct ft_err *err)
{
    const char *text = libarchive.archive_error_string(in->archive);

    if (in->cause.kind != FT_ERR_NONE) {
        *err = in->cause;
        return -1;
    }
    if (text == NULL || libarchive.archive_errno(in->archive) == ENOMEM)
        return err_nomem(err, "an archive");
    return err_set(err, FT_ERR_CORRUPT, "\"%s\" is damaged: %s", in->name, text);
}

/* Only what is built in: libarchive would start programs for other filters. */
static bool set_up(struct archive *a, enum archive_content content)
{
    if (libarchive.archive_read_support_filter_none(a) != ARCHIVE_OK ||
        libarchive.archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
        libarchive.archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
        libarchive.archive_read_support_filter_lz4(a) != ARCHIVE_OK ||
        libarchive.archive_read_support_filter_xz(a) != ARCHIVE_OK)
        return false;
    if (content == ARCHIVE_OF_MEMBERS)
        return libarchive.archive_read_support_format_tar(a) == ARCHIVE_OK;
    return libarchive.archive_read_support_format_raw(a) == ARCHIVE_OK;
}

static int open_bytes(struct archive_input *in, const char *path, struct ft_err *err)
{
    bool is_stdin = strcmp(path, ARCHIVE_STDIN_NAME) == 0;

    in->name = strdup(is_stdin ? "standard input" : path);
    in->buffer = malloc(READ_BYTES);
    if (in->name == NULL || in->buffer == NULL)
        return err_nomem(err, "a read buffer");
    in->fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    if (in->fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", in->name);
    (void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
    return 0;
}

static int open_archive(struct archive_input *in, struct ft_err *err)
{
    if (libarchive.archive_read_open2(in->archive, in, NULL, on_read, on_skip, NULL) != ARCHIVE_OK)
        return fail(in, err);
    return 0;
}

int archive_input_open(struct archive_input **ret, const char *path, enum archive_content content,
                       int cancel_fd, struct ft_err *err)
{
    struct archive_input *in;
    bool opened = false;

    if (libarchive_load(err) != 0)
        return -1;
    in = calloc(1, sizeof(*in));
    if (in == NULL)
        return err_nomem(err, "an archive");
    *in = (struct archive_input){.fd = -1,
                                 .cancel_fd = cancel_fd,
                                 .cause = FT_ERR_INIT,
                                 .archive = libarchive.archive_read_new()};
    if (in->archive == NULL)
        err_nomem(err, "an archive");
    else if (set_up(in->archive, content))
        opened = open_bytes(in, path, err) == 0 && open_archive(in, err) == 0;
    else if (libarchive.archive_errno(in->archive) == ENOMEM)
        err_nomem(err, "an archive");
    else
        err_set(err, FT_ERR_STATE, "libarchive was built without gzip, zstd, lz4 or xz");
    if (!opened) {
        archive_input_free(in);
        return -1;
    }
    *ret = in;
    return 0;
}

enum step archive_input_next(struct archive_input *in, struct archive_entry **ret,
                             struct ft_err *err)
{
    switch (libarchive.archive_read_next_header(in->archive, ret)) {
    case ARCHIVE_OK:
    case ARCHIVE_WARN: /* of a name or an attribute, none of which is believed */
        return STEP_ITEM;
    case ARCHIVE_EOF:
        return STEP_END;
    default:
        fail(in, err);
        return STEP_ERROR;
    }
}

int archive_input_read(struct archive_input *in, void *p, size_t n, size_t *ret_n,
                       struct ft_err *err)
{
    la_ssize_t got = libarchive.archive_read_data(in->archive, p, n);

    if (got < 0)
        return fail(in, err);
    *ret_n = (size_t)got;
    return 0;
}

int archive_input_skip(struct archive_input *in, struct ft_err *err)
{
    return libarchive.archive_read_data_skip(in->archive) == ARCHIVE_OK ? 0 : fail(in, err);
}

const char *archive_input_name(const struct archive_input *in)
{
    return in->name;
}

void archive_input_free(struct archive_input *in)
{
    if (in == NULL)
        return;
    (void)libarchive.archive_read_free(in->archive); /* opened to read; takes NULL */
    if (in->fd >= 0)
        (void)close(in->fd);
    free(in->buffer);
    free(in->name);
    free(in);
}

bool archive_is_compressed(struct bytes head)
{
    static const struct {
        uint8_t magic[6];
        size_t n;
    } filters[] = {
        {{0x1f, 0x8b, 0x08}, 3},               /* gzip: RFC 1952 */
        {{0x28, 0xb5, 0x2f, 0xfd}, 4},         /* zstd: RFC 8878 */
        {{0x04, 0x22, 0x4d, 0x18}, 4},         /* lz4 frame */
        {{0xfd, '7', 'z', 'X', 'Z', 0x00}, 6}, /* xz file format 1.0.4 */
    };

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (head.n >= filters[i].n && memcmp(head.p, filters[i].magic, filters[i].n) == 0)
            return true;
    }
    return false;
}
