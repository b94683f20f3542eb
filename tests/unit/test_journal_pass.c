/* The journals of all flows as one sequence: order, barrier, owner guard, cut. */
#include "command/translate.h"
#include "lib/t_store.h"

#include <stdlib.h>

#include "input/journal_pass.h"
#include "item/owner.h"
#include "lib/t_flows.h"

/* Of two flows sharded by key m1, b1 and s3 belong to flow 0; n1, i1 and f1 to flow 1. */

struct pass_result {
    struct buf text; /* "flow:lsn words; ..." as delivered */
    struct journal_pass_counts counts;
    struct ft_err err;
    int rc;
};

static int take(void *context, const struct item *item, const struct translation *t,
                struct ft_err *err)
{
    struct buf *text = context;
    const char *gap = text->n == 0 ? "" : text->p[text->n - 1] == '|' ? " " : "; ";

    (void)t;
    if (bytes_is_word(item->record.args[0], "FAIL"))
        return err_set(err, FT_ERR_IO, "no more room");
    (void)buf_printf(text, err, "%s%u:%u", gap, (unsigned)item->flow, (unsigned)item->lsn);
    for (size_t i = 0; i < item->record.arg_count; i++) {
        (void)buf_append_str(text, " ", err);
        (void)buf_append(text, item->record.args[i].p, item->record.args[i].n, err);
    }
    return 0;
}

static struct pass_result run(const struct t_flow_records *flows, uint32_t flow_count,
                              enum sharding_rule rule, const char *at)
{
    struct pass_result r = {.err = FT_ERR_INIT};
    struct translator *translator;
    struct source *source;
    struct cut cut;

    t_ok(t_flows_make(t_store_path, flows, flow_count, rule, &r.err), &r.err);
    t_ok(source_open(&source, t_store_path, 0, &r.err), &r.err);
    t_ok(source_resolve_cut(source, at, &cut, &r.err), &r.err);
    t_ok(journal_translator_new(&translator, source, target_default(), JSON_AS_DEFAULT, &r.err),
         &r.err);
    r.rc = journal_pass_run(source, &cut, translator, take, &r.text, &r.counts, &r.err);
    translator_free(translator);
    cut_release(&cut);
    source_free(source);
    return r;
}

static void expect(struct pass_result *r, const char *text)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(r->rc, &r->err);
    (void)buf_append(&r->text, "", 1, &err);
    assert_string_equal((const char *)r->text.p, text);
    buf_release(&r->text);
}

static void test_flows_by_receive_time(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 0, 0, "SET m1 1"}, {2, 0, 0, "SET m1 2"}, {5, 0, 3, "SET b1 3"}}},
        {.records = {{2, 0, 0, "SET n1 1"}, {3, 0, 0, "SET n1 2"}}},
        {{{0}}, {{0}}},
    };
    struct pass_result r = run(flows, 3, SHARDING_UNKNOWN, "end");

    (void)state;
    expect(&r, "0:10 SET m1 1; 0:11 SET m1 2; 1:10 SET n1 1; 1:11 SET n1 2; 0:12 SET b1 3");
    assert_int_equal(r.counts.records, 5);
    assert_int_equal(r.counts.foreign, 0);
}

static void test_the_cut(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 0, 0, "SET m1 1"}, {2, 0, 0, "SET m1 2"}}},
        {.records = {{1, 0, 0, "SET n1 1"}, {3, 0, 0, "SET n1 2"}}},
    };
    struct pass_result r = run(flows, 2, SHARDING_KEY, "9,10");

    (void)state;
    expect(&r, "1:10 SET n1 1");
    assert_int_equal(r.counts.records, 1);
}

/* One owned key is enough; with an unknown rule everything passes. */
static void test_copies_on_other_flows_are_dropped(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 5, 0, "SET p1 1"}, {2, 0, 0, "SET n1 HYLL"}, {3, 0, 0, "DEL n1 m1"}}},
        {.records = {{1, 0, 0, "SET n1 2"}, {2, 0, 0, "SET m1 HYLL"}}},
    };
    struct pass_result r = run(flows, 2, SHARDING_KEY, "end");

    expect(&r, "0:10 SET p1 1; 1:10 SET n1 2; 0:12 DEL n1 m1");
    assert_int_equal(r.counts.records, 5);
    assert_int_equal(r.counts.foreign, 2);
    (void)t_store_teardown(state);
    (void)t_store_setup(state);
    r = run(flows, 2, SHARDING_UNKNOWN, "end");
    assert_int_equal(r.counts.foreign, 0);
    buf_release(&r.text);
}

