#include "input/aof_manifest.h"
#include "lib/test_main.h"

#include <stdlib.h>

static void names(const char *text, const char *want, bool has_base)
{
    struct ft_err err = FT_ERR_INIT;
    struct aof_manifest m = {0};
    char got[200] = "";

    t_ok(aof_manifest_parse(&m, bytes_str(text), &err), &err);
    for (size_t i = 0; i < m.count; i++) {
        strcat(got, m.names[i]);
        strcat(got, ";");
    }
    assert_string_equal(got, want);
    assert_int_equal(m.has_base, has_base);
    aof_manifest_release(&m);
}

static void test_files_in_their_order(void **state)
{
    (void)state;
    names("file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n",
          "a.1.base.rdb;a.1.incr.aof;", true);
    names("file b seq 2 type b\nfile old seq 1 type h\nfile i seq 7 type i\nfile j seq 9 type i",
          "b;i;j;", true);
    names("# a remark\n\nfile i seq 1 type i startoffset 12 endoffset 90\n", "i;", false);
}

/* As redis-server writes names with blanks in them, and takes them. */
static void test_quoted_names(void **state)
{
    (void)state;
    names("file \"a b\" seq 1 type i\n", "a b;", false);
    names("file \"a\\x20\\\"b\\\\\" seq 1 type i\n", "a \"b\\;", false);
    names("file 'it\\'s' seq 1 type i\n", "it's;", false);
}

static void test_damaged(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "it names no file"},
        {"file a seq 1 type i\nfile b seq 1 type i\n",
         "line 2: the numbers of the increments do not rise"},
        {"file a seq 1 type b\nfile b seq 2 type b\n", "line 2: a second base"},
        {"file a seq 1 type i\nfile b seq 2 type b\n", "line 2: a base after an increment"},
        {"file ../a seq 1 type i\n", "line 1: the file is not the name of one beside the manifest"},
        {"file a seq x type i\n", "seq is not a number"},
        {"file a seq 0 type i\n", "wanted a file, its seq, and its type"},
        {"file a seq 1 type x\n", "the type is none of b, h, and i"},
        {"file a seq 1\n", "wanted a file, its seq, and its type"},
        {"file a seq 1 type\n", "a word without a value"},
        {"file \"a seq 1 type i\n", "a quoted word that does not end"},
        {"file \"a\"b seq 1 type i\n", "a quoted word that does not end, or goes on"},
        {"file \"a\\x00b\" seq 1 type i\n", "a quoted word"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct aof_manifest m = {0};

        t_fails(aof_manifest_parse(&m, bytes_str(cases[i].text), &err), &err, FT_ERR_CORRUPT,
                cases[i].says);
        aof_manifest_release(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_in_their_order),
        cmocka_unit_test(test_quoted_names),
        cmocka_unit_test(test_damaged),
    };

    return T_RUN("input/aof_manifest", tests);
}
