#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

#define CRC32C_POLY 0x82f63b78u

static uint32_t table[8][256];
static uint32_t (*update)(uint32_t crc, const uint8_t *p, size_t n);
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Slicing by 8, for machines without the instruction. */
static uint32_t update_table(uint32_t crc, const uint8_t *p, size_t n)
{
    while (n >= 8) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = table[7][crc & 0xff] ^ table[6][crc >> 8 & 0xff] ^ table[5][crc >> 16 & 0xff] ^
              table[4][crc >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
              table[0][p[7]];
        p += 8;
        n -= 8;
    }
    while (n-- > 0)
        crc = table[0][(crc ^ *p++) & 0xff] ^ crc >> 8;
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

/*
 * The instruction has a latency of three cycles and a throughput of one: three independent lanes
 * keep it busy. Lanes are joined by shifting a CRC over LANE_BYTES zeros with a table.
 */
#define LANE_BYTES 1024u

static uint32_t lane_shift[4][256];

static uint32_t shift_lane(uint32_t crc)
{
    return lane_shift[0][crc & 0xff] ^ lane_shift[1][crc >> 8 & 0xff] ^
           lane_shift[2][crc >> 16 & 0xff] ^ lane_shift[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t update_sse42(uint32_t crc, const uint8_t *p,
                                                               size_t n)
{
    uint64_t a = crc;
    uint64_t word;

    while (n >= 3 * LANE_BYTES) {
        uint64_t b = 0;
        uint64_t c = 0;

        for (size_t i = 0; i < LANE_BYTES; i += 8) {
            memcpy(&word, p + i, 8);
            a = _mm_crc32_u64(a, word);
            memcpy(&word, p + LANE_BYTES + i, 8);
            b = _mm_crc32_u64(b, word);
            memcpy(&word, p + 2 * LANE_BYTES + i, 8);
            c = _mm_crc32_u64(c, word);
        }
        a = shift_lane((uint32_t)a) ^ b;
        a = shift_lane((uint32_t)a) ^ c;
        p += 3 * LANE_BYTES;
        n -= 3 * LANE_BYTES;
    }
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        a = _mm_crc32_u64(a, word);
    }
    while (n-- > 0)
        a = _mm_crc32_u8((uint32_t)a, *p++);
    return (uint32_t)a;
}

static void init_lane_shift(void)
{
    static const uint8_t zeros[LANE_BYTES];

    for (unsigned byte = 0; byte < 4; byte++) {
        for (uint32_t v = 0; v < 256; v++)
            lane_shift[byte][v] = update_table(v << (8 * byte), zeros, LANE_BYTES);
    }
}
#endif

static void init(void)
{
    for (uint32_t v = 0; v < 256; v++) {
        uint32_t crc = v;

        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ CRC32C_POLY : crc >> 1;
        table[0][v] = crc;
    }
    for (uint32_t v = 0; v < 256; v++) {
        for (int k = 1; k < 8; k++)
            table[k][v] = table[0][table[k - 1][v] & 0xff] ^ table[k - 1][v] >> 8;
    }
    update = update_table;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        init_lane_shift();
        update = update_sse42;
    }
#endif
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
    (void)pthread_once(&once, init); /* cannot fail for a static once */
    return ~update(~crc, data, n);
}
