#include "item/times_shift.h"

#include <stdlib.h>

#include "item/dump.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/value_iter.h"

/* All field times of HASH_METADATA and HASH_LISTPACK_EX hang on the LE64 in front only in the first
 * type; so both are written as HASH_METADATA again. */
static int put_hash(struct value_iter *it, int64_t delta_ms, uint64_t count, struct buf *out,
                    struct ft_err *err)
{
    uint8_t number[RDB_LEN_MAX_SIZE];
    struct value_element element;
    enum step step;
    static const uint8_t zero_minimum[8];

    if (buf_append(out, zero_minimum, 8, err) != 0 ||
        buf_append(out, number, rdb_len_put(number, count), err) != 0)
        return -1;
    while ((step = value_iter_next(it, &element, err)) == STEP_ITEM) {
        /* relative to a minimum of 0 a time is written plus one, 0 is none */
        uint64_t ttl =
            element.expire_ms == VALUE_NO_TTL ? 0 : (uint64_t)(element.expire_ms + delta_ms + 1);

        if (buf_append(out, number, rdb_len_put(number, ttl), err) != 0 ||
            rdb_string_put(out, element.field, err) != 0 ||
            rdb_string_put(out, element.value, err) != 0)
            return -1;
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int count_elements(unsigned type, struct bytes value, uint64_t *ret, struct ft_err *err)
{
    struct value_element element;
    struct value_iter *it;
    enum step step;

    *ret = 0;
    if (value_iter_new(&it, type, value, err) != 0)
        return -1;
    while ((step = value_iter_next(it, &element, err)) == STEP_ITEM)
        ++*ret;
    value_iter_free(it);
    return step == STEP_ERROR ? -1 : 0;
}

int times_shift_value(unsigned type, struct bytes value, int64_t delta_ms, struct buf *out,
                      struct ft_err *err)
{
    struct value_iter *it;
    uint64_t count;
    int rc;

    buf_clear(out);
    if (type != RDB_TYPE_HASH_METADATA && type != RDB_TYPE_HASH_LISTPACK_EX)
        return 0;
    if (count_elements(type, value, &count, err) != 0 || value_iter_new(&it, type, value, err) != 0)
        return -1;
    rc = put_hash(it, delta_ms, count, out, err);
    value_iter_free(it);
    return rc;
}

static int copy_words(struct times_shift *s, const struct bytes *words, size_t count,
                      struct ft_err *err)
{
    if (s->capacity < count) {
        struct bytes *grown = realloc(s->words, count * sizeof(*grown));

        if (grown == NULL)
            return err_nomem(err, "a command");
        s->words = grown;
        s->capacity = count;
    }
    memcpy(s->words, words, count * sizeof(*words));
    return 0;
}

/* Moves the number in word i; something that is no number is the server's to refuse. */
static int shift_word(struct times_shift *s, const struct bytes *words, size_t count, size_t i,
                      int64_t delta_ms, struct ft_err *err)
{
    int64_t value;

    if (i >= count || !bytes_to_i64(words[i], &value) ||
        __builtin_add_overflow(value, delta_ms, &value))
        return 0;
    if (copy_words(s, words, count, err) != 0)
        return -1;
    s->words[i] = bytes_of(s->numbers[0], i64_to_text(value, s->numbers[0]));
    return 0;
}

/* The number behind an option word, from word `from` on. */
static int shift_option(struct times_shift *s, const struct bytes *words, size_t count, size_t from,
                        const char *option, int64_t delta_ms, struct ft_err *err)
{
    for (size_t i = from; i + 1 < count; i++) {
        if (bytes_is_word(words[i], option))
            return shift_word(s, words, count, i + 1, delta_ms, err);
    }
    return 0;
}

static int shift_payload(struct times_shift *s, struct bytes payload, int64_t delta_ms,
                         struct ft_err *err)
{
    struct buf value = {0};
    struct dump dump;
    int rc = 0;

    buf_clear(&s->payload);
    if (payload.n == 0 ||
        (payload.p[0] != RDB_TYPE_HASH_METADATA && payload.p[0] != RDB_TYPE_HASH_LISTPACK_EX))
        return 0;
    if (dump_parse(payload, &dump, err) != 0 ||
        times_shift_value(dump.type, dump.value, delta_ms, &value, err) != 0)
        rc = -1;
    if (rc == 0)
        rc = dump_append(&s->payload, RDB_TYPE_HASH_METADATA, buf_bytes(&value), dump.rdb_version,
                         err);
    buf_release(&value);
    return rc;
}

/* RESTORE key ttl payload [REPLACE] [ABSTTL]; without a time to live the ttl is 0. */
static int shift_restore(struct times_shift *s, const struct bytes *words, size_t count,
                         int64_t delta_ms, struct ft_err *err)
{
    if (count < 4 || copy_words(s, words, count, err) != 0)
        return count < 4 ? 0 : -1;
    if (!bytes_eq_str(words[2], "0") && shift_word(s, words, count, 2, delta_ms, err) != 0)
        return -1;
    if (shift_payload(s, words[3], delta_ms, err) != 0)
        return -1;
    if (s->payload.n != 0)
        s->words[3] = buf_bytes(&s->payload);
    return 0;
}

int times_shift_run(struct times_shift *s, const struct bytes *words, size_t count,
                    int64_t delta_ms, const struct bytes **ret_words, struct ft_err *err)
{
    struct bytes name = words[0];
    int rc = 0;

    if (copy_words(s, words, count, err) != 0)
        return -1;
    if (bytes_is_word(name, "SET"))
        rc = shift_option(s, words, count, 3, "PXAT", delta_ms, err);
    else if (bytes_is_word(name, "HSETEX"))
        rc = shift_option(s, words, count < 8 ? count : 8, 2, "PXAT", delta_ms, err);
    else if (bytes_is_word(name, "PEXPIREAT") || bytes_is_word(name, "HPEXPIREAT"))
        rc = shift_word(s, words, count, 2, delta_ms, err);
    else if (bytes_is_word(name, "RESTORE"))
        rc = shift_restore(s, words, count, delta_ms, err);
    *ret_words = s->words;
    return rc;
}

void times_shift_release(struct times_shift *s)
{
    free(s->words);
    buf_release(&s->payload);
    *s = (struct times_shift){0};
}
