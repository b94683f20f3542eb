/* What a capture becomes as RESP, AOF and JSON, to the byte, for captures of a few records. */
#include "lib/t_store.h"

#include <stdlib.h>

#include "lib/t_flows.h"
#include "output/forms.h"

/* Of two flows sharded by key m1 and s3 belong to flow 0; n1, i1 and key-of-flow-0 to flow 1. */
static const struct t_flow_records flows[] = {
    {
        .in_sync = {{0, 0, 0, "SET m1 1"}, {0, 0, 0, "DEL key-of-flow-0"}, {0, 0, 0, "INCR n1"}},
        .records = {{1, 0, 2, "SET m1 2"}, {2, 9, 0, "FLUSHALL"}, {4, 0, 0, "PREPEND m1 x"}},
    },
    {.records = {{1, 9, 0, "FLUSHALL"}, {3, 0, 0, "SET n1 v STICK"}, {3, 0, 0, "CL.THROTTLE n1"}}},
};

struct run {
    struct source *source;
    struct cut cut;
    struct convert_options options;
    struct loss_report losses;
    struct suspect_report suspects;
    struct convert_result result;
    struct ft_err err;
    char output[96];
};

static int setup(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)t_store_setup(state);
    t_ok(t_flows_make(t_store_path, flows, 2, SHARDING_UNKNOWN, &err), &err);
    return 0;
}

static void begin(struct run *c, const char *at, const char *output)
{

    *c =
        (struct run){.err = FT_ERR_INIT,
                     .options = {.target = target_default(), .part_bytes = AOF_PART_DEFAULT_BYTES}};
    (void)snprintf(c->output, sizeof(c->output), "%s/%s", t_store_dir.path, output);
    t_ok(source_open(&c->source, t_store_path, 0, &c->err), &c->err);
    t_ok(source_resolve_cut(c->source, at, &c->cut, &c->err), &c->err);
    c->options.cut = &c->cut;
    loss_init(&c->losses);
}

static void end(struct run *c)
{
    cut_release(&c->cut);
    source_free(c->source);
    loss_release(&c->losses);
    suspect_release(&c->suspects);
}

static int run(struct run *c, const char *form)
{
    struct conversion conversion = {.source = c->source,
                                    .output = c->output,
                                    .options = &c->options,
                                    .losses = &c->losses,
                                    .suspects = &c->suspects,
                                    .result = &c->result};

    return convert_run(output_form_find(form), &conversion, &c->err);
}

/* RESP as a text: the words of a command separated by blanks, commands by "; ". */
static void expect_resp(const char *name, const char *wanted)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf resp = t_read(t_store_dir.fd, name);
    struct buf text = {0};
    size_t at = 0;

    (void)buf_append(&resp, "", 1, &err);
    while (at + 1 < resp.n) {
        char *next = NULL;
        long n = strtol((const char *)resp.p + at + 1, &next, 10);

        assert_int_equal(memcmp(next, "\r\n", 2), 0);
        at = (size_t)((const uint8_t *)next + 2 - resp.p);
        if (next[-1] == '*' || resp.p[at] == '$') {
            if (text.n > 0)
                (void)buf_append_str(&text, "; ", &err);
            continue;
        }
        if (text.n > 1 && text.p[text.n - 2] != ';')
            (void)buf_append_str(&text, " ", &err);
        (void)buf_append(&text, resp.p + at, (size_t)n, &err);
        at += (size_t)n + 2;
    }
    (void)buf_append(&text, "", 1, &err);
    assert_string_equal((const char *)text.p, wanted);
    buf_release(&text);
    buf_release(&resp);
}

static void test_resp_snapshot(void **state)
{
    struct run c;

    (void)state;
    begin(&c, "snapshot", "out.resp");
    t_ok(run(&c, "resp"), &c.err);
    /* the entry came behind a record that named its key */
    expect_resp("out.resp", "SELECT 0; SET m1 1; DEL key-of-flow-0; INCR n1; "
                            "SET key-of-flow-0 v; SET key-of-flow-1 v");
    assert_int_equal(c.result.keys, 2);
    assert_int_equal(c.result.in_sync, 3);
    assert_int_equal(c.result.commands, 5);
    assert_true(c.result.written);
    end(&c);
}

static void test_resp_end(void **state)
{
    struct run c;
    struct buf resp;

    (void)state;
    begin(&c, "end", "out.resp");
    c.options.fail_on_loss = true;
    t_fails(run(&c, "resp"), &c.err, FT_ERR_LOSS, "1 thing cannot be kept");
    assert_false(t_exists(t_store_dir.fd, "out.resp"));
    assert_int_equal(c.suspects.count, 1);
    t_bytes(c.suspects.first[0].key, "n1");
    assert_string_equal(c.suspects.first[0].command, "CL.THROTTLE");
    assert_int_equal(c.suspects.first[0].lsn, 12);
    end(&c);

    begin(&c, "end", "out.resp");
    t_ok(run(&c, "resp"), &c.err);
    resp = t_read(t_store_dir.fd, "out.resp");
    (void)buf_append(&resp, "", 1, &c.err);
    assert_non_null(strstr((const char *)resp.p,
                           "*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*3\r\n$3\r\nSET\r\n$2\r\nm1\r\n"
                           "$1\r\n2\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*1\r\n$8\r\nFLUSHALL\r\n"
                           "*3\r\n$3\r\nSET\r\n$2\r\nn1\r\n$1\r\nv\r\n*"));
    assert_non_null(strstr((const char *)resp.p, "$4\r\nEVAL\r\n"));
    buf_release(&resp);
    assert_int_equal(c.result.journal.flushes, 1);
    assert_int_equal(c.losses.losses, 1);
    end(&c);
}

