/*
 * bench_data.c - makes the data sets of the benchmark, the same bytes each time.
 *
 *   bench-data flows DIR [options]   a recording of a full sync and a journal, laid out as those in
 *                                    fixtures/recordings (meta.json, flow-N.bin)
 *   bench-data rdb FILE [options]    the same keys as a Redis RDB of version 10
 *
 *   --strings N       strings                                               (default 2000000)
 *   --size N          of so many bytes each                                 (100)
 *   --databases N     the strings are spread over so many databases         (1)
 *   --collections N   of each of: hashes, lists, sets, sorted sets of 20-30 elements (20000)
 *   --flows N         (2)
 *   --journal N       small SET records after the full sync, over all flows (0)
 *   --touch N         the journal's records go to N of the strings, in turn; without it to keys of
 *                     their own (0)
 *   --mixed           the journal's records are SET, HSET, INCRBY, RPUSH, LPOP, SADD, ZADD, PEXPIREAT
 *                     and DEL instead
 *   --lz4             outgoing buffers of 256 bytes to 1 MiB as LZ4 frames where that shrinks them
 *                     to 95 % or less, as Dragonfly does
 *
 * Each key goes to the flow that Dragonfly would give it to. Prints one line: keys, elements, bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/crc64.h"
#include "base/endian.h"
#include "base/fsutil.h"
#include "base/parse.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_types.h"

/* Dragonfly's shard of a key: XXH64 with this seed, modulo the number of shards. */
#define OWNER_SEED 120577240643ull
/* Dragonfly's mean outgoing buffer in the recordings is 15 KiB. */
#define FLUSH_SIZE        (16u << 10)
#define COMPRESS_MIN_SIZE 256u
#define COMPRESS_MAX_SIZE (1u << 20)
#define WRITE_SIZE        (1u << 20)
#define FLOWS_MAX         64
/* About four seconds of a busy master lie between two LSN marks. */
#define RECORDS_PER_MARK 400000u
#define RDB_VERSION      10
#define EOF_TOKEN_SIZE   40
#define REPLICATION_ID   "5eedf10a7a9e5eedf10a7a9e5eedf10a7a9e0001"

struct options {
    uint64_t strings;
    uint64_t size;
    uint64_t databases;
    uint64_t collections;
    uint64_t flows;
    uint64_t journal;
    uint64_t touch;
    bool lz4;
    bool mixed;
};

struct stream {
    char path[4096];
    int fd;
    uint64_t db; /* selected in what is pending */
    bool lz4;
    bool checksum;
    struct buf pending; /* items not yet taken into `out` */
    struct buf out;     /* bytes not yet written */
    uint64_t written;   /* bytes that went through `out` so far */
    uint64_t crc;
    uint64_t fullsync_bytes;
    uint64_t stable_start;
    uint64_t records;
    char eof_token[EOF_TOKEN_SIZE + 1];
};

struct totals {
    uint64_t keys;
    uint64_t elements;
    uint64_t bytes;
};

static struct ft_err fatal = FT_ERR_INIT;

/* must - a benchmark has nothing to clean up. */
static void must(int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "bench-data: %s\n", fatal.msg);
    exit(1);
}

/* mix - splitmix64: a random-looking number for each input. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

/* fill_text - half words that recur, half that do not: LZ4 leaves about two thirds of it. */
static void fill_text(uint64_t seed, char *out, size_t n)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz012345";

    for (size_t i = 0; i < n; i += 8) {
        uint64_t r = mix(seed + i);

        if (i % 16 != 0)
            r = mix(r % 200);
        for (size_t j = i; j < i + 8 && j < n; j++, r >>= 5)
            out[j] = digits[r & 31];
    }
}

static void stream_write_out(struct stream *s, size_t threshold)
{
    if (s->out.n < threshold)
        return;
    if (s->checksum)
        s->crc = crc64(s->crc, s->out.p, s->out.n);
    must(fs_write_all(s->fd, s->out.p, s->out.n, s->path, &fatal));
    buf_clear(&s->out);
}

static void stream_put(struct stream *s, const void *p, size_t n)
{
    must(buf_append(&s->out, p, n, &fatal));
    s->written += n;
    stream_write_out(s, WRITE_SIZE);
}

