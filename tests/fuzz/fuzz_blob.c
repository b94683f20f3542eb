/* rdb/listpack.h, ziplist.h, intset.h, zipmap.h. Input: which, the blob. */
#include "fuzz/fuzz.h"
#include "rdb/intset.h"
#include "rdb/listpack.h"
#include "rdb/ziplist.h"
#include "rdb/zipmap.h"

/* Reads every byte that an element claims to have. */
static void touch(struct bytes b)
{
    static volatile uint8_t sum;

    for (size_t i = 0; i < b.n; i++)
        sum = (uint8_t)(sum + b.p[i]);
}

static void touch_element(const struct blob_element *e)
{
    if (!e->is_integer)
        touch(e->text);
}

#define ITERATE(kind, blob, err)                                         \
    do {                                                                 \
        struct kind##_iter it;                                           \
        struct blob_element e;                                           \
        enum step step = STEP_ERROR;                                     \
        if (kind##_iter_init(&it, blob, err) == 0)                       \
            while ((step = kind##_iter_next(&it, &e, err)) == STEP_ITEM) \
                touch_element(&e);                                       \
        fuzz_result(step == STEP_ERROR ? -1 : 0, err);                   \
    } while (0)

static void iterate_zipmap(struct bytes blob, struct ft_err *err)
{
    enum step step = STEP_ERROR;
    struct bytes field, value;
    struct zipmap_iter it;

    if (zipmap_iter_init(&it, blob, err) == 0)
        while ((step = zipmap_iter_next(&it, &field, &value, err)) == STEP_ITEM) {
            touch(field);
            touch(value);
        }
    fuzz_result(step == STEP_ERROR ? -1 : 0, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    struct ft_err err = FT_ERR_INIT;

    switch (fuzz_byte(&in) % 4) {
    case 0:
        ITERATE(listpack, in, &err);
        break;
    case 1:
        ITERATE(ziplist, in, &err);
        break;
    case 2:
        ITERATE(intset, in, &err);
        break;
    default:
        iterate_zipmap(in, &err);
        break;
    }
    return 0;
}
