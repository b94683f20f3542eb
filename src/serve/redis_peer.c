#include "serve/redis_peer.h"

#include <stdarg.h>
#include <stdio.h>

#define READ_BYTES (16u << 10)

int redis_peer_read(struct redis_peer *s, uint64_t timeout_ms, struct ft_err *err)
{
    uint8_t bytes[READ_BYTES];
    size_t n;

    if (conn_read(&s->conn, bytes, sizeof(bytes), &n, timeout_ms, err) != 0)
        return -1;
    if (n == 0)
        return err_set(err, FT_ERR_NET, "%s has closed the connection", s->conn.name);
    return command_reader_push(&s->reader, bytes_of(bytes, n), err);
}

void redis_peer_note(const struct redis_peer *s, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut */
    va_end(ap);
    serve_note(s->master->o, "%s: %s", s->conn.name, text);
}
