/*
 * Replies of a server: wire/reply_reader.h, wire/slot_map.h, wire/cluster_shards.h, wire/reply_error.h, wire/server_info.h,
 * replay/position/replay_state.h, mapping/replay_saved.h. Input: which, a reply in RESP or a text.
 */
#include "fuzz/fuzz.h"
#include "mapping/replay_saved.h"
#include "replay/position/replay_state.h"
#include "wire/cluster_shards.h"
#include "wire/redis_info.h"
#include "wire/reply_error.h"
#include "wire/reply_reader.h"
#include "wire/server_info.h"

#define PIECE 7

/* In pieces; NULL: it is none, or not a whole one. */
static redisReply *read_reply(struct bytes in)
{
    struct ft_err err = FT_ERR_INIT;
    struct reply_reader reader;
    redisReply *reply = NULL;
    int rc = 0;

    reply_reader_init(&reader, FUZZ_ITEM_BYTES);
    while (rc == 0 && reply == NULL && in.n > 0) {
        struct bytes piece = bytes_of(in.p, in.n < PIECE ? in.n : PIECE);

        in = bytes_of(in.p + piece.n, in.n - piece.n);
        rc = reply_reader_feed(&reader, &piece, &reply, &err);
    }
    fuzz_result(rc, &err);
    reply_reader_release(&reader);
    return reply;
}

static void use_map(struct slot_map *m, struct ft_err *err)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot += 101)
        fuzz_must(m->owner[slot] == SLOT_MAP_NONE || m->owner[slot] < m->node_count);
    fuzz_result(slot_map_check_covered(m, err), err);
    slot_map_free(m);
}

static void parse_slots(const redisReply *reply, struct ft_err *err)
{
    struct slot_map *m;

    if (slot_map_parse(&m, reply, "asked.example", err) == 0)
        use_map(m, err);
    else
        fuzz_error(err);
    err_clear(err);
    m = NULL;
    if (cluster_shards_parse(&m, reply, "asked.example", false, err) != 0)
        fuzz_error(err);
    else if (m != NULL)
        use_map(m, err);
}

static void parse_state(const redisReply *reply, struct ft_err *err)
{
    struct replay_state s;

    if (replay_state_parse(&s, reply, 3, err) == 0)
        replay_state_release(&s);
    else
        fuzz_error(err);
}

static void parse_position(const redisReply *reply, struct ft_err *err)
{
    struct replay_position position;

    memset(&position, 0, sizeof(position));
    if (replay_position_parse(&position, reply, 3, err) == 0)
        replay_position_release(&position);
    else
        fuzz_error(err);
}

/* What is written is read back as the same. */
static void parse_slots_text(struct bytes in, struct ft_err *err)
{
    uint8_t slots[SLOT_COUNT / 8], again[SLOT_COUNT / 8];
    struct buf text = {0};

    if (slot_set_parse(in, slots, err) != 0) {
        fuzz_error(err);
        return;
    }
    fuzz_must(slot_set_put(&text, slots, err) == 0 &&
              slot_set_parse(buf_bytes(&text), again, err) == 0 &&
              memcmp(slots, again, sizeof(slots)) == 0);
    buf_release(&text);
}

static void parse_info(struct bytes in)
{
    char *text = fuzz_text(in);
    const char *at = text;
    struct server_info info;
    struct bytes value;
    uint32_t number;
    uint64_t keys;

    server_info_parse(text, &info);
    fuzz_must(memchr(info.text, '\0', sizeof(info.text)) != NULL &&
              memchr(info.modules, '\0', sizeof(info.modules)) != NULL &&
              memchr(info.run_id, '\0', sizeof(info.run_id)) != NULL &&
              memchr(info.eviction, '\0', sizeof(info.eviction)) != NULL);
    while (redis_info_next(&at, "slave", &number, &value))
        fuzz_must((const char *)value.p >= text && value.n <= in.n);
    at = text;
    while (redis_info_next_db(&at, &number, &keys))
        ;
    (void)redis_info_calls(text, "sort");
    free(text);
}

/* What is written down of what was read is the same again. */
static void parse_saved(struct bytes in, struct ft_err *err)
{
    struct buf texts[2] = {{0}, {0}};

    for (size_t i = 0; i < 2; i++) {
        struct filter filter = {0};
        struct replay_map map = {0};
        struct replay_rules rules = {.filter = &filter, .map = &map};
        int rc = replay_saved_take(i == 0 ? in : buf_bytes(&texts[0]), &filter, &map, &rules.ttl,
                                   &rules.json_as, err);

        fuzz_must(i == 0 || rc == 0);
        fuzz_result(rc, err);
        fuzz_must(rc != 0 || replay_saved_put(&texts[i], &rules, err) == 0);
        filter_release(&filter);
        replay_map_release(&map);
        if (rc != 0)
            break;
    }
    fuzz_must(texts[1].n == 0 || bytes_eq(buf_bytes(&texts[0]), buf_bytes(&texts[1])));
    buf_release(&texts[0]);
    buf_release(&texts[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t which = fuzz_byte(&in) % 7;
    struct ft_err err = FT_ERR_INIT;
    struct reply_error error;
    redisReply *reply;

    if (which == 3)
        parse_slots_text(in, &err);
    if (which == 4) {
        reply_error_parse(in, &error);
        fuzz_must(memchr(error.host, '\0', sizeof(error.host)) != NULL &&
                  error.kind <= REPLY_ERROR_DENIED);
    }
    if (which == 5)
        parse_info(in);
    if (which == 6)
        parse_saved(in, &err);
    if (which >= 3)
        return 0;
    reply = read_reply(in);
    if (reply == NULL)
        return 0;
    if (which == 0)
        parse_slots(reply, &err);
    else if (which == 1)
        parse_state(reply, &err);
    else
        parse_position(reply, &err);
    freeReplyObject(reply);
    return 0;
}