/* stream_compress - pending as one LZ4 frame behind its opcode; false when not worth it. */
static bool stream_compress(struct stream *s)
{
    const size_t n = s->pending.n;
    const LZ4F_preferences_t preferences = {.frameInfo.contentSize = n};
    uint8_t head[1 + RDB_LEN_MAX_SIZE] = {RDB_OP_DF_LZ4_BLOB};
    size_t bound = LZ4F_compressFrameBound(n, &preferences), frame_size;
    uint8_t *frame;

    if (n < COMPRESS_MIN_SIZE || n > COMPRESS_MAX_SIZE)
        return false;
    frame = malloc(bound);
    if (frame == NULL)
        must(err_nomem(&fatal, "an LZ4 frame"));
    frame_size = LZ4F_compressFrame(frame, bound, s->pending.p, n, &preferences);
    if (LZ4F_isError(frame_size) || frame_size > n / 100 * 95) {
        free(frame);
        return false;
    }
    stream_put(s, head, 1 + rdb_len_put(head + 1, frame_size));
    stream_put(s, frame, frame_size);
    free(frame);
    return true;
}

static void stream_flush(struct stream *s)
{
    if (s->pending.n == 0)
        return;
    if (!s->lz4 || !stream_compress(s))
        stream_put(s, s->pending.p, s->pending.n);
    buf_clear(&s->pending);
}

static void put_byte(struct buf *b, uint8_t byte)
{
    must(buf_append(b, &byte, 1, &fatal));
}

static void put_len(struct buf *b, uint64_t value)
{
    uint8_t text[RDB_LEN_MAX_SIZE];

    must(buf_append(b, text, rdb_len_put(text, value), &fatal));
}

static void put_string(struct buf *b, const void *p, size_t n)
{
    put_len(b, n);
    must(buf_append(b, p, n, &fatal));
}

static void put_aux(struct buf *b, const char *name, const char *value)
{
    put_byte(b, RDB_OP_AUX);
    put_string(b, name, strlen(name));
    put_string(b, value, strlen(value));
}

static void put_text(struct buf *b, uint64_t seed, size_t n)
{
    char text[256];

    fill_text(seed, text, n);
    put_string(b, text, n);
}

/* put_listpack - the elements of one list as the single node of a quicklist. */
static void put_listpack(struct buf *b, uint64_t seed, unsigned count)
{
    uint8_t lp[8192] = {0};
    size_t n = 6;

    for (unsigned i = 0; i < count; i++) {
        size_t len = 100 + mix(seed + i) % 101;

        lp[n++] = 0xe0 | (uint8_t)(len >> 8); /* a string of 12 bits length */
        lp[n++] = (uint8_t)len;
        fill_text(seed + i, (char *)lp + n, len);
        n += len;
        len += 2; /* read from the back: seven bits a byte, the last byte first */
        if (len > 127)
            lp[n++] = (uint8_t)(len >> 7);
        lp[n++] = (uint8_t)(len > 127 ? (len & 127) | 128 : len);
    }
    lp[n++] = 0xff;
    store_le32(lp, (uint32_t)n);
    store_le16(lp + 4, (uint16_t)count);
    put_len(b, 1);
    put_len(b, 2); /* packed */
    put_string(b, lp, n);
}

/* put_collection - the value of the i-th key of a type; returns the number of its elements. */
static unsigned put_collection(struct buf *b, uint8_t type, uint64_t seed)
{
    const unsigned count = 20 + (unsigned)(mix(seed) % 11);
    uint8_t score[8];

    if (type == RDB_TYPE_LIST_QUICKLIST_2) {
        put_listpack(b, seed, count);
        return count;
    }
    put_len(b, count);
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        size_t len = 100 + mix(seed + i) % 101;

        if (type == RDB_TYPE_HASH)
            put_string(b, name, (size_t)snprintf(name, sizeof(name), "field:%u", i));
        put_text(b, seed + i, len);
        if (type == RDB_TYPE_ZSET_2) {
            store_le_double(score, i * 1.5);
            must(buf_append(b, score, sizeof(score), &fatal));
        }
    }
    return count;
}

static void put_header(struct stream *s, const struct options *o, int flow)
{
    char magic[16], number[32];

    snprintf(magic, sizeof(magic), "REDIS%04d", flow < 0 ? RDB_VERSION : RDB_VERSION_DRAGONFLY);
    must(buf_append_str(&s->pending, magic, &fatal));
    put_aux(&s->pending, "redis-ver", flow < 0 ? "7.0.15" : "6.2.11");
    if (flow >= 0) {
        put_aux(&s->pending, "df-ver", "df-v1.40.1");
        if (flow == 0) {
            snprintf(number, sizeof(number), "%" PRIu64, o->flows);
            put_aux(&s->pending, "shard-count", number);
        }
        snprintf(number, sizeof(number), "%d", flow);
        put_aux(&s->pending, "shard-id", number);
    }
    stream_put(s, s->pending.p, s->pending.n);
    buf_clear(&s->pending);
}

