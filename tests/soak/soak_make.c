/*
 * soak-make - a long recording of random commands of all kinds, and what comes of them.
 *
 *   soak-make [--shards N] [--keys N] [--dbs N] [--holes] [--flushes] SEED COMMANDS DIR REFERENCE
 *   soak-make --live [...] [--rate N] SEED COMMANDS SOURCE
 *
 * Recording    Each command is executed by the reference, an empty redis-server (7.0 or later), and
 *              journalled as a Dragonfly does it: to the flow whose shard has the key, in the form of
 *              soak_commands.c. The first quarter of the commands becomes the snapshot. DIR is a
 *              recording for standin-master, its state.json what the reference has in the end,
 *              dumps.json what it answers to DUMP of the streams there.
 * Time         Each command takes a few milliseconds, from now on. On the reference all times to live
 *              are moved far into the future, so that it deletes nothing by itself: what is over is
 *              deleted, and journalled as deleted, when its time has come.
 * Live         The commands go to a running Dragonfly as clients send them, N a second, by its clock. At the end
 *              all times that could come soon are over.
 * Again        The same seed and options give the same commands.
 * Exit         0; 1 with a message.
 */
#include "soak/soak.h"

#include <getopt.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/crc64.h"
#include "item/dump.h"
#include "item/owner.h"
#include "journal/journal_writer.h"
#include "lib/dataset.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_types.h"
#include "rdb/rdb_writer.h"

#define FIRST_LSN  10
#define SCAN_COUNT "1000"

void soak_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "soak-make: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

void soak_must(bool holds)
{
    if (!holds)
        soak_die("out of memory, or a mistake");
}

uint64_t soak_random(struct soak *s, uint64_t below)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return (s->random * UINT64_C(2685821657736338717) >> 11) % below;
}

/*
 * The reference
 */

redisReply *soak_ask(struct soak *s, const struct soak_args *w)
{
    const char *argv[SOAK_ARGS_MAX];
    size_t lengths[SOAK_ARGS_MAX];
    redisReply *reply;

    for (size_t i = 0; i < w->count; i++) {
        argv[i] = (const char *)w->args[i].p;
        lengths[i] = w->args[i].n;
    }
    reply = redisCommandArgv(s->reference, (int)w->count, argv, lengths);
    if (reply == NULL)
        soak_die("the reference is lost: %s", s->reference->errstr);
    return reply;
}

static void select_db(struct soak *s, unsigned db)
{
    if (s->selected == db)
        return;
    freeReplyObject(redisCommand(s->reference, "SELECT %u", db));
    s->selected = db;
}

redisReply *soak_run(struct soak *s, const struct soak_args *w)
{
    redisReply *reply;

    select_db(s, s->db);
    reply = soak_ask(s, w);
    if (reply->type != REDIS_REPLY_ERROR)
        return reply;
    freeReplyObject(reply);
    return NULL;
}

bool soak_do(struct soak *s, const struct soak_args *w)
{
    redisReply *reply = soak_run(s, w);

    freeReplyObject(reply);
    return reply != NULL;
}

long long soak_number(struct soak *s, const struct soak_args *w)
{
    redisReply *reply = soak_run(s, w);
    long long value = reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;

    freeReplyObject(reply);
    return value;
}

/*
 * The journal
 */

uint32_t soak_shard(const struct soak *s, struct bytes key)
{
    return owner_by_key(key, s->shards);
}

static void put_record(struct soak *s, struct soak_flow *f, const struct soak_args *w)
{
    const struct journal_record r = {.op = JOURNAL_OP_COMMAND,
                                     .dbid = s->db,
                                     .txid = s->txid,
                                     .shard_count = 1,
                                     .args = w->args,
                                     .arg_count = w->count};
    struct ft_err err = FT_ERR_INIT;

    soak_must(journal_put_record(&f->journal, &r, &err) == 0);
    f->records++;
}

void soak_write(struct soak *s, uint32_t shard, const struct soak_args *w)
{
    if (s->recording)
        put_record(s, &s->flows[shard], w);
}

void soak_journal(struct soak *s, const struct soak_args *w)
{
    size_t key = bytes_eq_str(w->args[0], "XGROUP") ? 2 : 1;

    soak_write(s, soak_shard(s, w->args[key]), w);
}

/*
 * Times to live
 */

int64_t soak_shifted(const struct soak *s, int64_t at_ms)
{
    return s->live ? at_ms : at_ms + SOAK_SHIFT_MS;
}