/* The first of these could be a copy; the second shows that the rule does not hold. */
static void test_any_other_record_disproves_the_rule(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 0, 0, "SET n1 HYLL"}, {2, 0, 0, "INCR n1"}, {3, 0, 0, "SET n1 HYLL"}}},
        {.records = {{9, 0, 0, "SET m1 2"}}},
    };
    struct pass_result r = run(flows, 2, SHARDING_KEY, "end");

    (void)state;
    expect(&r, "0:11 INCR n1; 0:12 SET n1 HYLL; 1:10 SET m1 2");
    assert_int_equal(r.counts.foreign, 1);
}

static void test_what_comes_on_every_flow_is_done_once(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 7, 0, "FT.DROPINDEX i"}}},
        {.records = {{1, 7, 0, "FT.DROPINDEX i"}}},
    };
    struct pass_result r = run(flows, 2, SHARDING_KEY, "end");

    (void)state;
    expect(&r, "0:10 FT.DROPINDEX i");
    assert_int_equal(r.counts.repeated, 1);
}

/* Flow 1 has the flush early; what follows there waits for flow 0. */
static void test_flushes_are_barriers(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 0, 0, "SET m1 1"}, {6, 9, 0, "FLUSHALL"}, {7, 0, 0, "SET m1 2"}}},
        {.records = {{2, 9, 0, "FLUSHALL"}, {3, 0, 0, "SET n1 2"}}},
    };
    struct pass_result r = run(flows, 2, SHARDING_KEY, "end");

    (void)state;
    expect(&r, "0:10 SET m1 1; 0:11 FLUSHALL; 1:11 SET n1 2; 0:12 SET m1 2");
    assert_int_equal(r.counts.flushes, 1);
    assert_int_equal(r.counts.records, 5);
    assert_int_equal(r.counts.partial_flush_flows, 0);
}

static void test_half_a_flush_is_not_applied(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 0, 0, "SET m1 1"}, {6, 9, 0, "FLUSHDB"}}},
        {.records = {{2, 9, 0, "FLUSHDB"}, {3, 0, 0, "SET n1 2"}, {4, 0, 0, "SET n1 3"}}},
    };
    struct pass_result r = run(flows, 2, SHARDING_KEY, "10,12");

    (void)state;
    expect(&r, "0:10 SET m1 1");
    assert_int_equal(r.counts.flushes, 0);
    assert_int_equal(r.counts.partial_flush_flows, 1);
    assert_int_equal(r.counts.after_partial_flush, 3);
}

static void test_different_flushes_are_damage(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 8, 0, "FLUSHALL"}}},
        {.records = {{1, 9, 0, "FLUSHALL"}}},
    };
    struct pass_result r = run(flows, 2, SHARDING_KEY, "end");

    (void)state;
    t_fails(r.rc, &r.err, FT_ERR_CORRUPT, "flow 1, LSN 10: flush of transaction 9");
    buf_release(&r.text);
}

static void test_errors_name_the_record(void **state)
{
    static const struct t_flow_records flows[] = {
        {.records = {{1, 0, 0, "SET m1 1"}, {2, 0, 0, "FAIL m1"}, {3, 0, 0, "SET m1 2"}}},
    };
    struct pass_result r = run(flows, 1, SHARDING_KEY, "end");

    (void)state;
    t_fails(r.rc, &r.err, FT_ERR_IO, "flow 0, LSN 11, command FAIL: no more room");
    t_bytes(buf_bytes(&r.text), "0:10 SET m1 1");
    buf_release(&r.text);
}

/*
 * Following
 */

enum deed {
    END,
    ADD, /* a record to a flow */
    SEAL,
    CRASH,
    RECOVER,
    RAISE, /* the flow may be read up to this LSN */
    IDLE,  /* let the pass go on, until it is idle again */
};

struct act {
    enum deed deed;
    uint32_t flow;
    struct t_record record;
    uint64_t lsn;
};

/* What happens to the capture, in the pauses of a pass that follows it. */
struct play {
    struct buf text; /* first, for `take`; "|" at each pause */
    struct t_growing *growing;
    const struct act *act;
    struct cut *cut;
};

