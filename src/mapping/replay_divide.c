#include "mapping/replay_divide.h"

#include <stdlib.h>

#include "resp/resp_write.h"

/* Commands that do the same in pieces: arguments in front of each piece, and arguments that stay together. */
struct divisible {
    const char *name;
    size_t head, step;
};

static const struct divisible divisible[] = {
    {"DEL", 1, 1},    {"UNLINK", 1, 1}, {"MSET", 1, 2}, {"RPUSH", 2, 1}, {"LPUSH", 2, 1},
    {"RPUSHX", 2, 1}, {"LPUSHX", 2, 1}, {"SADD", 2, 1}, {"SREM", 2, 1},  {"ZREM", 2, 1},
    {"HDEL", 2, 1},   {"PFADD", 2, 1},  {"XDEL", 2, 1}, {"HSET", 2, 2},  {"HMSET", 2, 2},
    {"ZADD", 2, 2},   {"GEOADD", 2, 3}, {"XACK", 3, 1},
};

/* The options of ZADD and GEOADD belong to the head. */
static size_t skip_options(const struct bytes *args, size_t count, size_t at)
{
    while (at < count && (bytes_is_word(args[at], "NX") || bytes_is_word(args[at], "XX") ||
                          bytes_is_word(args[at], "GT") || bytes_is_word(args[at], "LT") ||
                          bytes_is_word(args[at], "CH")))
        at++;
    return at;
}

static const struct divisible *find_divisible(struct bytes name)
{
    for (size_t i = 0; i < sizeof(divisible) / sizeof(divisible[0]); i++) {
        if (bytes_is_word(name, divisible[i].name))
            return &divisible[i];
    }
    return NULL;
}

bool replay_divide(const struct bytes *args, size_t count, size_t *ret_head, size_t *ret_step)
{
    const struct divisible *d = find_divisible(args[0]);
    size_t head;

    if (d == NULL || count < d->head)
        return false;
    head = d->name[0] == 'Z' || d->name[0] == 'G' ? skip_options(args, count, d->head) : d->head;
    if ((count - head) % d->step != 0)
        return false;
    *ret_head = head;
    *ret_step = d->step;
    return true;
}

int replay_divide_to_fit(const struct reach_limit *limit, const struct bytes *args, size_t count,
                         command_fn *put, void *context, bool *ret_divided, struct ft_err *err)
{
    struct bytes *piece;
    size_t head;
    size_t step;
    int rc = 0;

    *ret_divided = false;
    if (!replay_divide(args, count, &head, &step) || count <= head + step)
        return 0;
    piece = malloc(count * sizeof(*piece)); /* fits: there are as many */
    if (piece == NULL)
        return err_nomem(err, "a command in pieces");
    memcpy(piece, args, head * sizeof(*piece));
    *ret_divided = true;
    for (size_t at = head; rc == 0 && at < count;) {
        size_t n = head;
        uint64_t bytes = resp_command_size(piece, head);

        do {
            memcpy(piece + n, args + at, step * sizeof(*piece));
            bytes += resp_command_size(args + at, step);
            n += step;
            at += step;
        } while (at < count &&
                 reach_fits(limit, n + step, bytes + resp_command_size(args + at, step)));
        rc = put(context, piece, n, err);
    }
    free(piece);
    return rc;
}

bool replay_divide_by_key(const struct bytes *args, size_t count, size_t *ret_step)
{
    size_t head;
    size_t step;

    if (!replay_divide(args, count, &head, &step) || head != 1 || count <= 1 + step)
        return false;
    *ret_step = step;
    return true;
}

void replay_divide_take(const struct bytes *args, size_t at, size_t step, struct bytes ret[3])
{
    ret[0] = bytes_is_word(args[0], "MSET") ? bytes_str("SET") : args[0];
    memcpy(ret + 1, args + at, step * sizeof(*ret));
}
