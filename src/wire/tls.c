#include "wire/tls.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "wire/tls_reason.h"

/* A record has at most 16 KiB; so many of them come with one call of the system. */
#define READ_AHEAD_BYTES (128u << 10)

struct tls {
    SSL_CTX *context;
    atomic_uint references;
    char *server_name; /* NULL: the host */
    bool server;
    bool insecure;
    bool has_cert;
    bool locked; /* the key wants a pass phrase */
};

struct tls_session {
    SSL *ssl;
    int fd;
    const char *name;
    const char *host; /* that the certificate must be for */
    bool has_cert;
    bool open;       /* shaken hands, and nothing has failed since */
    bool more;       /* there may be bytes that were read from the socket, and not given out */
    bool read_waits; /* a read waits until something can be written */
    bool failed;
    struct tls_reason reason;
};

/*
 * The socket. OpenSSL's own one writes with write(2), and a lost connection would end the process by SIGPIPE.
 */

static int socket_write(BIO *bio, const char *p, int n)
{
    const struct tls_session *s = BIO_get_data(bio);
    ssize_t put = send(s->fd, p, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);

    BIO_clear_retry_flags(bio);
    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)put;
}

static int socket_read(BIO *bio, char *p, int n)
{
    const struct tls_session *s = BIO_get_data(bio);
    ssize_t got = recv(s->fd, p, (size_t)n, MSG_DONTWAIT);

    BIO_clear_retry_flags(bio);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)got;
}

static long socket_ctrl(BIO *bio, int command, long number, void *p)
{
    (void)bio;
    (void)number;
    (void)p;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int socket_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static pthread_once_t socket_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *socket_method; /* as long as the process */

static void make_socket_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

    if (m != NULL && BIO_meth_set_write(m, socket_write) == 1 &&
        BIO_meth_set_read(m, socket_read) == 1 && BIO_meth_set_ctrl(m, socket_ctrl) == 1 &&
        BIO_meth_set_create(m, socket_create) == 1)
        socket_method = m;
}

/*
 * Contexts
 */

static int refuse_file(const char *what, const char *path, struct ft_err *err)
{
    char text[TLS_REASON_SIZE];

    tls_reason_of_file(text, sizeof(text));
    return err_set(err, FT_ERR_IO, "cannot use the %s \"%s\": %s", what, path, text);
}

/* A key that wants a pass phrase is refused; without this OpenSSL asks for one on the terminal. */
static int no_pass_phrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    ((struct tls *)context)->locked = true;
    return -1;
}

static int trust(struct tls *t, const char *ca, struct ft_err *err)
{
    struct stat st;
    bool is_dir = ca != NULL && stat(ca, &st) == 0 && S_ISDIR(st.st_mode);

    if (ca == NULL) {
        if (!t->server && SSL_CTX_set_default_verify_paths(t->context) != 1)
            return err_set(err, FT_ERR_IO, "cannot find the trusted certificates of the system");
        return 0;
    }
    if (SSL_CTX_load_verify_locations(t->context, is_dir ? NULL : ca, is_dir ? ca : NULL) != 1)
        return refuse_file("trusted certificates", ca, err);
    if (t->server) {
        STACK_OF(X509_NAME) *names = is_dir ? NULL : SSL_load_client_CA_file(ca);

        SSL_CTX_set_client_CA_list(t->context, names); /* is taken over */
    }
    return 0;
}

static int present(struct tls *t, const struct tls_options *o, struct ft_err *err)
{
    const char *key = o->key != NULL ? o->key : o->cert;

    if (o->cert == NULL)
        return o->key == NULL ? 0 : err_set(err, FT_ERR_USAGE, "a key without a certificate");
    if (SSL_CTX_use_certificate_chain_file(t->context, o->cert) != 1)
        return refuse_file("certificate", o->cert, err);
    if (SSL_CTX_use_PrivateKey_file(t->context, key, SSL_FILETYPE_PEM) != 1)
        return t->locked
                   ? err_set(err, FT_ERR_IO,
                             "cannot use the key \"%s\": it wants a pass phrase, and is taken "
                             "without one only",
                             key)
                   : refuse_file("key", key, err);
    t->has_cert = true;
    return 0;
}

static int tls_fill(struct tls *t, const struct tls_options *o, struct ft_err *err)
{
    SSL_CTX *c = t->context;
    int verify = t->server ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER;

    if (o->server_name != NULL && (t->server_name = strdup(o->server_name)) == NULL)
        return err_nomem(err, "a name");
    t->insecure = o->insecure;
    if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1)
        return err_set(err, FT_ERR_BUG, "TLS 1.2 is not there");
    (void)SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    /* Who closes without a good-bye has closed: what came tells whether something is missing. */
    (void)SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
    (void)SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(c, no_pass_phrase);
    SSL_CTX_set_default_passwd_cb_userdata(c, t);
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_default_read_buffer_len(c, READ_AHEAD_BYTES);
    if (t->server ? o->ca != NULL : !o->insecure)
        SSL_CTX_set_verify(c, verify, tls_reason_verify);
    return trust(t, o->ca, err) == 0 ? present(t, o, err) : -1;
}

static int tls_new(struct tls **ret, bool server, const struct tls_options *o, struct ft_err *err)
{
    struct tls *t = calloc(1, sizeof(*t));

    (void)pthread_once(&socket_once, make_socket_method);
    ERR_clear_error();
    if (t == NULL || socket_method == NULL)
        goto no_memory;
    atomic_init(&t->references, 1);
    t->server = server;
    t->context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (t->context == NULL)
        goto no_memory;
    if (tls_fill(t, o, err) != 0) {
        tls_unref(t);
        return -1;
    }
    *ret = t;
    return 0;
no_memory:
    tls_unref(t);
    return err_nomem(err, "TLS");
}