static int do_act(struct play *p, const struct act *a, struct ft_err *err)
{
    switch (a->deed) {
    case ADD:
        return t_growing_add(p->growing, a->flow, &a->record, err);
    case SEAL:
        return t_growing_seal(p->growing, a->flow, err);
    case CRASH:
        return t_growing_crash(p->growing, a->flow, err);
    case RECOVER:
        return t_growing_recover(p->growing, a->flow, err);
    case RAISE:
        p->cut->stop_lsn[a->flow] = a->lsn;
        return 0;
    case IDLE:
    case END:
        break;
    }
    return 0;
}

static int more(void *context, bool idle, struct ft_err *err)
{
    struct play *p = context;

    if (!idle)
        return 1;
    (void)buf_append_str(&p->text, p->text.n == 0 ? "|" : " |", err);
    for (; p->act->deed != IDLE && p->act->deed != END; p->act++)
        t_ok(do_act(p, p->act, err), err);
    return p->act->deed == END ? 0 : (p->act++, 1);
}

/* limited: nothing may be read before it is raised */
static void follow(const struct act *acts, enum sharding_rule rule, bool limited, const char *text,
                   uint64_t *ret_next_lsn, struct journal_pass_counts *counts)
{
    const struct journal_follow follow = {.more = more, .next_lsn = ret_next_lsn};
    struct ft_err err = FT_ERR_INIT;
    struct play p = {.act = acts};
    struct translator *translator;
    struct source *source;
    struct cut cut;

    t_ok(t_growing_new(&p.growing, t_store_path, 2, rule, &err), &err);
    t_ok(source_open(&source, t_store_path, 0, &err), &err);
    t_ok(source_resolve_cut(source, "end", &cut, &err), &err);
    t_ok(journal_translator_new(&translator, source, target_default(), JSON_AS_DEFAULT, &err),
         &err);
    for (int i = 0; i < 2; i++) {
        cut.stop_lsn[i] = limited ? 0 : UINT64_MAX;
        ret_next_lsn[i] = 0;
    }
    p.cut = &cut;
    t_ok(journal_pass_follow(source, &cut, translator, take, &follow, &p, counts, &err), &err);
    (void)buf_append(&p.text, "", 1, &err);
    assert_string_equal((const char *)p.text.p, text);
    buf_release(&p.text);
    translator_free(translator);
    cut_release(&cut);
    source_free(source);
    t_growing_free(p.growing);
}

static void test_follow_over_segments(void **state)
{
    static const struct act acts[] = {
        {ADD, 0, {1, 0, 0, "SET m1 1"}, 0},
        {IDLE, 0, {0}, 0},
        {IDLE, 0, {0}, 0},
        {ADD, 0, {2, 0, 0, "SET m1 2"}, 0},
        {SEAL, 0, {0}, 0},
        {ADD, 1, {2, 0, 0, "SET n1 1"}, 0},
        {IDLE, 0, {0}, 0},
        {SEAL, 1, {0}, 0},
        {ADD, 0, {3, 0, 0, "SET m1 3"}, 0},
        {CRASH, 0, {0}, 0},
        {IDLE, 0, {0}, 0},
        {RECOVER, 0, {0}, 0},
        {IDLE, 0, {0}, 0},
        {ADD, 0, {4, 0, 0, "SET m1 4"}, 0},
        {IDLE, 0, {0}, 0},
        {END, 0, {0}, 0},
    };
    struct journal_pass_counts counts;
    uint64_t next_lsn[2];

    (void)state;
    follow(acts, SHARDING_KEY, false,
           "| 0:10 SET m1 1 | | 0:11 SET m1 2; 1:10 SET n1 1 | 0:12 SET m1 3 | | 0:13 SET m1 4 |",
           next_lsn, &counts);
    assert_int_equal(counts.records, 5);
    assert_int_equal(next_lsn[0], 14);
    assert_int_equal(next_lsn[1], 11);
}

/* A record that is there, but may not be read yet, waits without being read again. */
static void test_follow_only_so_far(void **state)
{
    static const struct act acts[] = {
        {ADD, 0, {1, 0, 0, "SET m1 1"}, 0},
        {ADD, 0, {2, 0, 0, "SET m1 2"}, 0},
        {IDLE, 0, {0}, 0},
        {RAISE, 0, {0}, 11},
        {IDLE, 0, {0}, 0},
        {ADD, 0, {3, 0, 0, "SET m1 3"}, 0},
        {IDLE, 0, {0}, 0},
        {RAISE, 0, {0}, 13},
        {IDLE, 0, {0}, 0},
        {END, 0, {0}, 0},
    };
    struct journal_pass_counts counts;
    uint64_t next_lsn[2];

    (void)state;
    follow(acts, SHARDING_KEY, true, "| | 0:10 SET m1 1 | | 0:11 SET m1 2; 0:12 SET m1 3 |",
           next_lsn, &counts);
    assert_int_equal(counts.records, 3);
    assert_int_equal(next_lsn[0], 13);
}

