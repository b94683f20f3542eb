/*
 * make_large - files with one large value, for tests of memory.
 *
 *   make-large KIND MEGABYTES FILE
 *
 * string, list, hash, zset, stream: an RDB of Redis, its value in elements of 4 KiB (a string: one);
 * lzf: a compressed string; many: a set, a member of 8 bytes for each 32; same: a set, as many times the
 * same member; element: a list of one element; member: a set of one; zipmap: an old small hash that is
 * not small; pending: a stream with an entry, and a group to which it was delivered again and again under
 * other ids; timed: a hash of Dragonfly, each second
 * field with a time; json: a document of Dragonfly, one string; blob: a string within a zstd blob of Dragonfly, which shrinks to almost nothing; tags: lists
 * that come in interleaved tagged chunks, 64 of them together that large.
 * Beside it there is always a small key "small". recording: a folder for the stand-in master, with such
 * a string in the snapshot of its one flow, and another one in a record of its journal.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/endian.h"
#include "rdb/rdb_len.h"

#define ELEMENT_BYTES      4096u
#define TAGS               64u
#define TYPE_STRING        0
#define TYPE_LIST          1
#define TYPE_SET           2
#define TYPE_HASH          4
#define TYPE_ZSET_2        5
#define TYPE_ZIPMAP        9
#define TYPE_STREAM        15
#define TYPE_DF_JSON       30
#define TYPE_DF_TIMED_HASH 31

static FILE *out;
static uint8_t element[ELEMENT_BYTES];

static void put(const void *p, size_t n)
{
    if (fwrite(p, 1, n, out) != n) {
        perror("make-large");
        exit(1);
    }
}

static void put_len(uint64_t n)
{
    uint8_t head[RDB_LEN_MAX_SIZE];

    put(head, rdb_len_put(head, n));
}

static void put_text(const char *text)
{
    put_len(strlen(text));
    put(text, strlen(text));
}

/* A text that is not the same twice. */
static void put_element(uint64_t number)
{
    store_le64(element, number * 0x9e3779b97f4a7c15u);
    put_len(sizeof(element));
    put(element, sizeof(element));
}

static void put_elements(const char *kind, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        char field[32];
        uint8_t score[8];

        (void)snprintf(field, sizeof(field), "field:%llu", (unsigned long long)i);
        if (strcmp(kind, "hash") == 0)
            put_text(field);
        put_element(i);
        store_le64(score, i + ((uint64_t)1023 << 52));
        if (strcmp(kind, "zset") == 0)
            put(score, sizeof(score));
    }
}

/* A listpack of one stream entry with one field "f" and a value of 3,000 bytes. */
static size_t make_node(uint8_t *lp)
{
    uint8_t *p = lp + 6;
    size_t n;

    /* master entry: 1 live, 0 deleted, 1 field "f", 0; entry: flags 2, id +0-0, value, lp-count */
    static const uint8_t master[] = {1, 1, 0, 1, 1, 1, 0x81, 'f', 2, 0, 1};
    static const uint8_t entry[] = {2, 1, 0, 1, 0, 1};

    memcpy(p, master, sizeof(master));
    p += sizeof(master);
    memcpy(p, entry, sizeof(entry));
    p += sizeof(entry);
    *p++ = 0xe0 | 3000 >> 8; /* a text with a length of 12 bits */
    *p++ = 3000 & 0xff;
    memcpy(p, element, 3000);
    p += 3000;
    *p++ = 3002 >> 7; /* how long that was, to be read backwards */
    *p++ = 0x80 | (3002 & 0x7f);
    *p++ = 4;
    *p++ = 1;
    *p++ = 0xff;
    n = (size_t)(p - lp);
    store_le32(lp, (uint32_t)n);
    store_le16(lp + 4, 10);
    return n;
}

