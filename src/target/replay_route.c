#include "target/replay_route.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "command/sent_key.h"
#include "resp/resp_write.h"
#include "wire/reply_error.h"

#define PAUSE_FIRST_MS 10u
#define PAUSE_MAX_MS   1000u
/* So many MOVED in a row are the cluster's opinions on their way to each other. */
#define MOVES_AT_ONCE 3u
#define NOTE_MS       2000u
#define FULL_TEXT     (URI_ADDRESS_SIZE + 160)

/* A tag: the database, the caller's mark, and two bits. */
#define TAG_OWN  1u /* none of the caller's */
#define TAG_HERE 2u /* for this node alone: not sent again */

struct lane {
    struct replay_route *route;
    struct slot_map_address address; /* of a cluster */
    struct uri uri;                  /* owned */
    char name[URI_ADDRESS_SIZE];
    struct redis_pipe *pipe; /* NULL: nothing has been sent there yet */
    uint32_t selected;
    struct replay_node_count count;
};

/* A command that was not carried out; its bytes lie in kept_bytes. */
struct kept {
    uint64_t tag;
    size_t start, size;
};

struct replay_route {
    struct replay *r;
    size_t underway_bytes;
    replay_answer_fn *take;
    void *context;
    const struct slot_map *map; /* the replay's, or own_map; NULL: a single server */
    struct slot_map *own_map;
    struct lane **lanes; /* never removed */
    size_t lane_count;
    size_t *lane_of; /* by index in the map */
    struct buf kept_bytes;
    struct kept *kept;
    size_t kept_count;
    size_t kept_cap;
    const struct lane *newcomer; /* says that it has slots the map knows nothing of */
    char full[FULL_TEXT];        /* why commands are kept, where no other node would help; or "" */
    uint64_t progress_ms;
    uint64_t again; /* commands sent again since the last note */
    uint64_t noted_ms;
};

static int on_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err);

static uint64_t make_tag(uint32_t db, uint32_t mark)
{
    return (uint64_t)db << 32 | (uint64_t)mark << 2;
}

/*
 * Lanes
 */

static int add_lane(struct replay_route *route, struct lane **ret, struct ft_err *err)
{
    struct lane *lane;

    if (ARRAY_ADD_ROOM(&route->lanes, route->lane_count, "a connection", err) != 0)
        return -1;
    lane = calloc(1, sizeof(*lane));
    if (lane == NULL)
        return err_nomem(err, "a connection");
    lane->route = route;
    route->lanes[route->lane_count++] = lane;
    *ret = lane;
    return 0;
}

static void name_lane(struct lane *lane)
{
    (void)uri_address(&lane->uri, lane->name);
    (void)snprintf(lane->count.name, sizeof(lane->count.name), "%s", lane->name);
}

static int lane_at(struct replay_route *route, const struct slot_map_address *address, size_t *ret,
                   struct ft_err *err)
{
    struct lane *lane;

    for (size_t i = 0; i < route->lane_count; i++) {
        const struct slot_map_address *a = &route->lanes[i]->address;

        if (a->port == address->port && strcmp(a->host, address->host) == 0) {
            *ret = i;
            return 0;
        }
    }
    if (add_lane(route, &lane, err) != 0)
        return -1;
    lane->address = *address;
    *ret = route->lane_count - 1;
    if (slot_map_node_uri(address, &route->r->target.uri, &lane->uri, err) != 0)
        return -1;
    name_lane(lane);
    return 0;
}

static int open_lane(struct lane *lane, struct ft_err *err)
{
    const struct replay_route *route = lane->route;

    if (lane->pipe != NULL)
        return 0;
    if (redis_pipe_open_within(&lane->pipe, &lane->uri, route->r->o->cancel_fd,
                               route->r->o->give_up_ms, on_reply, lane, err) != 0)
        return -1;
    redis_pipe_limit(lane->pipe, route->underway_bytes);
    lane->selected = 0;
    return replay_fence_name(route->r, lane->pipe, lane->name, err);
}

