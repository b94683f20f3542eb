/*
 * A RENAME whose keys lie on two nodes: what is done, in which order, and what is left to do after each
 * interruption (the table in doc/replay.md).
 */
#include "lib/test_main.h"

#include <stdlib.h>

#include "mapping/replay_plan.h"
#include "replay/position/replay_pair.h"

#define LSN 7u

enum side {
    DST,
    SRC
};

/* Two masters, the first with dst's slot, each with a position of one flow. */
struct cluster {
    struct slot_map map;
    struct target_client target;
    struct replay_node nodes[2];
    uint64_t lsn[2];
    struct replay_position_set set;
};

static void cluster_init(struct cluster *c)
{
    *c = (struct cluster){.lsn = {LSN, LSN}};
    c->map.owner[slot_of(bytes_str("src"))] = SRC;
    assert_int_not_equal(slot_of(bytes_str("src")), slot_of(bytes_str("dst")));
    c->target = (struct target_client){.cluster = true, .map = &c->map, .node_count = 2};
    for (int i = 0; i < 2; i++) {
        c->nodes[i].set = &c->set;
        c->nodes[i].position.lsn = &c->lsn[i];
    }
    c->set = (struct replay_position_set){
        .target = &c->target, .nodes = c->nodes, .node_count = 2, .flow_count = 1};
}

static void cluster_release(struct cluster *c)
{
    for (int i = 0; i < 2; i++)
        free(c->nodes[i].position.outcomes);
}

/* outcome: "d:" as it is found; -1: none. */
static enum replay_standing standing_of(bool dst_past, bool src_past, int outcome)
{
    const struct item item = {.kind = ITEM_COMMAND, .lsn = LSN};
    struct ft_err err = FT_ERR_INIT;
    enum replay_standing found;
    struct cluster c;

    cluster_init(&c);
    c.lsn[DST] += dst_past;
    c.lsn[SRC] += src_past;
    if (outcome >= 0) {
        const struct replay_outcome o = {.lsn = LSN, .follows = outcome == 1};

        t_ok(replay_position_add_outcome(&c.nodes[DST].position, &o, &err), &err);
    }
    found = replay_pair_standing(&c.set, &item, bytes_str("dst"), bytes_str("src"));
    cluster_release(&c);
    return found;
}

static void test_standing(void **state)
{
    (void)state;
    assert_int_equal(standing_of(false, false, -1), REPLAY_STANDS_OPEN);
    assert_int_equal(standing_of(true, false, 1), REPLAY_STANDS_HALF);
    assert_int_equal(standing_of(true, false, 0), REPLAY_STANDS_DONE);
    assert_int_equal(standing_of(true, false, -1), REPLAY_STANDS_SRC_BACK);
    assert_int_equal(standing_of(false, true, -1), REPLAY_STANDS_DST_BACK);
    assert_int_equal(standing_of(false, true, 1), REPLAY_STANDS_DST_BACK);
    assert_int_equal(standing_of(true, true, -1), REPLAY_STANDS_DONE);
}

/* A key may be further than its node: its slot came from one that was. */
static void test_a_lane_is_past(void **state)
{
    const struct item item = {.kind = ITEM_COMMAND, .lsn = LSN};
    uint64_t further = LSN + 1;
    struct replay_lane lane = {.lsn = &further};
    struct cluster c;

    (void)state;
    cluster_init(&c);
    slot_set_add(lane.slots, slot_of(bytes_str("dst")));
    c.nodes[DST].position.lanes = &lane;
    c.nodes[DST].position.lane_count = 1;
    assert_true(replay_is_past(&c.set, &item, bytes_str("dst")));
    assert_false(replay_is_past(&c.set, &item, bytes_str("src")));
    further = LSN;
    assert_false(replay_is_past(&c.set, &item, bytes_str("dst")));
}

/*
 * The plan
 */

struct planned {
    enum replay_standing stands;
    const char *value; /* of src; NULL: it is not there */
    struct buf log;    /* what was asked of the sink, in order */
};

static void note(struct planned *p, const char *text)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(&p->log, &err, "%s ", text), &err);
}

static int drain(void *context, struct ft_err *err)
{
    (void)err;
    note(context, "drain");
    return 0;
}

static redisReply *reply_of(const char *text)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    assert_int_equal(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    redisReaderFree(reader);
    return reply;
}

