#include "target/cluster_pipe.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "command/sent_key.h"
#include "resp/resp_write.h"
#include "target/wait_replicas.h"
#include "wire/reply_error.h"
#include "wire/slot_map_fetch.h"

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
    struct cluster_pipe *owner;
    struct slot_map_address address; /* of a cluster */
    struct uri uri;                  /* owned */
    char name[URI_ADDRESS_SIZE];
    struct redis_pipe *pipe; /* NULL: nothing has been sent there yet */
    uint32_t selected;
    uint64_t command_count;
    uint64_t byte_count;
};

/* A command that was not executed; its bytes lie in kept_bytes. */
struct kept {
    uint64_t tag;
    size_t start, size;
};

struct cluster_pipe {
    struct target_client *target;
    size_t in_flight_bytes;
    cluster_pipe_take_fn *take;
    void *context;
    const struct slot_map *map; /* the target's, or own_map; NULL: a single server */
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

static int add_lane(struct cluster_pipe *c, struct lane **ret, struct ft_err *err)
{
    struct lane *lane;

    if (ARRAY_ADD_ROOM(&c->lanes, c->lane_count, "a connection", err) != 0)
        return -1;
    lane = calloc(1, sizeof(*lane));
    if (lane == NULL)
        return err_nomem(err, "a connection");
    lane->owner = c;
    c->lanes[c->lane_count++] = lane;
    *ret = lane;
    return 0;
}

static void name_lane(struct lane *lane)
{
    (void)uri_address(&lane->uri, lane->name);
}

static int lane_at(struct cluster_pipe *c, const struct slot_map_address *address, size_t *ret,
                   struct ft_err *err)
{
    struct lane *lane;

    for (size_t i = 0; i < c->lane_count; i++) {
        const struct slot_map_address *a = &c->lanes[i]->address;

        if (a->port == address->port && strcmp(a->host, address->host) == 0) {
            *ret = i;
            return 0;
        }
    }
    if (add_lane(c, &lane, err) != 0)
        return -1;
    lane->address = *address;
    *ret = c->lane_count - 1;
    if (slot_map_node_uri(address, &c->target->uri, &lane->uri, err) != 0)
        return -1;
    name_lane(lane);
    return 0;
}

static int open_lane(struct lane *lane, struct ft_err *err)
{
    struct target_client *t = lane->owner->target;

    if (lane->pipe != NULL)
        return 0;
    if (redis_pipe_open_within(&lane->pipe, &lane->uri, t->host.cancel_fd, t->host.give_up_ms,
                               on_reply, lane, err) != 0)
        return -1;
    redis_pipe_limit(lane->pipe, lane->owner->in_flight_bytes);
    lane->selected = 0;
    return fence_name(&t->fence, &t->host, lane->pipe, lane->name, err);
}

static int use_map(struct cluster_pipe *c, struct ft_err *err)
{
    size_t *lane_of = calloc(c->map->node_count + 1, sizeof(*lane_of));

    if (lane_of == NULL)
        return err_nomem(err, "the nodes");
    free(c->lane_of);
    c->lane_of = lane_of;
    for (size_t i = 0; i < c->map->node_count; i++) {
        if (lane_at(c, &c->map->nodes[i].address, &lane_of[i], err) != 0)
            return -1;
    }
    return 0;
}

/* A slot that nobody has goes to anyone: who answers knows more. */
static struct lane *lane_of_slot(const struct cluster_pipe *c, uint16_t slot)
{
    uint16_t owner = c->map == NULL ? SLOT_MAP_NONE : slot_map_master(c->map, slot);

