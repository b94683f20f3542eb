/*
 * resp_write.h - commands in RESP, for sockets and files. Source: redis.io, "Redis serialization
 * protocol specification": *COUNT, then $LENGTH and the bytes for each argument.
 */
#ifndef FLOWTAPE_RESP_RESP_WRITE_H
#define FLOWTAPE_RESP_RESP_WRITE_H

#include "base/buf.h"

/* resp_command_size - about, and not less. */
size_t resp_command_size(const struct bytes *args, size_t count);
/* resp_put_command - append one command. */
int resp_put_command(struct buf *out, const struct bytes *args, size_t count, struct ft_err *err);
/*
 * resp_take_command - the arguments of one command as resp_put_command wrote it; they point into it.
 * *ret_args is the caller's to free. FT_ERR_BUG: it is not one.
 */
int resp_take_command(struct bytes command, struct bytes **ret_args, size_t *ret_count,
                      struct ft_err *err);

/*
 * A command in pieces, where an argument is too large to be copied: the head, then for each argument its head,
 * its bytes and RESP_LINE_END.
 */
#define RESP_LINE_END "\r\n"
int resp_put_command_head(struct buf *out, size_t count, struct ft_err *err);
int resp_put_arg_head(struct buf *out, size_t size_bytes, struct ft_err *err);
/* resp_take_arg - the argument in front, which then is not in front any more; false: there is none that is whole. */
bool resp_take_arg(struct bytes *in, struct bytes *ret);

#endif
