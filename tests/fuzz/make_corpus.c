/*
 * make-corpus FIXTURES DIR - inputs for the fuzz targets, DIR/TARGET/NAME: parts of the recordings, as
 * each target takes them (see the head of its file), and texts.
 */
#include <sys/stat.h>

#include "archive/pack.h"
#include "base/parse.h"
#include "fuzz/fuzz.h"
#include "item/dump.h"
#include "journal/journal_reader.h"
#include "lib/t_flows.h"
#include "rdb/rdb_stream.h"
#include "rdb/rdb_string.h"
#include "rdb/value_walk.h"

#define FLOW_BYTES_MAX  ((size_t)48 << 10)
#define VALUES_PER_TYPE 6
#define VALUE_BYTES_MAX 2048

static const char *fixtures, *top;

/* A file of a target's corpus: what comes before the content, and the content. */
static void put(const char *target, const char *name, const char *head, size_t head_size,
                struct bytes content)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    char path[600];

    (void)snprintf(path, sizeof(path), "%s/%s", top, target);
    (void)mkdir(path, 0700); /* may be there */
    fuzz_must(buf_append(&b, head, head_size, &err) == 0 &&
              buf_append(&b, content.p, content.n, &err) == 0);
    fuzz_file(path, name, buf_bytes(&b));
    buf_release(&b);
}

static struct buf read_whole(const char *path)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    FILE *f = fopen(path, "rb");

    if (f == NULL) {
        fprintf(stderr, "make-corpus: could not open \"%s\"\n", path);
        exit(1);
    }
    do {
        fuzz_must(buf_reserve(&b, 65536, &err) == 0);
        b.n += fread(b.p + b.n, 1, b.cap - b.n, f);
    } while (!feof(f) && !ferror(f));
    (void)fclose(f); /* was only read */
    return b;
}

static struct buf fixture(const char *name)
{
    char path[600];

    (void)snprintf(path, sizeof(path), "%s/recordings/%s", fixtures, name);
    return read_whole(path);
}

/* Values, payloads and blobs out of a stream: some of each type. */
static unsigned seen[RDB_TYPE_COUNT];

/* With itself, and with the value of its type that came before. */
static void put_pair(const char *name, const struct rdb_entry *entry)
{
    static struct buf last[RDB_TYPE_COUNT];
    struct buf *before = &last[entry->type], pair = {0};
    struct ft_err err = FT_ERR_INIT;

    for (int i = 0; i < 2; i++) {
        struct bytes first = i == 0 ? entry->value : buf_bytes(before);
        char head[4] = {(char)entry->type, (char)entry->type, (char)(first.n >> 8), (char)first.n};
        char called[112];

        buf_clear(&pair);
        (void)snprintf(called, sizeof(called), "%s-%d", name, i);
        fuzz_must(buf_append(&pair, first.p, first.n, &err) == 0 &&
                  buf_append(&pair, entry->value.p, entry->value.n, &err) == 0);
        if (first.n > 0)
            put("compare", called, head, 4, buf_bytes(&pair));
    }
    buf_clear(before);
    fuzz_must(buf_append(before, entry->value.p, entry->value.n, &err) == 0);
    buf_release(&pair);
}

static void put_value(const struct rdb_entry *entry)
{
    static const char blob_kinds[RDB_TYPE_COUNT] = {
        [RDB_TYPE_HASH_LISTPACK] = 1, [RDB_TYPE_ZSET_LISTPACK] = 1, [RDB_TYPE_SET_LISTPACK] = 1,
        [RDB_TYPE_LIST_ZIPLIST] = 2,  [RDB_TYPE_ZSET_ZIPLIST] = 2,  [RDB_TYPE_HASH_ZIPLIST] = 2,
        [RDB_TYPE_SET_INTSET] = 3,    [RDB_TYPE_HASH_ZIPMAP] = 4,
    };
    struct buf payload = {0}, scratch = {0};
    struct bytes in = entry->value, blob;
    struct ft_err err = FT_ERR_INIT;
    char name[80], head[2] = {(char)seen[entry->type], (char)entry->type};

    if (entry->value.n == 0 || entry->value.n > VALUE_BYTES_MAX ||
        seen[entry->type]++ >= VALUES_PER_TYPE)
        return;
    (void)snprintf(name, sizeof(name), "%s-%u", rdb_type_name(entry->type), seen[entry->type]);
    put("value", name, head, 2, entry->value);
    fuzz_must(dump_append(&payload, entry->type, entry->value, 10, &err) == 0);
    put("dump", name, "", 1, buf_bytes(&payload));
    head[0] = (char)(blob_kinds[entry->type] - 1);
    if (head[0] >= 0 && rdb_string_take(&in, &blob, &scratch, &err) == 0)
        put("blob", name, head, 1, blob);
    head[0] = 5;
    head[1] = 1;
    put("codec", name, head, 2, entry->value);
    put_pair(name, entry);
    buf_release(&payload);
    buf_release(&scratch);
}

