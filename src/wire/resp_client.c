#include "wire/resp_client.h"

#include <assert.h>

#include "base/buf.h"
#include "base/clock.h"

/* hiredis allocates an array as large as the peer says it is. NULL makes the reader give up. */
#if HIREDIS_MAJOR >= 1
#define ARRAY_COUNT_TYPE size_t
#else
#define ARRAY_COUNT_TYPE int
#endif

static void *create_small_array(const redisReadTask *task, ARRAY_COUNT_TYPE count)
{
    const struct resp_client *r = task->privdata;

    return count > RESP_ELEMENTS_MAX ? NULL : r->hiredis_functions->createArray(task, count);
}

int resp_client_open(struct resp_client *r, const struct uri *u, int cancel_fd, uint64_t timeout_ms,
                     struct ft_err *err)
{
    memset(r, 0, sizeof(*r));
    r->conn.fd = -1;
    r->reader = redisReaderCreate();
    if (r->reader == NULL)
        return err_nomem(err, "a reply reader");
    r->hiredis_functions = r->reader->fn;
    r->functions = *r->reader->fn;
    r->functions.createArray = create_small_array;
    r->reader->fn = &r->functions;
    r->reader->privdata = r;
    if (conn_open(&r->conn, u, cancel_fd, timeout_ms, err) != 0) {
        resp_client_close(r);
        return -1;
    }
    return 0;
}

static int send_words(struct resp_client *r, const char *const *words, uint64_t timeout_ms,
                      struct ft_err *err)
{
    struct buf out = BUF_INIT(RESP_REPLY_MAX);
    size_t count = 0;
    int rc;

    while (words[count] != NULL)
        count++;
    assert(count <= RESP_ARGS_MAX);
    rc = buf_printf(&out, err, "*%zu\r\n", count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = buf_printf(&out, err, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
    if (rc == 0)
        rc = conn_write_all(&r->conn, out.p, out.n, timeout_ms, err);
    if (out.p != NULL)
        explicit_bzero(out.p, out.n); /* may have held a password */
    buf_release(&out);
    return rc;
}

/* Byte by byte, as the reader would swallow what lies behind the reply. */
static int parse_some(struct resp_client *r, void **ret_reply, struct ft_err *err)
{
    while (r->in_pos < r->in_len && *ret_reply == NULL) {
        if (redisReaderFeed(r->reader, (const char *)&r->in[r->in_pos++], 1) != REDIS_OK ||
            redisReaderGetReply(r->reader, ret_reply) != REDIS_OK) {
            return err_set(err, FT_ERR_PROTOCOL, "%s sent something that is no reply: %s",
                           r->conn.name, r->reader->errstr);
        }
    }
    return 0;
}

int resp_client_call(struct resp_client *r, redisReply **ret_reply, const char *const *words,
                     uint64_t timeout_ms, struct ft_err *err)
{
    uint64_t deadline_ms = clock_mono_ms() + timeout_ms;
    void *reply = NULL;
    size_t total = 0;

    if (send_words(r, words, timeout_ms, err) != 0)
        return -1;
    for (;;) {
        uint64_t now = clock_mono_ms();

        if (parse_some(r, &reply, err) != 0)
            return -1;
        if (reply != NULL)
            break;
        if (total > RESP_REPLY_MAX)
            return err_set(err, FT_ERR_PROTOCOL, "%s sends a reply without end", r->conn.name);
        r->in_pos = 0;
        r->in_len = 0;
        if (conn_read(&r->conn, r->in, sizeof(r->in), &r->in_len,
                      now < deadline_ms ? deadline_ms - now : 0, err) != 0)
            return -1;
        if (r->in_len == 0)
            return err_set(err, FT_ERR_NET, "%s closed the connection", r->conn.name);
        total += r->in_len;
    }
    *ret_reply = reply;
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
    if (r->reader != NULL)
        redisReaderFree(r->reader);
    r->reader = NULL;
}
