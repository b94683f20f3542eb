#include "replay/position/replay_state.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "item/key_set.h"
#include "lib/t_mutate.h"
#include "replay/position/replay_batch.h"

/* The reply to HGETALL, from RESP. */
static redisReply *reply_of(const char *const *args, size_t count)
{
    redisReader *reader = redisReaderCreate();
    char text[1000];
    void *reply = NULL;
    int n = snprintf(text, sizeof(text), "*%zu\r\n", count);

    for (size_t i = 0; i < count; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "$%zu\r\n%s\r\n", strlen(args[i]),
                      args[i]);
    assert_int_equal(redisReaderFeed(reader, text, (size_t)n), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static void test_state(void **state)
{
    static const char *const args[] = {
        "version",    "1", "capture", "abcd", "phase",      "journal", "snap:1",         "1",
        "generation", "3", "node:0",  "1",    "began:2",    "1",       "began_ms",       "77",
        "new",        "?", "run:ab",  "cd",   "flushes:ab", "cd 4",    "flushes:single", "ef 0"};
    struct ft_err err = FT_ERR_INIT;
    redisReply *reply = reply_of(args, 24);
    struct replay_state s;

    (void)state;
    t_ok(replay_state_parse(&s, reply, 2, &err), &err);
    assert_int_equal(s.phase, REPLAY_PHASE_JOURNAL);
    assert_string_equal(s.capture, "abcd");
    assert_false(s.snap_done[0]);
    assert_true(s.snap_done[1]);
    assert_int_equal(s.generation, 3);
    assert_false(s.by_slot || s.has_marks);
    assert_int_equal(s.begun[0], 2);
    assert_string_equal(s.tags[0], "0");
    assert_int_equal(s.began_ms, 77);
    assert_int_equal(s.server_count, 2);
    assert_string_equal(s.servers[0].node, "ab");
    assert_string_equal(s.servers[0].run, "cd");
    assert_string_equal(replay_state_server(&s, "ab")->flushes, "cd 4");
    assert_string_equal(replay_state_server(&s, "single")->flushes, "ef 0");
    assert_string_equal(replay_state_server(&s, "single")->run, "");
    assert_null(replay_state_server(&s, "a"));
    replay_state_release(&s);
    freeReplyObject(reply);
}

/* A text of no bytes may have no memory either, and copying it from nowhere is not defined. */
static void test_empty_texts(void **state)
{
    static const char *const args[] = {"version",    "1",      "capture", "",       "phase",
                                       "journal",    "run:ab", "",        "snap:0", "1",
                                       "flushes:ab", "",       "unknown", ""};
    struct ft_err err = FT_ERR_INIT;
    redisReply *reply = reply_of(args, 14);
    struct replay_state s;

    (void)state;
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->len != 0)
            continue;
        free(reply->element[i]->str);
        reply->element[i]->str = NULL;
    }
    t_ok(replay_state_parse(&s, reply, 2, &err), &err);
    assert_string_equal(s.capture, "");
    assert_int_equal(s.phase, REPLAY_PHASE_JOURNAL);
    assert_true(s.snap_done[0]);
    assert_string_equal(replay_state_server(&s, "ab")->run, "");
    assert_string_equal(replay_state_server(&s, "ab")->flushes, "");
    replay_state_release(&s);
    freeReplyObject(reply);
}

static void test_an_empty_lane(void **state)
{
    static const char *const args[] = {"seq", "7", "lane:7", ""};
    struct ft_err err = FT_ERR_INIT;
    redisReply *reply = reply_of(args, 4);
    struct replay_position p = {0};

    (void)state;
    free(reply->element[3]->str);
    reply->element[3]->str = NULL;
    t_fails(replay_position_parse(&p, reply, 2, &err), &err, FT_ERR_PROTOCOL, "lane:7");
    freeReplyObject(reply);
}

static void test_own_keys(void **state)
{
    (void)state;
    assert_true(replay_is_own_key(bytes_str("flowtape:replay")));
    assert_true(replay_is_own_key(bytes_str("flowtape:0123456789abcdef0123456789abcdef:{0}")));
    assert_true(replay_is_own_key(bytes_str("flowtape:0123456789abcdef0123456789abcdef:kept")));
    assert_false(replay_is_own_key(bytes_str("flowtape:replays")));
    assert_false(replay_is_own_key(bytes_str("flowtape:0123456789abcdef0123456789abcdef")));
    assert_false(replay_is_own_key(bytes_str("flowtape:0123456789abcdef0123456789abcdeg:x")));
    assert_false(replay_is_own_key(bytes_str("flowtape")));
    assert_false(replay_is_own_key(bytes_of(NULL, 0)));
}

