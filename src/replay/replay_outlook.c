#include "replay/replay_outlook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/parse.h"
#include "wire/redis_info.h"
#include "wire/server_info.h"

#define DISK_LITTLE (256u << 20)
#define CLOCK_APART 1000 /* ms */
#define ECHO_MS     150u /* for each of the two measurements */
#define ECHO_ROUND  500u
#define ECHO_SHORT  32u
#define ECHO_LONG   (64u << 10)
#define ECHO_LONGS  16u
/* What a key, and a record in a batch, cost a server beside an ECHO. */
#define KEY_COST    1.5
#define RECORD_COST 4.0

/*
 * Its slots
 */

/* Those that a node gives away, in its own line of CLUSTER NODES: "[93->-<node>]". */
static size_t count_moving(const char *nodes)
{
    const char *own = strstr(nodes, "myself");
    const char *end = own == NULL ? NULL : strchr(own, '\n');
    size_t count = 0;

    while (own != NULL && (own = strstr(own, "->-")) != NULL && (end == NULL || own < end)) {
        count++;
        own += 3;
    }
    return count;
}

static int look_at_slots(struct replay_checks *ret, struct target_client *t, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("CLUSTER"), bytes_str("NODES")};
    size_t moving = 0;

    for (size_t i = 0; i < t->node_count; i++) {
        redisReply *reply;

        if (target_node_ask(&t->nodes[i], &reply, args, 2, err) != 0)
            return -1;
        if (reply->type == REDIS_REPLY_STRING)
            moving += count_moving(reply->str);
        reply_free(reply);
    }
    if (moving == 0)
        replay_checks_add(ret, "slots", REPLAY_CHECK_PASSED,
                          "all %d slots have a master, and none is on its way", SLOT_COUNT);
    else
        replay_checks_add(
            ret, "slots", REPLAY_CHECK_NOTED,
            "all %d slots have a master; %zu %s to another one, which a replay follows "
            "more slowly",
            SLOT_COUNT, moving, moving == 1 ? "is on its way" : "are on their way");
    return 0;
}

/*
 * What it is
 */

/* Of all masters together. */
struct room {
    char text[32]; /* the version of the first */
    uint64_t used;
    uint64_t limit;  /* by maxmemory */
    uint64_t system; /* of the machines; 0: not known */
    size_t replicas;
    bool known, unlimited;
    bool full;       /* a master is at its maxmemory, and takes no key away */
    char evicts[32]; /* a policy that takes keys away; "" */
};

static int add_room(struct room *room, struct target_node *node, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("INFO")};
    struct server_info info;
    redisReply *reply;

    if (target_node_ask(node, &reply, args, 1, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING) {
        server_info_parse(reply->str, &info);
        memcpy(room->text, info.text, sizeof(room->text));
        room->used += info.used_memory;
        room->limit += info.maxmemory;
        room->system += redis_info_number(reply->str, "total_system_memory");
        room->unlimited |= info.maxmemory == 0;
        if (info.maxmemory != 0 && strcmp(info.eviction, "noeviction") != 0)
            memcpy(room->evicts, info.eviction, sizeof(room->evicts));
        else
            room->full |= info.maxmemory != 0 && info.used_memory >= info.maxmemory;
    } else {
        room->known = false;
    }
    room->replicas += node->replica_count;
    reply_free(reply);
    return 0;
}

static int find_room(struct room *ret, struct target_client *t, struct ft_err *err)
{
    *ret = (struct room){.known = true};
    for (size_t i = 0; i < t->node_count; i++) {
        if (add_room(ret, &t->nodes[i], err) != 0)
            return -1;
    }
    return 0;
}

int replay_outlook_target(struct replay_checks *ret, struct target_client *t, struct ft_err *err)
{
    bool valkey = strncmp(t->kind->name, "valkey-", 7) == 0;
    const char *name = valkey ? "Valkey" : "Redis";
    const char *version;
    struct room room;

    if (find_room(&room, t, err) != 0)
        return -1;
    if (valkey)
        version = t->kind->name + 7; /* what it says besides is the Redis that it is like */
    else
        version = room.text[0] != '\0' ? room.text : t->kind->name;
    if (t->cluster)
        replay_checks_add(ret, "target", REPLAY_CHECK_PASSED,
                          "%s %s, a cluster of %zu master%s and %zu replica%s", name, version,
                          t->node_count, plural(t->node_count), room.replicas,
                          plural(room.replicas));
    else
        replay_checks_add(ret, "target", REPLAY_CHECK_PASSED, "%s %s, a single server", name,
                          version);
    return t->cluster ? look_at_slots(ret, t, err) : 0;
}

