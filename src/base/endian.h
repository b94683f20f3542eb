/*
 * endian.h - fixed-width integers in bytes. The only place that knows how they lie in memory; all
 * accesses are unaligned-safe.
 */
#ifndef FLOWTAPE_BASE_ENDIAN_H
#define FLOWTAPE_BASE_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define DEFINE_LOAD_STORE(order, bits)                                   \
    static inline uint##bits##_t load_##order##bits(const uint8_t *p)    \
    {                                                                    \
        uint##bits##_t v;                                                \
                                                                         \
        memcpy(&v, p, sizeof(v));                                        \
        return order##bits##toh(v);                                      \
    }                                                                    \
    static inline void store_##order##bits(uint8_t *p, uint##bits##_t v) \
    {                                                                    \
        v = hto##order##bits(v);                                         \
        memcpy(p, &v, sizeof(v));                                        \
    }

DEFINE_LOAD_STORE(le, 16)
DEFINE_LOAD_STORE(le, 32)
DEFINE_LOAD_STORE(le, 64)
DEFINE_LOAD_STORE(be, 16)
DEFINE_LOAD_STORE(be, 32)
DEFINE_LOAD_STORE(be, 64)

#undef DEFINE_LOAD_STORE

static inline double load_le_double(const uint8_t *p)
{
    uint64_t bits = load_le64(p);
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

static inline void store_le_double(uint8_t *p, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    store_le64(p, bits);
}

#endif