static struct stream *owner_of(struct stream *streams, uint64_t n, const char *key, size_t key_len)
{
    return &streams[XXH64(key, key_len, OWNER_SEED) % n];
}

static void put_size(struct buf *b, uint64_t seed, size_t n)
{
    put_len(b, n);
    must(buf_reserve(b, n, &fatal));
    fill_text(seed, (char *)b->p + b->n, n);
    b->n += n;
}

/* put_entry - one key with its value into the stream that owns it. */
static void put_entry(struct stream *streams, const struct options *o, const char *prefix,
                      uint8_t type, uint64_t i, uint64_t db, struct totals *totals)
{
    char key[64];
    size_t key_len = (size_t)snprintf(key, sizeof(key), "%s:%09" PRIu64, prefix, i);
    struct stream *s = owner_of(streams, o->flows, key, key_len);

    if (s->pending.n == 0 || s->db != db) {
        put_byte(&s->pending, RDB_OP_SELECTDB);
        put_len(&s->pending, db);
        s->db = db;
    }
    put_byte(&s->pending, type);
    put_string(&s->pending, key, key_len);
    totals->keys++;
    if (type == RDB_TYPE_STRING)
        put_size(&s->pending, i, o->size);
    else
        totals->elements += put_collection(&s->pending, type, mix(i + ((uint64_t)type << 48)));
    if (s->pending.n >= FLUSH_SIZE)
        stream_flush(s);
}

static void put_keys(struct stream *streams, const struct options *o, struct totals *totals)
{
    for (uint64_t i = 0; i < o->strings; i++)
        put_entry(streams, o, "string", RDB_TYPE_STRING, i, i * o->databases / o->strings, totals);
    for (uint64_t i = 0; i < o->collections; i++) {
        put_entry(streams, o, "hash", RDB_TYPE_HASH, i, 0, totals);
        put_entry(streams, o, "list", RDB_TYPE_LIST_QUICKLIST_2, i, 0, totals);
        put_entry(streams, o, "set", RDB_TYPE_SET, i, 0, totals);
        put_entry(streams, o, "zset", RDB_TYPE_ZSET_2, i, 0, totals);
    }
    for (uint64_t f = 0; f < o->flows; f++)
        stream_flush(&streams[f]);
}

/* put_change_over - from the end of the full sync to the first byte of the journal. */
static void put_change_over(struct stream *s)
{
    uint8_t number[8] = {0};
    const uint8_t ends[] = {RDB_OP_DF_FULLSYNC_END, RDB_OP_DF_JOURNAL_OFFSET, RDB_OP_EOF};

    for (size_t i = 0; i < sizeof(ends); i++) {
        stream_put(s, &ends[i], 1);
        store_le64(number, ends[i] == RDB_OP_DF_JOURNAL_OFFSET ? 1 : 0);
        stream_put(s, number, sizeof(number));
        if (i == 0)
            s->fullsync_bytes = s->written;
    }
    stream_put(s, s->eof_token, EOF_TOKEN_SIZE);
    s->stable_start = s->written;
}

/* put_record - SELECT 0, then COMMAND with transaction 0 and shard count 1. */
static void put_record(struct stream *s, const char *const *args, size_t count)
{
    static const uint8_t head[] = {6, 0, 10, 0, 1};
    uint8_t mark = 15; /* the LSN of the record before it */
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += strlen(args[i]);
    must(buf_append(&s->pending, head, sizeof(head), &fatal));
    put_len(&s->pending, count);
    put_len(&s->pending, bytes);
    for (size_t i = 0; i < count; i++)
        put_string(&s->pending, args[i], strlen(args[i]));
    s->records++;
    if (s->records % RECORDS_PER_MARK == 1) {
        put_byte(&s->pending, mark);
        put_len(&s->pending, s->records);
    }
    if (s->pending.n < FLUSH_SIZE)
        return;
    stream_put(s, s->pending.p, s->pending.n);
    buf_clear(&s->pending);
}