static int use_map(struct replay_route *route, struct ft_err *err)
{
    size_t *lane_of = calloc(route->map->node_count + 1, sizeof(*lane_of));

    if (lane_of == NULL)
        return err_nomem(err, "the nodes");
    free(route->lane_of);
    route->lane_of = lane_of;
    for (size_t i = 0; i < route->map->node_count; i++) {
        if (lane_at(route, &route->map->nodes[i].address, &lane_of[i], err) != 0)
            return -1;
    }
    return 0;
}

/* A slot that nobody has goes to anyone: who answers knows more. */
static struct lane *lane_of_slot(const struct replay_route *route, uint16_t slot)
{
    uint16_t owner = route->map == NULL ? SLOT_MAP_NONE : slot_map_master(route->map, slot);

    return route->lanes[owner == SLOT_MAP_NONE ? 0 : route->lane_of[owner]];
}

static struct lane *lane_of_key(const struct replay_route *route, struct bytes key)
{
    return route->map == NULL ? route->lanes[0] : lane_of_slot(route, slot_of(key));
}

/*
 * A new map
 */

static bool has_replica(const struct slot_map_node *node, const struct slot_map_address *a)
{
    for (size_t i = 0; i < node->replica_count; i++) {
        if (node->replicas[i].port == a->port && strcmp(node->replicas[i].host, a->host) == 0)
            return true;
    }
    return false;
}

/* Is somebody else in this master's place, as its former replica or now its own master? */
static bool was_replaced(const struct slot_map_node *old, const struct slot_map *now)
{
    for (size_t i = 0; i < now->node_count; i++) {
        if (has_replica(&now->nodes[i], &old->address) || has_replica(old, &now->nodes[i].address))
            return true;
    }
    return false;
}

static int check_failover(const struct replay_route *route, const struct slot_map *now,
                          struct ft_err *err)
{
    for (size_t i = 0; i < route->map->node_count; i++) {
        const struct slot_map_node *old = &route->map->nodes[i];
        const struct lane *lane = route->lanes[route->lane_of[i]];

        if (lane->pipe != NULL &&
            slot_map_find(now, old->address.host, old->address.port) == SLOT_MAP_NONE &&
            was_replaced(old, now)) {
            return err_set(err, FT_ERR_NET, "%s is no longer a master: what it had may be gone",
                           lane->name);
        }
    }
    return 0;
}

/* hint: who is likely to know. */
static int fetch_map(struct replay_route *route, const struct lane *hint, struct ft_err *err)
{
    struct replay *r = route->r;
    struct slot_map *map;

    if (slot_map_refetch(&map, route->map, &hint->uri, r->o->cancel_fd, r->o->give_up_ms, err) != 0)
        return -1;
    if (check_failover(route, map, err) != 0) {
        slot_map_free(map);
        return -1;
    }
    slot_map_free(route->own_map);
    route->own_map = map;
    route->map = map;
    route->newcomer = NULL;
    return use_map(route, err);
}

/*
 * Answers
 */

/* May this command be sent again from here, without losing what was sent before it? */
static bool is_kept(const struct replay_route *route, const char *text)
{
    switch (reply_error_kind_of(bytes_str(text))) {
    case REPLY_ERROR_MOVED:
    case REPLY_ERROR_ASK:
    case REPLY_ERROR_TRYAGAIN:
    case REPLY_ERROR_CLUSTERDOWN:
        return route->map != NULL;
    case REPLY_ERROR_NOREPLICAS:
    case REPLY_ERROR_OOM:
    case REPLY_ERROR_MISCONF:
    case REPLY_ERROR_BUSY:
        return true;
    default:
        return false;
    }
}

/* The node itself cannot: no memory, no disk, no replicas. */
static void note_full(struct lane *lane, const char *text)
{
    struct replay_route *route = lane->route;
    enum reply_error_kind kind = reply_error_kind_of(bytes_str(text));

    if (kind != REPLY_ERROR_OOM && kind != REPLY_ERROR_MISCONF && kind != REPLY_ERROR_NOREPLICAS)
        return;
    (void)snprintf(route->full, sizeof(route->full), "%s answered: %.140s", lane->name,
                   text); /* a longer one is cut */
    if (!atomic_exchange(&route->r->target_full, true))
        replay_note(route->r, "%s; waiting", route->full);
}

