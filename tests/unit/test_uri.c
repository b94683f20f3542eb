#include "lib/test_main.h"

#include <stdlib.h>
#include <unistd.h>

#include "wire/uri.h"
#include "wire/uri_list.h"

static void parse(struct uri *u, const char *text)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(uri_parse(text, u, &err), &err);
}

static void test_parts_are_found(void **state)
{
    static const struct {
        const char *text;
        enum uri_scheme scheme;
        const char *address;
        const char *user, *password;
        uint32_t db;
    } cases[] = {
        {"dragonfly://host", URI_DRAGONFLY, "host:6379", NULL, NULL, 0},
        {"dragonfly://host/", URI_DRAGONFLY, "host:6379", NULL, NULL, 0},
        {"DRAGONFLY://10.0.0.1:7000", URI_DRAGONFLY, "10.0.0.1:7000", NULL, NULL, 0},
        {"dragonfly://:secret@host:1", URI_DRAGONFLY, "host:1", NULL, "secret", 0},
        {"dragonfly://ann@host", URI_DRAGONFLY, "host:6379", "ann", NULL, 0},
        {"dragonfly://ann:a%3ab%40c%25@host", URI_DRAGONFLY, "host:6379", "ann", "a:b@c%", 0},
        {"dragonfly://ann:p@ss:word@host:65535", URI_DRAGONFLY, "host:65535", "ann", "p@ss:word",
         0},
        {"dragonfly://:a/b@host:2", URI_DRAGONFLY, "host:2", NULL, "a/b", 0},
        {"dragonfly://[::1]:7001", URI_DRAGONFLY, "[::1]:7001", NULL, NULL, 0},
        {"dragonfly://ann:pw@[fe80::2]", URI_DRAGONFLY, "[fe80::2]:6379", "ann", "pw", 0},
        {"redis://host:6380/12", URI_REDIS, "host:6380", NULL, NULL, 12},
        {"unix:/run/redis.sock", URI_UNIX, "/run/redis.sock", NULL, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char address[URI_ADDRESS_SIZE];
        struct uri u;

        parse(&u, cases[i].text);
        assert_int_equal(u.scheme, cases[i].scheme);
        assert_string_equal(uri_address(&u, address), cases[i].address);
        assert_int_equal(u.db, cases[i].db);
        assert_string_equal(u.user ? u.user : "-", cases[i].user ? cases[i].user : "-");
        assert_string_equal(u.password ? u.password : "-",
                            cases[i].password ? cases[i].password : "-");
        uri_release(&u);
    }
}

static void test_errors_do_not_show_the_password(void **state)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"http://host", "dragonfly://"},
        {"host:6379", "dragonfly://"},
        {"dragonfly://", "no host"},
        {"dragonfly://:sesame@", "no host"},
        {"dragonfly://:sesame@host:", "the port"},
        {"dragonfly://ann:sesame#host:1", "the port"},
        {"redis://host/:sesame", "the database"},
        {"dragonfly://:sesame@host:0", "port 0"},
        {"dragonfly://:sesame@host:65536", "the port is not a number up to 65535"},
        {"dragonfly://:sesame@host:x", "the port is not a number"},
        {"dragonfly://:sesame@host:1/2", "nothing may follow"},
        {"dragonfly://:sesame%@host", "%25"},
        {"dragonfly://:sesame%00@host", "hexadecimal"},
        {"dragonfly://[::1", "without \"]\""},
        {"dragonfly://[::1]x", ":PORT"},
        {"redis://host/db", "the database is not a number"},
        {"https://host", "dragonfly://"},
        {"unix:", "path"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct uri u;
        int rc = uri_parse(cases[i].text, &u, &err);

        assert_null(strstr(err.msg, "sesame"));
        t_fails(rc, &err, FT_ERR_USAGE, cases[i].part);
    }
}

static void test_schemes_with_tls(void **state)
{
    static const struct {
        const char *text;
        enum uri_scheme scheme;
        bool secure;
    } cases[] = {
        {"dragonflys://host", URI_DRAGONFLY, true}, {"DRAGONFLY://host", URI_DRAGONFLY, false},
        {"rediss://host", URI_REDIS, true},         {"valkey://host", URI_REDIS, false},
        {"Valkeys://host", URI_REDIS, true},        {"unix:/s", URI_UNIX, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct uri u;

        assert_int_equal(uri_parse(cases[i].text, &u, &err), 0);
        assert_int_equal(u.scheme, cases[i].scheme);
        assert_int_equal(u.secure, cases[i].secure);
        uri_release(&u);
    }
}

static void test_password_file_before_uri_before_others(void **state)
{
    char path[] = "/tmp/flowtape-uri.XXXXXX";
    struct ft_err err = FT_ERR_INIT;
    struct uri u;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "from file\r\nmore\n", 16), 16);
    (void)close(fd);

    parse(&u, "dragonfly://:own@host");
    t_ok(uri_find_password(&u, NULL, "from environment", &err), &err);
    assert_string_equal(u.password, "own");
    t_ok(uri_find_password(&u, path, "from environment", &err), &err);
    assert_string_equal(u.password, "from file");
    uri_release(&u);

    parse(&u, "dragonfly://host");
    t_ok(uri_find_password(&u, NULL, "from environment", &err), &err);
    assert_string_equal(u.password, "from environment");
    t_fails(uri_find_password(&u, "/nonexistent/file", "from environment", &err), &err, FT_ERR_IO,
            "/nonexistent/file");
    uri_release(&u);
    (void)unlink(path);
}

/* One word for each host: user, password and what follows are everybody's. */
static void test_a_list_becomes_words(void **state)
{
    static const struct {
        const char *text;
        const char *words[3];
    } cases[] = {
        {"dragonfly://a:1,b,[::1]:3", {"dragonfly://a:1", "dragonfly://b", "dragonfly://[::1]:3"}},
        {"redis://u:p,@w@a,b/2", {"redis://u:p,@w@a/2", "redis://u:p,@w@b/2", NULL}},
        {"dragonfly://a", {"dragonfly://a", NULL, NULL}},
        {"dragonfly://a,", {"dragonfly://a", "dragonfly://", NULL}},
        {"unix:/tmp/a,b", {"unix:/tmp/a,b", NULL, NULL}},
        {"a,b", {"a,b", NULL, NULL}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        char **words;
        uint32_t count;

        t_ok(uri_list_split(cases[i].text, &words, &count, &err), &err);
        for (uint32_t k = 0; k < 3; k++) {
            if (cases[i].words[k] == NULL)
                assert_true(k >= count);
            else
                assert_string_equal(words[k], cases[i].words[k]);
        }
        uri_list_wipe(words, count);
    }
}

static void test_an_address_comes_once(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct uri list[3] = {
        {.host = "a", .port = 1}, {.host = "a", .port = 2}, {.host = "b", .port = 1}};

    (void)state;
    t_ok(uri_list_check(list, 3, &err), &err);
    list[2] = list[0];
    assert_int_equal(uri_list_check(list, 3, &err), -1);
    assert_non_null(strstr(err.msg, "a:1 comes twice"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_becomes_words),
        cmocka_unit_test(test_an_address_comes_once),
        cmocka_unit_test(test_parts_are_found),
        cmocka_unit_test(test_errors_do_not_show_the_password),
        cmocka_unit_test(test_schemes_with_tls),
        cmocka_unit_test(test_password_file_before_uri_before_others),
    };

    return T_RUN("wire/uri", tests);
}
