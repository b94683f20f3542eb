/*
 * soak_commands.c - random commands, and how a Dragonfly 1.40 journals them.
 *
 * Most are journalled as the client sent them: those are texts (templates). The others have a function
 * each, which writes what the source writes instead: values, members, slices for the shards of several
 * keys.
 */
#include "soak/soak.h"

#include <stdarg.h>

#define MEMBERS 20

static const char kinds[] = "snflthzxpbg";

void soak_args_add(struct soak_args *w, struct bytes arg)
{
    soak_must(w->count < SOAK_ARGS_MAX);
    w->args[w->count++] = arg;
}

void soak_args_text(struct soak_args *w, const char *format, ...)
{
    char *text = w->texts + w->used;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof(w->texts) - w->used, format, args);
    va_end(args);
    soak_must(n >= 0 && (size_t)n < sizeof(w->texts) - w->used);
    w->used += (size_t)n + 1;
    soak_args_add(w, bytes_of(text, (size_t)n));
}

static void add_all(struct soak_args *w, const char *texts)
{
    while (*texts != '\0') {
        size_t n = strcspn(texts, " ");

        soak_args_text(w, "%.*s", (int)n, texts);
        texts += n + (texts[n] == ' ');
    }
}

/* Some keys have a hash tag. */
static void add_key(struct soak *s, struct soak_args *w, char kind)
{
    unsigned long long n = soak_random(s, s->keys);

    if (n % 4 == 0)
        soak_args_text(w, "%c:{%llu}%llu", kind, n % 5, n);
    else
        soak_args_text(w, "%c:%llu", kind, n);
}

static char any_kind(struct soak *s)
{
    return kinds[soak_random(s, sizeof(kinds) - 1)];
}

static void add_value(struct soak *s, struct soak_args *w)
{
    static const char long_text[] =
        "a longer text, which does not fit where small values are kept: "
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789";

    switch (soak_random(s, 6)) {
    case 0:
        soak_args_text(w, "%lld", (long long)soak_random(s, 100000) - 50000);
        break;
    case 1:
        soak_args_text(w, "%s %llu", long_text, (unsigned long long)soak_random(s, 1000));
        break;
    case 2:
        soak_args_text(w, "\xff\x01%llu\r\n\"", (unsigned long long)soak_random(s, 1000));
        break;
    case 3:
        soak_args_text(w, "m%llu", (unsigned long long)soak_random(s, MEMBERS));
        break;
    default:
        soak_args_text(w, "v%llu", (unsigned long long)soak_random(s, 1000000));
        break;
    }
}

/* So that sums of them have no exponent. */
static void add_float(struct soak *s, struct soak_args *w)
{
    soak_args_text(w, "%.*f", (int)soak_random(s, 7),
                   ((double)soak_random(s, 160000) - 80000) / 1000);
}

static void add_of_template(struct soak *s, struct soak_args *w, const char *arg, size_t n)
{
    if (n == 2 && arg[0] == '@')
        add_key(s, w, arg[1] == '*' ? any_kind(s) : arg[1]);
    else if (n == 2 && arg[0] == '?' && arg[1] == 'v')
        add_value(s, w);
    else if (n == 2 && arg[0] == '?' && arg[1] == 'f')
        add_float(s, w);
    else if (n == 2 && arg[0] == '?' && arg[1] == 'm')
        soak_args_text(w, "m%llu", (unsigned long long)soak_random(s, MEMBERS));
    else if (n == 2 && arg[0] == '?' && arg[1] == 'i')
        soak_args_text(w, "%lld", (long long)soak_random(s, 100) - 50);
    else if (n == 2 && arg[0] == '?' && arg[1] == 'x')
        soak_args_text(w, "%lld", (long long)soak_random(s, 7) - 3);
    else if (n == 2 && arg[0] == '?' && arg[1] == 'c')
        soak_args_text(w, "%llu", 1 + (unsigned long long)soak_random(s, 3));
    else if (n == 2 && arg[0] == '?' && arg[1] == 'u')
        soak_args_text(w, "%llu", (unsigned long long)soak_random(s, 40));
    else
        soak_args_text(w, "%.*s", (int)n, arg);
}