static void put_values(const char *file)
{
    struct rdb_stream_options options = {.detect = true};
    struct ft_err err = FT_ERR_INIT;
    struct buf whole = fixture(file);
    struct rdb_stream *s;
    struct rdb_item item;
    struct window w;
    enum step step;

    fuzz_must(rdb_stream_new(&s, &options, &err) == 0);
    window_init(&w, 0, 0);
    fuzz_must(window_push(&w, buf_bytes(&whole), &err) == 0);
    w.closed = true;
    while ((step = rdb_stream_next(s, &w, &item, &err)) == STEP_ITEM)
        if (item.kind == RDB_ITEM_ENTRY)
            put_value(&item.entry);
    fuzz_must(step == STEP_END);
    window_release(&w);
    rdb_stream_free(s);
    buf_release(&whole);
}

/* The beginning of a stream or flow, for all that read one. */
static void put_stream(const char *name, struct bytes in)
{
    char head[4] = {4, 0x20, 0x10, 0};

    in.n = in.n < FLOW_BYTES_MAX ? in.n : FLOW_BYTES_MAX;
    put("rdb_stream", name, head, 2, in);
    put("framer", name, "\x32\x20", 2, in);
    head[0] = 2;
    put("flow_decoder", name, head, 4, in);
    head[0] = 4;
    put("rdb_stream", name, head + 1, 2, in);
}

/* One record of each command, and the journal's beginning. */
static void put_records(struct bytes journal, char (*names)[JOURNAL_NAME_MAX], size_t *count,
                        size_t max)
{
    struct ft_err err = FT_ERR_INIT;
    struct journal_record record;
    struct journal_reader *r;
    struct window w;

    put("journal_reader", "journal", "\0\x1f", 2,
        bytes_of(journal.p, journal.n < 8192 ? journal.n : 8192));
    fuzz_must(journal_reader_new(&r, false, 0, &err) == 0);
    window_init(&w, 0, 0);
    fuzz_must(window_push(&w, journal, &err) == 0);
    while (journal_reader_next(r, &w, &record, &err) == STEP_ITEM) {
        size_t known = 0, n = (size_t)(window_offset(&w) - record.offset);

        while (known < *count && strcmp(names[known], record.name) != 0)
            known++;
        if (known < *count || *count == max || record.name[0] == '\0' || n > 4096)
            continue;
        memcpy(names[(*count)++], record.name, JOURNAL_NAME_MAX);
        put("translate", record.name, (const char[]){(char)*count}, 1,
            bytes_of(journal.p + record.offset, n));
        put("journal_reader", record.name, "\0\x1f", 2, bytes_of(journal.p + record.offset, n));
    }
    window_release(&w);
    journal_reader_free(r);
}

/* Where the journal begins: behind the token, as meta.json says. */
static size_t stable_start(const char *recording, unsigned flow)
{
    char name[300];
    struct buf meta;
    const char *p;
    size_t at;

    (void)snprintf(name, sizeof(name), "%s/meta.json", recording);
    meta = fixture(name);
    buf_push(&meta, '\0'); /* there is room: it was read up to its end */
    p = (const char *)meta.p;
    for (unsigned i = 0; i <= flow; i++) {
        p = strstr(p, "\"stable_start\":");
        fuzz_must(p != NULL);
        p += strlen("\"stable_start\":");
    }
    at = strtoull(p, NULL, 10);
    buf_release(&meta);
    return at;
}

