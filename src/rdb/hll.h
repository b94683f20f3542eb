/*
 * hll.h - a string that is a HyperLogLog, as its registers.
 *
 *   string := "HYLL" encoding(1: 0 dense, 1 sparse) 3 bytes LE64 cached cardinality registers
 *   dense  := 16384 x 6 bits, the lowest first
 *   sparse := { 00nnnnnn: n + 1 zeros | 01nnnnnn nnnnnnnn: n + 1 zeros | 1vvvvvnn: n + 1 times v + 1 }
 *
 * Source       redis src/hyperloglog.c (7.2).
 */
#ifndef FLOWTAPE_RDB_HLL_H
#define FLOWTAPE_RDB_HLL_H

#include "base/bytes.h"

#define HLL_REGISTERS 16384u

/* hll_is - can it be one? A glance at the first bytes. */
static inline bool hll_is(struct bytes string)
{
    return string.n >= 16 && memcmp(string.p, "HYLL", 4) == 0;
}

/* hll_registers - false: it is a string like any other. */
bool hll_registers(struct bytes string, uint8_t ret[HLL_REGISTERS]);

#endif
