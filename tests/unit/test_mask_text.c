#include "fixture/mask_text.h"
#include "item/slot.h"
#include "lib/test_main.h"

static const uint8_t seed[PERMUTATION_SEED] = "a seed for tests of 32 bytes...";

struct masked {
    struct mask_text m;
    struct buf out;
};

static void begin(struct masked *k)
{
    *k = (struct masked){0};
    mask_text_init(&k->m, seed);
}

static void end(struct masked *k)
{
    mask_text_release(&k->m);
    buf_release(&k->out);
}

/* What a text becomes; valid until the next one. */
static struct bytes masked(struct masked *k, struct bytes text)
{
    struct ft_err err = FT_ERR_INIT;

    buf_clear(&k->out);
    assert_int_equal(buf_reserve(&k->out, text.n + 1, &err), 0);
    assert_int_equal(mask_text_put(&k->m, text, &k->out, &err), 0);
    assert_int_equal(k->out.n, text.n);
    k->out.p[k->out.n] = '\0';
    return buf_bytes(&k->out);
}

static const char *masked_str(struct masked *k, const char *text)
{
    return (const char *)masked(k, bytes_str(text)).p;
}

/* a: [a-z], A: [A-Z], 9: [0-9], 1: [1-9], anything else itself. */
static void assert_shape(const char *text, const char *shape)
{
    assert_int_equal(strlen(text), strlen(shape));
    for (size_t i = 0; shape[i] != '\0'; i++) {
        char c = text[i];
        bool fits = shape[i] == 'a'   ? c >= 'a' && c <= 'z'
                    : shape[i] == 'A' ? c >= 'A' && c <= 'Z'
                    : shape[i] == '9' ? c >= '0' && c <= '9'
                    : shape[i] == '1' ? c >= '1' && c <= '9'
                                      : c == shape[i];

        if (!fits)
            fail_msg("\"%s\" is not of the form \"%s\"", text, shape);
    }
}

static void test_forms(void **state)
{
    static const struct {
        const char *text, *shape;
    } cases[] = {
        {"status", "aaaaaa"},
        {"Status:Open", "Aaaaaa:Aaaa"},
        {"user:1000:name", "aaaa:1999:aaaa"},
        {"user_7.x-y z", "aaaa_9.a-a a"},
        {"a1b2C3", "a9a9A9"},
        {"12345", "19999"},
        {"-12345", "-19999"},
        {"007", "099"},
        {"12.50", "19.19"},
        {"0.05", "9.09"},
        {"1.5e-10", "9.9e-10"},
        {"2E8", "9E8"},
        {"a{b}c", "a{a}a"},
        {"{}x", "{}a"},
        {"0", "0"},
        {"", ""},
        {"18446744073709551616", "19999999999999999999"},
    };
    struct masked k;

    (void)state;
    begin(&k);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_shape(masked_str(&k, cases[i].text), cases[i].shape);
    end(&k);
}

/* Words are the same wherever they stand, in any case; another secret makes others of them. */
static void test_words_are_stable(void **state)
{
    char status[8], name[32];
    struct masked k, other;

    (void)state;
    begin(&k);
    (void)snprintf(status, sizeof(status), "%s", masked_str(&k, "status"));
    (void)snprintf(name, sizeof(name), "x:%s:42", status);
    assert_string_not_equal(status, "status");
    assert_string_equal(masked_str(&k, "status"), status);
    assert_memory_equal(masked_str(&k, "queue:status:1") + 6, status, 6);
    assert_memory_equal(masked_str(&k, "{status}") + 1, status, 6);
    assert_int_equal(strcasecmp(masked_str(&k, "STATUS"), status), 0);
    other = (struct masked){0};
    mask_text_init(&other.m, (const uint8_t *)"another seed of thirty-two bytes");
    assert_string_not_equal(masked_str(&other, "status"), status);
    end(&other);
    end(&k);
}

static bool is_integer_text(struct bytes text)
{
    char again[I64_TEXT_SIZE];
    int64_t v;

    return bytes_to_i64(text, &v) && bytes_eq(text, bytes_of(again, i64_to_text(v, again)));
}

static unsigned width_of(int64_t v)
{
    return v >= INT8_MIN && v <= INT8_MAX              ? 1
           : v >= -4096 && v <= 4095                   ? 2
           : v >= INT16_MIN && v <= INT16_MAX          ? 3
           : v >= -(1 << 23) && v < 1 << 23            ? 4
           : v >= INT32_MIN && v <= (int64_t)INT32_MAX ? 5
                                                       : 6;
}

