#include "wire/sentinel.h"

#include "wire/reply_error.h"
#include "wire/resp_client.h"

#define CONNECT_MS 5000u

/* The named address with one of its hosts. */
static int one_host(struct uri *ret, const struct uri *named, size_t index, struct ft_err *err)
{
    *ret = (struct uri){.scheme = named->scheme, .db = named->db, .port = named->port};
    memcpy(ret->host, named->host, sizeof(ret->host));
    if (index > 0) {
        memcpy(ret->host, named->others[index - 1].host, sizeof(ret->host));
        ret->port = named->others[index - 1].port;
    }
    if (uri_copy_access(ret, named, err) == 0)
        return 0;
    uri_release(ret);
    return -1;
}

static uint64_t connect_ms(uint64_t timeout_ms)
{
    return timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS;
}

/* A sentinel need not want the password of the servers. */
static int authenticate(struct resp_client *r, const struct uri *u, uint64_t timeout_ms,
                        struct ft_err *err)
{
    const char *const with_user[] = {"AUTH", u->user, u->password, NULL};
    const char *const alone[] = {"AUTH", u->password, NULL};
    redisReply *reply;

    if (u->password == NULL)
        return 0;
    if (resp_client_call(r, &reply, u->user != NULL ? with_user : alone, timeout_ms, err) != 0)
        return -1;
    reply_free(reply);
    return 0;
}

/* {host, port}; nil: the name is not known. */
static int take_master(struct uri *ret, const struct uri *named, const struct resp_client *r,
                       const redisReply *reply, struct ft_err *err)
{
    uint64_t port;

    if (reply->type == REDIS_REPLY_ERROR)
        return err_set(err, FT_ERR_PROTOCOL, "the sentinel %s answered: %s", r->conn.name,
                       reply->str);
    if (reply->type == REDIS_REPLY_NIL)
        return err_set(err, FT_ERR_PROTOCOL, "the sentinel %s knows no master \"%s\"", r->conn.name,
                       named->service);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        reply->element[0]->len >= sizeof(ret->host) || reply->element[0]->len == 0 ||
        !bytes_to_u64(bytes_of(reply->element[1]->str, reply->element[1]->len), &port) ||
        port == 0 || port > UINT16_MAX)
        return err_set(err, FT_ERR_PROTOCOL, "the sentinel %s did not answer with an address",
                       r->conn.name);
    *ret = (struct uri){.scheme = URI_REDIS, .db = named->db, .port = (uint16_t)port};
    (void)snprintf(ret->host, sizeof(ret->host), "%s", reply->element[0]->str); /* fits */
    if (uri_copy_access(ret, named, err) == 0)
        return 0;
    uri_release(ret);
    return -1;
}

static int ask_sentinel(struct uri *ret, const struct uri *named, const struct uri *sentinel,
                        int cancel_fd, uint64_t timeout_ms, struct ft_err *err)
{
    const char *const question[] = {"SENTINEL", "get-master-addr-by-name", named->service, NULL};
    struct resp_client r;
    redisReply *reply;
    int rc = -1;

    if (resp_client_open(&r, sentinel, cancel_fd, connect_ms(timeout_ms), err) != 0)
        return -1;
    if (authenticate(&r, sentinel, timeout_ms, err) == 0 &&
        resp_client_call(&r, &reply, question, timeout_ms, err) == 0) {
        rc = take_master(ret, named, &r, reply, err);
        reply_free(reply);
    }
    resp_client_close(&r);
    return rc;
}

/* Does anybody take connections there? */
static int try_host(struct uri *ret, const struct uri *host, int cancel_fd, uint64_t timeout_ms,
                    struct ft_err *err)
{
    struct conn conn;

    if (conn_open(&conn, host, cancel_fd, connect_ms(timeout_ms), err) != 0)
        return -1;
    conn_close(&conn);
    return uri_copy(ret, host, err);
}

int sentinel_locate(struct uri *ret, const struct uri *named, int cancel_fd, uint64_t timeout_ms,
                    struct ft_err *err)
{
    int rc = -1;

    if (named->scheme != URI_SENTINEL && named->other_count == 0)
        return uri_copy(ret, named, err);
    for (size_t i = 0; rc != 0 && i <= named->other_count && err->kind != FT_ERR_CANCELLED; i++) {
        struct uri host;

        err_clear(err);
        if (one_host(&host, named, i, err) != 0)
            return -1;
        rc = named->scheme == URI_SENTINEL
                 ? ask_sentinel(ret, named, &host, cancel_fd, timeout_ms, err)
                 : try_host(ret, &host, cancel_fd, timeout_ms, err);
        uri_release(&host);
    }
    return rc;
}