void soak_note_time(struct soak *s, struct bytes key, int64_t at_ms)
{
    struct soak_due *d;

    if (s->live) /* it deletes what is over by itself */
        return;
    if (s->due_count == s->due_room) {
        s->due_room = s->due_room * 2 + 64;
        s->due = reallocarray(s->due, s->due_room, sizeof(*s->due));
        soak_must(s->due != NULL);
    }
    d = &s->due[s->due_count++];
    d->at_ms = at_ms;
    d->db = s->db;
    d->n = key.n < sizeof(d->key) ? key.n : 0;
    memcpy(d->key, key.p, d->n);
}

int64_t soak_time_of(struct soak *s, struct bytes key)
{
    struct soak_args w = {0};
    int64_t at_ms;

    soak_args_text(&w, "PEXPIRETIME");
    soak_args_add(&w, key);
    at_ms = soak_number(s, &w);
    return at_ms < 0 ? -1 : at_ms - SOAK_SHIFT_MS;
}

/* The key may have been given another time, or none, or another key's name since. */
static void expire(struct soak *s, const struct soak_due *d)
{
    struct soak_args w = {0};

    s->db = d->db;
    s->txid = 0;
    if (soak_time_of(s, bytes_of(d->key, d->n)) != d->at_ms)
        return;
    soak_args_text(&w, "DEL");
    soak_args_add(&w, bytes_of(d->key, d->n));
    soak_must(soak_do(s, &w));
    soak_journal(s, &w);
    s->expired++;
}

static void expire_until(struct soak *s, int64_t now_ms)
{
    for (size_t i = 0; i < s->due_count;) {
        struct soak_due d = s->due[i];

        if (d.at_ms > now_ms) {
            i++;
            continue;
        }
        s->due[i] = s->due[--s->due_count];
        expire(s, &d);
    }
}

/*
 * The snapshot: what the reference has, by shard
 */

static void put_time(struct buf *b, int64_t at_ms)
{
    struct ft_err err = FT_ERR_INIT;
    uint8_t le[9] = {RDB_OP_EXPIRETIME_MS};

    for (int i = 0; i < 8; i++)
        le[1 + i] = (uint8_t)((uint64_t)at_ms >> 8 * i);
    soak_must(buf_append(b, le, sizeof(le), &err) == 0);
}

static void put_entry(struct soak *s, struct bytes key)
{
    struct buf *b = &s->flows[soak_shard(s, key)].snapshot;
    struct ft_err err = FT_ERR_INIT;
    struct soak_args w = {0};
    int64_t at_ms = soak_time_of(s, key);
    redisReply *reply;
    struct dump d;

    soak_args_text(&w, "DUMP");
    soak_args_add(&w, key);
    reply = soak_run(s, &w);
    if (reply == NULL || reply->type != REDIS_REPLY_STRING ||
        dump_parse(bytes_of(reply->str, reply->len), &d, &err) != 0)
        soak_die("a key cannot be dumped: %s", err.msg);
    soak_must(rdb_put_len(b, 0, &err) == 0);
    b->p[b->n - 1] = RDB_OP_SELECTDB;
    soak_must(rdb_put_len(b, s->db, &err) == 0);
    if (at_ms >= 0)
        put_time(b, at_ms);
    soak_must(buf_append(b, &d.type, 1, &err) == 0 && rdb_put_len(b, key.n, &err) == 0 &&
              buf_append(b, key.p, key.n, &err) == 0 &&
              buf_append(b, d.value.p, d.value.n, &err) == 0);
    freeReplyObject(reply);
}

static void put_database(struct soak *s)
{
    char cursor[32] = "0";

    do {
        redisReply *reply;

        select_db(s, s->db);
        reply = redisCommand(s->reference, "SCAN %s COUNT " SCAN_COUNT, cursor);
        soak_must(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2);
        (void)snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        for (size_t i = 0; i < reply->element[1]->elements; i++) {
            const redisReply *key = reply->element[1]->element[i];

            put_entry(s, bytes_of(key->str, key->len));
        }
        freeReplyObject(reply);
    } while (strcmp(cursor, "0") != 0);
}

static void make_snapshot(struct soak *s)
{
    static const char head[] = "REDIS0009\xfa\x06"
                               "df-ver\x0a"
                               "df-v1.40.1";
    struct ft_err err = FT_ERR_INIT;

    for (uint32_t i = 0; i < s->shards; i++)
        soak_must(buf_append(&s->flows[i].snapshot, head, sizeof(head) - 1, &err) == 0);
    for (s->db = 0; s->db < s->dbs; s->db++)
        put_database(s);
    s->recording = true;
}

/*
 * The recording
 */