/* @k: a key of kind k. ?v value, ?f float, ?m member, ?i integer, ?x index, ?c count, ?u offset. */
static const char *const templates[] = {
    "APPEND @s ?v",
    "SETRANGE @s ?u ?v",
    "GETSET @s ?v",
    "GETDEL @s",
    "SETNX @s ?v",
    "SETBIT @b ?u 1",
    "BITFIELD @b INCRBY u8 ?u ?i",
    "INCR @n",
    "DECR @n",
    "INCRBY @n ?i",
    "DECRBY @n ?i",
    "PFADD @p ?m ?m ?m",
    "PERSIST @*",
    "PERSIST @s",
    "LPUSH @l ?v ?v",
    "RPUSH @l ?v ?m",
    "LPUSHX @l ?m",
    "RPUSHX @l ?v",
    "LPOP @l",
    "RPOP @l ?c",
    "LSET @l ?x ?v",
    "LTRIM @l 0 30",
    "LREM @l ?x ?m",
    "LINSERT @l BEFORE ?m ?v",
    "SADD @t ?m ?m ?m",
    "SADD @t ?i ?i",
    "SREM @t ?m ?m",
    "HSET @h ?m ?v ?m ?v",
    "HSET @h ?m ?i",
    "HDEL @h ?m",
    "HSETNX @h ?m ?v",
    "HINCRBY @h ?m ?i",
    "ZADD @z ?f ?m ?f ?m",
    "ZADD @z GT CH ?f ?m",
    "ZADD @z NX ?i ?m",
    "ZADD @z XX LT ?i ?m",
    "ZADD @z INCR ?f ?m",
    "ZINCRBY @z ?f ?m",
    "ZREM @z ?m",
    "ZPOPMIN @z ?c",
    "ZPOPMAX @z",
    "ZREMRANGEBYRANK @z 0 0",
    "ZREMRANGEBYSCORE @z ?i ?i",
    "GEOADD @g ?f ?f ?m",
    "XGROUP CREATE @x group 0 MKSTREAM",
    "XGROUP CREATECONSUMER @x group ?m",
    "INCRBY @* ?i",
    "SADD @* ?m",
    "LPUSH @* ?v",
};

static bool from_template(struct soak *s)
{
    const char *t = templates[soak_random(s, sizeof(templates) / sizeof(templates[0]))];
    struct soak_args w = {0};

    while (*t != '\0') {
        size_t n = strcspn(t, " ");

        add_of_template(s, &w, t, n);
        t += n + (t[n] == ' ');
    }
    if (!soak_do(s, &w))
        return false;
    soak_journal(s, &w);
    return true;
}

static void next_txid(struct soak *s)
{
    s->txid = ++s->last_txid;
}

static bool exists(struct soak *s, struct bytes key)
{
    struct soak_args w = {0};

    soak_args_text(&w, "EXISTS");
    soak_args_add(&w, key);
    return soak_number(s, &w) == 1;
}

static void journal_del(struct soak *s, struct bytes key)
{
    struct soak_args w = {0};

    soak_args_text(&w, "DEL");
    soak_args_add(&w, key);
    soak_journal(s, &w);
}

/* Short ones end within the run, and are often extended just before. */
static int64_t random_time(struct soak *s)
{
    if (soak_random(s, 3) == 0)
        return s->now_ms + 7200000 + (int64_t)soak_random(s, 3600000);
    return s->now_ms + 20 + (int64_t)soak_random(s, SOAK_SHORT_MS - 20);
}

static bool do_set(struct soak *s)
{
    uint64_t form = soak_random(s, 4);
    int64_t at_ms = random_time(s);
    struct soak_args w = {0}, j = {0};
    size_t values;

    soak_args_text(&w, "SET");
    add_key(s, &w, soak_random(s, 8) == 0 ? any_kind(s) : 's');
    add_value(s, &w);
    values = w.count;
    if (form == 1)
        add_all(&w, "KEEPTTL");
    if (form == 2) {
        soak_args_text(&w, "PXAT");
        soak_args_text(&w, "%lld", (long long)soak_shifted(s, at_ms));
    }
    if (!soak_do(s, &w)) { /* a live source may get it when the time has passed */
        soak_must(s->live);
        return false;
    }
    for (size_t i = 0; i < values; i++)
        soak_args_add(&j, w.args[i]);
    if (form == 1)
        add_all(&j, "KEEPTTL");
    if (form == 2) {
        soak_args_text(&j, "PXAT");
        soak_args_text(&j, "%lld", (long long)at_ms);
        soak_note_time(s, w.args[1], at_ms);
    }
    soak_journal(s, &j);
    return true;
}

