/*
 * tls_reason.h - why TLS did not come about, in a sentence.
 *
 * What it is   OpenSSL says what is wrong in codes of its own, and forgets the certificate it was about. The callback
 *              here notes it while it is there; the rest makes sentences of codes.
 * Threads      Those of a session.
 */
#ifndef FLOWTAPE_WIRE_TLS_REASON_H
#define FLOWTAPE_WIRE_TLS_REASON_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "base/err.h"

#define TLS_REASON_SIZE 400

struct tls_reason {
    long verify;                /* X509_V_ERR_...; X509_V_OK: the certificate was not the reason */
    bool final;                 /* it will not be otherwise the next time */
    char text[TLS_REASON_SIZE]; /* of what has failed */
};

/* Whom it was about. */
struct tls_peer {
    const char *name; /* as messages call it */
    const char *host; /* that was wanted */
};

/* tls_reason_watch - where tls_reason_verify, the callback of SSL_CTX_set_verify, puts what it sees. */
void tls_reason_watch(SSL *ssl, struct tls_reason *reason);
int tls_reason_verify(int ok, X509_STORE_CTX *store);
/* tls_reason_take - what OpenSSL says of the last call, into text. */
void tls_reason_take(struct tls_reason *reason, bool has_cert);
/* tls_reason_of_handshake - the error of one that failed; sys_errno: 0 if that is not the reason. */
int tls_reason_of_handshake(struct tls_reason *reason, const struct tls_peer *peer, bool has_cert,
                            int sys_errno, struct ft_err *err);
/* tls_reason_of_file - what was wrong with a file that could not be loaded. */
void tls_reason_of_file(char *ret, size_t size);

#endif