/* All small integers: each becomes another one of its length and width, and no two the same. */
static void test_integers(void **state)
{
    static uint8_t seen[2 * 40000 + 1];
    char text[I64_TEXT_SIZE];
    struct masked k;

    (void)state;
    begin(&k);
    for (int64_t v = -40000; v <= 40000; v++) {
        struct bytes to = masked(&k, bytes_of(text, i64_to_text(v, text)));
        int64_t w;

        assert_true(is_integer_text(to) && bytes_to_i64(to, &w));
        assert_int_equal(width_of(v), width_of(w));
        assert_true(v == 0 ? w == 0 : v != w || v == -128 || v == 128);
        if (w >= -40000 && w <= 40000)
            assert_int_equal(seen[w + 40000]++, 0);
    }
    end(&k);
}

static void test_large_integers(void **state)
{
    static const int64_t numbers[] = {
        INT32_MAX,
        INT32_MIN,
        (int64_t)INT32_MAX + 1,
        (int64_t)INT32_MIN - 1,
        INT64_MAX,
        INT64_MIN,
        8388607,
        INT64_C(1000000000000000000),
        -4097,
    };
    char text[I64_TEXT_SIZE];
    struct masked k;

    (void)state;
    begin(&k);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct bytes to = masked(&k, bytes_of(text, i64_to_text(numbers[i], text)));
        int64_t w;

        assert_true(is_integer_text(to) && bytes_to_i64(to, &w));
        assert_int_equal(width_of(numbers[i]), width_of(w));
        assert_true(numbers[i] != w);
    }
    end(&k);
}

/* All texts of three bytes of a few sorts: no two become the same, and none stays that has a word. */
static void test_no_two_become_one(void **state)
{
    static const uint8_t some[] = "a0.e-\x01\xc3\xa9\xff{";
    enum {
        SOME = sizeof(some) - 1,
        ALL = SOME * SOME * SOME
    };
    static uint32_t all[ALL];
    struct masked k;
    size_t stayed = 0;

    (void)state;
    begin(&k);
    for (size_t i = 0; i < ALL; i++) {
        uint8_t text[3] = {some[i % SOME], some[i / SOME % SOME], some[i / SOME / SOME]};
        struct bytes to = masked(&k, bytes_of(text, 3));
        bool word = false;

        all[i] = (uint32_t)to.p[0] << 16 | (uint32_t)to.p[1] << 8 | to.p[2];
        for (size_t j = 0; j < i; j++)
            assert_true(all[i] != all[j]);
        for (size_t j = 0; j < 3; j++)
            word = word || (text[j] != '.' && text[j] != '-' && text[j] != '{');
        stayed += word && memcmp(to.p, text, 3) == 0;
        assert_true(memchr(text, '\x01', 3) != NULL ||
                    bytes_is_utf8(to) == bytes_is_utf8(bytes_of(text, 3)));
    }
    /* "0e0" and its like may have nowhere to go */
    assert_true(stayed <= 4);
    end(&k);
}

static void test_utf8(void **state)
{
    static const char *const texts[] = {"caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac",
                                        "\xf0\x9f\x98\x80", "\xed\x9f\xbf\xee\x80\x80",
                                        "\xdf\xbf\xc2\x80"};
    struct masked k;

    (void)state;
    begin(&k);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct bytes from = bytes_str(texts[i]);
        struct bytes to = masked(&k, from);

        assert_true(bytes_is_utf8(to) && !bytes_eq(from, to));
        for (size_t j = 0; j < from.n; j++)
            assert_int_equal((from.p[j] & 0xc0) == 0x80, (to.p[j] & 0xc0) == 0x80);
    }
    end(&k);
}

/* Bytes stay bytes: never text, and never the mark of a tag. */
static void test_bytes(void **state)
{
    struct masked k;
    uint8_t text[4];

    (void)state;
    begin(&k);
    for (unsigned i = 0; i < 20000; i++) {
        struct bytes to;

        text[0] = (uint8_t)i;
        text[1] = (uint8_t)(0xc0 | i % 61);
        text[2] = (uint8_t)(i >> 3);
        text[3] = i % 3 == 0 ? 0xff : 0x00;
        to = masked(&k, bytes_of(text, 4));
        assert_true(memchr(to.p, '\0', 1) == NULL || text[0] < ' ' || text[0] == 127);
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(text[j] == '{' || text[j] == '}', to.p[j] == '{' || to.p[j] == '}');
    }
    end(&k);
}