/*
 * Its memory
 */

int replay_outlook_memory(struct replay_checks *ret, struct target_client *t,
                          const struct replay_load *load, struct ft_err *err)
{
    struct room room;
    uint64_t wanted = load->source_memory != 0 ? load->source_memory : load->bytes;
    char need[FORMAT_SIZE + 32] = "how much is wanted is not known";
    char texts[3][FORMAT_SIZE];
    uint64_t has;
    bool little;
    bool full;

    if (find_room(&room, t, err) != 0)
        return -1;
    full = room.full && !load->flush;
    has = room.unlimited ? room.system : room.limit;
    little = has != 0 && wanted + (load->flush ? 0 : room.used) > has;
    if (!room.known) {
        replay_checks_add(ret, "memory", REPLAY_CHECK_NOTED,
                          "not known: the target does not allow INFO");
        return 0;
    }
    if (load->source_memory != 0 || load->bytes != 0)
        (void)snprintf(need, sizeof(need), "%s %s",
                       load->source_memory != 0 ? "the source used" : "serialised it is",
                       format_size(wanted, texts[0])); /* fits */
    replay_checks_add(ret, "memory",
                      full     ? REPLAY_CHECK_FAILED
                      : little ? REPLAY_CHECK_NOTED
                               : REPLAY_CHECK_PASSED,
                      "%s; the target uses %s of %s (%s)%s", need, format_size(room.used, texts[1]),
                      has == 0 ? "what there is" : format_size(has, texts[2]),
                      room.unlimited ? "no maxmemory" : "maxmemory",
                      full     ? ": it is full, and refuses writes"
                      : little ? ": it may become full"
                               : "");
    if (room.evicts[0] != '\0')
        replay_checks_add(ret, "eviction", REPLAY_CHECK_NOTED,
                          "keys are evicted at maxmemory (maxmemory-policy %s), also those of the "
                          "replay: noeviction is safe",
                          room.evicts);
    else
        replay_checks_add(ret, "eviction", REPLAY_CHECK_PASSED, "no key is evicted");
    return 0;
}

/*
 * Clocks
 */

int replay_outlook_clock(struct replay_checks *ret, const char *whose, struct redis_pipe *pipe,
                         struct ft_err *err)
{
    uint64_t before_us = clock_wall_us();
    uint64_t seconds;
    uint64_t us;
    int64_t ahead_ms;
    redisReply *reply;