static void put_flows(void)
{
    static const char *const recordings[] = {"empty",     "catalogue", "flushes", "types-zstd",
                                             "types-lz4", "types-lzf", "live-4"};
    static char names[300][JOURNAL_NAME_MAX];
    size_t count = 0;

    for (size_t i = 0; i < sizeof(recordings) / sizeof(recordings[0]); i++)
        for (unsigned flow = 0; flow < 2; flow++) {
            char name[100];
            struct buf b;
            size_t at;

            (void)snprintf(name, sizeof(name), "%s/flow-%u.bin", recordings[i], flow);
            b = fixture(name);
            at = stable_start(recordings[i], flow);
            (void)snprintf(name, sizeof(name), "%s-%u", recordings[i], flow);
            put_stream(name, buf_bytes(&b));
            put_records(bytes_of(b.p + at, b.n - at), names, &count,
                        sizeof(names) / sizeof(names[0]));
            buf_release(&b);
        }
}

static void put_texts(void)
{
    static const struct {
        const char *target;
        char which; /* -1: the target takes nothing in front */
        const char *text;
    } texts[] = {
        {"parts", 0,
         "file x.aof.1.base.rdb seq 1 type b\nfile old seq 1 type h\n# a remark\n"
         "file x.aof.1.incr.aof seq 1 type i\nfile \"x \\x41\\n.aof\" seq 2 type i word value\n"},
        {"parts", 0, "file appendonly.aof.7.incr.aof seq 7 type i startoffset 0\n"},
        {"parts", 1,
         "{\"format\":\"flowtape-capture-set\",\"major\":1,\"minor\":0,"
         "\"set_id\":\"00112233445566778899aabbccddeeff\",\"created\":\"2026-08-20T12:34:56.789Z\","
         "\"nodes\":[{\"directory\":\"node-0001\",\"address\":\"10.0.0.1:6379\"},"
         "{\"directory\":\"node-0002\",\"address\":\"10.0.0.2:6379\"}],"
         "\"generations\":[{\"id\":1,\"nodes\":[1,3],\"slots\":[[0,8191,0],[8192,16383,1]]},"
         "{\"id\":2,\"nodes\":[2,3],\"slots\":[]}]}"},
        {"uri", -1, "dragonfly://user:pass%20word@[::1]:6379"},
        {"uri", -1, "redis://127.0.0.1:7000/3"},
        {"uri", -1, "unix:/tmp/a.sock"},
        {"uri", -1, "redis://:secret@host.example"},
        {"text", 0, "18446744073709551615"},
        {"text", 1, "1.5GiB"},
        {"text", 2, "500ms"},
        {"text", 3, "2026-08-20T12:34:56.789+02:00"},
        {"text", 4, "zstd:19"},
        {"text", 5, "0,1,15"},
        {"text", 6, "string,list,stream,probabilistic"},
        {"text", 7, "1:0,2:drop,*:prefix=db%d:"},
        {"text", 8, "user:*=prefix:old:"},
        {"text", 8, "u[a-z]e\\*?=strip:user"},
        {"glob", -1, "user:[a-z]*:\\*?"},
        {"glob", -1, "*a*b*c*d[^e]*"},
        {"reply", 0,
         "*2\r\n*3\r\n:0\r\n:8191\r\n*3\r\n$9\r\n127.0.0.1\r\n:7001\r\n$2\r\nab\r\n*4\r\n:8192\r\n:16383"
         "\r\n*3\r\n$0\r\n\r\n:7002\r\n$2\r\ncd\r\n*2\r\n$3\r\n::1\r\n:7003\r\n"},
        {"reply", 1,
         "*8\r\n$7\r\nversion\r\n$1\r\n1\r\n$7\r\ncapture\r\n$4\r\nabcd\r\n$5\r\nphase\r\n$7\r\njournal\r\n"
         "$6\r\nrun:ab\r\n$2\r\ncd\r\n"},
        {"reply", 2,
         "*10\r\n$3\r\nseq\r\n$1\r\n7\r\n$5\r\nslots\r\n$6\r\n0-5460\r\n$1\r\n0\r\n$2\r\n12\r\n$1\r\n1\r\n"
         "$2\r\n13\r\n$6\r\nd:1:14\r\n$1\r\n1\r\n"},
        {"reply", 3, "0-5460,5465,16383"},
        {"reply", 4, "-MOVED 3999 127.0.0.1:6381"},
        {"reply", 4, "ASK 3999 [::1]:6381"},
        {"reply", 4, "EXECABORT Transaction discarded because of: -OOM command not allowed"},
        {"reply", 4, "ERR user_script:2: -CLUSTERDOWN The cluster is down"},
        {"reply", 5,
         "# Server\r\nredis_version:7.2.4\r\nredis_mode:cluster\r\nvalkey_version:8.0.1\r\nrun_id:0123456789abcdef"
         "0123456789abcdef01234567\r\nloading:1\r\nrole:slave\r\nused_memory:1000\r\nmaxmemory:0\r\n"
         "maxmemory_policy:noeviction\r\nslave0:ip=::1,port=7000,state=online,offset=7,lag=0\r\n# Keyspace\r\n"
         "db0:keys=7,expires=0,avg_ttl=0\r\ncmdstat_sort:calls=3,usec=9\r\n"
         "module:name=ReJSON,ver=20604\r\n"},
        {"reply", 6,
         "[\"db\",\"0,3\",\"key\",\"a:*\",\"rename\",\"a:*=strip:a:\",\"db-map\",\"1:0\",\"db-map\",\"*:prefix=db%d:"
         "\",\"ttl\",\"shift\",\"json-as\",\"string\"]"},
        {"commands", 1,
         "*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$6\r\nsecret\r\n*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"},
        {"commands", 0,
         "PING\r\n\r\nREPLCONF listening-port 7001 ip-address \"::1\"\r\nREPLCONF capa eof capa psync2\r\n"
         "REPLCONF rdb-filter-only \"data functions\"\r\nROLE\r\nPSYNC ? -1\r\n"},
        {"commands", 2,
         "*7\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$1\r\nx\r\n$7\r\nSETNAME\r\n$1\r\nn"
         "\r\n*3\r\n$5\r\nPSYNC\r\n$40\r\n0123456789abcdef0123456789abcdef01234567\r\n$2\r\n17\r\n"},
        {"redis_reader", 0,
         "\x1f*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n#TS:1790000000\r\n*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\n"
         "k\r\n$2\r\nvv\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*1\r\n$4\r\nEXEC\r\n"},
        {"redis_reader", 1,
         "\x07*1\r\n$4\r\nPING\r\n*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n*2\r\n$4\r\nINCR\r\n"
         "$1\r\nn\r\n"},
        {"lists", 0,
         "{\"db\": 0, \"key\": \"user:1\"}\n{\"db\": 3, \"key\": {\"base64\": \"/wA=\"}, \"kind\": \"value\"}\n"},
        {"lists", 1,
         "xxh3:0123456789abcdef  gen-0001/flow-000-00000-snapshot.seg\n"
         "xxh3:ffffffffffffffff  gen-0001/flow-001-00000-journal.seg\nxxh3:01"},
        {"scenario", -1,
         "# a remark\nshards 3\nrule tag\nrelease 1.37.2\ncompression zstd\nclock 2026-08-20T12:34:56Z\n"
         "chunks 64KiB\nselect 3\nSET \"a\\x00\\n\" 'it\\'s' PX 500\n+10ms\nsnapshot in-sync\nmulti\nINCR n\n"
         "exec\nstable\ncut\nresume\nrecord flow 1 DEL a\nping\n"},
        {"letters", -1,
         "{\"capture\":\"abc\",\"began_ms\":1,\"flow\":0,\"lsn\":7,\"part\":\"0\",\"db\":0,\"command\":["
         "\"SET\",\"k\",{\"base64\":\"/w==\"}],\"error\":\"OOM\"}\n"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "text-%zu", i);
        put(texts[i].target, name, &texts[i].which, texts[i].which < 0 ? 0 : 1,
            bytes_str(texts[i].text));
    }
    put("glob", "matched", "user:[a-z]*", 12, bytes_str("user:abc"));
}

