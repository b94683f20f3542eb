#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "lib/test_main.h"
#include "replay/position/replay_letters.h"

struct place {
    char dir[64];
    char file[80];
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    strcpy(p->dir, "/tmp/flowtape-letters.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->file, sizeof(p->file), "%s/dead", p->dir);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    (void)unlink(p->file); /* not every test has made it */
    assert_int_equal(rmdir(p->dir), 0);
    free(p);
    return 0;
}

static struct replay_letters *letters_open(const struct place *p)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_letters *l;

    t_ok(replay_letters_open(&l, p->file, false, &err), &err);
    return l;
}

/* flow:lsn:part of replay began_ms; part NULL: of the snapshot */
static void add(struct replay_letters *l, uint64_t began_ms, uint32_t flow, uint64_t lsn,
                const char *part, const char *value)
{
    const struct replay_letter_origin origin = {
        .capture = "abc", .began_ms = began_ms, .flow = flow, .lsn = lsn, .part = part};
    const struct bytes args[] = {bytes_str("SET"), bytes_str("k"), bytes_str(value)};
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_letters_add(l, &origin, 0, args, 3, "OOM", &err), &err);
}

/* The values of all letters, one after the other. */
struct seen {
    char values[64];
    const char *refuse;
};

static int see(void *context, const struct replay_letter *letter, bool *ret_refused,
               struct ft_err *err)
{
    struct seen *s = context;
    size_t n = strlen(s->values);

    (void)err;
    assert_int_equal(letter->count, 3);
    snprintf(s->values + n, sizeof(s->values) - n, "%.*s ", (int)letter->args[2].n,
             (const char *)letter->args[2].p);
    *ret_refused = s->refuse == NULL || bytes_eq_str(letter->args[2], s->refuse);
    return 0;
}

/* refuse NULL: all of them stay */
static void has(const struct place *p, const char *refuse, const char *wanted)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_letters *l = letters_open(p);
    struct seen s = {.refuse = refuse};

    t_ok(replay_letters_each(l, see, &s, &err), &err);
    assert_string_equal(s.values, wanted);
    replay_letters_close(l);
}

static void test_once(void **state)
{
    const struct place *p = *state;
    struct replay_letters *l = letters_open(p);

    add(l, 1, 0, 7, "0", "a");
    add(l, 1, 0, 7, "0", "a");
    add(l, 1, 0, 7, "1", "b");
    add(l, 2, 0, 7, "0", "c");
    replay_letters_close(l);
    l = letters_open(p);
    add(l, 1, 0, 7, "0", "a");
    add(l, 1, 0, 0, NULL, "s");
    add(l, 1, 0, 0, NULL, "s"); /* of a snapshot: pieces may be the same */
    replay_letters_close(l);
    has(p, NULL, "s s a c b ");
}

static void test_drop(void **state)
{
    const struct place *p = *state;
    struct replay_letters *l = letters_open(p);
    const uint32_t flow = 3;
    struct ft_err err = FT_ERR_INIT;

    add(l, 1, 3, 0, NULL, "s");
    add(l, 1, 3, 9, "0", "j");
    add(l, 1, 2, 0, NULL, "t");
    add(l, 2, 3, 0, NULL, "u");
    t_ok(replay_letters_drop(l, "abc", 1, &flow, &err), &err);
    add(l, 1, 3, 9, "0", "j"); /* still known */
    add(l, 1, 3, 0, NULL, "v");
    replay_letters_close(l);
    has(p, NULL, "t u v j ");
    l = letters_open(p);
    t_ok(replay_letters_drop(l, "abc", 1, NULL, &err), &err);
    add(l, 1, 3, 9, "0", "j"); /* and gone */
    replay_letters_close(l);
    has(p, NULL, "u j ");
}

static void test_retry(void **state)
{
    const struct place *p = *state;
    struct replay_letters *l = letters_open(p);

    add(l, 1, 0, 1, "0", "a");
    add(l, 1, 0, 2, "0", "b");
    add(l, 1, 0, 3, "0", "\xff\n");
    replay_letters_close(l);
    has(p, "b", "a b \xff\n ");
    has(p, NULL, "b ");
}

/* Those of a flow in the order of its records, wherever they stand. */
static void test_order(void **state)
{
    const struct place *p = *state;
    struct replay_letters *l = letters_open(p);

    add(l, 1, 1, 3, "0", "h");
    add(l, 1, 0, 20, "0", "g");
    add(l, 1, 0, 9, "10", "f");
    add(l, 1, 0, 9, "2.65", "e");
    add(l, 1, 0, 9, "2.7", "d");
    add(l, 1, 0, 0, NULL, "a");
    add(l, 1, 0, 9, "1", "c");
    add(l, 1, 0, 9, "read", "b");
    replay_letters_close(l);
    has(p, NULL, "a b c d e f g h ");
    l = letters_open(p); /* all of them stayed */
    replay_letters_close(l);
    has(p, "e", "a b c d e f g h ");
    has(p, NULL, "e ");
}

static void test_none(void **state)
{
    const struct place *p = *state;
    struct seen s = {.values = ""};
    struct replay_letters *l = letters_open(p);
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_letters_each(l, see, &s, &err), &err);
    assert_string_equal(s.values, "");
    replay_letters_close(l);
}

static void test_missing(void **state)
{
    const struct place *p = *state;
    struct ft_err err = FT_ERR_INIT;
    struct replay_letters *l;

    t_fails(replay_letters_open(&l, p->file, true, &err), &err, FT_ERR_IO, "/dead\"");
    assert_int_not_equal(access(p->file, F_OK), 0);
}

static void append(const struct place *p, const char *text)
{
    FILE *file = fopen(p->file, "a");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_interrupted(void **state)
{
    const struct place *p = *state;
    struct replay_letters *l = letters_open(p);

    add(l, 1, 0, 1, "0", "a");
    replay_letters_close(l);
    append(p, "{\"capture\":\"ab");
    l = letters_open(p);
    add(l, 1, 0, 2, "0", "b");
    replay_letters_close(l);
    append(p, "{");
    has(p, NULL, "a b ");
}

/* Another kind of file is left as it is. */
static void test_refused(void **state)
{
    static const char *const texts[] = {"{}\n", "something",
                                        "{\"capture\":1,\"flow\":0,\"lsn\":1}\n"};
    const struct place *p = *state;
    struct ft_err err = FT_ERR_INIT;
    struct replay_letters *l;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct stat status;

        (void)unlink(p->file); /* of the turn before */
        append(p, texts[i]);
        t_fails(replay_letters_open(&l, p->file, false, &err), &err, FT_ERR_CORRUPT,
                "not a dead letter");
        assert_int_equal(stat(p->file, &status), 0);
        assert_int_equal(status.st_size, strlen(texts[i]));
    }
    t_fails(replay_letters_open(&l, "/dev/null", false, &err), &err, FT_ERR_USAGE, "regular file");
    (void)unlink(p->file); /* of the last turn */
    l = letters_open(p);
    {
        struct replay_letters *second;

        t_fails(replay_letters_open(&second, p->file, false, &err), &err, FT_ERR_STATE,
                "another process");
    }
    replay_letters_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_retry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
    };

    return T_RUN("replay/position/replay_letters", tests);
}
