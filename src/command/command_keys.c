#include "command/command_keys.h"

static void push_range(const struct bytes *args, size_t from, size_t to, struct key_list *ret)
{
    for (size_t i = from; i < to; i++)
        key_list_push(ret, args, i);
}

bool keys_by_range(const struct command_row *row, const struct bytes *args, size_t count,
                   struct key_list *ret)
{
    long last = row->key_last < 0 ? (long)count + row->key_last : row->key_last;

    if (row->key_first == 0)
        return true;
    for (long i = row->key_first; i <= last && i < (long)count; i += row->key_step)
        key_list_push(ret, args, (size_t)i);
    /* whole groups only: MSET k v k is not well formed */
    return row->key_last >= 0 || (count - (size_t)row->key_first) % (size_t)row->key_step == 0;
}

/* A second database: the same key, or the destination, as it is there. */
static bool push_other_db(const struct bytes *args, size_t arg, struct bytes db_text,
                          struct key_list *ret)
{
    uint32_t db = ret->db;
    uint64_t other;

    if (!bytes_to_u64(db_text, &other) || other > UINT32_MAX)
        return false;
    ret->db = (uint32_t)other;
    key_list_push(ret, args, arg);
    ret->db = db;
    return true;
}

bool keys_copy(const struct bytes *args, size_t count, struct key_list *ret)
{
    key_list_push(ret, args, 1);
    for (size_t i = 3; i + 1 < count; i++) {
        if (bytes_is_word(args[i], "DB"))
            return push_other_db(args, 2, args[i + 1], ret);
    }
    key_list_push(ret, args, 2);
    return true;
}

bool keys_move(const struct bytes *args, size_t count, struct key_list *ret)
{
    (void)count;
    key_list_push(ret, args, 1);
    return push_other_db(args, 1, args[2], ret);
}

size_t keys_find_store(const struct bytes *args, size_t count, size_t from)
{
    size_t found = 0;

    /* the last one counts, as in Redis */
    for (size_t i = from; i + 1 < count; i++) {
        if (bytes_is_word(args[i], "STORE") || bytes_is_word(args[i], "STOREDIST"))
            found = ++i;
    }
    return found;
}

bool keys_sort(const struct bytes *args, size_t count, struct key_list *ret)
{
    size_t store = 0;
    size_t i = 2;

    key_list_push(ret, args, 1);
    while (i < count) {
        if (bytes_is_word(args[i], "LIMIT")) {
            i += 3;
        } else if (bytes_is_word(args[i], "BY") || bytes_is_word(args[i], "GET")) {
            i += 2;
        } else if (bytes_is_word(args[i], "STORE")) {
            store = i + 1;
            i += 2;
        } else if (bytes_is_word(args[i], "ASC") || bytes_is_word(args[i], "DESC") ||
                   bytes_is_word(args[i], "ALPHA")) {
            i++;
        } else {
            push_range(args, i, count, ret); /* a slice with keys of this shard only */
            return false;
        }
    }
    if (i > count)
        return false;
    if (store != 0)
        key_list_push(ret, args, store);
    return true;
}

static bool keys_geo(const struct bytes *args, size_t count, size_t options, struct key_list *ret)
{
    size_t store;

    if (count < options) {
        push_range(args, 1, count, ret);
        return false;
    }
    key_list_push(ret, args, 1);
    store = keys_find_store(args, count, options);
    if (store != 0)
        key_list_push(ret, args, store);
    return true;
}

bool keys_georadius(const struct bytes *args, size_t count, struct key_list *ret)
{
    return keys_geo(args, count, 6, ret);
}

bool keys_georadiusbymember(const struct bytes *args, size_t count, struct key_list *ret)
{
    return keys_geo(args, count, 5, ret);
}

/* numkeys at args[at], the keys after it, and at least `more` arguments after those. */
static bool keys_counted(const struct bytes *args, size_t count, size_t at, size_t more,
                         struct key_list *ret)
{
    uint64_t n;

    if (at >= count || !bytes_to_u64(args[at], &n) || n == 0 || n > count ||
        at + 1 + (size_t)n + more > count)
        return false;
    push_range(args, at + 1, at + 1 + (size_t)n, ret);
    return true;
}

bool keys_numkeys(const struct bytes *args, size_t count, struct key_list *ret)
{
    if (keys_counted(args, count, 1, 1, ret))
        return true;
    push_range(args, 1, count, ret);
    return false;
}

bool keys_eval(const struct bytes *args, size_t count, struct key_list *ret)
{
    return bytes_eq_str(args[2], "0") || keys_counted(args, count, 2, 0, ret);
}

bool keys_msetex(const struct bytes *args, size_t count, struct key_list *ret)
{
    uint64_t n;

    if (!bytes_to_u64(args[1], &n) || n == 0 || n > (count - 2) / 2)
        return false;
    for (size_t i = 0; i < (size_t)n; i++)
        key_list_push(ret, args, 2 + 2 * i);
    return true;
}

bool keys_xreadgroup(const struct bytes *args, size_t count, struct key_list *ret)
{
    if (!bytes_is_word(args[count - 3], "STREAMS"))
        return false;
    key_list_push(ret, args, count - 2);
    return true;
}

bool keys_zstore(const struct bytes *args, size_t count, struct key_list *ret)
{
    key_list_push(ret, args, 1);
    if (keys_counted(args, count, 2, 0, ret))
        return true;
    push_range(args, 2, count, ret);
    return false;
}

bool keys_setstore(const struct bytes *args, size_t count, struct key_list *ret)
{
    push_range(args, 1, count, ret);
    return count >= 3;
}

bool keys_zrangestore(const struct bytes *args, size_t count, struct key_list *ret)
{
    push_range(args, 1, count < 3 || count >= 5 ? (count < 3 ? count : 3) : count, ret);
    return count >= 5;
}
