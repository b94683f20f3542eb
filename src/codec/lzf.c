#include "codec/lzf.h"

#include "base/passed_memory.h"

/* A control byte below this starts a run of (byte + 1) literals; else it is a back reference. */
#define LZF_MAX_LITERALS 32
/* How far back a reference goes. */
#define LZF_DISTANCE_MAX 8192

/* Copied at once where there is room for so many, however few are wanted. */
#define WIDE 16u

/* Copies n bytes from `distance` back, which may overlap what is being written; room: for n and what follows. */
static void copy_back(uint8_t *op, size_t distance, size_t n, size_t room)
{
    const uint8_t *from = op - distance;

    if (distance >= WIDE && room - n >= WIDE) {
        for (size_t i = 0; i < n; i += WIDE)
            memcpy(op + i, from + i, WIDE);
        return;
    }
    /* what repeats itself is twice as long after each step */
    for (; n > distance; distance *= 2) {
        memcpy(op, from, distance);
        op += distance;
        n -= distance;
    }
    memcpy(op, from, n);
}

/* A reference back, whose first byte was taken from *ip. false: its end is not there. */
static inline bool take_reference(const uint8_t **ip, const uint8_t *in_end, size_t control,
                                  size_t *ret_distance, size_t *ret_n)
{
    size_t n = control >> 5;

    if (n == 7) {
        if (*ip == in_end)
            return false;
        n += *(*ip)++;
    }
    if (*ip == in_end)
        return false;
    *ret_n = n + 2;
    *ret_distance = ((control & 0x1f) << 8 | *(*ip)++) + 1;
    return true;
}

/* What is written is read again up to LZF_DISTANCE_MAX later. */
static inline const uint8_t *pass_written(const uint8_t *from, const uint8_t *at)
{
    if ((size_t)(at - from) < MEMORY_STRIDE + LZF_DISTANCE_MAX)
        return from;
    return memory_pass(from, at - LZF_DISTANCE_MAX);
}

bool lzf_decompress(struct bytes in, uint8_t *out, size_t out_size)
{
    const uint8_t *ip = in.p;
    const uint8_t *const in_end = in.p + in.n;
    uint8_t *op = out;
    uint8_t *const out_end = out + out_size;
    const uint8_t *in_done = in.p;
    const uint8_t *out_done = out;

    while (ip < in_end) {
        size_t control = *ip++;
        size_t distance;
        size_t n;

        in_done = memory_pass(in_done, ip);
        out_done = pass_written(out_done, op);
        if (control < LZF_MAX_LITERALS) {
            n = control + 1;
            if (n > (size_t)(in_end - ip) || n > (size_t)(out_end - op))
                return false;
            if ((size_t)(in_end - ip) >= LZF_MAX_LITERALS &&
                (size_t)(out_end - op) >= LZF_MAX_LITERALS)
                memcpy(op, ip, LZF_MAX_LITERALS);
            else
                memcpy(op, ip, n);
            ip += n;
            op += n;
            continue;
        }
        if (!take_reference(&ip, in_end, control, &distance, &n) || distance > (size_t)(op - out) ||
            n > (size_t)(out_end - op))
            return false;
        copy_back(op, distance, n, (size_t)(out_end - op));
        op += n;
    }
    return op == out_end;
}

bool lzf_holds(struct bytes in, uint64_t out_size)
{
    const uint8_t *ip = in.p;
    const uint8_t *const in_end = in.p + in.n;
    const uint8_t *done = in.p;
    uint64_t at = 0;

    while (ip < in_end && at <= out_size) {
        size_t control = *ip++;
        size_t distance = 0;
        size_t n;

        done = memory_pass(done, ip);
        if (control < LZF_MAX_LITERALS) {
            n = control + 1;
            if (n > (size_t)(in_end - ip))
                return false;
            ip += n;
        } else if (!take_reference(&ip, in_end, control, &distance, &n)) {
            return false;
        }
        if (distance > at)
            return false;
        at += n;
    }
    return ip == in_end && at == out_size;
}