int tls_new_client(struct tls **ret, const struct tls_options *options, struct ft_err *err)
{
    return tls_new(ret, false, options, err);
}

int tls_new_server(struct tls **ret, const struct tls_options *options, struct ft_err *err)
{
    if (options->cert == NULL)
        return err_set(err, FT_ERR_USAGE, "a server needs a certificate");
    return tls_new(ret, true, options, err);
}

struct tls *tls_ref(struct tls *t)
{
    if (t != NULL)
        atomic_fetch_add(&t->references, 1);
    return t;
}

void tls_unref(struct tls *t)
{
    if (t == NULL || atomic_fetch_sub(&t->references, 1) > 1)
        return;
    SSL_CTX_free(t->context);
    free(t->server_name);
    free(t);
}

/*
 * Sessions
 */

/* Whom the certificate must be for; a name is also said to the server, which may have several. */
static bool expect_host(const struct tls *t, struct tls_session *s)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(s->ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, s->host) == 1)
        return true;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return (t->insecure || X509_VERIFY_PARAM_set1_host(param, s->host, 0) == 1) &&
           SSL_set_tlsext_host_name(s->ssl, s->host) == 1;
}

int tls_session_new(struct tls_session **ret, struct tls *t, int fd, const char *host,
                    const char *name, struct ft_err *err)
{
    struct tls_session *s = calloc(1, sizeof(*s));
    BIO *bio;

    if (s == NULL)
        return err_nomem(err, "a connection");
    ERR_clear_error();
    s->fd = fd;
    s->name = name;
    s->host = t->server_name != NULL ? t->server_name : host;
    s->has_cert = t->has_cert;
    s->ssl = SSL_new(t->context);
    bio = s->ssl == NULL ? NULL : BIO_new(socket_method);
    if (bio == NULL)
        goto no_memory;
    BIO_set_data(bio, s);
    SSL_set_bio(s->ssl, bio, bio); /* is taken over */
    tls_reason_watch(s->ssl, &s->reason);
    if (t->server) {
        SSL_set_accept_state(s->ssl);
    } else {
        SSL_set_connect_state(s->ssl);
        if (!expect_host(t, s))
            goto no_memory;
    }
    *ret = s;
    return 0;
no_memory:
    SSL_free(s->ssl);
    free(s);
    return err_nomem(err, "a connection");
}

/* What SSL_get_error says of a call that did not succeed, as errno. */
static int failed(struct tls_session *s, int error, int sys_errno)
{
    if (error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0 && sys_errno != 0 &&
        sys_errno != EPROTO) {
        s->open = false;
        return sys_errno;
    }
    tls_reason_take(&s->reason, s->has_cert);
    s->open = false;
    s->failed = true;
    return EPROTO;
}

int tls_session_handshake(struct tls_session *s, short *ret_events, struct ft_err *err)
{
    struct tls_peer peer = {.name = s->name, .host = s->host};
    int sys_errno;
    int error;
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_do_handshake(s->ssl);
    sys_errno = errno;
    if (rc == 1) {
        s->open = true;
        s->more = true; /* what came with the end of the handshake */
        return 1;
    }
    error = SSL_get_error(s->ssl, rc);
    *ret_events = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return 0;
    return tls_reason_of_handshake(&s->reason, &peer, s->has_cert,
                                   error == SSL_ERROR_SYSCALL ? sys_errno : 0, err);
}

ssize_t tls_session_recv(struct tls_session *s, void *p, size_t n)
{
    size_t got = 0;

    s->more = false;
    s->read_waits = false;
    while (s->open && got < n) {
        size_t some;
        int error;

        ERR_clear_error();
        errno = 0;
        if (SSL_read_ex(s->ssl, (char *)p + got, n - got, &some) == 1) {
            got += some;
            continue;
        }
        error = SSL_get_error(s->ssl, 0);
        if (error == SSL_ERROR_ZERO_RETURN ||
            (error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0 && errno == 0))
            return (ssize_t)got; /* closed; the next call sees it again */
        s->read_waits = error == SSL_ERROR_WANT_WRITE;
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            errno = failed(s, error, errno);
        else
            errno = EAGAIN;
        return got != 0 ? (ssize_t)got : -1;
    }
    if (got == 0 && !s->open)
        errno = s->failed ? EPROTO : ECONNRESET;
    s->more = got == n;
    return got != 0 ? (ssize_t)got : -1;
}

ssize_t tls_session_send(struct tls_session *s, const void *p, size_t n)
{
    size_t put = 0;

    while (s->open && put < n) {
        size_t some;
        int error;

        ERR_clear_error();
        errno = 0;
        if (SSL_write_ex(s->ssl, (const char *)p + put, n - put, &some) == 1) {
            put += some;
            continue;
        }
        error = SSL_get_error(s->ssl, 0);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            errno = failed(s, error, errno);
        else
            errno = EAGAIN;
        return put != 0 ? (ssize_t)put : -1;
    }
    if (put == 0)
        errno = s->failed ? EPROTO : EPIPE;
    return put != 0 ? (ssize_t)put : -1;
}

bool tls_session_more(const struct tls_session *s)
{
    return s->more;
}

short tls_session_events(const struct tls_session *s, short wanted)
{
    return (wanted & POLLIN) != 0 && s->read_waits ? (short)(wanted | POLLOUT) : wanted;
}

const char *tls_session_failure(const struct tls_session *s, bool *ret_final)
{
    *ret_final = s->reason.final;
    return s->failed ? s->reason.text : NULL;
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL)
        return;
    ERR_clear_error();
    if (s->open)
        (void)SSL_shutdown(s->ssl); /* the peer finds the connection closed in any case */
    SSL_free(s->ssl);
    free(s);
}
