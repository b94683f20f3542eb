/*
 * A serialised value: rdb/value_walk.h, value_iter.h, value_check.h, value_digest.h, item/recode.h,
 * item/entry_commands.h, item/times_shift.h. Input: target, type, value.
 */
#include "fuzz/fuzz.h"
#include "fuzz/whole_value.h"
#include "item/entry_commands.h"
#include "item/times_shift.h"
#include "rdb/value_check.h"
#include "rdb/value_digest.h"
#include "rdb/value_stream.h"

static const char *const targets[] = {"5.0", "6.2", "7.0", "7.2", "7.4", "8.0", "valkey-8.0"};

static void iterate(unsigned type, struct bytes value)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_element e;
    struct value_iter *it;
    enum step step = STEP_ERROR;

    if (value_iter_new(&it, type, value, &err) == 0) {
        while ((step = value_iter_next(it, &e, &err)) == STEP_ITEM)
            ;
        value_iter_free(it);
    }
    fuzz_result(step == STEP_ERROR ? -1 : 0, &err);
}

static void iterate_stream(unsigned type, struct bytes value)
{
    struct ft_err err = FT_ERR_INIT;
    struct stream_consumer consumer;
    struct stream_pending pending;
    struct stream_entry entry;
    struct stream_group group;
    struct stream_iter *it;
    enum step step = STEP_ERROR;

    if (stream_iter_new(&it, type, value, &err) == 0) {
        while ((step = stream_iter_next_entry(it, &entry, &err)) == STEP_ITEM)
            ;
        while (step != STEP_ERROR && (step = stream_iter_next_group(it, &group, &err)) == STEP_ITEM)
            while ((step = stream_iter_next_consumer(it, &consumer, &err)) == STEP_ITEM)
                while ((step = stream_iter_next_pending(it, &pending, &err)) == STEP_ITEM)
                    ;
        stream_iter_free(it);
    }
    fuzz_result(step == STEP_ERROR ? -1 : 0, &err);
}

static void look_closely(unsigned type, struct bytes value)
{
    struct value_check check = {0};
    struct ft_err err = FT_ERR_INIT;
    struct value_digest digest;
    struct buf shifted = {.limit_bytes = FUZZ_ITEM_BYTES};

    fuzz_result(value_check_run(&check, type, value, &err), &err);
    value_check_release(&check);
    err_clear(&err);
    fuzz_result(value_digest_run(type, value, &digest, &err), &err);
    err_clear(&err);
    fuzz_result(times_shift_value(type, value, TIMES_SHIFT_MS, &shifted, &err), &err);
    buf_release(&shifted);
}

static int take_command(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    (void)err;
    for (size_t i = 0; i < count; i++)
        *(size_t *)context += args[i].n;
    return 0;
}

static void render(const struct target *target, unsigned type, struct bytes value)
{
    const struct rdb_entry entry = {.type = (uint8_t)type,
                                    .key = bytes_str("key"),
                                    .value = value,
                                    .value_bytes = value.n,
                                    .expire_ms = RDB_NO_EXPIRY,
                                    .dragonfly = type >= RDB_TYPE_DF_JSON};
    const struct entry_commands_options options = {.target = target};
    enum loss_reason loss;
    struct ft_err err = FT_ERR_INIT;
    struct entry_commands *commands;
    struct recoder *recoder;
    struct bytes out;
    uint8_t out_type;
    size_t total = 0;

    fuzz_must(recoder_new(&recoder, target, JSON_AS_STRING, &err) == 0);
    if (recoder_run(recoder, &entry, 0, &out_type, &out, &loss, &err) == RECODE_ERROR)
        fuzz_error(&err);
    recoder_free(recoder);
    err_clear(&err);
    fuzz_must(entry_commands_new(&commands, &options, &err) == 0);
    if (entry_commands_run(commands, &entry, 0, true, take_command, &total, &loss, &err) ==
        RECODE_ERROR)
        fuzz_error(&err);
    entry_commands_free(commands);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    const char *name = targets[fuzz_byte(&in) % (sizeof(targets) / sizeof(targets[0]))];
    unsigned type = fuzz_byte(&in) % RDB_TYPE_COUNT;
    const struct target *target;
    struct ft_err err = FT_ERR_INIT;

    fuzz_must(target_parse(name, &target, &err) == 0);
    if (!fuzz_whole_value(type, in))
        return 0;
    switch (rdb_type_class(type)) {
    case VALUE_STREAM:
        iterate_stream(type, in);
        break;
    case VALUE_STRING:
    case VALUE_LIST:
    case VALUE_SET:
    case VALUE_ZSET:
    case VALUE_HASH:
        iterate(type, in);
        break;
    default:
        break;
    }
    look_closely(type, in);
    render(target, type, in);
    return 0;
}