static bool do_expire(struct soak *s)
{
    int64_t at_ms = random_time(s);
    struct soak_args w = {0}, j = {0};

    soak_args_text(&w, "PEXPIREAT");
    add_key(s, &w, any_kind(s));
    soak_args_text(&w, "%lld", (long long)soak_shifted(s, at_ms));
    if (soak_number(s, &w) != 1)
        return false;
    soak_args_text(&j, "PEXPIREAT");
    soak_args_add(&j, w.args[1]);
    soak_args_text(&j, "%lld", (long long)at_ms);
    soak_note_time(s, w.args[1], at_ms);
    soak_journal(s, &j);
    return true;
}

/* The part of a command that is about a shard's keys, each with so many words. */
static void write_slices(struct soak *s, const struct soak_args *w, size_t step)
{
    next_txid(s);
    for (uint32_t shard = 0; shard < s->shards; shard++) {
        struct soak_args slice = {0};

        soak_args_add(&slice, w->args[0]);
        for (size_t i = 1; i < w->count; i += step)
            for (size_t k = i; soak_shard(s, w->args[i]) == shard && k < i + step; k++)
                soak_args_add(&slice, w->args[k]);
        if (slice.count > 1)
            soak_write(s, shard, &slice);
    }
}

static bool do_mset(struct soak *s)
{
    struct soak_args w = {0};

    soak_args_text(&w, "MSET");
    for (uint64_t i = 2 + soak_random(s, 4); i > 0; i--) {
        add_key(s, &w, soak_random(s, 4) == 0 ? 'n' : 's');
        add_value(s, &w);
    }
    soak_must(soak_do(s, &w));
    write_slices(s, &w, 2);
    return true;
}

static bool do_del(struct soak *s)
{
    struct soak_args w = {0}, j = {0};

    soak_args_text(&w, "DEL");
    for (uint64_t i = 1 + soak_random(s, 3); i > 0; i--)
        add_key(s, &w, any_kind(s));
    soak_args_text(&j, "DEL");
    for (size_t i = 1; i < w.count; i++) {
        struct soak_args one = {0};

        soak_args_text(&one, "DEL");
        soak_args_add(&one, w.args[i]);
        if (soak_number(s, &one) == 1)
            soak_args_add(&j, w.args[i]);
    }
    if (j.count == 1)
        return false;
    write_slices(s, &j, 1);
    return true;
}

/* What a key became that was brought from another one; its time goes with it. */
static void write_restore(struct soak *s, struct bytes key)
{
    int64_t at_ms = s->live ? -1 : soak_time_of(s, key);
    struct soak_args dump = {0}, j = {0};
    redisReply *reply;

    if (at_ms >= 0)
        soak_note_time(s, key, at_ms);
    if (!s->recording)
        return;
    soak_args_text(&dump, "DUMP");
    soak_args_add(&dump, key);
    reply = soak_run(s, &dump);
    soak_must(reply != NULL && reply->type == REDIS_REPLY_STRING);
    soak_args_text(&j, "RESTORE");
    soak_args_add(&j, key);
    soak_args_text(&j, "%lld", at_ms < 0 ? 0 : (long long)at_ms);
    soak_args_add(&j, bytes_of(reply->str, reply->len));
    add_all(&j, "REPLACE ABSTTL");
    soak_journal(s, &j);
    freeReplyObject(reply);
}

/* Two keys of one kind, or now and then of different ones, that are not the same. */
static bool add_pair(struct soak *s, struct soak_args *w, char kind)
{
    add_key(s, w, kind);
    add_key(s, w, soak_random(s, 6) == 0 ? any_kind(s) : kind);
    return !bytes_eq(w->args[w->count - 1], w->args[w->count - 2]);
}

