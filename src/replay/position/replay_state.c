#include "replay/position/replay_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"

/* A field and its value. */
struct field {
    struct bytes name;
    struct bytes value;
};

static int bad(struct ft_err *err, const struct field *f)
{
    char name[40];
    char value[40];

    return err_set(err, FT_ERR_PROTOCOL,
                   "the target's record of a replay is damaged: field \"%s\" is \"%s\"; "
                   "--from-start begins again",
                   bytes_escape(f->name, name, sizeof(name)),
                   bytes_escape(f->value, value, sizeof(value)));
}

static int take_number(const struct field *f, uint64_t *ret, struct ft_err *err)
{
    return bytes_to_u64(f->value, ret) ? 0 : bad(err, f);
}

/* "snap:12" and the like. */
static bool has_index(struct bytes name, const char *prefix, uint64_t *ret)
{
    size_t n = strlen(prefix);

    return name.n > n && memcmp(name.p, prefix, n) == 0 &&
           bytes_to_u64(bytes_of(name.p + n, name.n - n), ret);
}

static bool has_prefix(struct bytes name, const char *prefix)
{
    return name.n > strlen(prefix) && memcmp(name.p, prefix, strlen(prefix)) == 0;
}

static int take_text(const struct field *f, char *out, size_t size, struct ft_err *err)
{
    if (f->value.n >= size)
        return bad(err, f);
    if (f->value.n != 0) /* of an empty one there may be no bytes to point at */
        memcpy(out, f->value.p, f->value.n);
    out[f->value.n] = '\0';
    return 0;
}

static int push_generation(struct replay_state *s, uint64_t generation, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&s->begun, s->begun_count, "the state of a replay", err) != 0)
        return -1;
    s->begun[s->begun_count++] = (uint32_t)generation;
    return 0;
}

static int push_tag(struct replay_state *s, struct bytes tag, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&s->tags, s->tag_count, "the state of a replay", err) != 0)
        return -1;
    (void)snprintf(s->tags[s->tag_count++], REPLAY_TAG_SIZE, "%.*s", (int)tag.n,
                   (const char *)tag.p); /* a longer one is none of ours */
    return 0;
}

const struct replay_server *replay_state_server(const struct replay_state *s, const char *node)
{
    for (size_t i = 0; i < s->server_count; i++) {
        if (strcmp(s->servers[i].node, node) == 0)
            return &s->servers[i];
    }
    return NULL;
}

static struct replay_server *get_server(struct replay_state *s, struct bytes node,
                                        struct ft_err *err)
{
    struct replay_server *server;
    char name[REPLAY_RUN_SIZE];

    (void)snprintf(name, sizeof(name), "%.*s", (int)node.n,
                   (const char *)node.p); /* a longer one is none of ours */
    for (size_t i = 0; i < s->server_count; i++) {
        if (strcmp(s->servers[i].node, name) == 0)
            return &s->servers[i];
    }
    if (ARRAY_ADD_ROOM(&s->servers, s->server_count, "the state of a replay", err) != 0)
        return NULL;
    server = &s->servers[s->server_count++];
    *server = (struct replay_server){.node = ""};
    memcpy(server->node, name, sizeof(name));
    return server;
}

static int take_run(struct replay_state *s, const struct field *f, struct ft_err *err)
{
    struct replay_server *server = get_server(s, bytes_of(f->name.p + 4, f->name.n - 4), err);

    return server == NULL ? -1 : take_text(f, server->run, sizeof(server->run), err);
}

static int take_flushes(struct replay_state *s, const struct field *f, struct ft_err *err)
{
    struct replay_server *server = get_server(s, bytes_of(f->name.p + 8, f->name.n - 8), err);

    return server == NULL ? -1 : take_text(f, server->flushes, sizeof(server->flushes), err);
}

static int take_phase(struct replay_state *s, const struct field *f, struct ft_err *err)
{
    if (bytes_eq_str(f->value, "snapshot"))
        s->phase = REPLAY_PHASE_SNAPSHOT;
    else if (bytes_eq_str(f->value, "journal"))
        s->phase = REPLAY_PHASE_JOURNAL;
    else if (bytes_eq_str(f->value, "ending"))
        s->phase = REPLAY_PHASE_ENDING;
    else
        return bad(err, f);
    return 0;
}

static int take_version(struct replay_state *s, const struct field *f, struct ft_err *err)
{
    uint64_t version;

    if (take_number(f, &version, err) != 0)
        return -1;
    s->by_slot = version >= REPLAY_STATE_BY_SLOT;
    if (version <= REPLAY_STATE_VERSION)
        return 0;
    return err_set(err, FT_ERR_UNSUPPORTED,
                   "the target's record of a replay has version %" PRIu64
                   ", this program knows %d: a newer flowtape wrote it",
                   version, REPLAY_STATE_VERSION);
}

