#include "lib/test_main.h"

#include "status/status_event.h"
#include "status/status_history.h"
#include "status/status_json.h"
#include "status/status_prometheus.h"

static const char *const phases[] = {"one", "a \"second\"\\\n"};

static void make(struct status *s)
{
    status_init(s, "sync");
    s->began_us = 1500000;
    s->generation = 2;
    s->phases[0] = phases[0];
    s->phases[1] = phases[1];
    s->phase_count = 2;
    s->phase = 1;
    s->received_bytes = 1000;
    s->lag_ms = 1234;
    s->lag_records = 3;
    s->losses = 2;
    assert_true(status_flows(s, 2));
    s->flows[0] = (struct status_flow){10, 9, 8, 2, STATUS_NONE, 1234};
    s->flows[1] = (struct status_flow){20, 20, 19, 1, STATUS_NONE, 5};
    s->lines[0] =
        (struct status_line){.reason = "json", .text = "documents", .what = "x\"y", .count = 2};
    s->line_count = 1;
}

static char *metrics_of(const struct status *s, struct buf *out)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(status_put_prometheus(out, s, &err), &err);
    t_ok(buf_append(out, "", 1, &err), &err);
    return (char *)out->p;
}

static void has(const char *text, const char *line)
{
    if (strstr(text, line) == NULL)
        fail_msg("\"%s\" is not in:\n%s", line, text);
}

static void test_metrics(void **state)
{
    struct buf out = {0};
    struct status s;
    char *text;

    (void)state;
    make(&s);
    text = metrics_of(&s, &out);
    has(text, "# TYPE flowtape_received_bytes_total counter\nflowtape_received_bytes_total 1000\n");
    has(text, "\nflowtape_lag_seconds 1.234\n"); /* base units */
    has(text, "\nflowtape_flow_applied_lsn{flow=\"1\"} 19\n");
    has(text, "\nflowtape_flow_lag_seconds{flow=\"1\"} 0.005\n");
    has(text, "\nflowtape_start_time_seconds 1.500\n");
    has(text, "\nflowtape_phase{phase=\"a \\\"second\\\"\\\\\\n\"} 1\n"); /* labels are escaped */
    has(text, "\nflowtape_losses_by_kind{reason=\"json\",what=\"x\\\"y\",harm=\"yes\"} 2\n");
    assert_null(strstr(text, "replicas")); /* numbers that do not apply are not there */
    buf_release(&out);
    status_release(&s);
}

/* LSNs of a Redis are offsets: its lag is in bytes, and there is none in records. */
static void test_a_lag_has_its_unit(void **state)
{
    struct buf out = {0};
    struct status s;
    json_t *json;
    char *text;

    (void)state;
    make(&s);
    status_sum_lags(&s);
    assert_int_equal(s.lag_records, 3);
    assert_int_equal(s.lag_bytes, STATUS_NONE);
    text = metrics_of(&s, &out);
    has(text, "\nflowtape_lag_records 3\n");
    has(text, "\nflowtape_flow_lag_records{flow=\"0\"} 2\n");
    assert_null(strstr(text, "lag_bytes"));
    buf_release(&out);
    for (int i = 0; i < 2; i++) {
        s.flows[i].lag_records = STATUS_NONE;
        s.flows[i].lag_bytes = 700;
    }
    status_sum_lags(&s);
    text = metrics_of(&s, &out);
    has(text, "# TYPE flowtape_lag_bytes gauge\nflowtape_lag_bytes 1400\n");
    has(text, "\nflowtape_flow_lag_bytes{flow=\"1\"} 700\n");
    assert_null(strstr(text, "lag_records"));
    json = status_to_json(&s);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "numbers"), "lag_bytes")), 1400);
    json_decref(json);
    buf_release(&out);
    status_release(&s);
}

/* Each metric has its help and type once, in front of its values, and a name that says its unit. */
static void test_metrics_are_in_form(void **state)
{
    struct buf out = {0};
    char metric[100] = "";
    char *line;
    char *rest;
    struct status s;
    size_t count;
    const struct status_number *numbers = status_numbers(&count);
    unsigned values = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        bool total = strstr(numbers[i].metric, "_total") != NULL;

        assert_true(total == (numbers[i].kind == STATUS_COUNTER));
        assert_true(numbers[i].is_ms == (strstr(numbers[i].metric, "_seconds") != NULL));
    }
    make(&s);
    rest = metrics_of(&s, &out);
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        if (sscanf(line, "# HELP %99s", metric) == 1)
            continue;
        if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_memory_equal(line + 7, metric, strlen(metric));
            continue;
        }
        assert_memory_equal(line, metric, strlen(metric));
        assert_true(line[strlen(metric)] == ' ' || line[strlen(metric)] == '{');
        values++;
    }
    assert_true(values > 20);
    buf_release(&out);
    status_release(&s);
}

static void test_json(void **state)
{
    struct status s;
    json_t *json;

    (void)state;
    make(&s);
    s.ended = "failed";
    snprintf(s.error, sizeof(s.error), "no \xff way");
    json = status_to_json(&s);
    assert_non_null(json);
    assert_false(json_is_true(json_object_get(json, "running")));
    assert_string_equal(json_string_value(json_object_get(json, "phase")), phases[1]);
    assert_string_equal(json_string_value(json_object_get(json, "error")), "no \\xff way");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "numbers"), "lag_ms")), 1234);
    assert_null(json_object_get(json_object_get(json, "numbers"), "replicas"));
    assert_int_equal(json_array_size(json_object_get(json, "flows")), 2);
    json_decref(json);
    status_release(&s);
}