static bool do_rename(struct soak *s)
{
    bool nx = soak_random(s, 4) == 0;
    struct soak_args w = {0};
    redisReply *reply;
    bool done;

    soak_args_text(&w, nx ? "RENAMENX" : "RENAME");
    if (!add_pair(s, &w, any_kind(s)))
        return false;
    reply = soak_run(s, &w);
    done = reply != NULL && (!nx || reply->integer == 1);
    freeReplyObject(reply);
    if (!done)
        return false;
    next_txid(s);
    if (soak_shard(s, w.args[1]) == soak_shard(s, w.args[2])) {
        int64_t at_ms = s->live ? -1 : soak_time_of(s, w.args[2]);

        if (at_ms >= 0)
            soak_note_time(s, w.args[2], at_ms);
        soak_journal(s, &w);
        return true;
    }
    write_restore(s, w.args[2]);
    journal_del(s, w.args[1]);
    return true;
}

static bool do_copy(struct soak *s)
{
    struct soak_args w = {0};

    soak_args_text(&w, "COPY");
    if (!add_pair(s, &w, any_kind(s)))
        return false;
    add_all(&w, "REPLACE");
    if (soak_number(s, &w) != 1)
        return false;
    next_txid(s);
    write_restore(s, w.args[2]);
    return true;
}

static bool do_move(struct soak *s)
{
    struct soak_args w = {0};
    unsigned from = s->db, to;
    int64_t at_ms;

    if (s->dbs < 2)
        return false;
    to = (from + 1) % s->dbs;
    soak_args_text(&w, "MOVE");
    add_key(s, &w, any_kind(s));
    soak_args_text(&w, "%u", to);
    next_txid(s);
    if (soak_number(s, &w) != 1)
        return false;
    s->db = to;
    at_ms = s->live ? -1 : soak_time_of(s, w.args[1]);
    if (at_ms >= 0)
        soak_note_time(s, w.args[1], at_ms);
    s->db = from;
    soak_journal(s, &w);
    return true;
}

/* The sum as a Dragonfly writes it: of doubles, the shortest text that is read back as the same. */
static void float_text(double value, char text[64])
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, 64, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

/* Is there a number to add to? */
static bool read_float(struct soak *s, const struct soak_args *get, double *ret)
{
    redisReply *reply = soak_run(s, get);
    char *end = NULL;
    bool ok = false;

    *ret = 0;
    if (reply != NULL && reply->type == REDIS_REPLY_NIL)
        ok = true;
    if (reply != NULL && reply->type == REDIS_REPLY_STRING && reply->len > 0 && reply->len < 40) {
        *ret = strtod(reply->str, &end);
        ok = end == reply->str + reply->len && *ret > -1e9 && *ret < 1e9 &&
             strspn(reply->str, "0123456789.-") == reply->len;
    }
    freeReplyObject(reply);
    return ok;
}

static bool do_float(struct soak *s)
{
    bool hash = soak_random(s, 2) == 0;
    struct soak_args w = {0}, get = {0}, set = {0};
    char text[64];
    double old;

    soak_args_text(&w, hash ? "HINCRBYFLOAT" : "INCRBYFLOAT");
    add_key(s, &w, hash ? 'h' : 'f');
    if (hash)
        soak_args_text(&w, "f%llu", (unsigned long long)soak_random(s, 5));
    add_float(s, &w);
    if (s->live)
        return soak_do(s, &w);
    soak_args_text(&get, hash ? "HGET" : "GET");
    soak_args_add(&get, w.args[1]);
    if (hash)
        soak_args_add(&get, w.args[2]);
    if (!read_float(s, &get, &old))
        return false;
    float_text(old + strtod((const char *)w.args[w.count - 1].p, NULL), text);
    if (strchr(text, 'e') != NULL)
        return false;
    soak_args_text(&set, hash ? "HSET" : "SET");
    for (size_t i = 1; i < w.count - 1; i++)
        soak_args_add(&set, w.args[i]);
    soak_args_text(&set, "%s", text);
    if (!hash)
        add_all(&set, "KEEPTTL");
    soak_must(soak_do(s, &set));
    soak_journal(s, &w);
    return true;
}

