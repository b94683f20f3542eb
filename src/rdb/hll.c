#include "rdb/hll.h"

#define HEADER_SIZE   16u
#define REGISTER_BITS 6u
#define DENSE_SIZE    (HEADER_SIZE + HLL_REGISTERS * REGISTER_BITS / 8)

enum encoding {
    DENSE = 0,
    SPARSE = 1,
};

static bool read_dense(struct bytes string, uint8_t ret[HLL_REGISTERS])
{
    const uint8_t *p = string.p + HEADER_SIZE;

    if (string.n < DENSE_SIZE || string.n > DENSE_SIZE + 1) /* redis keeps a NUL after it */
        return false;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        unsigned bit = i * REGISTER_BITS;
        unsigned shift = bit & 7;
        unsigned two = p[bit / 8];

        if (shift > 8 - REGISTER_BITS)
            two |= (unsigned)p[bit / 8 + 1] << 8;
        ret[i] = (uint8_t)(two >> shift & 63);
    }
    return true;
}

static bool read_sparse(struct bytes string, uint8_t ret[HLL_REGISTERS])
{
    const uint8_t *p = string.p + HEADER_SIZE;
    const uint8_t *end = string.p + string.n;
    size_t at = 0;

    while (p < end) {
        size_t run;
        uint8_t value = 0;

        if ((*p & 0x80) != 0) {
            value = (uint8_t)((*p >> 2 & 31) + 1);
            run = (size_t)(*p & 3) + 1;
        } else if ((*p & 0x40) != 0) {
            if (end - p < 2)
                return false;
            run = ((size_t)(*p & 63) << 8 | p[1]) + 1;
            p++;
        } else {
            run = (size_t)*p + 1;
        }
        p++;
        if (run > HLL_REGISTERS - at)
            return false;
        memset(ret + at, value, run);
        at += run;
    }
    return at == HLL_REGISTERS;
}

bool hll_registers(struct bytes string, uint8_t ret[HLL_REGISTERS])
{
    if (!hll_is(string))
        return false;
    switch (string.p[4]) {
    case DENSE:
        return read_dense(string, ret);
    case SPARSE:
        return read_sparse(string, ret);
    default:
        return false;
    }
}