static int keep(struct replay_route *route, uint64_t tag, struct bytes command, struct ft_err *err)
{
    if (ARRAY_RESERVE(&route->kept, &route->kept_cap, route->kept_count + 1,
                      "commands to be sent again", err) != 0)
        return -1;
    route->kept[route->kept_count] =
        (struct kept){.tag = tag, .start = route->kept_bytes.n, .size = command.n};
    if (buf_append(&route->kept_bytes, command.p, command.n, err) != 0)
        return -1;
    route->kept_count++;
    return 0;
}

/* Words for each key of a command whose keys do not depend on each other; 0: it is not one. */
static size_t key_step(const struct bytes *words)
{
    if (bytes_is_word(words[0], "MSET"))
        return 2;
    return bytes_is_word(words[0], "DEL") || bytes_is_word(words[0], "UNLINK") ? 1 : 0;
}

static bool has_key(const struct bytes *words, size_t count, struct bytes key)
{
    size_t step = key_step(words);

    if (step == 0)
        return bytes_eq(command_sent_key(words, count), key);
    for (size_t i = 1; i < count; i += step) {
        if (bytes_eq(words[i], key))
            return true;
    }
    return false;
}

/* Is there a key that both name? Commands whose keys depend on each other are taken by their first. */
static bool share_key(const struct bytes *a, size_t a_count, const struct bytes *b, size_t b_count)
{
    size_t step = key_step(a);

    if (step == 0)
        return has_key(b, b_count, command_sent_key(a, a_count));
    for (size_t i = 1; i < a_count; i += step) {
        if (has_key(b, b_count, a[i]))
            return true;
    }
    return false;
}

/* This one was carried out. Was one that it must not overtake kept? */
static int check_order(const struct replay_route *route, struct bytes command, struct ft_err *err)
{
    struct bytes *words;
    size_t count;
    bool overtakes = false;

    if (resp_take_command(command, &words, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < route->kept_count && !overtakes; i++) {
        const struct kept *k = &route->kept[i];
        struct bytes *before;
        size_t before_count;

        if (resp_take_command(bytes_of(route->kept_bytes.p + k->start, k->size), &before,
                              &before_count, err) != 0)
            break;
        overtakes = share_key(words, count, before, before_count);
        free(before);
    }
    free(words);
    if (err->kind != FT_ERR_NONE)
        return -1;
    if (!overtakes)
        return 0;
    return err_set(err, FT_ERR_NET, "%s%scommands on one key were carried out out of order",
                   route->full, route->full[0] == '\0' ? "" : "; ");
}

/* Was this refused for several keys, of which one may be the reason? From then on keys go one by one. */
static int is_to_be_divided(struct replay_route *route, struct bytes command, struct ft_err *err)
{
    struct bytes *words;
    size_t count;
    bool divides;

    if (resp_take_command(command, &words, &count, err) != 0)
        return -1;
    divides = key_step(words) != 0 && count > 1 + key_step(words);
    free(words);
    if (divides)
        atomic_store(&route->r->keys_apart, true);
    return divides;
}

/* A refusal that is about the command itself. */
static int take_refusal(struct replay_route *route, uint64_t tag,
                        const struct replay_answer *answer, struct ft_err *err)
{
    int divides = (tag & TAG_HERE) != 0 ? 0 : is_to_be_divided(route, answer->command, err);

    if (divides != 0)
        return divides < 0 ? -1 : keep(route, tag, answer->command, err);
    return route->take(route->context, answer, err);
}

static int on_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct lane *lane = context;
    struct replay_route *route = lane->route;
    bool own = (tag & TAG_OWN) != 0;
    bool failed = reply->type == REDIS_REPLY_ERROR;
    struct replay_answer answer = {
        .db = (uint32_t)(tag >> 32),
        .mark = (uint32_t)tag >> 2,
        .reply = reply,
        .command = redis_pipe_answered(lane->pipe),
    };

    if (failed && (tag & (TAG_OWN | TAG_HERE)) == 0 && is_kept(route, reply->str)) {
        note_full(lane, reply->str);
        return keep(route, tag, answer.command, err);
    }
    if (failed && (own || replay_is_passing(reply->str))) {
        return err_set(err, replay_is_passing(reply->str) ? FT_ERR_NET : FT_ERR_PROTOCOL,
                       "%s answered: %s", lane->name, reply->str);
    }
    if (own)
        return 0;
    if (route->kept_count != 0 && check_order(route, answer.command, err) != 0)
        return -1;
    if (failed)
        return take_refusal(route, tag, &answer, err);
    return route->take(route->context, &answer, err);
}