static const char token[] = "0123456789abcdef0123456789abcdef01234567";

static void put_file(const char *dir, const char *name, const struct bytes *parts, size_t count)
{
    char path[1024];
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "wb");
    if (f == NULL)
        soak_die("could not create \"%s\"", path);
    for (size_t i = 0; i < count; i++)
        soak_must(fwrite(parts[i].p, 1, parts[i].n, f) == parts[i].n);
    soak_must(fclose(f) == 0);
}

/* FULLSYNC_END; behind STARTSTABLE the offset, the end and the token; the journal. */
static json_t *put_flow(const struct soak *s, const char *dir, uint32_t i)
{
    static const uint8_t full_sync_end[9] = {RDB_OP_DF_FULLSYNC_END};
    uint8_t end[18] = {RDB_OP_DF_JOURNAL_OFFSET, FIRST_LSN, 0, 0, 0, 0, 0, 0, 0, RDB_OP_EOF};
    const struct soak_flow *f = &s->flows[i];
    const struct bytes parts[] = {
        buf_bytes(&f->snapshot), bytes_of(full_sync_end, sizeof(full_sync_end)),
        bytes_of(end, sizeof(end)), bytes_str(token), buf_bytes(&f->journal)};
    size_t full_sync = parts[0].n + parts[1].n;
    size_t stable = full_sync + parts[2].n + parts[3].n;
    char name[32];

    (void)snprintf(name, sizeof(name), "flow-%u.bin", (unsigned)i);
    put_file(dir, name, parts, 5);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "eof_token", token, "kind", "FULL",
                     "fullsync_bytes", (json_int_t)full_sync, "total_bytes",
                     (json_int_t)(stable + f->journal.n), "stable_start", (json_int_t)stable,
                     "final_lsn", (json_int_t)(FIRST_LSN + f->records), "journal_offset",
                     (json_int_t)FIRST_LSN);
}