    if (redis_pipe_call_text(pipe, &reply, "TIME", err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        !bytes_to_u64(bytes_str(reply->element[0]->str), &seconds) ||
        !bytes_to_u64(bytes_str(reply->element[1]->str), &us)) {
        replay_checks_add(ret, "clock", REPLAY_CHECK_NOTED, "not known: %s does not answer TIME",
                          whose);
    } else {
        ahead_ms =
            ((int64_t)(seconds * 1000000 + us) - (int64_t)((before_us + clock_wall_us()) / 2)) /
            1000;
        replay_checks_add(ret, "clock",
                          llabs(ahead_ms) > CLOCK_APART ? REPLAY_CHECK_NOTED : REPLAY_CHECK_PASSED,
                          "that of %s is %" PRId64 " ms %s this machine's", whose,
                          (int64_t)llabs(ahead_ms), ahead_ms < 0 ? "behind" : "ahead of");
    }
    reply_free(reply);
    return 0;
}

int replay_outlook_clocks(struct replay_checks *ret, struct target_client *t, struct ft_err *err)
{
    for (size_t i = 0; i < t->node_count; i++) {
        char whose[URI_ADDRESS_SIZE + 16];

        (void)snprintf(whose, sizeof(whose), "the target%s%s", t->cluster ? "'s " : "",
                       t->cluster ? t->nodes[i].name : ""); /* fits */
        if (replay_outlook_clock(ret, whose, t->nodes[i].pipe, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * Disk
 */

void replay_outlook_disk(struct replay_checks *ret, const char *directory, const char *what,
                         uint64_t wanted)
{
    char left[FORMAT_SIZE];
    char need[FORMAT_SIZE];
    struct statvfs fs;
    uint64_t free_bytes;

    if (statvfs(directory, &fs) != 0 && statvfs(".", &fs) != 0) {
        replay_checks_add(ret, "disk", REPLAY_CHECK_NOTED, "not known: \"%s\"", directory);
        return;
    }
    free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (wanted != 0)
        replay_checks_add(ret, "disk",
                          free_bytes < wanted ? REPLAY_CHECK_NOTED : REPLAY_CHECK_PASSED,
                          "\"%s\" has %s left for %s, and the source uses %s of memory", directory,
                          format_size(free_bytes, left), what, format_size(wanted, need));
    else
        replay_checks_add(
            ret, "disk", free_bytes < DISK_LITTLE ? REPLAY_CHECK_NOTED : REPLAY_CHECK_PASSED,
            "\"%s\" has %s left for %s", directory, format_size(free_bytes, left), what);
}

/*
 * Time
 */

struct echo {
    bool refused;
};

static int take_echo(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct echo *echo = context;

    (void)tag;
    (void)err;
    echo->refused |= reply->type == REDIS_REPLY_ERROR;
    return 0;
}

/* So many a second of this size, pipelined as a replay does it; 0: ECHO is not allowed. */
static int measure(struct target_node *node, size_t bytes, unsigned round, double *ret_per_second,
                   struct ft_err *err)
{
    struct echo echo = {0};
    uint64_t began_us = clock_mono_us();
    uint64_t count = 0;
    struct bytes args[] = {bytes_str("ECHO"), {NULL, 0}};
    uint8_t *payload = malloc(bytes);
    int rc = 0;

    if (payload == NULL)
        return err_nomem(err, "a measurement");
    memset(payload, 'x', bytes);
    args[1] = bytes_of(payload, bytes);
    redis_pipe_on_reply(node->pipe, take_echo, &echo);
    do {
        for (unsigned i = 0; rc == 0 && i < round; i++)
            rc = redis_pipe_put(node->pipe, 0, args, 2, err);
        if (rc == 0)
            rc = redis_pipe_drain(node->pipe, err);
        count += round;
    } while (rc == 0 && !echo.refused && clock_mono_us() - began_us < ECHO_MS * 1000);
    free(payload);
    if (rc != 0)
        return -1;
    redis_pipe_on_reply(node->pipe, NULL, NULL);
    *ret_per_second =
        echo.refused ? 0 : (double)count * 1e6 / (double)(clock_mono_us() - began_us + 1);
    return 0;
}

static uint64_t estimate_ms(const struct replay_load *load, double shorts, double longs,
                            size_t masters)
{
    double commands = (double)load->keys * KEY_COST + (double)load->records * RECORD_COST;
    double ms = (commands / shorts + (double)load->bytes / (longs * ECHO_LONG)) * 1000 /
                (double)(masters == 0 ? 1 : masters);

    if (ms < (double)load->read_ms)
        ms = (double)load->read_ms;
    if (load->rate_keys != 0 &&
        (double)(load->keys + load->records) * 1000 > ms * (double)load->rate_keys)
        ms = (double)(load->keys + load->records) * 1000 / (double)load->rate_keys;
    if (load->rate_bytes != 0 && (double)load->bytes * 1000 > ms * (double)load->rate_bytes)
        ms = (double)load->bytes * 1000 / (double)load->rate_bytes;
    return (uint64_t)ms + 1;
}

int replay_outlook_time(struct replay_checks *ret, uint64_t *ret_ms, struct target_client *t,
                        const struct replay_load *load, struct ft_err *err)
{
    char time[FORMAT_SIZE];
    char bandwidth[FORMAT_SIZE];
    double shorts;
    double longs;

    if (measure(&t->nodes[0], ECHO_SHORT, ECHO_ROUND, &shorts, err) != 0 ||
        measure(&t->nodes[0], ECHO_LONG, ECHO_LONGS, &longs, err) != 0)
        return -1;
    *ret_ms = 0;
    if (shorts == 0 || longs == 0) {
        replay_checks_add(ret, "time", REPLAY_CHECK_NOTED,
                          "not known: the target does not allow ECHO");
        return 0;
    }
    *ret_ms = estimate_ms(load, shorts, longs, t->node_count);
    replay_checks_add(ret, "time", REPLAY_CHECK_PASSED,
                      "about %s; a master answers %.0f short commands or %s a second from here%s",
                      format_duration_ms(*ret_ms, time), shorts,
                      format_size((uint64_t)(longs * ECHO_LONG), bandwidth),
                      load->rate_keys != 0 || load->rate_bytes != 0 ? ", and there is --rate" : "");
    return 0;
}