static void test_state_refused(void **state)
{
    static const char *const newer[] = {"version", "3"};
    static const char *const damaged[] = {"phase", "lunch"};
    struct ft_err err = FT_ERR_INIT;
    redisReply *reply = reply_of(newer, 2);
    struct replay_state s;

    (void)state;
    t_fails(replay_state_parse(&s, reply, 1, &err), &err, FT_ERR_UNSUPPORTED, "newer flowtape");
    freeReplyObject(reply);
    reply = reply_of(damaged, 2);
    t_fails(replay_state_parse(&s, reply, 1, &err), &err, FT_ERR_PROTOCOL, "lunch");
    freeReplyObject(reply);
}

static void test_a_damaged_position_leaves_no_trace(void **state)
{
    static const char *const args[] = {"epoch", "2", "lane:0", "3-4|9,2", "flow:0", "five"};
    struct ft_err err = FT_ERR_INIT;
    redisReply *reply = reply_of(args, 6);
    const struct replay_position untouched = {.epoch = 7};
    struct replay_position p = untouched;

    (void)state;
    t_fails(replay_position_parse(&p, reply, 2, &err), &err, FT_ERR_PROTOCOL, "five");
    assert_memory_equal(&p, &untouched, sizeof(p));
    freeReplyObject(reply);
}

static void test_position(void **state)
{
    static const char *const args[] = {"epoch",   "2", "seq",    "9", "slots",  "0-10,12-12",
                                       "flow:0",  "5", "flow:1", "6", "lane:0", "3-4|9,2",
                                       "e:0:4:0", "x", "d:1:7",  "1", "d:0:8",  "0"};
    struct ft_err err = FT_ERR_INIT;
    redisReply *reply = reply_of(args, 18);
    struct replay_position p = {0};
    struct buf text = {0};

    (void)state;
    t_ok(replay_position_parse(&p, reply, 2, &err), &err);
    assert_true(p.found);
    assert_int_equal(p.seq, 9);
    assert_true(slot_set_has(p.slots, 12));
    assert_false(slot_set_has(p.slots, 11));
    assert_int_equal(replay_position_of(&p, 0, 2), 5);
    assert_int_equal(replay_position_of(&p, 0, 3), 9);
    assert_int_equal(replay_position_of(&p, 1, 3), 6);
    assert_int_equal(p.error_count, 1);
    assert_true(replay_position_outcome(&p, 1, 7)->follows);
    assert_false(replay_position_outcome(&p, 0, 8)->follows);
    assert_null(replay_position_outcome(&p, 0, 7));
    replay_position_drop_outcome(&p, 1, 7);
    assert_null(replay_position_outcome(&p, 1, 7));
    assert_int_equal(p.outcome_count, 1);
    t_ok(slot_set_put(&text, p.slots, &err), &err);
    t_bytes(buf_bytes(&text), "0-10,12-12");
    buf_clear(&text);
    t_ok(replay_lane_put(&text, &p.lanes[0], 2, &err), &err);
    t_bytes(buf_bytes(&text), "3-4|9,2");
    buf_release(&text);
    replay_position_release(&p);
    freeReplyObject(reply);
}