static void put_meta(const struct soak *s, const char *dir)
{
    json_t *flows = json_array();
    json_t *meta;
    char *text;
    struct bytes part;

    for (uint32_t i = 0; i < s->shards; i++)
        json_array_append_new(flows, put_flow(s, dir, i));
    meta =
        json_pack("{s:s, s:s, s:i, s:o}", "title", "dragonfly 1.40.1: generated", "replid",
                  "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "master_version", 5, "flows", flows);
    text = json_dumps(meta, JSON_INDENT(1));
    json_decref(meta);
    soak_must(text != NULL);
    part = bytes_str(text);
    put_file(dir, "meta.json", &part, 1);
    free(text);
}

static void put_json(const char *dir, const char *name, json_t *set)
{
    char *text = json_dumps(set, JSON_INDENT(1) | JSON_SORT_KEYS);
    struct bytes part;

    soak_must(text != NULL);
    part = bytes_str(text);
    put_file(dir, name, &part, 1);
    free(text);
}

/* What the stand-in cannot make of their JSON itself. */
static void put_dumps(struct soak *s, const char *dir, json_t *set)
{
    json_t *dumps = json_object();
    const char *name;
    json_t *rec;

    json_object_foreach(set, name, rec)
    {
        struct bytes key = dataset_bytes(strchr(name, '/') + 1);
        struct soak_args w = {0};
        redisReply *reply;
        char *text;

        s->db = (unsigned)strtoul(name, NULL, 10);
        soak_args_text(&w, "DUMP");
        soak_args_add(&w, key);
        if (strcmp(json_string_value(json_object_get(rec, "type")), "stream") == 0) {
            reply = soak_run(s, &w);
            soak_must(reply != NULL && reply->type == REDIS_REPLY_STRING);
            text = dataset_text(bytes_of(reply->str, reply->len));
            json_object_set_new(dumps, name, json_string(text));
            free(text);
            freeReplyObject(reply);
        }
        free((void *)key.p);
    }
    put_json(dir, "dumps.json", dumps);
    json_decref(dumps);
}

static void put_state(struct soak *s, const char *dir, const char *target)
{
    bool dbs[DATASET_DBS];
    json_t *set, *rec, *at;
    const char *name;

    memset(dbs, 1, sizeof(dbs));
    set = dataset_dump(target, dbs, false);
    soak_must(set != NULL);
    json_object_foreach(set, name, rec)
    {
        at = json_object_get(rec, "expire_ms");
        if (at != NULL)
            json_integer_set(at, json_integer_value(at) - SOAK_SHIFT_MS);
    }
    put_json(dir, "state.json", set);
    put_dumps(s, dir, set);
    json_decref(set);
}

/* Times that come while somebody is still comparing would make a difference that is none. */
static void settle_times(struct soak *s)
{
    for (size_t i = 0; i < s->due_count; i++) {
        const struct soak_due *d = &s->due[i];
        struct bytes key = bytes_of(d->key, d->n);
        struct soak_args w = {0};

        s->db = d->db;
        if (d->at_ms > s->now_ms + SOAK_SHORT_MS || soak_time_of(s, key) != d->at_ms)
            continue;
        soak_args_text(&w, soak_random(s, 2) == 0 ? "PERSIST" : "DEL");
        soak_args_add(&w, key);
        soak_must(soak_do(s, &w));
        soak_journal(s, &w);
    }
}

static void command(struct soak *s)
{
    s->db = (unsigned)soak_random(s, s->dbs);
    s->txid = 0;
    soak_command(s);
}

static void run(struct soak *s, uint64_t commands)
{
    for (uint64_t i = 0; i < commands; i++) {
        if (i == commands / 4)
            make_snapshot(s);
        s->now_ms += (int64_t)soak_random(s, 6);
        expire_until(s, s->now_ms);
        command(s);
    }
    settle_times(s);
}

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_until(int64_t at_ms)
{
    int64_t now_ms;

    while ((now_ms = wall_ms()) < at_ms)
        (void)usleep((useconds_t)((at_ms - now_ms) * 1000));
}

static void run_live(struct soak *s, uint64_t commands)
{
    int64_t began_ms = wall_ms();

    for (uint64_t i = 0; i < commands; i++) {
        if (s->rate > 0)
            sleep_until(began_ms + (int64_t)(i * 1000 / s->rate));
        s->now_ms = wall_ms();
        command(s);
    }
    sleep_until(wall_ms() + SOAK_SHORT_MS);
}

static int usage(void)
{
    fprintf(stderr, "usage: soak-make [--shards N] [--keys N] [--dbs N] [--holes] [--flushes] SEED "
                    "COMMANDS DIR REFERENCE\n"
                    "       soak-make --live [...] [--rate N] SEED COMMANDS SOURCE\n");
    return 1;
}

static bool parse_options(struct soak *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"shards", required_argument, NULL, 's'}, {"keys", required_argument, NULL, 'k'},
        {"dbs", required_argument, NULL, 'd'},    {"holes", no_argument, NULL, 'h'},
        {"flushes", no_argument, NULL, 'f'},      {"live", no_argument, NULL, 'l'},
        {"rate", required_argument, NULL, 'r'},   {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 's':
            s->shards = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'k':
            s->keys = strtoul(optarg, NULL, 10);
            break;
        case 'd':
            s->dbs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'h':
            s->holes = true;
            break;
        case 'f':
            s->flushes = true;
            break;
        case 'l':
            s->live = true;
            break;
        case 'r':
            s->rate = strtoul(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    return s->shards >= 1 && s->shards <= SOAK_SHARDS_MAX && s->keys >= 1 && s->dbs >= 1 &&
           s->dbs <= DATASET_DBS && argc - optind == (s->live ? 3 : 4);
}

int main(int argc, char **argv)
{
    static struct soak s = {.shards = 3, .keys = 40, .dbs = 1, .selected = UINT32_MAX};
    const char *target;

    if (!parse_options(&s, argc, argv))
        return usage();
    target = argv[argc - 1];
    s.random = strtoull(argv[optind], NULL, 10) * 2 + 1;
    s.now_ms = wall_ms();
    s.reference = dataset_connect(target);
    if (s.reference == NULL)
        return 1;
    /* In a stream of version 9, as a Dragonfly's, the number of this encoding means something else.
     * Servers that do not have it refuse the name. */
    if (!s.live)
        freeReplyObject(redisCommand(s.reference, "CONFIG SET set-max-listpack-entries 0"));
    if (s.live) {
        run_live(&s, strtoull(argv[optind + 1], NULL, 10));
    } else {
        run(&s, strtoull(argv[optind + 1], NULL, 10));
        (void)mkdir(argv[optind + 2], 0700); /* may be there */
        put_meta(&s, argv[optind + 2]);
        put_state(&s, argv[optind + 2], target);
    }
    printf("%llu commands executed, %llu without effect, %llu keys expired\n",
           (unsigned long long)s.done, (unsigned long long)s.refused,
           (unsigned long long)s.expired);
    for (uint32_t i = 0; i < s.shards; i++) {
        buf_release(&s.flows[i].journal);
        buf_release(&s.flows[i].snapshot);
    }
    free(s.due);
    redisFree(s.reference);
    return 0;
}