/* put_set - of the i-th record: touched strings lie evenly among all. */
static void put_set(struct stream *streams, const struct options *o, uint64_t i)
{
    char key[64], value[32];
    const char *args[] = {"SET", key, value};

    if (o->touch == 0)
        snprintf(key, sizeof(key), "key:%06u", (unsigned)(mix(i) % 1000000));
    else
        snprintf(key, sizeof(key), "string:%09" PRIu64, i % o->touch * (o->strings / o->touch));
    snprintf(value, sizeof(value), "value:%" PRIu64, i);
    put_record(owner_of(streams, o->flows, key, strlen(key)), args, 3);
}

/* put_mixed - one record out of 20 kinds: SET more often than others. */
static void put_mixed(struct stream *streams, const struct options *o, uint64_t i)
{
    static const struct {
        unsigned until; /* of 20 */
        const char *name, *prefix;
        unsigned keys;
        const char *field; /* between key and value */
        const char *value; /* NULL: none */
    } kinds[] = {
        {8, "SET", "key", 1000000, NULL, "value:"},
        {11, "HSET", "hash", 20000, "field:", "value:"},
        {13, "INCRBY", "counter", 100000, NULL, ""},
        {15, "RPUSH", "list", 20000, NULL, "value:"},
        {16, "LPOP", "list", 20000, NULL, NULL},
        {17, "SADD", "set", 20000, NULL, "value:"},
        {18, "ZADD", "zset", 20000, "", "value:"},
        {19, "PEXPIREAT", "key", 1000000, NULL, "2000000"}, /* 13 digits: in 2033 */
        {20, "DEL", "key", 1000000, NULL, NULL},
    };
    uint64_t random = mix(i);
    char key[64], field[32], value[32];
    const char *args[4] = {NULL, key};
    size_t count = 2, kind = 0;

    while (random % 20 >= kinds[kind].until)
        kind++;
    args[0] = kinds[kind].name;
    snprintf(key, sizeof(key), "%s:%06u", kinds[kind].prefix,
             (unsigned)(random / 20 % kinds[kind].keys));
    if (kinds[kind].field != NULL) {
        snprintf(field, sizeof(field), "%s%u", kinds[kind].field, (unsigned)(random >> 56) % 32);
        args[count++] = field;
    }
    if (kinds[kind].value != NULL) {
        snprintf(value, sizeof(value), "%s%u", kinds[kind].value, 100000 + (unsigned)(i % 100000));
        args[count++] = value;
    }
    put_record(owner_of(streams, o->flows, key, strlen(key)), args, count);
}

static void put_journal(struct stream *streams, const struct options *o)
{
    for (uint64_t i = 0; i < o->journal; i++) {
        if (o->mixed)
            put_mixed(streams, o, i);
        else
            put_set(streams, o, i);
    }
    for (uint64_t f = 0; f < o->flows; f++) {
        stream_put(&streams[f], streams[f].pending.p, streams[f].pending.n);
        buf_clear(&streams[f].pending);
    }
}

static void stream_open(struct stream *s, const char *path)
{
    snprintf(s->path, sizeof(s->path), "%s", path);
    s->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (s->fd < 0)
        must(err_errno(&fatal, errno, "could not create \"%s\"", path));
}

static void stream_close(struct stream *s)
{
    stream_write_out(s, 0);
    if (close(s->fd) != 0)
        must(err_errno(&fatal, errno, "could not close \"%s\"", s->path));
    buf_release(&s->pending);
    buf_release(&s->out);
}

static void write_meta(const char *dir, const struct stream *streams, const struct options *o)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof(path), "%s/meta.json", dir);
    f = fopen(path, "w");
    if (f == NULL)
        must(err_errno(&fatal, errno, "could not create \"%s\"", path));
    fprintf(f, "{\"title\": \"generated\", \"replid\": \"%s\", \"syncid\": \"SYNC1\",\n",
            REPLICATION_ID);
    fprintf(f, " \"master_version\": 5, \"client_version\": 5,\n \"flows\": [");
    for (uint64_t i = 0; i < o->flows; i++) {
        const struct stream *s = &streams[i];

        fprintf(f,
                "%s\n  {\"kind\": \"FULL\", \"eof_token\": \"%s\", \"fullsync_bytes\": %" PRIu64
                ", \"stable_start\": %" PRIu64 ", \"total_bytes\": %" PRIu64
                ", \"journal_offset\": 1, \"journal_entries\": %" PRIu64 ", \"final_lsn\": %" PRIu64
                "}",
                i == 0 ? "" : ",", s->eof_token, s->fullsync_bytes, s->stable_start, s->written,
                s->records, s->records + 1);
    }
    fprintf(f, "],\n \"kinds\": [");
    for (uint64_t i = 0; i < o->flows; i++)
        fprintf(f, "%s\"FULL\"", i == 0 ? "" : ", ");
    fprintf(f, "],\n \"replicaoffset\": [");
    for (uint64_t i = 0; i < o->flows; i++)
        fprintf(f, "%s%" PRIu64, i == 0 ? "" : ", ", streams[i].records + 1);
    fprintf(f, "]}\n");
    if (fclose(f) != 0)
        must(err_errno(&fatal, errno, "could not write \"%s\"", path));
}