/*
 * Again, one by one
 */

struct attempt {
    struct lane *lane;
    bool asking;
    unsigned moves;
    uint64_t pause_ms;
};

static int select_db(struct lane *lane, uint32_t db, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes words[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};

    if (lane->selected == db)
        return 0;
    lane->selected = db;
    return redis_pipe_put(lane->pipe, TAG_OWN, words, 2, err);
}

static int call(struct lane *lane, bool asking, uint32_t db, redisReply **ret,
                const struct bytes *words, size_t count, struct ft_err *err)
{
    const struct bytes ask = bytes_str("ASKING");

    if (open_lane(lane, err) != 0 || select_db(lane, db, err) != 0 ||
        (asking && redis_pipe_put(lane->pipe, TAG_OWN, &ask, 1, err) != 0))
        return -1;
    return redis_pipe_call(lane->pipe, ret, words, count, err);
}

static void count_again(struct replay_route *route)
{
    pthread_mutex_lock(&route->r->mu);
    route->r->result->resent++;
    pthread_mutex_unlock(&route->r->mu);
}

/* Why the cluster is down, an answer does not say: it may be that this node alone knows of slots that
 * have no master. */
static int give_up(const struct replay_route *route, const struct attempt *a, const char *text,
                   struct ft_err *err)
{
    unsigned seconds = (unsigned)(route->r->o->give_up_ms / 1000);
    struct ft_err ignored = FT_ERR_INIT;
    struct slot_map *own = NULL;

    if (route->map != NULL && a->lane->pipe != NULL)
        (void)slot_map_fetch(&own, a->lane->pipe, &a->lane->uri, true,
                             &ignored); /* then own is NULL */
    if (own != NULL && slot_map_check_covered(own, err) != 0)
        (void)err_wrap(err, "%s answered for %u s: %s", a->lane->name, seconds, text);
    else
        (void)err_set(err, FT_ERR_PROTOCOL, "%s answered for %u s: %s", a->lane->name, seconds,
                      text);
    slot_map_free(own);
    return -1;
}

/* To where the answer says, or after a while to where the map says. */
static int pause_before(struct replay_route *route, struct attempt *a, const char *text,
                        struct ft_err *err)
{
    struct replay *r = route->r;

    if (clock_mono_ms() - route->progress_ms > r->o->give_up_ms)
        return give_up(route, a, text, err);
    if (a->pause_ms == PAUSE_FIRST_MS && route->full[0] == '\0')
        replay_note(r, "%s answered: %s; waiting", a->lane->name, text);
    if (replay_sleep(r, a->pause_ms, err) != 0)
        return -1;
    if (a->pause_ms < PAUSE_MAX_MS)
        a->pause_ms *= 2;
    return route->map == NULL ? 0 : fetch_map(route, a->lane, err);
}

static int follow_redirect(struct replay_route *route, struct attempt *a,
                           const struct reply_error *error, struct ft_err *err)
{
    struct slot_map_address address = {.port = error->port};
    size_t index;

    memcpy(address.host, error->host[0] == '\0' ? a->lane->address.host : error->host,
           sizeof(address.host));
    if (lane_at(route, &address, &index, err) != 0)
        return -1;
    a->lane = route->lanes[index];
    a->asking = error->kind == REPLY_ERROR_ASK;
    if (!a->asking)
        route->newcomer = a->lane;
    return 0;
}

static int next_attempt(struct replay_route *route, struct attempt *a, struct bytes key,
                        const char *text, struct ft_err *err)
{
    struct reply_error error;
    bool redirect;

    reply_error_parse(bytes_str(text), &error);
    redirect = error.kind == REPLY_ERROR_MOVED || error.kind == REPLY_ERROR_ASK;
    count_again(route);
    if (redirect && a->moves++ < MOVES_AT_ONCE)
        return follow_redirect(route, a, &error, err);
    if (pause_before(route, a, text, err) != 0)
        return -1;
    a->moves = 0;
    a->asking = false;
    a->lane = lane_of_key(route, key);
    return 0;
}

