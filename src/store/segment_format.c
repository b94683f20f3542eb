#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/crc32c.h"
#include "base/endian.h"
#include "store/segment_format.h"

static const uint8_t header_magic[8] = {0x89, 'F', 'T', 'S', '\r', '\n', 0x1a, '\n'};
static const uint8_t block_magic[4] = {'F', 'T', 'B', 'K'};
static const uint8_t trailer_magic[8] = {'F', 'T', 'S', 'E', 'A', 'L', '\r', '\n'};
const uint8_t segment_index_magic[4] = {'F', 'T', 'I', 'X'};

#define BLOCK_FLAGS_KNOWN (SEGMENT_BLOCK_CONTINUED | SEGMENT_BLOCK_END)
#define TRAILER_ENDED     0x01u

const char *segment_kind_name(unsigned kind)
{
    switch (kind) {
    case SEGMENT_SNAPSHOT:
        return "snapshot";
    case SEGMENT_JOURNAL:
        return "journal";
    case SEGMENT_INCREMENT:
        return "increment";
    default:
        return NULL;
    }
}

/* Every structure ends in the CRC-32C of what comes before it. */
static void put_crc(uint8_t *p, size_t n)
{
    store_le32(p + n - 4, crc32c(0, p, n - 4));
}

static int check_crc(const uint8_t *p, size_t n, const char *what, struct ft_err *err)
{
    uint32_t want = load_le32(p + n - 4);
    uint32_t seen = crc32c(0, p, n - 4);

    if (want == seen)
        return 0;
    return err_set(err, FT_ERR_CORRUPT, "%s: CRC-32C is %08" PRIx32 ", wanted %08" PRIx32, what,
                   seen, want);
}

static int check_magic(const uint8_t *p, const uint8_t *magic, size_t n, const char *what,
                       struct ft_err *err)
{
    char seen[40];
    char want[40];

    if (memcmp(p, magic, n) == 0)
        return 0;
    return err_set(err, FT_ERR_CORRUPT, "wanted %s (\"%s\"), saw \"%s\"", what,
                   bytes_escape(bytes_of(magic, n), want, sizeof(want)),
                   bytes_escape(bytes_of(p, n), seen, sizeof(seen)));
}

void segment_header_encode(const struct segment_id *id, uint8_t out[SEGMENT_HEADER_BYTES])
{
    memset(out, 0, SEGMENT_HEADER_BYTES);
    memcpy(out, header_magic, sizeof(header_magic));
    store_le16(out + 8, SEGMENT_MAJOR);
    store_le16(out + 10, SEGMENT_MINOR);
    store_le32(out + 12, SEGMENT_HEADER_BYTES);
    memcpy(out + 16, id->capture_id, CAPTURE_ID_SIZE);
    store_le32(out + 32, id->generation);
    store_le32(out + 36, id->flow);
    store_le32(out + 40, id->ordinal);
    out[44] = (uint8_t)id->kind;
    store_le64(out + 48, id->start_offset);
    store_le64(out + 56, id->start_lsn);
    store_le64(out + 64, id->created_us);
    put_crc(out, SEGMENT_HEADER_BYTES);
}

int segment_header_size(const uint8_t *p, uint32_t *ret_bytes, struct ft_err *err)
{
    uint16_t major = load_le16(p + 8);
    uint32_t n = load_le32(p + 12);

    if (check_magic(p, header_magic, sizeof(header_magic), "a segment header", err) != 0)
        return -1;
    if (major > SEGMENT_MAJOR) {
        return err_set(err, FT_ERR_UNSUPPORTED,
                       "segment format %u.%u is newer than this program, which reads up to %u.x",
                       major, load_le16(p + 10), SEGMENT_MAJOR);
    }
    if (major == 0 || n < SEGMENT_HEADER_BYTES || n > SEGMENT_HEADER_BYTES_MAX) {
        return err_set(err, FT_ERR_CORRUPT, "segment header: version %u, length %" PRIu32, major,
                       n);
    }
    *ret_bytes = n;
    return 0;
}

int segment_header_decode(const uint8_t *p, uint32_t n, struct segment_id *ret, struct ft_err *err)
{
    if (check_crc(p, n, "segment header", err) != 0)
        return -1;
    if (segment_kind_name(p[44]) == NULL)
        return err_set(err, FT_ERR_UNSUPPORTED, "segment kind %u is not known", p[44]);
    if (load_le64(p + 48) > SEGMENT_NUMBER_MAX || load_le64(p + 56) > SEGMENT_NUMBER_MAX ||
        load_le64(p + 64) > SEGMENT_TIME_MAX_US)
        return err_set(err, FT_ERR_CORRUPT, "segment header: a number is out of range");
    memcpy(ret->capture_id, p + 16, CAPTURE_ID_SIZE);
    ret->generation = load_le32(p + 32);
    ret->flow = load_le32(p + 36);
    ret->ordinal = load_le32(p + 40);
    ret->kind = (enum segment_kind)p[44];
    ret->start_offset = load_le64(p + 48);
    ret->start_lsn = load_le64(p + 56);
    ret->created_us = load_le64(p + 64);
    return 0;
}