static void make_flows(const char *dir, const struct options *o, struct totals *totals)
{
    static struct stream streams[FLOWS_MAX];
    char path[4096];

    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
        must(err_errno(&fatal, errno, "could not create \"%s\"", dir));
    for (uint64_t i = 0; i < o->flows; i++) {
        snprintf(path, sizeof(path), "%s/flow-%" PRIu64 ".bin", dir, i);
        stream_open(&streams[i], path);
        streams[i].lz4 = o->lz4;
        snprintf(streams[i].eof_token, sizeof(streams[i].eof_token), "%040" PRIx64, mix(i));
        put_header(&streams[i], o, (int)i);
    }
    put_keys(streams, o, totals);
    for (uint64_t i = 0; i < o->flows; i++)
        put_change_over(&streams[i]);
    put_journal(streams, o);
    for (uint64_t i = 0; i < o->flows; i++) {
        stream_close(&streams[i]);
        totals->bytes += streams[i].written;
    }
    write_meta(dir, streams, o);
}

/* Of one flow, whatever was asked for. */
static void make_rdb(const char *path, struct options *o, struct totals *totals)
{
    const uint8_t eof = RDB_OP_EOF;
    uint8_t crc[8];
    struct stream s = {.checksum = true};

    stream_open(&s, path);
    put_header(&s, o, -1);
    o->flows = 1;
    put_keys(&s, o, totals);
    stream_put(&s, &eof, 1);
    stream_write_out(&s, 0);
    store_le64(crc, s.crc);
    stream_put(&s, crc, sizeof(crc));
    stream_close(&s);
    totals->bytes = s.written;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: bench-data flows DIR | rdb FILE [--strings N] [--size N] [--databases N]\n"
            "       [--collections N] [--flows N] [--journal N] [--touch N] [--mixed] [--lz4]\n");
    return 2;
}

static bool parse_options(char **arg, struct options *o)
{
    for (; *arg != NULL; arg++) {
        uint64_t *number = strcmp(*arg, "--strings") == 0       ? &o->strings
                           : strcmp(*arg, "--size") == 0        ? &o->size
                           : strcmp(*arg, "--databases") == 0   ? &o->databases
                           : strcmp(*arg, "--collections") == 0 ? &o->collections
                           : strcmp(*arg, "--flows") == 0       ? &o->flows
                           : strcmp(*arg, "--journal") == 0     ? &o->journal
                           : strcmp(*arg, "--touch") == 0       ? &o->touch
                                                                : NULL;

        if (strcmp(*arg, "--lz4") == 0)
            o->lz4 = true;
        else if (strcmp(*arg, "--mixed") == 0)
            o->mixed = true;
        else if (number == NULL || *++arg == NULL || parse_u64(*arg, number, &fatal) != 0)
            return false;
    }
    return o->databases >= 1 && o->flows >= 1 && o->flows <= FLOWS_MAX && o->touch <= o->strings;
}

int main(int argc, char **argv)
{
    struct options o = {
        .strings = 2000000, .size = 100, .databases = 1, .collections = 20000, .flows = 2};
    struct totals totals = {0};

    if (argc < 3 || !parse_options(argv + 3, &o))
        return usage();
    if (strcmp(argv[1], "flows") == 0)
        make_flows(argv[2], &o, &totals);
    else if (strcmp(argv[1], "rdb") == 0)
        make_rdb(argv[2], &o, &totals);
    else
        return usage();
    printf("%" PRIu64 " keys, %" PRIu64 " elements, %" PRIu64 " records, %" PRIu64 " bytes\n",
           totals.keys, totals.elements, o.journal, totals.bytes);
    return 0;
}