static bool do_lmove(struct soak *s)
{
    bool left = soak_random(s, 2) == 0, to_left = soak_random(s, 2) == 0;
    struct soak_args w = {0}, pop = {0}, push = {0};
    redisReply *reply;

    soak_args_text(&w, "LMOVE");
    (void)add_pair(s, &w, 'l');
    soak_args_text(&w, left ? "LEFT" : "RIGHT");
    soak_args_text(&w, to_left ? "LEFT" : "RIGHT");
    reply = soak_run(s, &w);
    if (reply == NULL || reply->type != REDIS_REPLY_STRING) {
        freeReplyObject(reply);
        return false;
    }
    next_txid(s);
    soak_args_text(&pop, left ? "LPOP" : "RPOP");
    soak_args_add(&pop, w.args[1]);
    soak_journal(s, &pop);
    soak_args_text(&push, to_left ? "LPUSH" : "RPUSH");
    soak_args_add(&push, w.args[2]);
    soak_args_add(&push, bytes_of(reply->str, reply->len));
    soak_journal(s, &push);
    freeReplyObject(reply);
    return true;
}

static bool do_smove(struct soak *s)
{
    struct soak_args w = {0}, rem = {0}, add = {0};

    soak_args_text(&w, "SMOVE");
    if (!add_pair(s, &w, 't'))
        return false;
    soak_args_text(&w, "m%llu", (unsigned long long)soak_random(s, MEMBERS));
    if (soak_number(s, &w) != 1)
        return false;
    next_txid(s);
    soak_args_text(&rem, "SREM");
    soak_args_add(&rem, w.args[1]);
    soak_args_add(&rem, w.args[3]);
    soak_journal(s, &rem);
    soak_args_text(&add, "SADD");
    soak_args_add(&add, w.args[2]);
    soak_args_add(&add, w.args[3]);
    soak_journal(s, &add);
    return true;
}

/* A command whose result, an array, is journalled in its place: NAME KEY element... */
static bool write_array(struct soak *s, const char *name, struct bytes key, const redisReply *array)
{
    struct soak_args j = {0};

    soak_args_text(&j, "%s", name);
    soak_args_add(&j, key);
    for (size_t i = 0; i < array->elements; i++)
        soak_args_add(&j, bytes_of(array->element[i]->str, array->element[i]->len));
    soak_journal(s, &j);
    return true;
}

/* The member that comes first by its bytes; NULL: there is none. The reference's own choice, and its
 * order, would be others in each run. */
static const redisReply *first_member(const redisReply *members)
{
    const redisReply *first = NULL;

    for (size_t i = 0; members != NULL && i < members->elements; i++) {
        const redisReply *m = members->element[i];

        if (first == NULL ||
            bytes_compare(bytes_of(m->str, m->len), bytes_of(first->str, first->len)) < 0)
            first = m;
    }
    return first;
}

static bool do_spop(struct soak *s)
{
    struct soak_args members = {0}, w = {0};
    const redisReply *first;
    redisReply *reply;

    soak_args_text(&members, s->live ? "SPOP" : "SMEMBERS");
    add_key(s, &members, 't');
    if (s->live)
        return soak_do(s, &members);
    reply = soak_run(s, &members);
    first = first_member(reply);
    if (first != NULL) {
        soak_args_text(&w, "SREM");
        soak_args_add(&w, members.args[1]);
        soak_args_add(&w, bytes_of(first->str, first->len));
        soak_must(soak_number(s, &w) == 1);
        if (exists(s, w.args[1]))
            soak_journal(s, &w);
        else
            journal_del(s, w.args[1]);
    }
    freeReplyObject(reply);
    return first != NULL;
}

/* What a store has made of its destination. */
static bool do_store(struct soak *s)
{
    static const char *const names[] = {"SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE", "ZUNIONSTORE",
                                        "ZINTERSTORE"};
    size_t which = soak_random(s, 5);
    bool sorted = which >= 3;
    struct soak_args w = {0}, read = {0}, j = {0};
    redisReply *reply;

    soak_args_text(&w, "%s", names[which]);
    add_key(s, &w, sorted ? 'z' : 't');
    if (sorted)
        add_all(&w, "2");
    add_key(s, &w, sorted ? 'z' : 't');
    add_key(s, &w, sorted ? 'z' : 't');
    if (!soak_do(s, &w))
        return false;
    next_txid(s);
    journal_del(s, w.args[1]);
    soak_args_text(&read, sorted ? "ZRANGE" : "SMEMBERS");
    soak_args_add(&read, w.args[1]);
    if (sorted)
        add_all(&read, "0 -1 WITHSCORES");
    reply = soak_run(s, &read);
    if (!sorted && reply != NULL && reply->elements > 0)
        write_array(s, "SADD", w.args[1], reply);
    if (sorted && reply != NULL && reply->elements > 0) {
        soak_args_text(&j, "ZADD");
        soak_args_add(&j, w.args[1]);
        for (size_t i = 0; i + 1 < reply->elements; i += 2) {
            soak_args_add(&j, bytes_of(reply->element[i + 1]->str, reply->element[i + 1]->len));
            soak_args_add(&j, bytes_of(reply->element[i]->str, reply->element[i]->len));
        }
        soak_journal(s, &j);
    }
    freeReplyObject(reply);
    return true;
}

