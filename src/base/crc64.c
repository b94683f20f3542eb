#include "base/crc64.h"

#include <isa-l/crc64.h>

#include "base/passed_memory.h"
#include "base/vector_state.h"

/* 0xad93d23594c935a9 with its bits reversed. */
#define CRC64_POLY 0x95ac9329ac4bc9b5u

/*
 * The register of a reflected CRC is a polynomial over GF(2) whose bit 63 is the coefficient of
 * x^0. Multiplication modulo the generator, by shift and add.
 */
static uint64_t gf_multiply(uint64_t a, uint64_t b)
{
    uint64_t product = 0;

    for (; b != 0; b <<= 1) {
        if (b >> 63)
            product ^= a;
        a = a & 1 ? a >> 1 ^ CRC64_POLY : a >> 1;
    }
    return product;
}

/* x to the power of 8 * n. */
static uint64_t gf_power_of_bytes(uint64_t n)
{
    uint64_t result = (uint64_t)1 << 63; /* 1 */
    uint64_t square = (uint64_t)1 << 55; /* x^8 */

    for (; n != 0; n >>= 1) {
        if (n & 1)
            result = gf_multiply(result, square);
        square = gf_multiply(square, square);
    }
    return result;
}

uint64_t crc64_zeros(uint64_t crc, uint64_t n)
{
    return gf_multiply(crc, gf_power_of_bytes(n));
}

/* The library's CRC begins and ends inverted, that of RDB files does not. */
uint64_t crc64(uint64_t crc, const void *data, size_t n)
{
    const uint8_t *p = data;

    crc = ~crc;
    for (; n > MEMORY_STRIDE; n -= MEMORY_STRIDE, p += MEMORY_STRIDE) {
        crc = crc64_jones_refl(crc, p, MEMORY_STRIDE);
        memory_passed(p, MEMORY_STRIDE);
    }
    crc = crc64_jones_refl(crc, p, n);
    vector_state_clear();
    return ~crc;
}