static void put_packed(void)
{
    static const char *const specs[] = {"lz4", "zstd"};
    static const uint8_t text[] =
        "a text that says the same again and again, again and again and again";
    uint8_t out[512];
    struct ft_err err = FT_ERR_INIT;
    struct codec_spec spec;
    size_t n;

    for (size_t i = 0; i < 2; i++) {
        char head[3] = {(char)(1 + i), 0, sizeof(text) - 1};

        fuzz_must(codec_parse(specs[i], &spec, &err) == 0 &&
                  codec_block_compress(&spec, bytes_of(text, sizeof(text)), out, sizeof(out), &n,
                                       &err) == 0);
        put("codec", specs[i], head, 3, bytes_of(out, n));
        head[0] = (char)(3 + i);
        put("codec", i == 0 ? "lz4-frame" : "zstd-frame", head, 3,
            i == 0 ? bytes_of("\x04\x22\x4d\x18\x60\x40\x82\x05\0\0\x80hello\0\0\0\0", 20)
                   : bytes_of(out, n));
    }
    put("codec", "lzf", "\0\0\x0b", 3,
        bytes_of("\x02"
                 "abc\xe0\x00\x02",
                 7));
}

/* The capture as an archive, plain, so that mutations reach what is in it, and compressed. */
static void put_archives(const char *capture)
{
    struct pack_progress progress = {0};
    char path[600], name[40];

    (void)snprintf(path, sizeof(path), "%s/archive", fuzz_directory());
    for (int i = 0; i < 6; i++) {
        struct pack_options o = {
            .output = path,
            .compression = {.filter = i < 3 ? PACK_NONE : PACK_ZSTD},
            .cancel_fd = -1,
            .progress = &progress,
        };
        struct ft_err err = FT_ERR_INIT;
        struct pack_result result;
        struct capture *c;
        struct buf b;

        fuzz_must(capture_open_read(&c, capture, &err) == 0 && pack_run(c, &o, &result, &err) == 0);
        capture_free(c);
        b = read_whole(path);
        (void)snprintf(name, sizeof(name), "archive-%d", i);
        put("archive", name, (const char[]){(char)(i % 3)}, 1, buf_bytes(&b));
        put("input", name, "\x03", 1, buf_bytes(&b));
        buf_release(&b);
    }
}

