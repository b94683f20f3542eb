#include "item/slot.h"

/* CRC-16 by bytes, of which each half has a table: the remainder of a sum is the sum of remainders. */
static uint16_t crc16_xmodem(const uint8_t *p, size_t n)
{
    static const uint16_t high[16] = {
        0x0000, 0x1231, 0x2462, 0x3653, 0x48c4, 0x5af5, 0x6ca6, 0x7e97,
        0x9188, 0x83b9, 0xb5ea, 0xa7db, 0xd94c, 0xcb7d, 0xfd2e, 0xef1f,
    };
    static const uint16_t low[16] = {
        0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
        0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
    };
    uint16_t crc = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned byte = crc >> 8 ^ p[i];

        crc = (uint16_t)(crc << 8 ^ high[byte >> 4] ^ low[byte & 0x0f]);
    }
    return crc;
}

struct bytes slot_tag(struct bytes key)
{
    const uint8_t *open = key.n == 0 ? NULL : memchr(key.p, '{', key.n);
    const uint8_t *close;
    size_t rest;

    if (open == NULL)
        return key;
    open++;
    rest = key.n - (size_t)(open - key.p);
    close = rest == 0 ? NULL : memchr(open, '}', rest);
    if (close == NULL || close == open)
        return key;
    return bytes_of(open, (size_t)(close - open));
}

uint16_t slot_of(struct bytes key)
{
    struct bytes tag = slot_tag(key);

    return crc16_xmodem(tag.p, tag.n) & (SLOT_COUNT - 1);
}
