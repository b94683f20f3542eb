/* Arguments of the command line: base/parse.h, codec/codec.h, item/filter.h, mapping/replay_map.h.
 * Input: which, the argument. */
#include "base/parse.h"
#include "codec/codec.h"
#include "fuzz/fuzz.h"
#include "item/filter.h"
#include "mapping/replay_map.h"

static int parse_number(uint8_t which, const char *text, struct ft_err *err)
{
    char out[FORMAT_TIME];
    uint64_t value, again;

    if (which == 0)
        return parse_u64(text, &value, err);
    if (which == 1)
        return parse_size(text, &value, err) == 0 ? (format_size(value, out), 0) : -1;
    if (which == 2)
        return parse_duration(text, &value, err) == 0 ? (format_duration_ms(value, out), 0) : -1;
    if (parse_time_us(text, &value, err) != 0)
        return -1;
    /* to the millisecond */
    fuzz_must(parse_time_us(format_time_us(value, out), &again, err) == 0 &&
              again / 1000 == value / 1000);
    return 0;
}

static int parse_filter(uint8_t which, const char *text, struct ft_err *err)
{
    struct filter f = {0};
    int rc = which == 5 ? filter_add_db(&f, text, err) : filter_add_type(&f, text, err);

    filter_release(&f);
    return rc;
}

static int parse_map(uint8_t which, const char *text, struct ft_err *err)
{
    struct replay_map m = {0};
    struct buf scratch = {0};
    struct bytes name;
    int rc = which == 7 ? replay_map_add_dbs(&m, text, err) : replay_map_add_rename(&m, text, err);

    if (rc == 0)
        rc = replay_map_key(&m, 3, bytes_str("user:1"), &scratch, &name, err);
    buf_release(&scratch);
    replay_map_release(&m);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t which = fuzz_byte(&in) % 9;
    struct ft_err err = FT_ERR_INIT;
    struct codec_spec spec;
    char *text = fuzz_text(in);

    if (which < 4)
        fuzz_result(parse_number(which, text, &err), &err);
    else if (which == 4)
        fuzz_result(codec_parse(text, &spec, &err), &err);
    else if (which < 7)
        fuzz_result(parse_filter(which, text, &err), &err);
    else
        fuzz_result(parse_map(which, text, &err), &err);
    free(text);
    return 0;
}
