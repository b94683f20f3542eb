/*
 * crc32c.h - CRC-32C (Castagnoli, reflected 0x82F63B78, init and final xor all ones), as in iSCSI
 * (RFC 3720 B.4). Check: crc32c(0, "123456789", 9) == 0xE3069283. Continue with the last result.
 * Computed by isa-l, with what the processor has for it.
 */
#ifndef FLOWTAPE_BASE_CRC32C_H
#define FLOWTAPE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t n);

#endif