void block_header_encode(const struct segment_block *b, uint8_t out[BLOCK_HEADER_BYTES])
{
    memset(out, 0, BLOCK_HEADER_BYTES);
    memcpy(out, block_magic, sizeof(block_magic));
    out[4] = (uint8_t)b->codec;
    out[5] = b->flags;
    store_le32(out + 8, b->raw_bytes);
    store_le32(out + 12, (uint32_t)b->payload.n);
    store_le64(out + 16, b->stream_offset);
    store_le64(out + 24, b->first_lsn);
    store_le32(out + 32, b->record_count);
    store_le32(out + 36, b->dbid);
    store_le64(out + 40, b->time_us);
    store_le32(out + 56, crc32c(0, b->payload.p, b->payload.n));
    put_crc(out, BLOCK_HEADER_BYTES);
}

/* What can be said about a block alone: the writer obeys it, the reader insists on it. */
static int check_block(const struct segment_block *b, struct ft_err *err)
{
    if (b->raw_bytes > SEGMENT_BLOCK_MAX || b->payload.n > b->raw_bytes ||
        (b->codec == CODEC_NONE && b->payload.n != b->raw_bytes) ||
        (b->codec != CODEC_NONE && b->payload.n == 0)) {
        return err_set(err, FT_ERR_CORRUPT, "a %s block of %" PRIu32 " bytes stored in %zu",
                       codec_name(b->codec), b->raw_bytes, b->payload.n);
    }
    if (b->stream_offset > SEGMENT_NUMBER_MAX - b->raw_bytes ||
        b->first_lsn > SEGMENT_NUMBER_MAX - b->record_count || b->time_us > SEGMENT_TIME_MAX_US) {
        return err_set(err, FT_ERR_CORRUPT,
                       "block: stream offset %" PRIu64 ", LSN %" PRIu64 " or time %" PRIu64
                       " is out of range",
                       b->stream_offset, b->first_lsn, b->time_us);
    }
    return 0;
}

int block_header_decode(const uint8_t *p, struct block_header *ret, struct ft_err *err)
{
    struct segment_block *b = &ret->block;

    if (check_magic(p, block_magic, sizeof(block_magic), "a block", err) != 0 ||
        check_crc(p, BLOCK_HEADER_BYTES, "block header", err) != 0)
        return -1;
    if (codec_name(p[4]) == NULL || (p[5] & ~BLOCK_FLAGS_KNOWN) != 0) {
        return err_set(err, FT_ERR_UNSUPPORTED, "block codec %u or flags 0x%02x are not known",
                       p[4], p[5]);
    }
    b->codec = (enum codec_id)p[4];
    b->flags = p[5];
    b->raw_bytes = load_le32(p + 8);
    b->payload = bytes_of(NULL, load_le32(p + 12));
    b->stream_offset = load_le64(p + 16);
    b->first_lsn = load_le64(p + 24);
    b->record_count = load_le32(p + 32);
    b->dbid = load_le32(p + 36);
    b->time_us = load_le64(p + 40);
    b->file_offset = 0;
    ret->payload_crc = load_le32(p + 56);
    return check_block(b, err);
}

void segment_tally_start(struct segment_tally *t, const struct segment_id *id,
                         uint64_t header_bytes)
{
    memset(t, 0, sizeof(*t));
    t->file_offset = header_bytes;
    t->stream_offset = id->start_offset;
    t->next_lsn = id->start_lsn;
}

/* The LSN rules of the three kinds; see "LSNs" in segment.h. */
static int check_lsn(const struct segment_tally *t, const struct segment_id *id,
                     const struct segment_block *b, struct ft_err *err)
{
    bool end = (b->flags & SEGMENT_BLOCK_END) != 0;

    if (id->kind == SEGMENT_SNAPSHOT) {
        if (b->record_count == 0 && (end || b->first_lsn == 0))
            return 0;
        return err_set(err, FT_ERR_CORRUPT,
                       "a snapshot block has LSN %" PRIu64 " and %" PRIu32 " records", b->first_lsn,
                       b->record_count);
    }
    if (b->first_lsn == t->next_lsn)
        return 0;
    return err_set(err, FT_ERR_CORRUPT, "block begins with LSN %" PRIu64 ", wanted %" PRIu64,
                   b->first_lsn, t->next_lsn);
}

/*
 * The writer runs this on what it is about to append, readers on what they find, and recovery to tell
 * where good blocks end. One function for all three: what is written can be read, and a block that would
 * break a rule never reaches the disk.
 */
