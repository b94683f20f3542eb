#include "base/crc64.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/endian.h"

/* 0xad93d23594c935a9 with its bits reversed. */
#define CRC64_POLY 0x95ac9329ac4bc9b5u

static uint64_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

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

static uint64_t update_table(uint64_t crc, const uint8_t *p, size_t n)
{
    while (n >= 8) {
        crc ^= load_le64(p);
        crc = table[7][crc & 0xff] ^ table[6][crc >> 8 & 0xff] ^ table[5][crc >> 16 & 0xff] ^
              table[4][crc >> 24 & 0xff] ^ table[3][crc >> 32 & 0xff] ^ table[2][crc >> 40 & 0xff] ^
              table[1][crc >> 48 & 0xff] ^ table[0][crc >> 56];
        p += 8;
        n -= 8;
    }
    while (n-- > 0)
        crc = table[0][(crc ^ *p++) & 0xff] ^ crc >> 8;
    return crc;
}

#if defined(__x86_64__)
#include <wmmintrin.h>

/*
 * Folding with carry-less multiplication (Gopal et al., "Fast CRC Computation for Generic
 * Polynomials Using PCLMULQDQ"): four lanes of 16 bytes are moved 64 bytes ahead per round; where
 * there is less, one lane 16 bytes ahead. The product of two reflected 64-bit polynomials lies one
 * bit too low, so the constants carry x^-1, which is one shift left before the reduction; here they
 * are x^(8n - 1) directly.
 */
static uint64_t fold64_low, fold64_high; /* 64 bytes ahead */
static uint64_t fold16_low, fold16_high; /* 16 bytes ahead */
static bool have_pclmul;

#define FOLD_FROM 32u

__attribute__((target("pclmul"))) static __m128i fold(__m128i lane, __m128i by, __m128i data)
{
    __m128i low = _mm_clmulepi64_si128(lane, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(lane, by, 0x11);

    return _mm_xor_si128(_mm_xor_si128(low, high), data);
}

static __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

__attribute__((target("pclmul"))) static uint64_t update_pclmul(uint64_t crc, const uint8_t *p,
                                                                size_t n)
{
    const __m128i by64 = _mm_set_epi64x((int64_t)fold64_high, (int64_t)fold64_low);
    const __m128i by16 = _mm_set_epi64x((int64_t)fold16_high, (int64_t)fold16_low);
    __m128i sum = _mm_xor_si128(load(p), _mm_cvtsi64_si128((int64_t)crc));
    uint8_t rest[16];

    if (n >= 128) {
        __m128i lane[4] = {sum, load(p + 16), load(p + 32), load(p + 48)};

        for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
            for (int i = 0; i < 4; i++)
                lane[i] = fold(lane[i], by64, load(p + 16 * i));
        }
        sum = lane[0];
        for (int i = 1; i < 4; i++)
            sum = fold(sum, by16, lane[i]);
    } else {
        p += 16;
        n -= 16;
    }
    for (; n >= 16; p += 16, n -= 16)
        sum = fold(sum, by16, load(p));
    _mm_storeu_si128((__m128i *)(void *)rest, sum);
    return update_table(update_table(0, rest, sizeof(rest)), p, n);
}

/*
 * Moving the low half (the earlier 8 bytes) of a lane n bytes ahead multiplies it by x^(8n + 64),
 * the high half by x^(8n); as explained above one power less.
 */
static uint64_t fold_constant(uint64_t bytes)
{
    /* x^(8 * bytes - 1): x^(8 * (bytes - 1)) times x^7 */
    return gf_multiply(gf_power_of_bytes(bytes - 1), (uint64_t)1 << (63 - 7));
}

static void init_folding(void)
{
    fold64_low = fold_constant(64 + 8);
    fold64_high = fold_constant(64);
    fold16_low = fold_constant(16 + 8);
    fold16_high = fold_constant(16);
    have_pclmul = __builtin_cpu_supports("pclmul") != 0;
}
#endif

static void init(void)
{
    for (uint64_t v = 0; v < 256; v++) {
        uint64_t crc = v;

        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ CRC64_POLY : crc >> 1;
        table[0][v] = crc;
    }
    for (int v = 0; v < 256; v++) {
        for (int k = 1; k < 8; k++)
            table[k][v] = table[0][table[k - 1][v] & 0xff] ^ table[k - 1][v] >> 8;
    }
#if defined(__x86_64__)
    init_folding();
#endif
}

uint64_t crc64(uint64_t crc, const void *data, size_t n)
{
    (void)pthread_once(&once, init); /* cannot fail for a static once */
#if defined(__x86_64__)
    if (have_pclmul && n >= FOLD_FROM)
        return update_pclmul(crc, data, n);
#endif
    return update_table(crc, data, n);
}