/* Until it was carried out, by whoever it takes. */
static int carry_out(struct replay_route *route, uint32_t db, redisReply **ret,
                     const struct bytes *words, size_t count, struct ft_err *err)
{
    struct bytes key = command_sent_key(words, count);
    struct attempt a = {.lane = lane_of_key(route, key), .pause_ms = PAUSE_FIRST_MS};
    redisReply *reply;
    int rc = 0;

    for (;;) {
        if (call(a.lane, a.asking, db, &reply, words, count, err) != 0)
            return -1;
        if (reply->type != REDIS_REPLY_ERROR || !is_kept(route, reply->str))
            break;
        rc = next_attempt(route, &a, key, reply->str, err);
        freeReplyObject(reply);
        if (rc != 0)
            return -1;
    }
    route->progress_ms = clock_mono_ms();
    if (reply->type == REDIS_REPLY_ERROR && replay_is_passing(reply->str)) {
        rc = err_set(err, FT_ERR_NET, "%s answered: %s", a.lane->name, reply->str);
        freeReplyObject(reply);
        return rc;
    }
    *ret = reply;
    return 0;
}

static int send_again(struct replay_route *route, uint64_t tag, const struct bytes *words,
                      size_t count, struct bytes command, struct ft_err *err)
{
    struct replay_answer answer = {
        .db = (uint32_t)(tag >> 32), .mark = (uint32_t)tag >> 2, .command = command};
    redisReply *reply;
    int rc;

    if (carry_out(route, answer.db, &reply, words, count, err) != 0)
        return -1;
    answer.reply = reply;
    rc = route->take(route->context, &answer, err);
    freeReplyObject(reply);
    return rc;
}

/* Keys of a slot on its way are on two nodes, and one that is refused is not to take others along: each
 * by itself, and what is said of it is about that one. */
static int send_apart(struct replay_route *route, uint64_t tag, const struct bytes *words,
                      size_t count, struct ft_err *err)
{
    size_t step = key_step(words);
    struct buf command = {0};
    int rc = 0;

    for (size_t i = 1; rc == 0 && i + step <= count; i += step) {
        const struct bytes one[] = {step == 2 ? bytes_str("SET") : words[0], words[i],
                                    words[i + step - 1]};

        buf_clear(&command);
        rc = resp_put_command(&command, one, 1 + step, err);
        if (rc == 0)
            rc = send_again(route, tag, one, 1 + step, buf_bytes(&command), err);
    }
    buf_release(&command);
    return rc;
}

static int send_kept(struct replay_route *route, const struct kept *k, struct ft_err *err)
{
    struct bytes command = bytes_of(route->kept_bytes.p + k->start, k->size);
    struct bytes *words;
    size_t count;
    int rc;

    if (resp_take_command(command, &words, &count, err) != 0)
        return -1;
    rc = key_step(words) != 0 ? send_apart(route, k->tag, words, count, err)
                              : send_again(route, k->tag, words, count, command, err);
    free(words);
    return rc;
}

static int drain_all(struct replay_route *route, struct ft_err *err)
{
    for (size_t i = 0; i < route->lane_count; i++) {
        if (route->lanes[i]->pipe != NULL && redis_pipe_drain(route->lanes[i]->pipe, err) != 0)
            return -1;
    }
    return 0;
}

static void note_again(struct replay_route *route)
{
    route->again += route->kept_count;
    if (route->progress_ms - route->noted_ms < NOTE_MS)
        return;
    replay_note(route->r, "%" PRIu64 " commands were not carried out at once and were sent again",
                route->again);
    route->again = 0;
    route->noted_ms = route->progress_ms;
}

/* Nothing is in flight while it is sent, so nothing is added to what it lies in. */
static int send_all_kept(struct replay_route *route, struct ft_err *err)
{
    if (drain_all(route, err) != 0)
        return -1;
    route->progress_ms = clock_mono_ms();
    for (size_t i = 0; i < route->kept_count; i++) {
        if (send_kept(route, &route->kept[i], err) != 0)
            return -1;
    }
    note_again(route);
    route->kept_count = 0;
    route->full[0] = '\0';
    atomic_store(&route->r->target_full, false);
    buf_clear(&route->kept_bytes);
    buf_trim(&route->kept_bytes, 1u << 20);
    return route->newcomer == NULL ? 0 : fetch_map(route, route->newcomer, err);
}