static bool do_bits(struct soak *s)
{
    bool merge = soak_random(s, 2) == 0;
    char kind = merge ? 'p' : 'b';
    struct soak_args w = {0}, get = {0}, j = {0};
    redisReply *reply;

    add_all(&w, merge ? "PFMERGE" : "BITOP OR");
    add_key(s, &w, kind);
    add_key(s, &w, kind);
    add_key(s, &w, kind);
    if (!soak_do(s, &w))
        return false;
    soak_args_text(&get, "GET");
    soak_args_add(&get, w.args[merge ? 1 : 2]);
    reply = soak_run(s, &get);
    next_txid(s);
    if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        /* PFMERGE keeps a time to live, the SET in its place would not */
        soak_args_text(&j, "SET");
        soak_args_add(&j, get.args[1]);
        soak_args_add(&j, bytes_of(reply->str, reply->len));
        (void)soak_do(s, &j);
        soak_journal(s, &j);
    } else {
        journal_del(s, get.args[1]);
    }
    freeReplyObject(reply);
    return true;
}

/* The id of the first entry; false: there is none. */
static bool first_id(struct soak *s, struct bytes key, char id[64])
{
    struct soak_args w = {0};
    redisReply *reply;
    bool found;

    soak_args_text(&w, "XRANGE");
    soak_args_add(&w, key);
    add_all(&w, "- + COUNT 1");
    reply = soak_run(s, &w);
    found = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 1;
    if (found)
        (void)snprintf(id, 64, "%s", reply->element[0]->element[0]->str);
    freeReplyObject(reply);
    return found;
}

static bool do_xadd(struct soak *s)
{
    bool trim = soak_random(s, 3) == 0;
    struct soak_args w = {0}, j = {0};
    size_t id_at;
    char id[64];

    soak_args_text(&w, "XADD");
    add_key(s, &w, 'x');
    if (trim)
        add_all(&w, "MAXLEN 5");
    id_at = w.count;
    soak_args_text(&w, "%lld-%llu", (long long)s->now_ms, (unsigned long long)soak_random(s, 100));
    add_all(&w, "field");
    add_value(s, &w);
    if (!soak_do(s, &w) || !first_id(s, w.args[1], id))
        return false;
    soak_args_text(&j, "XADD");
    soak_args_add(&j, w.args[1]);
    if (trim) {
        soak_args_text(&j, "MINID");
        soak_args_text(&j, "%s", id);
    }
    for (size_t i = id_at; i < w.count; i++)
        soak_args_add(&j, w.args[i]);
    soak_journal(s, &j);
    return true;
}

static bool do_xdel(struct soak *s)
{
    struct soak_args w = {0};
    bool ack = soak_random(s, 2) == 0;
    char id[64];

    soak_args_text(&w, ack ? "XACK" : "XDEL");
    add_key(s, &w, 'x');
    if (!first_id(s, w.args[1], id))
        return false;
    if (ack)
        add_all(&w, "group");
    soak_args_text(&w, "%s", id);
    if (soak_number(s, &w) < 0)
        return false;
    soak_journal(s, &w);
    return true;
}

/* How many entries the group has read; -1: not known. */
static long long entries_read(struct soak *s, struct bytes key)
{
    struct soak_args w = {0};
    long long n = -1;
    redisReply *reply;

    add_all(&w, "XINFO GROUPS");
    soak_args_add(&w, key);
    reply = soak_run(s, &w);
    for (size_t i = 0; reply != NULL && reply->elements > 0 && i + 1 < reply->element[0]->elements;
         i += 2)
        if (strcmp(reply->element[0]->element[i]->str, "entries-read") == 0 &&
            reply->element[0]->element[i + 1]->type == REDIS_REPLY_INTEGER)
            n = reply->element[0]->element[i + 1]->integer;
    freeReplyObject(reply);
    return n;
}

