/*
 * crc64.h - the CRC-64 of RDB files and DUMP payloads (Jones, 0xAD93D23594C935A9, reflected, init
 * 0, no final xor). Source: redis src/crc64.c (7.2). Check: crc64(0, "123456789", 9) ==
 * 0xE9C6D914C4B8D9CA. Computed by isa-l, with what the processor has for it.
 */
#ifndef FLOWTAPE_BASE_CRC64_H
#define FLOWTAPE_BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

uint64_t crc64(uint64_t crc, const void *data, size_t n);

/*
 * crc64_zeros - the CRC after n more zero bytes. As init and final xor are zero the CRC is linear:
 * changing bytes in the middle of a file xors its CRC with crc64_zeros(crc64(0, old ^ new), bytes
 * that follow). Takes O(log n).
 */
uint64_t crc64_zeros(uint64_t crc, uint64_t n);

#endif