static int take_state_field(struct replay_state *s, const struct field *f, struct ft_err *err)
{
    uint64_t number;

    if (bytes_eq_str(f->name, "version"))
        return take_version(s, f, err);
    if (bytes_eq_str(f->name, "capture"))
        return take_text(f, s->capture, sizeof(s->capture), err);
    if (bytes_eq_str(f->name, "rules"))
        return take_text(f, s->rules, sizeof(s->rules), err);
    if (bytes_eq_str(f->name, "phase"))
        return take_phase(s, f, err);
    if (bytes_eq_str(f->name, "began_ms"))
        return take_number(f, &s->began_ms, err);
    if (bytes_eq_str(f->name, "epoch"))
        return take_number(f, &s->epoch, err);
    if (bytes_eq_str(f->name, "generation")) {
        if (take_number(f, &number, err) != 0)
            return -1;
        s->generation = (uint32_t)number;
        return 0;
    }
    if (bytes_eq_str(f->name, "early"))
        return take_text(f, s->early, sizeof(s->early), err);
    if (bytes_eq_str(f->name, "dirty"))
        s->dirty = true;
    if (bytes_eq_str(f->name, "dbs"))
        s->has_dbs = true;
    if (bytes_eq_str(f->name, "emptied"))
        s->emptied = true;
    if (bytes_eq_str(f->name, "marks"))
        s->has_marks = true;
    if (bytes_eq_str(f->name, "overdue")) {
        s->deferred = true;
        s->released = bytes_eq_str(f->value, "released");
    } else if (has_index(f->name, "snap:", &number) && number < s->flow_count)
        s->snap_done[number] = true;
    else if (has_index(f->name, "began:", &number))
        return push_generation(s, number, err);
    else if (has_prefix(f->name, "node:"))
        return push_tag(s, bytes_of(f->name.p + 5, f->name.n - 5), err);
    else if (has_prefix(f->name, "run:"))
        return take_run(s, f, err);
    else if (has_prefix(f->name, "flushes:"))
        return take_flushes(s, f, err);
    return 0;
}

static int check_hash(const redisReply *reply, struct ft_err *err)
{
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements % 2 == 0)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL, "the target's record of a replay cannot be read: %s",
                   reply->type == REDIS_REPLY_ERROR ? reply->str : "it is not a hash");
}

static struct field field_of(const redisReply *reply, size_t i)
{
    return (struct field){
        .name = bytes_of(reply->element[i]->str, reply->element[i]->len),
        .value = bytes_of(reply->element[i + 1]->str, reply->element[i + 1]->len),
    };
}

int replay_state_parse(struct replay_state *ret, const redisReply *reply, uint32_t flow_count,
                       struct ft_err *err)
{
    struct replay_state s = {.flow_count = flow_count};

    if (check_hash(reply, err) != 0)
        return -1;
    s.snap_done = calloc(flow_count == 0 ? 1 : flow_count, sizeof(*s.snap_done));
    if (s.snap_done == NULL)
        return err_nomem(err, "the state of a replay");
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        struct field f = field_of(reply, i);

        if (take_state_field(&s, &f, err) != 0) {
            replay_state_release(&s);
            return -1;
        }
    }
    *ret = s;
    return 0;
}

void replay_state_release(struct replay_state *s)
{
    free(s->snap_done);
    free(s->begun);
    free(s->tags);
    free(s->servers);
    *s = (struct replay_state){0};
}

/*
 * Positions
 */

static int put_lsns(struct buf *out, const uint64_t *lsn, uint32_t flow_count, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];

    for (uint32_t i = 0; i < flow_count; i++) {
        if (buf_append_str(out, i == 0 ? "|" : ",", err) != 0 ||
            buf_append(out, number, i64_to_text((int64_t)lsn[i], number), err) != 0)
            return -1;
    }
    return 0;
}

int replay_lane_put(struct buf *out, const struct replay_lane *lane, uint32_t flow_count,
                    struct ft_err *err)
{
    return slot_set_put(out, lane->slots, err) == 0 ? put_lsns(out, lane->lsn, flow_count, err)
                                                    : -1;
}

int replay_lane_put_first(struct buf *out, uint32_t count, const uint64_t *lsn, uint32_t flow_count,
                          struct ft_err *err)
{
    return buf_printf(out, err, "0-%" PRIu32, count - 1) == 0 ? put_lsns(out, lsn, flow_count, err)
                                                              : -1;
}

static int take_lane(struct replay_position *p, const struct field *f, uint32_t flow_count,
                     struct ft_err *err)
{
    struct replay_lane *lane;
    struct bytes numbers = f->value;
    struct bytes slots = bytes_take_until(&numbers, '|');

