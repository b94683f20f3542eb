#include "output/resp_file.h"

#include <inttypes.h>
#include <stdio.h>

#include "output/output_lua.h"
#include "resp/resp_write.h"

#define COLLECT_BYTES (256u << 10)
/* Is there for the time of a guard. */
#define GUARD_KEY "flowtape:guard"
/* An argument of this size is not copied. */
#define LARGE_ARG_BYTES (64u << 10)

int resp_file_open(struct resp_file *s, const char *path, struct ft_err *err)
{
    *s = (struct resp_file){.db = RESP_FILE_ANY_DB};
    return output_file_open(&s->file, path, err);
}

int resp_file_append(struct resp_file *s, const char *path, struct ft_err *err)
{
    *s = (struct resp_file){.db = RESP_FILE_ANY_DB};
    return output_file_append(&s->file, path, err);
}

int resp_file_adopt(struct resp_file *s, int fd, const char *name, struct ft_err *err)
{
    *s = (struct resp_file){.db = RESP_FILE_ANY_DB};
    return output_file_adopt(&s->file, fd, name, err);
}

static int write_out(struct resp_file *s, struct ft_err *err)
{
    if (output_file_write(&s->file, buf_bytes(&s->buf), err) != 0)
        return -1;
    buf_clear(&s->buf);
    buf_trim(&s->buf, 2 * COLLECT_BYTES);
    return 0;
}

static int put_large_arg(struct resp_file *s, struct bytes arg, struct ft_err *err)
{
    if (write_out(s, err) != 0 || output_file_write(&s->file, arg, err) != 0)
        return -1;
    return buf_append_str(&s->buf, RESP_LINE_END, err);
}

static int put_pieces(struct resp_file *s, const struct bytes *args, size_t count,
                      struct ft_err *err)
{
    if (resp_put_command_head(&s->buf, count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (resp_put_arg_head(&s->buf, args[i].n, err) != 0)
            return -1;
        if (args[i].n >= LARGE_ARG_BYTES) {
            if (put_large_arg(s, args[i], err) != 0)
                return -1;
            continue;
        }
        if (buf_append(&s->buf, args[i].p, args[i].n, err) != 0 ||
            buf_append_str(&s->buf, RESP_LINE_END, err) != 0)
            return -1;
    }
    return 0;
}

static bool has_large_arg(const struct bytes *args, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (args[i].n >= LARGE_ARG_BYTES)
            return true;
    }
    return false;
}

static int put_command(struct resp_file *s, const struct bytes *args, size_t count,
                       struct ft_err *err)
{
    if (has_large_arg(args, count))
        return put_pieces(s, args, count, err);
    return resp_put_command(&s->buf, args, count, err);
}

static int put_args(struct resp_file *s, const char *const *args, size_t count, struct ft_err *err)
{
    struct bytes list[8];

    for (size_t i = 0; i < count; i++)
        list[i] = bytes_str(args[i]);
    return resp_put_command(&s->buf, list, count, err);
}

static int put_select(struct resp_file *s, uint32_t db, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    struct bytes args[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};

    s->db = db;
    return put_command(s, args, 2, err);
}

static int put_guard(struct resp_file *s, uint32_t db, struct ft_err *err)
{
    char wanted[16];
    char selected[16];
    const char *const watch[] = {"WATCH", GUARD_KEY};
    const char *const script[] = {"EVAL", lua_database_guard, "1", GUARD_KEY, wanted, selected};
    const char *const multi[] = {"MULTI"};
    const char *const block[] = {"SUBSCRIBE", GUARD_KEY};
    const char *const exec[] = {"EXEC"};

    if (s->db == RESP_FILE_ANY_DB && put_select(s, 0, err) != 0)
        return -1;
    (void)snprintf(wanted, sizeof(wanted), "%" PRIu32, db); /* both fit */
    (void)snprintf(selected, sizeof(selected), "%" PRIu32, s->db);
    if (put_args(s, watch, 2, err) != 0 || put_args(s, script, 6, err) != 0 ||
        put_args(s, multi, 1, err) != 0 || put_args(s, block, 2, err) != 0)
        return -1;
    return put_args(s, exec, 1, err);
}

static int select_db(struct resp_file *s, uint32_t db, struct ft_err *err)
{
    if (db == RESP_FILE_ANY_DB || db == s->db)
        return 0;
    if (s->guards && db > 0 && db >= s->databases.needed && put_guard(s, db, err) != 0)
        return -1;
    if (databases_use(&s->databases, db, err) != 0)
        return -1;
    return put_select(s, db, err);
}

int resp_file_put(struct resp_file *s, uint32_t db, const struct bytes *args, size_t count,
                  struct ft_err *err)
{
    if (select_db(s, db, err) != 0 || put_command(s, args, count, err) != 0)
        return -1;
    s->commands++;
    return s->buf.n < COLLECT_BYTES ? 0 : write_out(s, err);
}

int resp_file_put_raw(struct resp_file *s, struct bytes bytes, struct ft_err *err)
{
    return buf_append(&s->buf, bytes.p, bytes.n, err);
}

uint64_t resp_file_bytes(const struct resp_file *s)
{
    return s->file.bytes + s->buf.n;
}

uint64_t resp_file_written(const struct resp_file *s)
{
    return s->file.bytes;
}

int resp_file_finish(struct resp_file *s, struct ft_err *err)
{
    if (write_out(s, err) != 0)
        return -1;
    return output_file_finish(&s->file, err);
}

void resp_file_release(struct resp_file *s)
{
    output_file_release(&s->file);
    buf_release(&s->buf);
}
