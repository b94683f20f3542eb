/* Commands as a server gets them: whole, byte by byte, on every prefix, and what is none. */
#include "lib/test_main.h"

#include "serve/command_reader.h"

static const char stream[] = "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$2\r\n17\r\n"
                             "\r\n"
                             "SYNC\r\n"
                             "REPLCONF  rdb-filter-only \"data functions\"\n"
                             "*1\r\n$4\r\nPING\r\n";

/* The words of a command with bars between them. */
static void expect(const struct command_reader *r, const char *wanted)
{
    char got[200] = "";

    for (size_t i = 0; i < r->count; i++) {
        size_t n = strlen(got);

        (void)snprintf(got + n, sizeof(got) - n, "%s%.*s", i == 0 ? "" : "|", (int)r->args[i].n,
                       (const char *)r->args[i].p);
    }
    assert_string_equal(got, wanted);
}

static const char *const wanted[] = {"REPLCONF|ACK|17", "", "SYNC",
                                     "REPLCONF|rdb-filter-only|data functions", "PING"};

static void test_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= sizeof(stream) - 1; piece++) {
        struct ft_err err = FT_ERR_INIT;
        struct command_reader r = {0};
        size_t seen = 0;

        for (size_t at = 0; at < sizeof(stream) - 1; at += piece) {
            size_t left = sizeof(stream) - 1 - at;
            enum step step;

            assert_int_equal(
                command_reader_push(&r, bytes_of(stream + at, left < piece ? left : piece), &err),
                0);
            while ((step = command_reader_next(&r, &err)) == STEP_ITEM)
                expect(&r, wanted[seen++]);
            assert_int_equal(step, STEP_MORE);
        }
        assert_int_equal(seen, 5);
        command_reader_release(&r);
    }
}

static void expect_refused(struct bytes bytes)
{
    struct ft_err err = FT_ERR_INIT;
    struct command_reader r = {0};

    assert_int_equal(command_reader_push(&r, bytes, &err), 0);
    assert_int_equal(command_reader_next(&r, &err), STEP_ERROR);
    assert_int_equal(err.kind, FT_ERR_PROTOCOL);
    command_reader_release(&r);
}

static void test_refused(void **state)
{
    static char line[COMMAND_BYTES_MAX + 2];

    (void)state;
    expect_refused(bytes_str("*65\r\n"));
    expect_refused(bytes_str("*x\r\n"));
    expect_refused(bytes_str("*1\r\n$70000\r\n"));
    expect_refused(bytes_str("*1\r\n+4\r\nPING\r\n"));
    expect_refused(bytes_str("*1\r\n$4\r\nPINGxx"));
    expect_refused(bytes_str("AUTH \"open\n"));
    memset(line, 'x', sizeof(line));
    expect_refused(bytes_of(line, sizeof(line)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