    if (ARRAY_ADD_ROOM(&p->lanes, p->lane_count, "a replay's position", err) != 0)
        return -1;
    lane = &p->lanes[p->lane_count];
    lane->lsn = calloc(flow_count, sizeof(*lane->lsn));
    if (lane->lsn == NULL)
        return err_nomem(err, "a replay's position");
    p->lane_count++;
    if (slot_set_parse(slots, lane->slots, err) != 0)
        return -1;
    for (uint32_t i = 0; i < flow_count; i++) {
        if (!bytes_to_u64(bytes_take_until(&numbers, ','), &lane->lsn[i]))
            return bad(err, f);
    }
    return 0;
}

int replay_position_add_outcome(struct replay_position *p, const struct replay_outcome *outcome,
                                struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&p->outcomes, p->outcome_count, "a replay's position", err) != 0)
        return -1;
    p->outcomes[p->outcome_count++] = *outcome;
    return 0;
}

void replay_position_drop_outcome(struct replay_position *p, uint64_t flow, uint64_t lsn)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->outcome_count; i++) {
        if (p->outcomes[i].flow != flow || p->outcomes[i].lsn != lsn)
            p->outcomes[kept++] = p->outcomes[i];
    }
    p->outcome_count = kept;
}

const struct replay_outcome *replay_position_outcome(const struct replay_position *p, uint64_t flow,
                                                     uint64_t lsn)
{
    for (size_t i = 0; i < p->outcome_count; i++) {
        if (p->outcomes[i].flow == flow && p->outcomes[i].lsn == lsn)
            return &p->outcomes[i];
    }
    return NULL;
}

static int take_outcome(struct replay_position *p, const struct field *f, struct ft_err *err)
{
    struct replay_outcome outcome = {.follows = !bytes_eq_str(f->value, "0")};
    struct bytes lsn = bytes_of(f->name.p + 2, f->name.n - 2);
    struct bytes flow = bytes_take_until(&lsn, ':');

    if (!bytes_to_u64(flow, &outcome.flow) || !bytes_to_u64(lsn, &outcome.lsn))
        return bad(err, f);
    return replay_position_add_outcome(p, &outcome, err);
}

static int take_position_field(struct replay_position *p, const struct field *f,
                               uint32_t flow_count, struct ft_err *err)
{
    uint64_t flow;

    if (bytes_eq_str(f->name, "epoch"))
        return take_number(f, &p->epoch, err);
    if (bytes_eq_str(f->name, "seq"))
        return take_number(f, &p->seq, err);
    if (bytes_eq_str(f->name, "slots"))
        return slot_set_parse(f->value, p->slots, err);
    if (has_index(f->name, "flow:", &flow))
        return flow < flow_count ? take_number(f, &p->lsn[flow], err) : bad(err, f);
    if (has_prefix(f->name, "lane:"))
        return take_lane(p, f, flow_count, err);
    if (has_prefix(f->name, "d:"))
        return take_outcome(p, f, err);
    p->error_count += has_prefix(f->name, "e:");
    return 0;
}

int replay_position_parse(struct replay_position *ret, const redisReply *reply, uint32_t flow_count,
                          struct ft_err *err)
{
    struct replay_position p = *ret;

    if (check_hash(reply, err) != 0)
        return -1;
    p.found = reply->elements != 0;
    p.lsn = calloc(flow_count == 0 ? 1 : flow_count, sizeof(*p.lsn));
    if (p.lsn == NULL)
        return err_nomem(err, "a replay's position");
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        struct field f = field_of(reply, i);

        if (take_position_field(&p, &f, flow_count, err) != 0) {
            replay_position_release(&p);
            return -1;
        }
    }
    *ret = p;
    return 0;
}

void replay_position_name(struct replay_position *p, const char *capture, const char *tag)
{
    (void)snprintf(p->tag, sizeof(p->tag), "%s", tag);
    (void)snprintf(p->key, sizeof(p->key), REPLAY_KEY_PREFIX "%s:{%s}", capture, p->tag);
}

uint64_t replay_position_of(const struct replay_position *p, uint32_t flow, uint16_t slot)
{
    uint64_t lsn = p->lsn[flow];

    for (size_t i = 0; i < p->lane_count; i++) {
        if (slot_set_has(p->lanes[i].slots, slot) && p->lanes[i].lsn[flow] > lsn)
            lsn = p->lanes[i].lsn[flow];
    }
    return lsn;
}

void replay_position_release(struct replay_position *p)
{
    for (size_t i = 0; i < p->lane_count; i++)
        free(p->lanes[i].lsn);
    free(p->lanes);
    free(p->lsn);
    free(p->outcomes);
    *p = (struct replay_position){0};
}
