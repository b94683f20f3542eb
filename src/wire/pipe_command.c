#include "wire/pipe_command.h"

#include <string.h>

#include "resp/resp_write.h"

/* A larger command waits in a file. */
#define LARGE_BYTES ((size_t)4 << 20)

bool pipe_command_is_large(const struct pipe_command *command)
{
    const struct bytes *args = command->args;
    size_t count = command->count;
    uint64_t bytes = command->more_count == 0 ? 0 : spool_size(command->more);

    for (size_t i = 0; i < count && bytes <= LARGE_BYTES; i++)
        bytes += args[i].n;
    return bytes > LARGE_BYTES;
}

static int spool_arg(struct spool *s, struct bytes arg, struct ft_err *err)
{
    struct buf head = {0};
    int rc = resp_put_arg_head(&head, arg.n, err);

    if (rc == 0)
        rc = spool_append(s, head.p, head.n, err);
    if (rc == 0)
        rc = spool_append(s, arg.p, arg.n, err);
    buf_release(&head);
    return rc == 0 ? spool_append(s, RESP_LINE_END, strlen(RESP_LINE_END), err) : -1;
}

int pipe_command_spool(const struct pipe_command *command, struct spool *out, struct ft_err *err)
{
    struct buf head = {0};
    int rc = resp_put_command_head(&head, command->count + command->more_count, err);

    if (rc == 0)
        rc = spool_append(out, head.p, head.n, err);
    buf_release(&head);
    for (size_t i = 0; rc == 0 && i < command->count; i++)
        rc = spool_arg(out, command->args[i], err);
    return rc == 0 && command->more_count != 0 ? spool_copy(out, command->more, err) : rc;
}

int pipe_command_put(const struct pipe_command *command, struct buf *out, struct ft_err *err)
{
    size_t n;

    if (command->more_count == 0)
        return resp_put_command(out, command->args, command->count, err);
    n = (size_t)spool_size(command->more);
    if (resp_put_command_head(out, command->count + command->more_count, err) != 0)
        return -1;
    for (size_t i = 0; i < command->count; i++) {
        if (resp_put_arg_head(out, command->args[i].n, err) != 0 ||
            buf_append(out, command->args[i].p, command->args[i].n, err) != 0 ||
            buf_append_str(out, RESP_LINE_END, err) != 0)
            return -1;
    }
    if (buf_reserve(out, n, err) != 0 || spool_read(command->more, 0, out->p + out->n, n, err) != 0)
        return -1;
    out->n += n;
    return 0;
}

/* Who sends has cut what can be cut; the server is not to see the rest. */
int pipe_command_check_limit(const struct pipe_command *command, const struct reach *reach,
                             const char *server, struct ft_err *err)
{
    const struct reach_limit limit = reach_limit_of(reach);
    size_t count = command->count + command->more_count;
    uint64_t bytes;

    if (limit.args == 0 && limit.bytes == 0)
        return 0;
    bytes = resp_command_size(command->args, command->count) +
            (command->more_count == 0 ? 0 : spool_size(command->more));
    if (reach_fits(&limit, count, bytes))
        return 0;
    return err_set(err, FT_ERR_LIMIT,
                   "a request of %zu arguments and %llu bytes (%.*s) is larger than %s is to get "
                   "(--max-request-args, --max-request-bytes)",
                   count, (unsigned long long)bytes,
                   command->args[0].n < 32 ? (int)command->args[0].n : 32,
                   (const char *)command->args[0].p, server);
}

/* Also commands that are asked about, or called by a script. */
int pipe_command_rename(const struct reach *reach, struct bytes *args, size_t count,
                        struct buf *script, struct ft_err *err)
{
    if (count > 1 && bytes_is_word(args[0], "EVAL") &&
        reach_script(reach, args[1], script, &args[1], err) != 0)
        return -1;
    if (count > 3 && bytes_is_word(args[0], "ACL") && bytes_is_word(args[1], "DRYRUN"))
        args[3] = reach_command(reach, args[3]);
    for (size_t i = 2; i < count && bytes_is_word(args[0], "COMMAND"); i++)
        args[i] = reach_command(reach, args[i]);
    args[0] = reach_command(reach, args[0]);
    return 0;
}
