#include "codec/lzf.h"

/* A control byte below this starts a run of (byte + 1) literals; else it is a back reference. */
#define LZF_MAX_LITERALS 32

/* Copy n bytes from `distance` back; they may overlap what is being written. */
static void copy_back(uint8_t *op, size_t distance, size_t n)
{
    const uint8_t *from = op - distance;

    if (distance >= n) {
        memcpy(op, from, n);
        return;
    }
    while (n-- != 0)
        *op++ = *from++;
}

bool lzf_decompress(struct bytes in, uint8_t *out, size_t out_size)
{
    const uint8_t *ip = in.p;
    const uint8_t *const in_end = in.p + in.n;
    uint8_t *op = out;
    uint8_t *const out_end = out + out_size;

    while (ip < in_end) {
        size_t control = *ip++;
        size_t distance;
        size_t n;

        if (control < LZF_MAX_LITERALS) {
            n = control + 1;
            if (n > (size_t)(in_end - ip) || n > (size_t)(out_end - op))
                return false;
            memcpy(op, ip, n);
            ip += n;
            op += n;
            continue;
        }
        n = control >> 5;
        if (n == 7) {
            if (ip == in_end)
                return false;
            n += *ip++;
        }
        n += 2;
        if (ip == in_end)
            return false;
        distance = ((control & 0x1f) << 8 | *ip++) + 1;
        if (distance > (size_t)(op - out) || n > (size_t)(out_end - op))
            return false;
        copy_back(op, distance, n);
        op += n;
    }
    return op == out_end;
}
