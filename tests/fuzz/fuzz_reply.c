/*
 * Replies of a server: wire/reply_reader.h, wire/slot_map.h, wire/reply_error.h,
 * replay/position/replay_state.h. Input: which, a reply in RESP or a text.
 */
#include "fuzz/fuzz.h"
#include "replay/position/replay_state.h"
#include "wire/reply_error.h"
#include "wire/reply_reader.h"
#include "wire/slot_map.h"

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

static void parse_slots(const redisReply *reply, struct ft_err *err)
{
    struct slot_map *m;

    if (slot_map_parse(&m, reply, "asked.example", err) != 0) {
        fuzz_error(err);
        return;
    }
    for (unsigned slot = 0; slot < SLOT_COUNT; slot += 101)
        fuzz_must(m->owner[slot] == SLOT_MAP_NONE || m->owner[slot] < m->node_count);
    fuzz_result(slot_map_check_covered(m, err), err);
    slot_map_free(m);
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

    if (replay_slots_parse(in, slots, err) != 0) {
        fuzz_error(err);
        return;
    }
    fuzz_must(replay_slots_put(&text, slots, err) == 0 &&
              replay_slots_parse(buf_bytes(&text), again, err) == 0 &&
              memcmp(slots, again, sizeof(slots)) == 0);
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t which = fuzz_byte(&in) % 5;
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