static void test_filters_look_at_the_keys_of_records(void **state)
{
    struct run c;

    (void)state;
    begin(&c, "10,11", "out.resp");
    t_ok(filter_add_key(&c.options.filter, "n*", &c.err), &c.err);
    t_ok(run(&c, "resp"), &c.err);
    expect_resp("out.resp", "SELECT 0; INCR n1");
    assert_int_equal(c.result.filtered, 2);
    assert_int_equal(c.result.records_filtered, 3);
    assert_int_equal(c.result.journal.partial_flush_flows, 1);
    filter_release(&c.options.filter);
    end(&c);
}

static void test_aof_increments(void **state)
{
    struct run c;
    struct buf part;
    int rc;

    (void)state;
    begin(&c, "end", "aof");
    c.options.redis_server = "redis-server";
    c.options.part_bytes = 40;
    rc = run(&c, "aof");
    if (rc != 0 && c.err.kind == FT_ERR_USAGE) {
        end(&c);
        skip(); /* no redis-server, which the records inside the full sync need */
    }
    t_ok(rc, &c.err);
    part = t_read(t_store_dir.fd, "aof/appendonlydir/appendonly.aof.manifest");
    t_bytes(buf_bytes(&part), "file appendonly.aof.1.base.rdb seq 1 type b\n"
                              "file appendonly.aof.1.incr.aof seq 1 type i\n"
                              "file appendonly.aof.2.incr.aof seq 2 type i\n"
                              "file appendonly.aof.3.incr.aof seq 3 type i\n"
                              "file appendonly.aof.4.incr.aof seq 4 type i\n");
    buf_release(&part);
    part = t_read(t_store_dir.fd, "aof/appendonlydir/appendonly.aof.1.incr.aof");
    t_bytes(buf_bytes(&part), "#TS:1700000001\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"
                              "*3\r\n$3\r\nSET\r\n$2\r\nm1\r\n$1\r\n2\r\n");
    buf_release(&part);
    part = t_read(t_store_dir.fd, "aof/appendonlydir/appendonly.aof.2.incr.aof");
    t_bytes(buf_bytes(&part), "#TS:1700000002\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
                              "*1\r\n$8\r\nFLUSHALL\r\n");
    buf_release(&part);
    end(&c);
}

static void test_aof_directory_must_be_free(void **state)
{
    struct run c;

    (void)state;
    assert_int_equal(mkdirat(t_store_dir.fd, "aof", 0755), 0);
    t_write(t_store_dir.fd, "aof/dump.rdb", "", 0);
    begin(&c, "snapshot", "aof");
    t_fails(run(&c, "aof"), &c.err, FT_ERR_STATE, "exists");
    assert_true(t_exists(t_store_dir.fd, "aof/dump.rdb"));
    end(&c);
}

static void test_json(void **state)
{
    struct run c;
    struct buf json;

    (void)state;
    begin(&c, "10,9", "out.jsonl");
    t_ok(run(&c, "json"), &c.err);
    json = t_read(t_store_dir.fd, "out.jsonl");
    t_bytes(buf_bytes(&json),
            "{\"command\":[\"SET\",\"m1\",\"1\"],\"db\":0,\"txid\":0,\"flow\":0,"
            "\"time\":\"2023-11-14T22:13:20.000Z\"}\n"
            "{\"command\":[\"DEL\",\"key-of-flow-0\"],\"db\":0,\"txid\":0,\"flow\":0,"
            "\"time\":\"2023-11-14T22:13:20.000Z\"}\n"
            "{\"command\":[\"INCR\",\"n1\"],\"db\":0,\"txid\":0,\"flow\":0,"
            "\"time\":\"2023-11-14T22:13:20.000Z\"}\n"
            "{\"key\":\"key-of-flow-0\",\"db\":0,\"type\":\"string\",\"encoding\":\"string\","
            "\"value\":\"v\",\"flow\":0,\"time\":\"2023-11-14T22:13:20.000Z\"}\n"
            "{\"command\":[\"SET\",\"m1\",\"2\"],\"lsn\":10,\"db\":2,\"txid\":0,\"flow\":0,"
            "\"time\":\"2023-11-14T22:13:21.000Z\"}\n"
            "{\"key\":\"key-of-flow-1\",\"db\":0,\"type\":\"string\",\"encoding\":\"string\","
            "\"value\":\"v\",\"flow\":1,\"time\":\"2023-11-14T22:13:20.000Z\"}\n");
    buf_release(&json);
    end(&c);
}

static void test_forms_are_found_by_their_names(void **state)
{
    size_t count;
    const struct output_form *const *forms = output_forms(&count);

    (void)state;
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal(output_form_find(forms[i]->name), forms[i]);
    assert_null(output_form_find("xml"));
    assert_null(output_form_find(""));
    assert_true(output_form_find("json")->as_is);
    assert_false(output_form_find("aof")->to_stdout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_are_found_by_their_names),
        cmocka_unit_test_setup_teardown(test_resp_snapshot, setup, t_store_teardown),
        cmocka_unit_test_setup_teardown(test_resp_end, setup, t_store_teardown),
        cmocka_unit_test_setup_teardown(test_filters_look_at_the_keys_of_records, setup,
                                        t_store_teardown),
        cmocka_unit_test_setup_teardown(test_aof_increments, setup, t_store_teardown),
        cmocka_unit_test_setup_teardown(test_aof_directory_must_be_free, setup, t_store_teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, t_store_teardown),
    };

    return T_RUN("output/forms", tests);
}
