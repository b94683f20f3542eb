#include "codec/packed.h"

#include "base/endian.h"

#define PACKED_32 0x80
#define PACKED_64 0x81

int packed_get_long(const uint8_t *p, size_t n, uint64_t *ret_value)
{
    if (n == 0 || p[0] < 0x80)
        return 0;
    if (p[0] == PACKED_32) {
        if (n < 5)
            return 0;
        *ret_value = load_be32(p + 1);
        return 5;
    }
    if (p[0] == PACKED_64) {
        if (n < 9)
            return 0;
        *ret_value = load_be64(p + 1);
        return 9;
    }
    return -1;
}

size_t packed_put(uint8_t out[PACKED_MAX_SIZE], uint64_t value)
{
    if (value < 1u << 6) {
        out[0] = (uint8_t)value;
        return 1;
    }
    if (value < 1u << 14) {
        out[0] = (uint8_t)(0x40 | value >> 8);
        out[1] = (uint8_t)value;
        return 2;
    }
    if (value <= UINT32_MAX) {
        out[0] = PACKED_32;
        store_be32(out + 1, (uint32_t)value);
        return 5;
    }
    out[0] = PACKED_64;
    store_be64(out + 1, value);
    return 9;
}
