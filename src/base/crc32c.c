#include "base/crc32c.h"

#include <isa-l/crc.h>

#include "base/vector_state.h"

/* The library counts in int. */
#define PIECE_MAX (1u << 30)

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
    /* it takes bytes that it does not change as if it did */
    unsigned char *p = (unsigned char *)(uintptr_t)data;

    crc = ~crc;
    while (n > 0) {
        size_t piece = n < PIECE_MAX ? n : PIECE_MAX;

        crc = crc32_iscsi(p, (int)piece, crc);
        p += piece;
        n -= piece;
    }
    vector_state_clear();
    return ~crc;
}
