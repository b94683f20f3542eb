#include "wire/resp_client.h"

#include <assert.h>

#include "base/buf.h"
#include "base/clock.h"
#include "wire/reach.h"

int resp_client_open(struct resp_client *r, const struct uri *u, int cancel_fd, uint64_t timeout_ms,
                     struct ft_err *err)
{
    memset(r, 0, sizeof(*r));
    r->conn.fd = -1;
    r->reach = reach_ref(u->reach);
    reply_reader_init(&r->reader, RESP_REPLY_MAX);
    if (conn_open(&r->conn, u, cancel_fd, timeout_ms, err) != 0) {
        resp_client_close(r);
        return -1;
    }
    return 0;
}

int resp_client_send(struct resp_client *r, const char *const *args, uint64_t timeout_ms,
                     struct ft_err *err)
{
    struct buf out = BUF_INIT(RESP_REPLY_MAX);
    size_t count = 0;
    int rc;

    while (args[count] != NULL)
        count++;
    assert(count <= RESP_ARGS_MAX);
    rc = buf_printf(&out, err, "*%zu\r\n", count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct bytes arg = bytes_str(args[i]);

        if (i == 0)
            arg = reach_command(r->reach, arg);
        rc = buf_printf(&out, err, "$%zu\r\n%.*s\r\n", arg.n, (int)arg.n, (const char *)arg.p);
    }
    if (rc == 0)
        rc = conn_write_all(&r->conn, out.p, out.n, timeout_ms, err);
    if (out.p != NULL)
        explicit_bzero(out.p, out.n); /* may have held a password */
    buf_release(&out);
    return rc;
}

/* What lies after the reply stays where it is. */
static int parse_some(struct resp_client *r, redisReply **ret_reply, struct ft_err *err)
{
    struct bytes in = bytes_of(r->in + r->in_pos, r->in_len - r->in_pos);

    if (reply_reader_feed(&r->reader, &in, ret_reply, err) != 0)
        return reply_reader_failed(r->conn.name, err);
    r->in_pos = r->in_len - in.n;
    return 0;
}

static int late(const struct resp_client *r, uint64_t timeout_ms, struct ft_err *err)
{
    err_clear(err);
    return err_set(err, FT_ERR_TIMEOUT,
                   reply_reader_is_idle(&r->reader) ? "nothing came from %s for %llu ms"
                                                    : "%s did not end its reply within %llu ms",
                   r->conn.name, (unsigned long long)timeout_ms);
}

int resp_client_call(struct resp_client *r, redisReply **ret_reply, const char *const *args,
                     uint64_t timeout_ms, struct ft_err *err)
{
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;
    redisReply *reply = NULL;

    if (resp_client_send(r, args, timeout_ms, err) != 0)
        return -1;
    for (;;) {
        uint64_t now;

        if (parse_some(r, &reply, err) != 0)
            return -1;
        if (reply != NULL)
            break;
        now = clock_mono_ms();
        r->in_pos = 0;
        r->in_len = 0;
        if (now >= deadline_ms)
            return late(r, timeout_ms, err);
        if (conn_read(&r->conn, r->in, sizeof(r->in), &r->in_len, deadline_ms - now, err) != 0)
            return err->kind == FT_ERR_TIMEOUT ? late(r, timeout_ms, err) : -1;
        if (r->in_len == 0)
            return conn_lost(&r->conn, 0, err);
    }
    *ret_reply = reply;
    return 0;
}

int resp_client_line(struct resp_client *r, char *ret, size_t size, uint64_t timeout_ms,
                     struct ft_err *err)
{
    size_t n = 0;

    for (;;) {
        uint8_t c;

        if (r->in_pos == r->in_len) {
            r->in_pos = 0;
            r->in_len = 0;
            if (conn_read(&r->conn, r->in, sizeof(r->in), &r->in_len, timeout_ms, err) != 0)
                return err->kind == FT_ERR_TIMEOUT ? late(r, timeout_ms, err) : -1;
            if (r->in_len == 0)
                return err_set(err, FT_ERR_NET, "%s closed the connection", r->conn.name);
        }
        c = r->in[r->in_pos++];
        if (c == '\n' && n > 0)
            break;
        if (c == '\n' || c == '\r')
            continue;
        if (n + 1 >= size)
            return err_set(err, FT_ERR_PROTOCOL, "%s sent a line without an end", r->conn.name);
        ret[n++] = (char)c;
    }
    ret[n] = '\0';
    return 0;
}

struct bytes resp_client_leftover(struct resp_client *r)
{
    struct bytes left = bytes_of(r->in + r->in_pos, r->in_len - r->in_pos);

    r->in_pos = r->in_len;
    return left;
}

void resp_client_close(struct resp_client *r)
{
    conn_close(&r->conn);
    reach_unref(r->reach);
    r->reach = NULL;
    reply_reader_release(&r->reader);
}