static void write_delivery(struct soak *s, struct bytes key, const char *consumer,
                           const redisReply *entries)
{
    struct soak_args create = {0}, set = {0};
    const char *id = NULL;

    add_all(&create, "XGROUP CREATECONSUMER");
    soak_args_add(&create, key);
    soak_args_text(&create, "group");
    soak_args_text(&create, "%s", consumer);
    soak_journal(s, &create);
    for (size_t i = 0; i < entries->elements; i++) {
        struct soak_args claim = {0};

        id = entries->element[i]->element[0]->str;
        soak_args_text(&claim, "XCLAIM");
        soak_args_add(&claim, key);
        soak_args_text(&claim, "group");
        soak_args_text(&claim, "%s", consumer);
        soak_args_text(&claim, "0");
        soak_args_text(&claim, "%s", id);
        soak_args_text(&claim, "TIME");
        soak_args_text(&claim, "%lld", (long long)s->now_ms);
        add_all(&claim, "RETRYCOUNT 1 FORCE JUSTID LASTID");
        soak_args_text(&claim, "%s", id);
        soak_journal(s, &claim);
    }
    add_all(&set, "XGROUP SETID");
    soak_args_add(&set, key);
    soak_args_text(&set, "group");
    soak_args_text(&set, "%s", id);
    soak_args_text(&set, "ENTRIESREAD");
    soak_args_text(&set, "%lld", entries_read(s, key));
    soak_journal(s, &set);
}

static bool do_xreadgroup(struct soak *s)
{
    struct soak_args w = {0};
    char consumer[16];
    redisReply *reply;
    bool done;

    (void)snprintf(consumer, sizeof(consumer), "c%u", (unsigned)soak_random(s, 3));
    add_all(&w, "XREADGROUP GROUP group");
    soak_args_text(&w, "%s", consumer);
    add_all(&w, "COUNT 2 STREAMS");
    add_key(s, &w, 'x');
    add_all(&w, ">");
    reply = soak_run(s, &w);
    done = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 1;
    if (done && s->recording)
        write_delivery(s, w.args[w.count - 2], consumer, reply->element[0]->element[1]);
    freeReplyObject(reply);
    return done;
}

/* Across shards only the keys are journalled: what became of the destination is not. */
static bool do_sort(struct soak *s)
{
    struct soak_args w = {0}, a = {0}, b = {0};

    if (!s->holes)
        return false;
    soak_args_text(&w, "SORT");
    add_key(s, &w, 't');
    add_all(&w, "ALPHA STORE");
    add_key(s, &w, 'l');
    if (!soak_do(s, &w))
        return false;
    if (soak_shard(s, w.args[1]) == soak_shard(s, w.args[4])) {
        soak_journal(s, &w);
        return true;
    }
    next_txid(s);
    soak_args_text(&a, "SORT");
    soak_args_add(&a, w.args[1]);
    soak_journal(s, &a);
    soak_args_text(&b, "SORT");
    soak_args_add(&b, w.args[4]);
    soak_journal(s, &b);
    return true;
}

static bool do_flush(struct soak *s)
{
    struct soak_args w = {0};

    if (!s->flushes || soak_random(s, 60) != 0)
        return false;
    soak_args_text(&w, soak_random(s, 4) == 0 ? "FLUSHALL" : "FLUSHDB");
    soak_must(soak_do(s, &w));
    next_txid(s);
    for (uint32_t i = 0; i < s->shards; i++)
        soak_write(s, i, &w);
    return true;
}

void soak_command(struct soak *s)
{
    static bool (*const own[])(struct soak *) = {
        do_set,  do_set,  do_expire, do_expire, do_expire,     do_mset,  do_del,   do_rename,
        do_copy, do_move, do_float,  do_float,  do_lmove,      do_smove, do_spop,  do_store,
        do_bits, do_xadd, do_xadd,   do_xdel,   do_xreadgroup, do_sort,  do_flush,
    };
    size_t which = soak_random(s, 2 * sizeof(own) / sizeof(own[0]));
    bool done = which < sizeof(own) / sizeof(own[0]) ? own[which](s) : from_template(s);

    if (done)
        s->done++;
    else
        s->refused++;
}