int segment_tally_add(struct segment_tally *t, const struct segment_id *id,
                      const struct segment_block *b, struct ft_err *err)
{
    bool end = (b->flags & SEGMENT_BLOCK_END) != 0;
    bool continued = (b->flags & SEGMENT_BLOCK_CONTINUED) != 0;

    if (check_block(b, err) != 0)
        return -1;
    if (t->ended)
        return err_set(err, FT_ERR_CORRUPT, "a block follows the end of the stream");
    if (end && (continued || id->kind == SEGMENT_JOURNAL)) {
        return err_set(err, FT_ERR_CORRUPT, "an end mark in a %s block%s",
                       segment_kind_name(id->kind), continued ? " that is continued" : "");
    }
    if (b->stream_offset != t->stream_offset) {
        return err_set(err, FT_ERR_CORRUPT,
                       "block begins at stream offset %" PRIu64 ", wanted %" PRIu64,
                       b->stream_offset, t->stream_offset);
    }
    if (check_lsn(t, id, b, err) != 0)
        return -1;
    if (t->block_count++ == 0)
        t->first_time_us = b->time_us;
    t->last_time_us = b->time_us;
    t->file_offset += block_file_bytes(b);
    t->stream_offset += b->raw_bytes;
    t->next_lsn = b->first_lsn + b->record_count;
    t->continued = continued;
    t->ended = end;
    return 0;
}

void segment_tally_info(const struct segment_tally *t, const struct segment_id *id,
                        struct segment_info *ret)
{
    ret->kind = id->kind;
    ret->ordinal = id->ordinal;
    ret->start_offset = id->start_offset;
    ret->raw_bytes = t->stream_offset - id->start_offset;
    ret->file_bytes = t->file_offset;
    ret->block_count = t->block_count;
    ret->start_lsn = id->start_lsn;
    ret->next_lsn = t->next_lsn;
    ret->first_time_us = t->first_time_us;
    ret->last_time_us = t->last_time_us;
    ret->ended = t->ended;
}

void index_entry_encode(const struct index_entry *e, uint8_t out[INDEX_ENTRY_BYTES])
{
    store_le64(out, e->file_offset);
    store_le64(out + 8, e->stream_offset);
    store_le64(out + 16, e->first_lsn);
    store_le64(out + 24, e->time_us);
}

struct index_entry index_entry_decode(const uint8_t *p)
{
    struct index_entry e = {
        .file_offset = load_le64(p),
        .stream_offset = load_le64(p + 8),
        .first_lsn = load_le64(p + 16),
        .time_us = load_le64(p + 24),
    };

    return e;
}

void segment_trailer_encode(const struct segment_trailer *t, uint8_t out[TRAILER_BYTES])
{
    memset(out, 0, TRAILER_BYTES);
    memcpy(out, trailer_magic, sizeof(trailer_magic));
    store_le64(out + 8, t->index_offset);
    store_le64(out + 16, t->raw_bytes);
    store_le64(out + 24, t->block_count);
    store_le64(out + 32, t->next_lsn);
    store_le64(out + 40, t->first_time_us);
    store_le64(out + 48, t->last_time_us);
    store_le64(out + 56, t->digest);
    store_le32(out + 64, t->ended ? TRAILER_ENDED : 0);
    put_crc(out, TRAILER_BYTES);
}

int segment_trailer_decode(const uint8_t *p, struct segment_trailer *ret, struct ft_err *err)
{
    if (check_magic(p, trailer_magic, sizeof(trailer_magic), "the trailer of a sealed segment",
                    err) != 0 ||
        check_crc(p, TRAILER_BYTES, "trailer", err) != 0)
        return -1;
    ret->index_offset = load_le64(p + 8);
    ret->raw_bytes = load_le64(p + 16);
    ret->block_count = load_le64(p + 24);
    ret->next_lsn = load_le64(p + 32);
    ret->first_time_us = load_le64(p + 40);
    ret->last_time_us = load_le64(p + 48);
    ret->digest = load_le64(p + 56);
    ret->ended = (load_le32(p + 64) & TRAILER_ENDED) != 0;
    if (ret->raw_bytes > SEGMENT_NUMBER_MAX || ret->block_count > SEGMENT_NUMBER_MAX ||
        ret->next_lsn > SEGMENT_NUMBER_MAX || ret->first_time_us > SEGMENT_TIME_MAX_US ||
        ret->last_time_us > SEGMENT_TIME_MAX_US)
        return err_set(err, FT_ERR_CORRUPT, "trailer: a number is out of range");
    return 0;
}

int segment_parent_open(int dirfd, const char *name, const char **ret_base, struct ft_err *err)
{
    char parent[SEGMENT_NAME_MAX] = ".";
    const char *slash = strrchr(name, '/');
    int fd;

    if (slash != NULL) {
        memcpy(parent, name, (size_t)(slash - name));
        parent[slash - name] = '\0';
    }
    fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "could not open directory \"%s\"", parent);
    *ret_base = slash == NULL ? name : slash + 1;
    return fd;
}
