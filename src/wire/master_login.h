/*
 * master_login.h - what comes first on each connection to a master, of whatever kind: password, waiting until its data
 * are loaded; and the connection that carries a flow.
 *
 * Errors       FT_ERR_NET and FT_ERR_TIMEOUT: trying again may help. FT_ERR_PROTOCOL: the peer refused; the sentence says
 *              what to do. None of them contains the password.
 * Threads      A connection belongs to one thread.
 */
#ifndef FLOWTAPE_WIRE_MASTER_LOGIN_H
#define FLOWTAPE_WIRE_MASTER_LOGIN_H

#include "wire/resp_client.h"

#define MASTER_ID_SIZE 41 /* 40 hexadecimal digits and NUL */

/* Told to the user while the master loads its data set. */
typedef void master_note_fn(void *context, const char *text);

/* A connection that carries a flow, once the master has said how it begins. */
struct master_flow {
    struct resp_client client; /* client.conn carries the stream, after resp_client_leftover */
    bool partial;
    char eof_token[MASTER_ID_SIZE];
    /* of a Redis only */
    char replication_id
        [MASTER_ID_SIZE]; /* under which the stream can be asked for again; "": the one asked for */
    uint64_t first_lsn;   /* of its commands */
    uint64_t rdb_bytes;   /* of a full sync without a token; else 0 */
};

/*
 * master_refused - an answer that is none of those wanted. `needs`: the commands that the user must be allowed besides
 * PING, INFO and REPLCONF. Returns -1.
 */
int master_refused(const struct resp_client *client, const char *what, const char *needs,
                   const redisReply *reply, struct ft_err *err);
/* master_refused_text - the same of an error that came as a line. */
int master_refused_text(const struct resp_client *client, const char *what, const char *needs,
                        const char *text, struct ft_err *err);
bool master_is_status(const redisReply *reply, const char *text);
/* master_expect_ok - a command that must be answered +OK. */
int master_expect_ok(struct resp_client *client, const char *what, const char *needs,
                     const char *const *args, uint64_t timeout_ms, struct ft_err *err);
int master_authenticate(struct resp_client *client, const struct uri *u, const char *needs,
                        uint64_t timeout_ms, struct ft_err *err);
/* master_wait_until_loaded - loading_ms: how long it may go on loading; `note` may be NULL. */
int master_wait_until_loaded(struct resp_client *client, const char *needs, uint64_t timeout_ms,
                             uint64_t loading_ms, master_note_fn *note, void *context,
                             struct ft_err *err);
/* master_count_keys - about so many keys the master has, in all databases; 0: it does not say. */
int master_count_keys(struct resp_client *client, uint64_t timeout_ms, uint64_t *ret_keys,
                      struct ft_err *err);

#endif
