/*
 * bench_latency.c - how long it takes from a master's socket to being visible in a Redis.
 *
 *   bench-latency TARGET SECONDS FLOWS            stamps that the stand-in master sends (--stamps)
 *   bench-latency TARGET SECONDS FLOWS --direct N the same, pushed straight into TARGET by a
 *                                                 connection of its own, N a second
 *
 * Takes the stamps from the target by BLPOP; prints "COUNT P50 P99 MAX", in milliseconds. Those of the
 * first half second do not count. TARGET is a URI; FLOWS says which keys they come under.
 */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "lib/stamp.h"
#include "wire/uri.h"

#define FLOWS_MAX  64
#define SKIP_US    500000u
#define STAMPS_MAX 4000000u

struct pusher {
    const struct uri *target;
    uint32_t flow_count;
    unsigned rate;
    atomic_bool stop;
};

static void die(const char *what)
{
    fprintf(stderr, "bench-latency: %s\n", what);
    exit(1);
}

static redisContext *connect_to(const struct uri *u)
{
    redisContext *c =
        u->scheme == URI_UNIX ? redisConnectUnix(u->host) : redisConnect(u->host, u->port);

    if (c == NULL || c->err != 0)
        die("could not connect to the target");
    return c;
}

static void *push_stamps(void *arg)
{
    struct pusher *p = arg;
    redisContext *c = connect_to(p->target);
    uint64_t began_us = clock_mono_us();

    for (uint64_t i = 0; !atomic_load(&p->stop); i++) {
        uint64_t due_us = began_us + i * 1000000 / p->rate;
        uint64_t now_us = clock_mono_us();
        uint64_t left_us = due_us > now_us ? due_us - now_us : 0;
        struct timespec wait = {(time_t)(left_us / 1000000), (long)(left_us % 1000000) * 1000};
        char key[STAMP_SIZE];

        (void)nanosleep(&wait, NULL);
        stamp_key((uint32_t)(i % p->flow_count), p->flow_count, key);
        freeReplyObject(redisCommand(c, "RPUSH %s %llu", key, (unsigned long long)stamp_now_ns()));
    }
    redisFree(c);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* BLPOP over all keys. Returns how many stamps were taken. */
static size_t take_stamps(const struct uri *target, double seconds, uint32_t flow_count, double *ms)
{
    char keys[FLOWS_MAX][STAMP_SIZE];
    const char *args[FLOWS_MAX + 2] = {"BLPOP"};
    redisContext *c = connect_to(target);
    uint64_t began_us = clock_mono_us();
    uint64_t end_us = began_us + (uint64_t)(seconds * 1e6) + SKIP_US;
    size_t count = 0;

    for (uint32_t i = 0; i < flow_count; i++) {
        stamp_key(i, flow_count, keys[i]);
        args[i + 1] = keys[i];
    }
    args[flow_count + 1] = "1";
    while (clock_mono_us() < end_us && count < STAMPS_MAX) {
        redisReply *r = redisCommandArgv(c, (int)flow_count + 2, args, NULL);
        uint64_t now_ns = stamp_now_ns();

        if (r == NULL || r->type == REDIS_REPLY_ERROR)
            die(r == NULL ? c->errstr : r->str);
        if (r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
            clock_mono_us() - began_us > SKIP_US)
            ms[count++] = (double)(now_ns - strtoull(r->element[1]->str, NULL, 10)) / 1e6;
        freeReplyObject(r);
    }
    redisFree(c);
    return count;
}

int main(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct pusher pusher = {.rate = 0};
    pthread_t thread;
    struct uri target;
    double *ms = calloc(STAMPS_MAX, sizeof(*ms));
    size_t n;

    if (ms == NULL || (argc != 4 && argc != 6) || uri_parse(argv[1], &target, &err) != 0)
        die(err.kind != FT_ERR_NONE ? err.msg : "usage: TARGET SECONDS FLOWS [--direct RATE]");
    pusher.target = &target;
    pusher.flow_count = (uint32_t)atoi(argv[3]);
    pusher.rate = argc == 6 ? (unsigned)atoi(argv[5]) : 0;
    if (pusher.flow_count == 0 || pusher.flow_count > FLOWS_MAX)
        die("FLOWS is 1 to 64");
    if (pusher.rate != 0 && pthread_create(&thread, NULL, push_stamps, &pusher) != 0)
        die("could not start a thread");
    n = take_stamps(&target, atof(argv[2]), pusher.flow_count, ms);
    atomic_store(&pusher.stop, true);
    if (pusher.rate != 0)
        (void)pthread_join(thread, NULL);
    if (n == 0)
        die("no stamps came");
    qsort(ms, n, sizeof(*ms), compare);
    printf("%zu %.3f %.3f %.3f\n", n, ms[n / 2], ms[n * 99 / 100], ms[n - 1]);
    free(ms);
    uri_release(&target);
    return 0;
}