static void put_stream(uint64_t bytes)
{
    uint8_t lp[ELEMENT_BYTES];
    uint64_t count = bytes / 3000;

    put_len(count);
    for (uint64_t i = 0; i < count; i++) {
        uint8_t id[16];

        for (int k = 0; k < 8; k++)
            id[k] = (uint8_t)((i + 1) >> (56 - 8 * k));
        memset(id + 8, 0, 8);
        put_len(sizeof(id));
        put(id, sizeof(id));
        store_le64(element, i);
        put_len(make_node(lp));
        put(lp, make_node(lp));
    }
    put_len(count);
    put_len(count + 5); /* last id: entries were deleted at the end */
    put_len(0);
    put_len(1); /* a group with a consumer that has one entry pending */
    put_text("group");
    put_len(2);
    put_len(0);
    put_len(1);
    put("\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0", 16);
    put("\0\0\0\0\1\0\0\0", 8);
    put_len(3);
    put_len(1);
    put_text("consumer");
    put("\0\0\0\0\2\0\0\0", 8);
    put_len(1);
    put("\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0", 16);
}

static void put_key(int type, const char *key)
{
    (void)fputc(type, out);
    put_text(key);
}

/* 32 bytes as they are, after their length, then 127 times as many from 4,096 bytes before, once there are so many: what was
 * written is read again. */
static void put_lzf(uint64_t bytes)
{
    static const uint8_t again[] = {0xe0 | 4095 >> 8, 32 - 9, 4095 & 0xff};
    const uint64_t count = bytes / ELEMENT_BYTES;

    (void)fputc(0xc3, out);
    put_len(128 * 33 + (count - 1) * (33 + 127 * sizeof(again)));
    put_len(count * ELEMENT_BYTES);
    for (uint64_t i = 0; i < count; i++) {
        store_le64(element, i * 0x9e3779b97f4a7c15u);
        for (unsigned at = 0; at < ELEMENT_BYTES; at += 32) {
            if (i != 0 && at != 0) {
                put(again, sizeof(again));
                continue;
            }
            (void)fputc(31, out);
            put(element + at, 32);
        }
    }
}

/* step: 0: all the same. */
static void put_members(uint64_t count, unsigned step)
{
    char member[24];

    put_len(count);
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(member, sizeof(member), "m%07llu", (unsigned long long)i * step);
        put_text(member);
    }
}

/* Fields of 8 bytes, values of ELEMENT_BYTES. */
static void put_zipmap(uint64_t count)
{
    static const size_t pair = 1 + 8 + 5 + 1 + ELEMENT_BYTES;
    uint8_t head[5 + 1] = {0xfe}; /* a length of 4 bytes; no free bytes after the value */
    char field[24];

    put_len(2 + count * pair);
    (void)fputc(0xfe, out); /* how many is not known */
    store_le32(head + 1, ELEMENT_BYTES);
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(field, sizeof(field), "f%07llu", (unsigned long long)i);
        put_text(field);
        put(head, sizeof(head));
        put(element, sizeof(element));
    }
    (void)fputc(0xff, out);
}

/* One string, which is not the same anywhere. */
static void put_one_string(uint64_t bytes)
{
    put_len(bytes);
    for (uint64_t i = 0; i < bytes / ELEMENT_BYTES; i++) {
        store_le64(element, i);
        put(element, sizeof(element));
    }
}

static void put_id(uint64_t ms, uint64_t seq)
{
    uint8_t id[16];

    for (int k = 0; k < 8; k++) {
        id[k] = (uint8_t)(ms >> (56 - 8 * k));
        id[8 + k] = (uint8_t)(seq >> (56 - 8 * k));
    }
    put(id, sizeof(id));
}

/* Of an entry that is not there any more as a rule; all of one consumer. */
static void put_pending(uint64_t bytes)
{
    static const uint8_t time[8] = {0, 0, 0, 0, 1};
    const uint64_t count = bytes / (sizeof(time) + 16 + 1 + 16);
    uint8_t lp[ELEMENT_BYTES];

    put_len(1);
    put_len(16);
    put_id(1, 0);
    put_len(make_node(lp));
    put(lp, make_node(lp));
    put_len(1);
    put_len(1); /* the last id */
    put_len(count);
    put_len(1);
    put_text("group");
    put_len(1);
    put_len(count);
    put_len(count);
    for (uint64_t i = 0; i < count; i++) {
        put_id(1, i);
        put(time, sizeof(time));
        put_len(1);
    }
    put_len(1);
    put_text("consumer");
    put(time, sizeof(time));
    put_len(count);
    for (uint64_t i = 0; i < count; i++)
        put_id(1, i);
}

