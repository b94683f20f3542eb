/*
 * resp_write.h - commands in RESP, for sockets and files. Source: redis.io, "Redis serialization
 * protocol specification": *COUNT, then $LENGTH and the bytes for each word.
 */
#ifndef FLOWTAPE_RESP_RESP_WRITE_H
#define FLOWTAPE_RESP_RESP_WRITE_H

#include "base/buf.h"

/* resp_put_command - append one command. */
int resp_put_command(struct buf *out, const struct bytes *words, size_t count, struct ft_err *err);

#endif
