/* What a node answers to batches, as it must not be understood. */
#include "lib/test_main.h"

#include <stdlib.h>

#include "replay/position/replay_node.h"

static void refuses(redisReply reply, const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_position_set set = {0};
    struct target_node server = {.name = "host:1"};
    struct replay_node node = {.set = &set, .server = &server};

    t_fails(replay_node_reply(&node, 1, &reply, &err), &err, FT_ERR_PROTOCOL, text);
    assert_int_equal(atomic_load(&set.acknowledged), 0);
}

static void test_a_batch_is_answered_with_an_array(void **state)
{
    char ok[] = "OK";

    (void)state;
    refuses((redisReply){.type = REDIS_REPLY_STATUS, .str = ok},
            "host:1 answered a batch with OK, which is not a reply to it");
    refuses((redisReply){.type = REDIS_REPLY_NIL}, "with nothing");
    refuses((redisReply){.type = REDIS_REPLY_INTEGER, .integer = 0}, "with an integer");
    refuses((redisReply){.type = REDIS_REPLY_STRING, .str = ok, .len = 2}, "with a value");
}

static void test_what_was_refused_has_its_form(void **state)
{
    redisReply number = {.type = REDIS_REPLY_INTEGER};
    redisReply *elements[] = {&number};
    redisReply reply = {.type = REDIS_REPLY_ARRAY, .elements = 1, .element = elements};
    struct ft_err err = FT_ERR_INIT;
    struct replay_position_set set = {0};
    struct target_node server = {.name = "host:1"};
    struct replay_node node = {.set = &set, .server = &server};

    (void)state;
    t_fails(replay_node_reply(&node, 1, &reply, &err), &err, FT_ERR_PROTOCOL, "unknown form");
    reply.elements = 0;
    t_ok(replay_node_reply(&node, 1, &reply, &err), &err);
    assert_int_equal(atomic_load(&set.acknowledged), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_is_answered_with_an_array),
        cmocka_unit_test(test_what_was_refused_has_its_form),
    };

    return T_RUN("replay/position/replay_node", tests);
}