static void put_timed(uint64_t count)
{
    char field[32];

    put_len(count);
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(field, sizeof(field), "field:%llu", (unsigned long long)i);
        put_text(field);
        put_element(i);
        put_text(i % 2 == 0 ? "-1" : "500000000");
    }
}

static void put_json(uint64_t bytes)
{
    put_len(bytes + 2);
    (void)fputc('"', out);
    for (uint64_t i = 0; i < bytes; i++)
        (void)fputc('a' + (int)(i * 7 % 26), out);
    (void)fputc('"', out);
}

static void put_one(const char *kind, uint64_t bytes)
{
    if (strcmp(kind, "lzf") == 0) {
        put_key(TYPE_STRING, "large");
        put_lzf(bytes);
    } else if (strcmp(kind, "many") == 0 || strcmp(kind, "same") == 0) {
        put_key(TYPE_SET, "large");
        put_members(bytes / 32, kind[0] == 'm');
    } else if (strcmp(kind, "string") == 0) {
        put_key(TYPE_STRING, "large");
        put_one_string(bytes);
    } else if (strcmp(kind, "element") == 0 || strcmp(kind, "member") == 0) {
        put_key(kind[0] == 'e' ? TYPE_LIST : TYPE_SET, "large");
        put_len(1);
        put_one_string(bytes);
    } else if (strcmp(kind, "pending") == 0) {
        put_key(TYPE_STREAM, "large");
        put_pending(bytes);
    } else if (strcmp(kind, "timed") == 0) {
        put_key(TYPE_DF_TIMED_HASH, "large");
        put_timed(bytes / ELEMENT_BYTES);
    } else if (strcmp(kind, "json") == 0) {
        put_key(TYPE_DF_JSON, "large");
        put_json(bytes);
    } else if (strcmp(kind, "zipmap") == 0) {
        put_key(TYPE_ZIPMAP, "large");
        put_zipmap(bytes / ELEMENT_BYTES);
    } else if (strcmp(kind, "stream") == 0) {
        put_key(TYPE_STREAM, "large");
        put_stream(bytes);
    } else {
        put_key(kind[0] == 'l' ? TYPE_LIST : kind[0] == 'h' ? TYPE_HASH : TYPE_ZSET_2, "large");
        put_len(bytes / ELEMENT_BYTES);
        put_elements(kind, bytes / ELEMENT_BYTES);
    }
}

/* 0xC9 LEN frame; the frame is a whole entry. */
static void put_blob(uint64_t bytes)
{
    uint8_t head[16] = {TYPE_STRING, 5, 'l', 'a', 'r', 'g', 'e'};
    size_t head_n = 7 + rdb_len_put(head + 7, bytes);
    size_t in_n = head_n + bytes;
    uint8_t *in = calloc(1, in_n);
    size_t room = ZSTD_compressBound(in_n);
    uint8_t *frame = malloc(room);
    size_t n;

    if (in == NULL || frame == NULL)
        exit(1);
    memcpy(in, head, head_n);
    n = ZSTD_compress(frame, room, in, in_n, 2);
    (void)fputc(0xc9, out);
    put_len(n);
    put(frame, n);
    free(in);
    free(frame);
}

static void put_tag_head(uint32_t id, uint32_t n)
{
    uint8_t head[9] = {0xe0};

    store_le32(head + 1, id);
    store_le32(head + 5, n);
    put(head, sizeof(head));
}