static void put_capture(void)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 0, 0, "SET a 1"}, {2, 1, 0, "LPUSH l 1 2 3"}, {5, 2, 1, "DEL a"}}},
        {.records = {{3, 0, 0, "SET b 1"}}},
    };
    static const char *const segments[] = {"gen-0001/flow-000-00000-snapshot.seg",
                                           "gen-0001/flow-000-00001-journal.seg"};
    static const char *const cuts[] = {"end", "snapshot", "-3s", "11,10", "2023-11-14T22:13:21Z"};
    struct ft_err err = FT_ERR_INIT;
    char path[600], file[700], name[40];
    struct buf b;

    (void)snprintf(path, sizeof(path), "%s/capture", fuzz_directory());
    if (t_flows_make(path, flows, 2, SHARDING_UNKNOWN, &err) != 0) {
        fprintf(stderr, "make-corpus: %s\n", err.msg);
        exit(1);
    }
    (void)snprintf(file, sizeof(file), "%s/capture.json", path);
    b = read_whole(file);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        (void)snprintf(name, sizeof(name), "cut-%zu", i);
        put("manifest", name, cuts[i], strlen(cuts[i]) + 1, buf_bytes(&b));
    }
    buf_release(&b);
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(file, sizeof(file), "%s/%s", path, segments[i / 2]);
        (void)snprintf(name, sizeof(name), "segment-%zu", i);
        b = read_whole(file);
        put("segment", name, (const char[]){(char)(i % 2 * 2)}, 1, buf_bytes(&b));
        buf_release(&b);
    }
    put_archives(path);
}

/* Files as inputs: whole, but for a large one. */
static void put_files(void)
{
    static const struct {
        const char *file;
        char called; /* see fuzz_input.c */
        size_t bytes_max;
    } files[] = {{"files/plain.rdb", 0, SIZE_MAX},
                 {"files/types.rdb", 0, 40000},
                 {"files/types-0000.dfs", 1, SIZE_MAX},
                 {"files/types-summary.dfs", 1, SIZE_MAX}};
    static const char small[] =
        "REDIS0009\xfa\x05"
        "ctime\xc2\x40\x8f\x89\x6a\xfe\0\0\3foo\3bar\xfc\0\x6c\x50\xc4\xa0\x01\0\0"
        "\2\xc0\x2a\2\1a\xc1\xe8\3\xff\0\0\0\0\0\0\0\0";

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct buf b = fixture(files[i].file);
        struct bytes in = buf_bytes(&b);

        in.n = in.n < files[i].bytes_max ? in.n : files[i].bytes_max;
        put("input", strchr(files[i].file, '/') + 1, &files[i].called, 1, in);
        buf_release(&b);
    }
    put("input", "short.rdb", "", 1, bytes_of(small, sizeof(small) - 1));
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: make-corpus FIXTURES DIR\n");
        return 2;
    }
    fixtures = argv[1];
    top = argv[2];
    (void)mkdir(top, 0700); /* may be there */
    put_values("types-plain/flow-0.bin");
    put_values("types-plain/flow-1.bin");
    put_values("files/types.rdb");
    put_values("files/plain.rdb");
    put_flows();
    put_texts();
    put_packed();
    put_files();
    put_capture();
    return 0;
}