static void test_batch(void **state)
{
    const struct bytes args[] = {bytes_str("SET"), bytes_str("k"), bytes_str("v")};
    const struct bytes del[] = {bytes_str("DEL"), bytes_str("k")};
    const struct bytes flush[] = {bytes_str("FLUSHALL")};
    struct ft_err err = FT_ERR_INIT;
    struct replay_batch b = {0};
    struct replay_batch_parts p;

    (void)state;
    assert_true(replay_batch_is_empty(&b));
    t_ok(replay_batch_field(&b, bytes_str("flow:0"), bytes_str("8"), &err), &err);
    t_ok(replay_batch_add(&b, 1, "0:7:0", args, 3, &err), &err);
    t_ok(replay_batch_add(&b, 1, "0:7:1", flush, 1, &err), &err);
    t_ok(replay_batch_take(&b, &p, &err), &err);
    t_bytes(p.fields, "\xdd\0\0\0\2\xa6"
                      "flow:0\xa1"
                      "8");
    t_bytes(p.args, "\xdd\0\0\0\4\xa3SET\xa1k\xa1v\xa8"
                    "FLUSHALL");
    t_bytes(p.shapes, "\xdd\0\0\0\3\xd3\xff\xff\xff\xff\xff\xff\xff\xfe\3\xcd\x27\x11");
    t_bytes(p.tags, "0:7:0 0:7:1 ");
    t_bytes(p.forget, "\xdd\0\0\0\0");
    replay_batch_clear(&b);
    assert_true(replay_batch_is_empty(&b));
    b.join_sets = true;
    for (size_t i = 0; i < 2; i++)
        t_ok(replay_batch_add(&b, 0, "0:8:0", args, 3, &err), &err);
    t_ok(replay_batch_add(&b, 0, "0:9:0", del, 2, &err), &err);
    t_ok(replay_batch_add(&b, 0, "0:10:0", args, 3, &err), &err);
    t_ok(replay_batch_take(&b, &p, &err), &err);
    t_bytes(p.args, "\xdd\0\0\0\x9\xa1k\xa1v\xa1k\xa1v\xa3"
                    "DEL\xa1k\xa3SET\xa1k\xa1v");
    t_bytes(p.shapes, "\xdd\0\0\0\3\xcd\x4e\x22\2\3");
    replay_batch_release(&b);
}

static void add(struct replay_batch *b, uint32_t db, const char *tag, const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct bytes args[8];
    size_t count = 0;

    for (; *text != '\0'; text += text[strcspn(text, " ")] == ' ') {
        args[count++] = bytes_of(text, strcspn(text, " "));
        text += strcspn(text, " ");
    }
    t_ok(replay_batch_add(b, db, tag, args, count, &err), &err);
}

static void test_sets_go_first(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_batch b = {.join_sets = true};
    struct replay_batch_parts p;

    (void)state;
    add(&b, 3, "1", "INCR a");
    add(&b, 3, "2", "SET b x");
    add(&b, 3, "3", "SET a x"); /* behind INCR a */
    add(&b, 2, "4", "SET c x"); /* of another database */
    add(&b, 3, "5", "DEL d e");
    add(&b, 3, "6", "SET e x");
    add(&b, 3, "7", "SET c x PX 1");
    add(&b, 3, "8", "SET f x");
    add(&b, 3, "9", "RENAME f g"); /* nothing goes before that any more */
    add(&b, 3, "10", "SET h x");
    t_ok(replay_batch_take(&b, &p, &err), &err);
    t_bytes(p.tags, "2 8 1 3 4 5 6 7 9 10 ");
    t_bytes(p.args, "\xdd\0\0\0\x1d\xa1"
                    "b\xa1x\xa1"
                    "f\xa1x\xa4INCR\xa1"
                    "a\xa3SET\xa1"
                    "a\xa1x\xa3SET\xa1"
                    "c\xa1x\xa3"
                    "DEL\xa1"
                    "d\xa1"
                    "e\xa3SET\xa1"
                    "e\xa1x\xa3SET\xa1"
                    "c\xa1x\xa2PX\xa1"
                    "1\xa6RENAME\xa1"
                    "f\xa1g\xa3SET\xa1h\xa1x");
    assert_int_equal(p.shapes.p[4], 14);
    replay_batch_clear(&b);
    add(&b, 0, "11", "SET h x");
    t_ok(replay_batch_take(&b, &p, &err), &err);
    t_bytes(p.args, "\xdd\0\0\0\2\xa1h\xa1x");
    t_bytes(p.shapes, "\xdd\0\0\0\1\xcd\x4e\x21");
    replay_batch_release(&b);
}

static void test_kept(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct key_set k = {0};
    uint8_t hash[KEY_SET_HASH_SIZE];
    char key[16];

    (void)state;
    assert_false(key_set_has(&k, 0, bytes_str("a")));
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i % 4000);
        key_set_hash(1, bytes_str(key), hash);
        t_ok(key_set_add(&k, hash, &err), &err);
    }
    assert_int_equal(k.count, 4000);
    assert_true(key_set_has(&k, 1, bytes_str("k3999")));
    assert_false(key_set_has(&k, 0, bytes_str("k3999")));
    assert_false(key_set_has(&k, 1, bytes_str("k4000")));
    key_set_release(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_state_refused),
        cmocka_unit_test(test_empty_texts),
        cmocka_unit_test(test_an_empty_lane),
        cmocka_unit_test(test_own_keys),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_a_damaged_position_leaves_no_trace),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_sets_go_first),
        cmocka_unit_test(test_kept),
    };

    return T_RUN("replay/position/replay_state", tests);
}