/*
 * The caller's side
 */

int replay_route_new(struct replay_route **ret, struct replay *r, size_t underway_bytes,
                     replay_answer_fn *take, void *context, struct ft_err *err)
{
    struct replay_route *route = calloc(1, sizeof(*route));
    struct lane *lane;
    int rc;

    if (route == NULL)
        return err_nomem(err, "a sender");
    route->r = r;
    route->underway_bytes = underway_bytes;
    route->take = take;
    route->context = context;
    route->map = r->target.map;
    if (route->map != NULL) {
        rc = use_map(route, err);
    } else {
        rc = add_lane(route, &lane, err);
        if (rc == 0)
            rc = uri_copy(&lane->uri, &r->target.uri, err);
        if (rc == 0)
            name_lane(lane);
    }
    if (rc != 0) {
        replay_route_free(route);
        return -1;
    }
    *ret = route;
    return 0;
}

void replay_route_free(struct replay_route *route)
{
    if (route == NULL)
        return;
    for (size_t i = 0; i < route->lane_count; i++) {
        struct lane *lane = route->lanes[i];

        replay_keep_count(route->r, &lane->count);
        redis_pipe_free(lane->pipe);
        uri_release(&lane->uri);
        free(lane);
    }
    slot_map_free(route->own_map);
    buf_release(&route->kept_bytes);
    free(route->kept);
    free(route->lane_of);
    free(route->lanes);
    free(route);
}

static int put(struct replay_route *route, struct lane *lane, uint64_t tag,
               const struct bytes *words, size_t count, struct ft_err *err)
{
    size_t bytes = 0;

    if (open_lane(lane, err) != 0 || select_db(lane, (uint32_t)(tag >> 32), err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        bytes += words[i].n;
    atomic_fetch_add(&route->r->progress->bytes, bytes);
    lane->count.commands++;
    lane->count.bytes += bytes;
    return redis_pipe_put(lane->pipe, tag, words, count, err);
}

int replay_route_put(struct replay_route *route, uint32_t db, uint32_t mark, struct bytes key,
                     const struct bytes *words, size_t count, struct ft_err *err)
{
    if (put(route, lane_of_key(route, key), make_tag(db, mark), words, count, err) != 0)
        return -1;
    return route->kept_count == 0 ? 0 : send_all_kept(route, err);
}

int replay_route_put_all(struct replay_route *route, uint32_t mark, const struct bytes *words,
                         size_t count, struct ft_err *err)
{
    size_t nodes = route->map == NULL ? 1 : route->map->node_count;

    if (replay_route_settle(route, err) != 0)
        return -1;
    for (size_t i = 0; i < nodes; i++) {
        struct lane *lane = route->lanes[route->map == NULL ? 0 : route->lane_of[i]];

        if (put(route, lane, make_tag(0, mark) | TAG_HERE, words, count, err) != 0 ||
            redis_pipe_drain(lane->pipe, err) != 0)
            return -1;
    }
    return 0;
}

int replay_route_call(struct replay_route *route, uint32_t db, redisReply **ret,
                      const struct bytes *words, size_t count, struct ft_err *err)
{
    if (replay_route_settle(route, err) != 0)
        return -1;
    route->progress_ms = clock_mono_ms();
    if (carry_out(route, db, ret, words, count, err) != 0)
        return -1;
    return route->newcomer == NULL ? 0 : fetch_map(route, route->newcomer, err);
}

int replay_route_settle(struct replay_route *route, struct ft_err *err)
{
    if (drain_all(route, err) != 0)
        return -1;
    return route->kept_count == 0 ? 0 : send_all_kept(route, err);
}

int replay_route_secure(struct replay_route *route, struct ft_err *err)
{
    if (replay_route_settle(route, err) != 0)
        return -1;
    for (size_t i = 0; i < route->lane_count; i++) {
        struct lane *lane = route->lanes[i];

        if (lane->pipe != NULL && replay_await_replicas(route->r, lane->pipe, lane->name, err) != 0)
            return -1;
    }
    return route->map == NULL ? 0 : fetch_map(route, route->lanes[0], err);
}