/* A long text is permuted as one: its words are not those that they are alone. */
static void test_long_text(void **state)
{
    char text[404], shape[404], word[8];
    struct masked k;
    size_t again = 0;

    (void)state;
    begin(&k);
    (void)snprintf(word, sizeof(word), "%s", masked_str(&k, "alpha"));
    text[0] = shape[0] = '\0';
    for (int i = 0; i < 40; i++) {
        strcat(text, "alpha 42, ");
        strcat(shape, "aaaaa 19, ");
    }
    assert_shape(masked_str(&k, text), shape);
    for (size_t i = 0; i < strlen(text); i += 10)
        again += memcmp(k.out.p + i, word, 5) == 0 || memcmp(k.out.p + i, "alpha", 5) == 0;
    assert_int_equal(again, 0);
    end(&k);
}

static void test_marks(void **state)
{
    struct masked k;

    (void)state;
    begin(&k);
    assert_string_equal(masked_str(&k, "---"), "---");
    assert_string_not_equal(masked_str(&k, "----"), "----");
    assert_string_not_equal(masked_str(&k, "a::::b") + 1, "::::");
    assert_string_equal(masked_str(&k, "\"\\\"\\"), "\"\\\"\\");
    end(&k);
}

static void test_kept_names(void **state)
{
    const struct bytes patterns[] = {bytes_str("status:*"), bytes_str("[a-m]")};
    struct masked k;
    bool seen[256] = {false};

    (void)state;
    begin(&k);
    k.m.keep = patterns;
    k.m.keep_count = 2;
    assert_string_equal(masked_str(&k, "status:open"), "status:open");
    assert_string_not_equal(masked_str(&k, "status"), "status");
    assert_int_equal(k.m.kept_names, 1);
    /* the letters that are not kept become each other */
    for (char c = 'a'; c <= 'z'; c++) {
        char text[2] = {c, '\0'};
        uint8_t to = (uint8_t)*masked_str(&k, text);

        assert_false(seen[to]);
        seen[to] = true;
        assert_int_equal(to == c, c <= 'm');
    }
    end(&k);
}

static void put_key(struct masked *k, const char *key, char *ret)
{
    struct ft_err err = FT_ERR_INIT;

    buf_clear(&k->out);
    assert_int_equal(mask_text_put_key(&k->m, bytes_str(key), &k->out, &err), 0);
    assert_int_equal(k->out.n, strlen(key));
    memcpy(ret, k->out.p, k->out.n);
    ret[k->out.n] = '\0';
}

static void test_slots(void **state)
{
    static const char *const keys[] = {"user:1000", "session-xyz",      "a:12",
                                       "12345",     "cart:{user7}:new", "x{tag42}"};
    char names[6][32], again[32];
    struct masked k;

    (void)state;
    begin(&k);
    k.m.keep_slots = true;
    for (size_t i = 0; i < 6; i++) {
        put_key(&k, keys[i], names[i]);
        assert_int_equal(slot_of(bytes_str(names[i])), slot_of(bytes_str(keys[i])));
        assert_string_not_equal(names[i], keys[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
    assert_int_equal(k.m.without_name, 0);
    /* the same again, and the same tag in another key */
    put_key(&k, keys[0], again);
    assert_string_equal(again, names[0]);
    put_key(&k, "y{tag42}", again);
    assert_memory_equal(again + 1, names[5] + 1, 7);
    put_key(&k, "7", again);
    assert_string_equal(again, "7");
    assert_int_equal(k.m.without_name, 1);
    end(&k);
}

/* All keys of two letters in a few slots: none becomes one that another has become. */
static void test_slots_are_bijective(void **state)
{
    static uint8_t seen[128][128];
    struct masked k;
    size_t keys = 0;

    (void)state;
    begin(&k);
    k.m.keep_slots = true;
    for (char a = '0'; a <= 'z'; a++) {
        for (char b = '0'; b <= 'z'; b++) {
            char key[3] = {a, b, '\0'}, name[8];

            if (slot_of(bytes_str(key)) % 512 != 0)
                continue;
            put_key(&k, key, name);
            assert_int_equal(slot_of(bytes_str(name)), slot_of(bytes_str(key)));
            assert_int_equal(seen[(uint8_t)name[0]][(uint8_t)name[1]]++, 0);
            keys++;
        }
    }
    assert_true(keys > 3);
    end(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_words_are_stable),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_large_integers),
        cmocka_unit_test(test_no_two_become_one),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_kept_names),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_slots_are_bijective),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
