/* command/translate.h, item/times_shift.h: what a journalled command means. Input: target and options,
 * one journal record. */
#include "command/translate.h"
#include "fuzz/fuzz.h"
#include "item/times_shift.h"
#include "journal/journal_reader.h"

static const char *const targets[] = {"5.0", "6.2", "7.0", "7.2", "7.4", "8.0", "valkey-8.0"};

static void shift(const struct translation_command *c)
{
    struct times_shift s = {0};
    struct ft_err err = FT_ERR_INIT;
    const struct bytes *args;
    int64_t end_ms;

    fuzz_result(times_shift_run(&s, c->args, c->count, TIMES_SHIFT_MS, &args, &err), &err);
    err_clear(&err);
    fuzz_result(
        times_shift_defer(&s, c->args, c->count, INT64_C(1) << 41, true, &args, &end_ms, &err),
        &err);
    times_shift_release(&s);
}

static void translate(uint8_t flags, const struct bytes *args, size_t count)
{
    const char *name = targets[(flags & 15) % (sizeof(targets) / sizeof(targets[0]))];
    struct translator_options options = {.cluster = flags & 16,
                                         .source_release = flags & 32 ? 126 : 0};
    struct ft_err err = FT_ERR_INIT;
    struct translator *translator = NULL;
    struct translation t;

    fuzz_must(target_parse(name, &options.target, &err) == 0 &&
              translator_new(&translator, &options, &err) == 0);
    if (translator_run(translator, args, count, 0, INT64_C(1700000000000), &t, &err) == 0) {
        for (size_t i = 0; i < t.key_count; i++)
            fuzz_must(t.keys[i].arg < count);
        for (size_t i = 0; i < t.command_count; i++)
            shift(&t.commands[i]);
    } else {
        fuzz_error(&err);
    }
    translator_free(translator);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t flags = fuzz_byte(&in);
    struct ft_err err = FT_ERR_INIT;
    struct journal_record record;
    struct journal_reader *r;
    struct window w;

    fuzz_must(journal_reader_new(&r, false, FUZZ_ITEM_BYTES, &err) == 0);
    window_init(&w, 0, FUZZ_ITEM_BYTES);
    fuzz_must(window_push(&w, in, &err) == 0);
    while (journal_reader_next(r, &w, &record, &err) == STEP_ITEM)
        if (record.arg_count > 0)
            translate(flags, record.args, record.arg_count);
    window_release(&w);
    journal_reader_free(r);
    return 0;
}