/* Lists of plain nodes, an element of each by turns. */
static void put_tags(uint64_t bytes)
{
    uint64_t count = bytes / TAGS / ELEMENT_BYTES;
    uint8_t len[RDB_LEN_MAX_SIZE];

    for (uint32_t tag = 1; tag <= TAGS; tag++) {
        uint8_t head[32] = {
            TYPE_LIST, 6, 't', 'a', 'g', ':', (uint8_t)('0' + tag / 10), (uint8_t)('0' + tag % 10)};
        size_t n = 8 + rdb_len_put(head + 8, count);

        put_tag_head(tag, (uint32_t)n);
        put(head, n);
    }
    for (uint64_t i = 0; i < count; i++) {
        for (uint32_t tag = 1; tag <= TAGS; tag++) {
            put_tag_head(tag, (uint32_t)(rdb_len_put(len, ELEMENT_BYTES) + ELEMENT_BYTES));
            put_element(i * TAGS + tag);
        }
    }
}

static void put_args(uint64_t bytes)
{
    put_len(1); /* transaction, shards */
    put_len(1);
    put_len(3);
    put_len(3 + 7 + bytes);
    put_text("SET");
    put_text("journal");
    put_one_string(bytes);
}

/* Snapshot, its end, the LSN behind it, EOF and token, and one record. */
static int put_recording(const char *folder, uint64_t bytes)
{
    static const char token[] = "af61adc6503f6b1328948a2dbbe537779a6a9143";
    char path[1024];
    long fullsync;
    long stable;
    long total;

    put_one("string", bytes);
    put("\xc8\0\0\0\0\0\0\0\0", 9);
    fullsync = ftell(out);
    put("\xd3\1\0\0\0\0\0\0\0", 9);
    put("\xff\0\0\0\0\0\0\0\0", 9);
    put(token, 40);
    stable = ftell(out);
    put("\x06\0\x0a", 3); /* SELECT 0, COMMAND */
    put_args(bytes);
    total = ftell(out);
    if (fclose(out) != 0)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/meta.json", folder);
    out = fopen(path, "w");
    if (out == NULL)
        return 1;
    fprintf(out,
            "{\"title\": \"large\", \"replid\": \"0ebfc18a52eb2dc5b47128c818e1ed91505439b0\",\n"
            " \"syncid\": \"SYNC1\", \"flows\": [{\"eof_token\": \"%s\", \"kind\": \"FULL\",\n"
            " \"fullsync_bytes\": %ld, \"total_bytes\": %ld, \"stable_start\": %ld,\n"
            " \"journal_entries\": 1, \"last_lsn_op\": null, \"final_lsn\": 2,\n"
            " \"journal_offset\": 1}],\n"
            " \"master_version\": 5}\n",
            token, fullsync, total, stable);
    return fclose(out) == 0 ? 0 : 1;
}

static bool is_of_dragonfly(const char *kind)
{
    static const char *const kinds[] = {"blob", "tags", "timed"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    uint64_t bytes;

    char path[1024];
    bool recording;

    if (argc != 4) {
        fputs("usage: make-large KIND MEGABYTES FILE\n", stderr);
        return 2;
    }
    recording = strcmp(argv[1], "recording") == 0;
    (void)snprintf(path, sizeof(path), "%s%s", argv[3], recording ? "/flow-0.bin" : "");
    out = fopen(path, "w");
    if (out == NULL) {
        perror(path);
        return 1;
    }
    bytes = strtoull(argv[2], NULL, 10) << 20;
    for (size_t i = 8; i < sizeof(element); i++)
        element[i] = (uint8_t)('a' + i % 26);
    put("REDIS0009", 9);
    if (is_of_dragonfly(argv[1])) {
        put("\xfa", 1);
        put_text("df-ver");
        put_text("df-v1.38.0");
    }
    put_key(TYPE_STRING, "small");
    put_text("value");
    if (recording)
        return put_recording(argv[3], bytes);
    if (strcmp(argv[1], "blob") == 0)
        put_blob(bytes);
    else if (strcmp(argv[1], "tags") == 0)
        put_tags(bytes);
    else
        put_one(argv[1], bytes);
    put("\xff\0\0\0\0\0\0\0\0", 9);
    return fclose(out) == 0 ? 0 : 1;
}