static bool happens(struct status_watch *w, const struct status *s, uint64_t now_ms,
                    enum status_event event)
{
    enum status_event events[EVENT_COUNT];
    size_t n = status_watch_look(w, s, now_ms, events);

    for (size_t i = 0; i < n; i++) {
        if (events[i] == event)
            return true;
    }
    return false;
}

static void test_caught_up_once_and_after_a_stall(void **state)
{
    struct status_watch w = {0};
    struct status s;

    (void)state;
    make(&s);
    assert_false(happens(&w, &s, 0, EVENT_CAUGHT_UP)); /* more than a second behind */
    s.flows[0].lag_ms = 20;
    assert_true(happens(&w, &s, 1000, EVENT_CAUGHT_UP));
    assert_false(happens(&w, &s, 2000, EVENT_CAUGHT_UP));
    assert_false(happens(&w, &s, 900000, EVENT_STALLED)); /* there is nothing to do */
    s.flows[0].lag_ms = 5000;
    assert_false(happens(&w, &s, 901000, EVENT_STALLED));
    assert_true(happens(&w, &s, 901000 + EVENT_STALL_MS, EVENT_STALLED));
    assert_false(happens(&w, &s, 902000 + EVENT_STALL_MS, EVENT_STALLED));
    s.flows[0].applied++;
    assert_false(happens(&w, &s, 903000 + EVENT_STALL_MS, EVENT_CAUGHT_UP));
    s.flows[0].lag_ms = 0;
    assert_true(happens(&w, &s, 904000 + EVENT_STALL_MS, EVENT_CAUGHT_UP));
    status_release(&s);
}

/* A lag in bytes is a lag: with one that lasts it has not caught up. */
static void test_a_lag_in_bytes_counts(void **state)
{
    struct status_watch w = {0};
    struct status s;

    (void)state;
    make(&s);
    s.flows[0] = (struct status_flow){5, 5, 4, STATUS_NONE, 1, 2000};
    assert_false(happens(&w, &s, 0, EVENT_CAUGHT_UP));
    s.flows[0].lag_bytes = 0;
    assert_true(happens(&w, &s, 1, EVENT_CAUGHT_UP));
    status_release(&s);
}

static void test_before_its_journal_a_flow_has_not_caught_up(void **state)
{
    struct status_watch w = {0};
    struct status s;

    (void)state;
    make(&s);
    s.flows[0] = (struct status_flow){0};
    assert_false(happens(&w, &s, 0, EVENT_CAUGHT_UP));
    s.flows[0] =
        (struct status_flow){5, 5, STATUS_NONE, 0, STATUS_NONE, 0}; /* a capture: durable counts */
    assert_true(happens(&w, &s, 1, EVENT_CAUGHT_UP));
    status_release(&s);
}

static void test_losses_disk_and_end(void **state)
{
    struct status_watch w = {0};
    struct status s;

    (void)state;
    make(&s);
    assert_true(happens(&w, &s, 0, EVENT_LOST));
    assert_false(happens(&w, &s, 1, EVENT_LOST));
    s.suspects = 1;
    assert_true(happens(&w, &s, 2, EVENT_LOST));
    s.disk_total_bytes = 1000;
    s.disk_free_bytes = 50;
    assert_false(happens(&w, &s, 3, EVENT_DISK_LOW));
    s.disk_free_bytes = 49;
    assert_true(happens(&w, &s, 4, EVENT_DISK_LOW));
    assert_false(happens(&w, &s, 5, EVENT_DISK_LOW));
    s.ended = "cut-over";
    assert_true(happens(&w, &s, 6, EVENT_CUT_OVER));
    assert_false(happens(&w, &s, 7, EVENT_ENDED));
    status_release(&s);
}

static void test_history_is_an_hour(void **state)
{
    static struct status_history h;
    struct status s;
    json_t *json;
    json_t *last;

    (void)state;
    make(&s);
    for (uint64_t i = 0; i < 5000; i++) {
        s.now_us = i * 1000000;
        s.received_bytes = i * 100;
        status_history_take(&h, &s, i * 1000);
    }
    json = status_history_to_json(&h);
    assert_int_equal(json_array_size(json_object_get(json, "samples")), STATUS_HISTORY_COUNT);
    last = json_array_get(json_object_get(json, "samples"), STATUS_HISTORY_COUNT - 1);
    assert_int_equal(json_integer_value(json_array_get(last, 0)), 4995);
    assert_int_equal(json_integer_value(json_array_get(last, 1 + PLOT_RECEIVED_BYTES)), 100);
    assert_int_equal(json_integer_value(json_array_get(last, 1 + PLOT_LAG_MS)), 1234);
    assert_true(json_is_null(json_array_get(last, 1 + PLOT_SENT_BYTES)));
    json_decref(json);
    status_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_a_lag_has_its_unit),
        cmocka_unit_test(test_a_lag_in_bytes_counts),
        cmocka_unit_test(test_metrics_are_in_form),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_caught_up_once_and_after_a_stall),
        cmocka_unit_test(test_before_its_journal_a_flow_has_not_caught_up),
        cmocka_unit_test(test_losses_disk_and_end),
        cmocka_unit_test(test_history_is_an_hour),
    };

    return T_RUN("status", tests);
}
