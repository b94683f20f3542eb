#include "input/source_compressed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/archive_input.h"
#include "input/source_files.h"

#define READ_BYTES (256u << 10)
#define HEAD_BYTES 6

static enum source_bid bid(const char *path, const struct stat *status)
{
    int fd = S_ISREG(status->st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    uint8_t head[HEAD_BYTES];
    ssize_t n;

    if (fd < 0)
        return SOURCE_BID_NONE;
    n = pread(fd, head, sizeof(head), 0);
    (void)close(fd); /* opened to read */
    return n > 0 && archive_is_compressed(bytes_of(head, (size_t)n)) ? SOURCE_BID_LOOKS
                                                                     : SOURCE_BID_NONE;
}

/*
 * The feed
 */

struct compressed_feed {
    struct archive_input *input;
    uint8_t *buffer;
    uint64_t saved_us;
};

static void feed_free(void *feed)
{
    struct compressed_feed *f = feed;

    if (f == NULL)
        return;
    archive_input_free(f->input);
    free(f->buffer);
    free(f);
}

static int feed_open(struct source_stream *st, struct flow_decoder_options *decoder,
                     struct ft_err *err)
{
    struct compressed_feed *f = calloc(1, sizeof(*f));
    struct archive_entry *entry;

    if (f == NULL)
        return err_nomem(err, "a source");
    st->feed = f;
    f->saved_us = source_files_saved_us(st->source, st->index);
    f->buffer = malloc(READ_BYTES);
    if (f->buffer == NULL)
        return err_nomem(err, "a read buffer");
    decoder->file = true;
    if (archive_input_open(&f->input, st->source->path, ARCHIVE_OF_BYTES, -1, err) != 0)
        return -1;
    if (archive_input_next(f->input, &entry, err) == STEP_ERROR)
        return -1;
    return 0;
}

static int feed_next(struct source_stream *st, struct ft_err *err)
{
    struct compressed_feed *f = st->feed;
    size_t n;

    if (archive_input_read(f->input, f->buffer, READ_BYTES, &n, err) != 0)
        return -1;
    if (n == 0) {
        flow_decoder_close(st->decoder);
        return 1;
    }
    st->bytes += n;
    if (flow_decoder_push(st->decoder, FLOW_PART_SNAPSHOT, bytes_of(f->buffer, n), f->saved_us,
                          err) != 0)
        return -1;
    return 1;
}

static const struct source_feed feed = {
    .open = feed_open,
    .next = feed_next,
    .place = source_files_place,
    .free = feed_free,
};

/* Commands are read more than once, and from places within: they have to be a file. */
static int open_compressed(struct source *s, uint32_t generation, struct ft_err *err)
{
    struct archive_input *input;
    struct archive_entry *entry;
    uint8_t first = 0;
    size_t n = 0;
    int rc;

    if (archive_input_open(&input, s->path, ARCHIVE_OF_BYTES, -1, err) != 0)
        return -1;
    rc = archive_input_next(input, &entry, err) == STEP_ERROR
             ? -1
             : archive_input_read(input, &first, sizeof(first), &n, err);
    archive_input_free(input);
    if (rc != 0)
        return -1;
    if (n == 0 || (first != '*' && first != '#'))
        return source_files_open_one(s, generation, err);
    return err_set(
        err, FT_ERR_UNSUPPORTED,
        "\"%s\" is an append-only file that is compressed: decompress it into a file, or "
        "into standard input, with - as INPUT",
        s->path);
}

const struct source_kind source_compressed_kind = {
    .name = "compressed",
    .capabilities = SOURCE_KEYS_MAY_REPEAT,
    .size = sizeof(struct source_files),
    .feed = &feed,
    .bid = bid,
    .open = open_compressed,
    .release = source_files_release,
    .identify = source_files_identify,
    .contains = source_files_contain,
    .stream_file = source_files_name,
};