    return c->lanes[owner == SLOT_MAP_NONE ? 0 : c->lane_of[owner]];
}

static struct lane *lane_of_key(const struct cluster_pipe *c, struct bytes key)
{
    return c->map == NULL ? c->lanes[0] : lane_of_slot(c, slot_of(key));
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

static int check_failover(const struct cluster_pipe *c, const struct slot_map *now,
                          struct ft_err *err)
{
    for (size_t i = 0; i < c->map->node_count; i++) {
        const struct slot_map_node *old = &c->map->nodes[i];
        const struct lane *lane = c->lanes[c->lane_of[i]];

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
static int fetch_map(struct cluster_pipe *c, const struct lane *hint, struct ft_err *err)
{
    const struct target_host *host = &c->target->host;
    struct slot_map *map;

    if (slot_map_refetch(&map, c->map, &hint->uri, host->cancel_fd, host->give_up_ms, err) != 0)
        return -1;
    if (check_failover(c, map, err) != 0) {
        slot_map_free(map);
        return -1;
    }
    slot_map_free(c->own_map);
    c->own_map = map;
    c->map = map;
    c->newcomer = NULL;
    return use_map(c, err);
}

/*
 * Answers
 */

/* May this command be sent again from here, without losing what was sent before it? */
static bool is_kept(const struct cluster_pipe *c, const char *text)
{
    switch (reply_error_kind_of(bytes_str(text))) {
    case REPLY_ERROR_MOVED:
    case REPLY_ERROR_ASK:
    case REPLY_ERROR_TRYAGAIN:
    case REPLY_ERROR_CLUSTERDOWN:
        return c->map != NULL;
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
    struct cluster_pipe *c = lane->owner;
    enum reply_error_kind kind = reply_error_kind_of(bytes_str(text));

    if (kind != REPLY_ERROR_OOM && kind != REPLY_ERROR_MISCONF && kind != REPLY_ERROR_NOREPLICAS)
        return;
    (void)snprintf(c->full, sizeof(c->full), "%s answered: %.140s", lane->name,
                   text); /* a longer one is cut */
    if (!atomic_exchange(&c->target->full, true))
        target_host_note(&c->target->host, "%s; waiting", c->full);
}

static int keep(struct cluster_pipe *c, uint64_t tag, struct bytes command, struct ft_err *err)
{
    if (ARRAY_RESERVE(&c->kept, &c->kept_cap, c->kept_count + 1, "commands to be sent again",
                      err) != 0)
        return -1;
    c->kept[c->kept_count] = (struct kept){.tag = tag, .start = c->kept_bytes.n, .size = command.n};
    if (buf_append(&c->kept_bytes, command.p, command.n, err) != 0)
        return -1;
    c->kept_count++;
    return 0;
}

/* Arguments for each key of a command whose keys do not depend on each other; 0: it is not one. */
static size_t key_step(const struct bytes *args)
{
    if (bytes_is_word(args[0], "MSET"))
        return 2;
    return bytes_is_word(args[0], "DEL") || bytes_is_word(args[0], "UNLINK") ? 1 : 0;
}

static bool has_key(const struct bytes *args, size_t count, struct bytes key)
{
    size_t step = key_step(args);

    if (step == 0)
        return bytes_eq(command_sent_key(args, count), key);
    for (size_t i = 1; i < count; i += step) {
        if (bytes_eq(args[i], key))
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

/* This one was executed. Was one that it must not overtake kept? */
static int check_order(const struct cluster_pipe *c, struct bytes command, struct ft_err *err)
{
    struct bytes *args;
    size_t count;
    bool overtakes = false;
    int rc = 0;

    if (resp_take_command(command, &args, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < c->kept_count && rc == 0 && !overtakes; i++) {
        const struct kept *k = &c->kept[i];
        struct bytes *before;
        size_t before_count;

        rc = resp_take_command(bytes_of(c->kept_bytes.p + k->start, k->size), &before,
                               &before_count, err);
        if (rc == 0) {
            overtakes = share_key(args, count, before, before_count);
            free(before);
        }
    }
    free(args);
    if (rc != 0 || !overtakes)
        return rc;
    return err_set(err, FT_ERR_NET, "%s%scommands on one key were executed out of order", c->full,
                   c->full[0] == '\0' ? "" : "; ");
}

/* Was this refused for several keys, of which one may be the reason? From then on keys go one by one. */
static int is_to_be_divided(struct cluster_pipe *c, struct bytes command, struct ft_err *err)
{
    struct bytes *args;
    size_t count;
    bool divides;

    if (resp_take_command(command, &args, &count, err) != 0)
        return -1;
    divides = key_step(args) != 0 && count > 1 + key_step(args);
    free(args);
    if (divides)
        atomic_store(&c->target->keys_apart, true);
    return divides;
}

/* A refusal that is about the command itself. */
static int take_refusal(struct cluster_pipe *c, uint64_t tag, const struct cluster_answer *answer,
                        struct ft_err *err)
{
    int divides = (tag & TAG_HERE) != 0 ? 0 : is_to_be_divided(c, answer->command, err);

    if (divides != 0)
        return divides < 0 ? -1 : keep(c, tag, answer->command, err);
    return c->take(c->context, answer, err);
}

static int on_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct lane *lane = context;
    struct cluster_pipe *c = lane->owner;
    bool own = (tag & TAG_OWN) != 0;
    bool failed = reply->type == REDIS_REPLY_ERROR;
    struct cluster_answer answer = {
        .db = (uint32_t)(tag >> 32),
        .mark = (uint32_t)tag >> 2,
        .reply = reply,
        .command = redis_pipe_answered(lane->pipe),
    };

    if (failed && (tag & (TAG_OWN | TAG_HERE)) == 0 && is_kept(c, reply->str)) {
        note_full(lane, reply->str);
        return keep(c, tag, answer.command, err);
    }
    if (failed && (own || target_node_is_transient(reply->str))) {
        return err_set(err, target_node_is_transient(reply->str) ? FT_ERR_NET : FT_ERR_PROTOCOL,
                       "%s answered: %s", lane->name, reply->str);
    }
    if (own)
        return 0;
    if (c->kept_count != 0 && check_order(c, answer.command, err) != 0)
        return -1;
    if (failed)
        return take_refusal(c, tag, &answer, err);
    return c->take(c->context, &answer, err);
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
    const struct bytes args[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};

    if (lane->selected == db)
        return 0;
    lane->selected = db;
    return redis_pipe_put(lane->pipe, TAG_OWN, args, 2, err);
}

static int call(struct lane *lane, bool asking, uint32_t db, redisReply **ret,
                const struct bytes *args, size_t count, struct ft_err *err)
{
    const struct bytes ask = bytes_str("ASKING");

    if (open_lane(lane, err) != 0 || select_db(lane, db, err) != 0 ||
        (asking && redis_pipe_put(lane->pipe, TAG_OWN, &ask, 1, err) != 0))
        return -1;
    return redis_pipe_call(lane->pipe, ret, args, count, err);
}

/* Why the cluster is down, an answer does not say: it may be that this node alone knows of slots that
 * have no master. */
static int give_up(const struct cluster_pipe *c, const struct attempt *a, const char *text,
                   struct ft_err *err)
{
    unsigned seconds = (unsigned)(c->target->host.give_up_ms / 1000);
    struct ft_err ignored = FT_ERR_INIT;
    struct slot_map *own = NULL;

    if (c->map != NULL && a->lane->pipe != NULL)
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
static int pause_before(struct cluster_pipe *c, struct attempt *a, const char *text,
                        struct ft_err *err)
{
    const struct target_host *host = &c->target->host;

    if (clock_mono_ms() - c->progress_ms > host->give_up_ms)
        return give_up(c, a, text, err);
    if (a->pause_ms == PAUSE_FIRST_MS && c->full[0] == '\0')
        target_host_note(host, "%s answered: %s; waiting", a->lane->name, text);
    if (target_host_sleep(host, a->pause_ms, err) != 0)
        return -1;
    if (a->pause_ms < PAUSE_MAX_MS)
        a->pause_ms *= 2;
    return c->map == NULL ? 0 : fetch_map(c, a->lane, err);
}

static int follow_redirect(struct cluster_pipe *c, struct attempt *a,
                           const struct reply_error *error, struct ft_err *err)
{
    struct slot_map_address address = {.port = error->port};
    size_t index;

    memcpy(address.host, error->host[0] == '\0' ? a->lane->address.host : error->host,
           sizeof(address.host));
    if (lane_at(c, &address, &index, err) != 0)
        return -1;
    a->lane = c->lanes[index];
    a->asking = error->kind == REPLY_ERROR_ASK;
    if (!a->asking)
        c->newcomer = a->lane;
    return 0;
}

static int next_attempt(struct cluster_pipe *c, struct attempt *a, struct bytes key,
                        const char *text, struct ft_err *err)
{
    struct reply_error error;
    bool redirect;

    reply_error_parse(bytes_str(text), &error);
    redirect = error.kind == REPLY_ERROR_MOVED || error.kind == REPLY_ERROR_ASK;
    atomic_fetch_add(&c->target->resent, 1);
    if (redirect && a->moves++ < MOVES_AT_ONCE)
        return follow_redirect(c, a, &error, err);
    if (pause_before(c, a, text, err) != 0)
        return -1;
    a->moves = 0;
    a->asking = false;
    a->lane = lane_of_key(c, key);
    return 0;
}

/* Until it was executed, by whoever it takes. */
static int execute(struct cluster_pipe *c, uint32_t db, redisReply **ret, const struct bytes *args,
                   size_t count, struct ft_err *err)
{
    struct bytes key = command_sent_key(args, count);
    struct attempt a = {.lane = lane_of_key(c, key), .pause_ms = PAUSE_FIRST_MS};
    redisReply *reply;
    int rc = 0;

    for (;;) {
        if (call(a.lane, a.asking, db, &reply, args, count, err) != 0)
            return -1;
        if (reply->type != REDIS_REPLY_ERROR || !is_kept(c, reply->str))
            break;
        rc = next_attempt(c, &a, key, reply->str, err);
        reply_free(reply);
        if (rc != 0)
            return -1;
    }
    c->progress_ms = clock_mono_ms();
    if (reply->type == REDIS_REPLY_ERROR && target_node_is_transient(reply->str)) {
        rc = err_set(err, FT_ERR_NET, "%s answered: %s", a.lane->name, reply->str);
        reply_free(reply);
        return rc;
    }
    *ret = reply;
    return 0;
}

static int send_again(struct cluster_pipe *c, uint64_t tag, const struct bytes *args, size_t count,
                      struct bytes command, struct ft_err *err)
{
    struct cluster_answer answer = {
        .db = (uint32_t)(tag >> 32), .mark = (uint32_t)tag >> 2, .command = command};
    redisReply *reply;
    int rc;

    if (execute(c, answer.db, &reply, args, count, err) != 0)
        return -1;
    answer.reply = reply;
    rc = c->take(c->context, &answer, err);
    reply_free(reply);
    return rc;
}

/* Keys of a slot on its way are on two nodes, and one that is refused is not to take others along: each
 * by itself, and what is said of it is about that one. */
static int send_apart(struct cluster_pipe *c, uint64_t tag, const struct bytes *args, size_t count,
                      struct ft_err *err)
{
    size_t step = key_step(args);
    struct buf command = {0};
    int rc = 0;

    for (size_t i = 1; rc == 0 && i + step <= count; i += step) {
        const struct bytes one[] = {step == 2 ? bytes_str("SET") : args[0], args[i],
                                    args[i + step - 1]};

        buf_clear(&command);
        rc = resp_put_command(&command, one, 1 + step, err);
        if (rc == 0)
            rc = send_again(c, tag, one, 1 + step, buf_bytes(&command), err);
    }
    buf_release(&command);
    return rc;
}

static int send_kept(struct cluster_pipe *c, const struct kept *k, struct ft_err *err)
{
    struct bytes command = bytes_of(c->kept_bytes.p + k->start, k->size);
    struct bytes *args;
    size_t count;
    int rc;

    if (resp_take_command(command, &args, &count, err) != 0)
        return -1;
    rc = key_step(args) != 0 ? send_apart(c, k->tag, args, count, err)
                             : send_again(c, k->tag, args, count, command, err);
    free(args);
    return rc;
}

static int drain_all(struct cluster_pipe *c, struct ft_err *err)
{
    for (size_t i = 0; i < c->lane_count; i++) {
        if (c->lanes[i]->pipe != NULL && redis_pipe_drain(c->lanes[i]->pipe, err) != 0)
            return -1;
    }
    return 0;
}

static void note_again(struct cluster_pipe *c)
{
    c->again += c->kept_count;
    if (c->progress_ms - c->noted_ms < NOTE_MS)
        return;
    target_host_note(&c->target->host, "%" PRIu64 " command%s not executed at once and sent again",
                     c->again, c->again == 1 ? " was" : "s were");
    c->again = 0;
    c->noted_ms = c->progress_ms;
}

/* Nothing is in flight while it is sent, so nothing is added to what it lies in. */
static int send_all_kept(struct cluster_pipe *c, struct ft_err *err)
{
    if (drain_all(c, err) != 0)
        return -1;
    c->progress_ms = clock_mono_ms();
    for (size_t i = 0; i < c->kept_count; i++) {
        if (send_kept(c, &c->kept[i], err) != 0)
            return -1;
    }
    note_again(c);
    c->kept_count = 0;
    c->full[0] = '\0';
    atomic_store(&c->target->full, false);
    buf_clear(&c->kept_bytes);
    buf_trim(&c->kept_bytes, 1u << 20);
    return c->newcomer == NULL ? 0 : fetch_map(c, c->newcomer, err);
}

/*
 * The caller's side
 */

int cluster_pipe_new(struct cluster_pipe **ret, struct target_client *t, size_t in_flight_bytes,
                     cluster_pipe_take_fn *take, void *context, struct ft_err *err)
{
    struct cluster_pipe *c = calloc(1, sizeof(*c));
    struct lane *lane;
    int rc;

    if (c == NULL)
        return err_nomem(err, "a sender");
    c->target = t;
    c->in_flight_bytes = in_flight_bytes;
    c->take = take;
    c->context = context;
    c->map = t->map;
    if (c->map != NULL) {
        rc = use_map(c, err);
    } else {
        rc = add_lane(c, &lane, err);
        if (rc == 0)
            rc = uri_copy(&lane->uri, &t->uri, err);
        if (rc == 0)
            name_lane(lane);
    }
    if (rc != 0) {
        cluster_pipe_free(c);
        return -1;
    }
    *ret = c;
    return 0;
}

void cluster_pipe_free(struct cluster_pipe *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->lane_count; i++) {
        struct lane *lane = c->lanes[i];

        target_host_count(&c->target->host, lane->name, lane->command_count, lane->byte_count);
        redis_pipe_free(lane->pipe);
        uri_release(&lane->uri);
        free(lane);
    }
    slot_map_free(c->own_map);
    buf_release(&c->kept_bytes);
    free(c->kept);
    free(c->lane_of);
    free(c->lanes);
    free(c);
}

static int put(struct cluster_pipe *c, struct lane *lane, uint64_t tag, const struct bytes *args,
               size_t count, struct ft_err *err)
{
    size_t bytes = 0;

    if (open_lane(lane, err) != 0 || select_db(lane, (uint32_t)(tag >> 32), err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        bytes += args[i].n;
    target_host_sent(&c->target->host, bytes);
    lane->command_count++;
    lane->byte_count += bytes;
    return redis_pipe_put(lane->pipe, tag, args, count, err);
}

int cluster_pipe_put(struct cluster_pipe *c, uint32_t db, uint32_t mark, struct bytes key,
                     const struct bytes *args, size_t count, struct ft_err *err)
{
    if (put(c, lane_of_key(c, key), make_tag(db, mark), args, count, err) != 0)
        return -1;
    return c->kept_count == 0 ? 0 : send_all_kept(c, err);
}

int cluster_pipe_put_all(struct cluster_pipe *c, uint32_t mark, const struct bytes *args,
                         size_t count, struct ft_err *err)
{
    size_t nodes = c->map == NULL ? 1 : c->map->node_count;

    if (cluster_pipe_drain(c, err) != 0)
        return -1;
    for (size_t i = 0; i < nodes; i++) {
        struct lane *lane = c->lanes[c->map == NULL ? 0 : c->lane_of[i]];

        if (put(c, lane, make_tag(0, mark) | TAG_HERE, args, count, err) != 0 ||
            redis_pipe_drain(lane->pipe, err) != 0)
            return -1;
    }
    return 0;
}

int cluster_pipe_call(struct cluster_pipe *c, uint32_t db, redisReply **ret,
                      const struct bytes *args, size_t count, struct ft_err *err)
{
    if (cluster_pipe_drain(c, err) != 0)
        return -1;
    c->progress_ms = clock_mono_ms();
    if (execute(c, db, ret, args, count, err) != 0)
        return -1;
    return c->newcomer == NULL ? 0 : fetch_map(c, c->newcomer, err);
}

int cluster_pipe_drain(struct cluster_pipe *c, struct ft_err *err)
{
    if (drain_all(c, err) != 0)
        return -1;
    return c->kept_count == 0 ? 0 : send_all_kept(c, err);
}

int cluster_pipe_wait_replicas(struct cluster_pipe *c, struct ft_err *err)
{
    if (cluster_pipe_drain(c, err) != 0)
        return -1;
    for (size_t i = 0; i < c->lane_count; i++) {
        struct lane *lane = c->lanes[i];

        if (lane->pipe != NULL && wait_replicas(&c->target->host, lane->pipe, lane->name, err) != 0)
            return -1;
    }
    return c->map == NULL ? 0 : fetch_map(c, c->lanes[0], err);
}