static int ask(void *context, struct bytes key, redisReply **ret, const struct bytes *args,
               size_t count, struct ft_err *err)
{
    struct planned *p = context;

    (void)args;
    (void)count;
    (void)err;
    t_bytes(key, "src");
    note(p, "read");
    *ret = reply_of(p->value == NULL ? "$-1\r\n" : "*2\r\n$5\r\nvalue\r\n$1\r\n0\r\n");
    return 0;
}

static enum replay_standing stands(void *context, struct bytes dst, struct bytes src)
{
    t_bytes(dst, "dst");
    t_bytes(src, "src");
    return ((struct planned *)context)->stands;
}

static void note_commands(struct planned *p, const struct replay_pair_command *c, size_t count)
{
    struct ft_err err = FT_ERR_INIT;

    for (size_t i = 0; i < count; i++)
        t_ok(buf_printf(&p->log, &err, "%.*s(%.*s) ", (int)c[i].args[0].n, c[i].args[0].p,
                        (int)c[i].args[1].n, c[i].args[1].p),
             &err);
}

static int put_pair(void *context, const struct replay_pair *pair, struct ft_err *err)
{
    (void)err;
    assert_true(pair->apart);
    note(context, "dst:");
    note_commands(context, pair->dst_commands, pair->dst_count);
    note(context, "src:");
    note_commands(context, pair->src_commands, pair->src_count);
    return 0;
}

static bool apart(void *context, struct bytes a, struct bytes b)
{
    (void)context;
    return !bytes_eq(a, b);
}

static int refuse(void *context, const struct item *item, uint32_t db, const struct bytes *args,
                  size_t count, const char *error, struct ft_err *err)
{
    (void)item;
    (void)db;
    (void)args;
    (void)count;
    (void)err;
    note(context, error);
    return 0;
}

/* What becomes of the record, and whether it is lost. */
static void plans(const char *name, enum replay_standing standing, const char *value,
                  const char *want, bool want_lost)
{
    const struct bytes args[] = {bytes_str(name), bytes_str("src"), bytes_str("dst")};
    const struct item item = {.kind = ITEM_COMMAND, .lsn = LSN};
    struct translator_options options = {.cluster = true, .target = target_default()};
    const struct replay_rules rules = {
        .id = "00", .cluster = true, .version = 700, .kind = options.target};
    struct planned p = {.stands = standing, .value = value};
    const struct replay_record_sink sink = {
        .drain = drain, .ask = ask, .standing = stands, .pair = put_pair, .context = &p};
    const struct replay_plan_host host = {.apart = apart, .refuse = refuse, .context = &p};
    struct ft_err err = FT_ERR_INIT;
    struct replay_planner *planner;
    struct translator *translator;
    struct translation t;

    t_ok(translator_new(&translator, &options, &err), &err);
    t_ok(translator_run(translator, args, 3, 0, 0, &t, &err), &err);
    t_ok(replay_planner_new(&planner, &rules, &sink, &host, &err), &err);
    t_ok(replay_plan_run(planner, &item, 0, &t, &err), &err);
    t_ok(buf_append(&p.log, "", 1, &err), &err);
    assert_string_equal((const char *)p.log.p, want);
    assert_int_equal(replay_plan_take_lost(planner), want_lost);
    replay_planner_free(planner);
    translator_free(translator);
    buf_release(&p.log);
}

static void test_rename(void **state)
{
    (void)state;
    plans("RENAME", REPLAY_STANDS_OPEN, "value", "drain read dst: RESTORE(dst) src: DEL(src) ",
          false);
    plans("RENAME", REPLAY_STANDS_HALF, "value", "dst: src: DEL(src) ", false);
    plans("RENAME", REPLAY_STANDS_DONE, "value", "", false);
    plans("RENAME", REPLAY_STANDS_SRC_BACK, "value", "dst: src: DEL(src) ", false);
    plans("RENAME", REPLAY_STANDS_DST_BACK, "value", "", true);
}

/* Nothing is to follow, and the other node has to know. */
static void test_a_refused_rename_is_done_with(void **state)
{
    (void)state;
    plans("RENAME", REPLAY_STANDS_OPEN, NULL, "drain read ERR no such key dst: src: ", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standing),
        cmocka_unit_test(test_a_lane_is_past),
        cmocka_unit_test(test_rename),
        cmocka_unit_test(test_a_refused_rename_is_done_with),
    };

    return T_RUN("replay/position/replay_pair", tests);
}
