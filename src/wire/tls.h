/*
 * tls.h - TLS over a socket that is connected, by OpenSSL.
 *
 * What it is   A context (struct tls: trusted certificates, the own one with its key) that any number of
 *              connections share, and a session of one of them. Nothing here waits: the calls of a session are
 *              shaped like those of a non-blocking socket.
 * Checked      As a client: the chain of certificates, and that the last one is for the host that was asked for.
 *              As a server: a certificate of the client, if a CA was given.
 * Ready to     A session may hold bytes that poll(2) on its socket knows nothing of: tls_session_more. What is
 * read         polled for is tls_session_events.
 * Errors       FT_ERR_IO: a file that cannot be used. FT_ERR_PROTOCOL: the peer's certificate, or what it
 *              does not want of ours; it is said in one sentence, once. FT_ERR_NET otherwise.
 * Threads      A context may be shared; a session belongs to one thread at a time.
 */
#ifndef FLOWTAPE_WIRE_TLS_H
#define FLOWTAPE_WIRE_TLS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct tls;
struct tls_session;

/* Files are PEM; NULL: none. */
struct tls_options {
    const char *ca;   /* certificates that are trusted, or a directory; NULL: those of the system */
    const char *cert; /* own certificate, with its chain */
    const char *key;  /* NULL: in the same file */
    const char
        *server_name; /* what the peer's certificate must be for; NULL: the host of the address */
    bool insecure;    /* any certificate will do */
};

/* tls_new_client, _server - with one reference; NULL is let go of too. A server needs a certificate. */
int tls_new_client(struct tls **ret, const struct tls_options *options, struct ft_err *err);
int tls_new_server(struct tls **ret, const struct tls_options *options, struct ft_err *err);
struct tls *tls_ref(struct tls *t);
void tls_unref(struct tls *t);

/*
 * tls_session_new - over fd, which stays the caller's. host: whom a client wants to reach; name: of the peer, in
 * errors. Both are borrowed until the handshake is done.
 */
int tls_session_new(struct tls_session **ret, struct tls *t, int fd, const char *host,
                    const char *name, struct ft_err *err);
/* tls_session_handshake - 1: done; 0: to be called again after poll for *ret_events; -1. */
int tls_session_handshake(struct tls_session *s, short *ret_events, struct ft_err *err);
/* tls_session_recv, _send - as recv(2) and send(2) with MSG_DONTWAIT: -1 sets errno, of which EPROTO
 * says that tls_session_failure has the reason. What was sent in vain must be sent again as it was. */
ssize_t tls_session_recv(struct tls_session *s, void *p, size_t n);
ssize_t tls_session_send(struct tls_session *s, const void *p, size_t n);
bool tls_session_more(const struct tls_session *s);
short tls_session_events(const struct tls_session *s, short wanted);
/* tls_session_failure - a sentence; NULL: nothing has failed. *ret_final: it would fail again. */
const char *tls_session_failure(const struct tls_session *s, bool *ret_final);
/* tls_session_free - says good-bye, if that can be done without waiting. */
void tls_session_free(struct tls_session *s);

#endif