/* A flush holds its flow while others have still to come to it; what is dropped is passed. */
static void test_follow_a_flush(void **state)
{
    static const struct act acts[] = {
        {ADD, 1, {1, 9, 0, "FLUSHALL"}, 0},
        {ADD, 1, {2, 0, 0, "SET n1 2"}, 0},
        {IDLE, 0, {0}, 0},
        {ADD, 0, {2, 0, 0, "SET m1 1"}, 0},
        {IDLE, 0, {0}, 0},
        {ADD, 0, {3, 9, 0, "FLUSHALL"}, 0},
        {ADD, 0, {4, 0, 0, "SET n1 HYLL"}, 0},
        {IDLE, 0, {0}, 0},
        {ADD, 0, {5, 10, 0, "FLUSHALL"}, 0},
        {IDLE, 0, {0}, 0},
        {END, 0, {0}, 0},
    };
    struct journal_pass_counts counts;
    uint64_t next_lsn[2];

    (void)state;
    follow(acts, SHARDING_KEY, false, "| | 0:10 SET m1 1 | 0:11 FLUSHALL; 1:11 SET n1 2 | |",
           next_lsn, &counts);
    assert_int_equal(counts.flushes, 1);
    assert_int_equal(counts.foreign, 1);
    assert_int_equal(counts.partial_flush_flows, 1);
    assert_int_equal(next_lsn[0], 13); /* at the second flush */
    assert_int_equal(next_lsn[1], 12);
}

/* So many keys that it is no chance that each is on the flow that the rule says. */
static void test_follow_and_learn(void **state)
{
    enum {
        KEYS = 30
    };
    static char texts[KEYS][16];
    struct act acts[KEYS + 4] = {0};
    uint64_t lsn[] = {T_FLOWS_LSN, T_FLOWS_LSN};
    struct buf wanted = {0};
    struct ft_err err = FT_ERR_INIT;
    struct journal_pass_counts counts;
    uint64_t next_lsn[2];
    size_t n = 0;

    (void)state;
    for (uint32_t flow = 0; flow < 2; flow++) {
        for (unsigned i = 0; n < (flow + 1) * KEYS / 2; i++) {
            (void)snprintf(texts[n], sizeof(texts[n]), "SET k%u 1", i);
            if (owner_by_key(bytes_of(texts[n] + 4, strlen(texts[n]) - 6), 2) != flow)
                continue;
            (void)buf_printf(&wanted, &err, "%s%u:%u %s", n == 0 ? "| " : "; ", flow,
                             (unsigned)lsn[flow]++, texts[n]);
            acts[n] = (struct act){ADD, flow, {1 + flow, 0, 0, texts[n]}, 0};
            n++;
        }
    }
    acts[n++] = (struct act){.deed = IDLE};
    acts[n++] = (struct act){ADD, 1, {3, 0, 0, "SET m1 HYLL"}, 0};
    acts[n++] = (struct act){.deed = IDLE};
    acts[n++] = (struct act){.deed = END};
    (void)buf_append(&wanted, " | |", 5, &err);
    follow(acts, SHARDING_UNKNOWN, false, (const char *)wanted.p, next_lsn, &counts);
    assert_int_equal(counts.foreign, 1);
    assert_int_equal(next_lsn[1], lsn[1] + 1);
    buf_release(&wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_flows_by_receive_time),
        T_STORE_TEST(test_the_cut),
        T_STORE_TEST(test_copies_on_other_flows_are_dropped),
        T_STORE_TEST(test_any_other_record_disproves_the_rule),
        T_STORE_TEST(test_what_comes_on_every_flow_is_done_once),
        T_STORE_TEST(test_flushes_are_barriers),
        T_STORE_TEST(test_half_a_flush_is_not_applied),
        T_STORE_TEST(test_different_flushes_are_damage),
        T_STORE_TEST(test_errors_name_the_record),
        T_STORE_TEST(test_follow_over_segments),
        T_STORE_TEST(test_follow_only_so_far),
        T_STORE_TEST(test_follow_a_flush),
        T_STORE_TEST(test_follow_and_learn),
    };

    return T_RUN("input/journal_pass", tests);
}
