#include "status/status_http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "serve/listener.h"
#include "status/libmicrohttpd.h"
#include "status/page/page_text.h"
#include "status/status_prometheus.h"
#include "wire/tls.h"

#define CONNECTIONS_MAX 64u
#define IDLE_S          30u
#define MEMORY_MAX      (32u << 10) /* of a connection: there is no request that needs more */
#define PEM_MAX         (1u << 20)
#define NAME_SIZE       256
/* As wire/tls has it, in words of GnuTLS. */
#define TLS_VERSIONS ((char *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2")

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; charset=utf-8"

struct status_http {
    struct status_http_options o;
    struct MHD_Daemon *daemon;
    char hostname[NAME_SIZE];
    char listen_host[NAME_SIZE];
    struct buf cert;
    struct buf key;
};

static const struct {
    const char *path;
    const char *type;
    const char *text; /* NULL: the owner answers */
} resources[] = {
    {"/", "text/html; charset=utf-8", page_layout},
    {"/style.css", "text/css; charset=utf-8", page_style},
    {"/script.js", "text/javascript; charset=utf-8", page_script},
    {"/metrics", STATUS_PROMETHEUS_TYPE, NULL},
    {"/status.json", JSON_TYPE, NULL},
    {"/history.json", JSON_TYPE, NULL},
    {"/healthz", TEXT_TYPE, NULL},
};

/*
 * Answers
 */

static enum MHD_Result respond(struct MHD_Connection *c, unsigned status, const char *type,
                               struct bytes body)
{
    static const struct {
        const char *name;
        const char *value;
    } headers[] = {
        {"Cache-Control", "no-store"},
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
         "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    struct MHD_Response *r = libmicrohttpd.MHD_create_response_from_buffer(
        body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result rc;

    if (r == NULL)
        return MHD_NO;
    (void)libmicrohttpd.MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
                                                type); /* else without it */
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        (void)libmicrohttpd.MHD_add_response_header(r, headers[i].name, headers[i].value);
    rc = libmicrohttpd.MHD_queue_response(c, status, r);
    libmicrohttpd.MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *why)
{
    return respond(c, status, TEXT_TYPE, bytes_str(why));
}

/*
 * Who may ask
 */

static bool is_name_of_ours(const struct status_http *h, const char *name, size_t n)
{
    const char *at = h->o.names;
    size_t first = strcspn(h->hostname, ".");

    if ((n == 9 && strncasecmp(name, "localhost", n) == 0) ||
        (n == strlen(h->hostname) && strncasecmp(name, h->hostname, n) == 0) ||
        (n == first && n != 0 && strncasecmp(name, h->hostname, n) == 0) ||
        (n == strlen(h->listen_host) && n != 0 && strncasecmp(name, h->listen_host, n) == 0))
        return true;
    while (at != NULL && *at != '\0') {
        size_t k = strcspn(at, ",");

        if (k == n && strncasecmp(at, name, n) == 0)
            return true;
        at += k + (at[k] == ',');
    }
    return false;
}

/* The Host header, without its port: an address, or a name that belongs here. */
static bool is_for_us(const struct status_http *h, struct MHD_Connection *c)
{
    const char *host =
        libmicrohttpd.MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    char address[INET6_ADDRSTRLEN];
    uint8_t binary[16];
    size_t n;

    if (host == NULL)
        return false;
    if (host[0] == '[') {
        n = strcspn(host + 1, "]");
        if (n >= sizeof(address))
            return false;
        memcpy(address, host + 1, n);
        address[n] = '\0';
        return inet_pton(AF_INET6, address, binary) == 1;
    }
    n = strcspn(host, ":");
    if (n < sizeof(address)) {
        memcpy(address, host, n);
        address[n] = '\0';
        if (inet_pton(AF_INET, address, binary) == 1)
            return true;
    }
    return is_name_of_ours(h, host, n);
}

/* The time that a comparison takes depends on what was sent, not on the token. */
static bool has_token(const struct status_http *h, struct MHD_Connection *c)
{
    const char *sent = libmicrohttpd.MHD_lookup_connection_value(c, MHD_HEADER_KIND,
                                                                 MHD_HTTP_HEADER_AUTHORIZATION);
    static const char scheme[] = "Bearer ";
    unsigned char a[crypto_generichash_BYTES];
    unsigned char b[crypto_generichash_BYTES];

    if (h->o.token == NULL || sent == NULL || strncmp(sent, scheme, sizeof(scheme) - 1) != 0)
        return false;
    sent += sizeof(scheme) - 1;
    (void)crypto_generichash(a, sizeof(a), (const unsigned char *)sent, strlen(sent), NULL, 0);
    (void)crypto_generichash(b, sizeof(b), (const unsigned char *)h->o.token, strlen(h->o.token),
                             NULL, 0); /* cannot fail with these lengths */
    return sodium_memcmp(a, b, sizeof(a)) == 0;
}

/*
 * Requests
 */

static enum MHD_Result get(struct status_http *h, struct MHD_Connection *c, const char *path)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf body = {0};
    enum MHD_Result rc;
    unsigned status = MHD_HTTP_OK;

    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        if (strcmp(resources[i].path, path) != 0)
            continue;
        if (resources[i].text != NULL)
            return respond(c, status, resources[i].type, bytes_str(resources[i].text));
        if (h->o.answer(h->o.context, path, &body, &status, &err) != 0)
            rc = refuse(c, MHD_HTTP_INTERNAL_SERVER_ERROR, err.msg);
        else
            rc = respond(c, status, resources[i].type, buf_bytes(&body));
        buf_release(&body);
        return rc;
    }
    return refuse(c, MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

static enum MHD_Result post(struct status_http *h, struct MHD_Connection *c, const char *path)
{
    const char *mode = libmicrohttpd.MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "mode");
    char request[64];

    if (h->o.token == NULL)
        return refuse(c, MHD_HTTP_FORBIDDEN, "control was not allowed: --allow-control\n");
    if (!has_token(h, c))
        return refuse(c, MHD_HTTP_UNAUTHORIZED, "the token is missing or wrong\n");
    if (strcmp(path, "/control/begin") == 0)
        (void)snprintf(request, sizeof(request), "begin %.20s", mode == NULL ? "default" : mode);
    else if (strcmp(path, "/control/confirm") == 0)
        (void)snprintf(request, sizeof(request), "confirm"); /* both fit */
    else
        return refuse(c, MHD_HTTP_NOT_FOUND, "there is no such request\n");
    if (!h->o.control(h->o.context, request))
        return refuse(c, MHD_HTTP_CONFLICT, "that cannot be done now\n");
    return refuse(c, MHD_HTTP_ACCEPTED, "asked for\n");
}

/* Called once with the headers, and then for the body, of which nothing is wanted. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **state)
{
    static int begun;
    struct status_http *h = context;

    (void)version; /* any */
    (void)body;
    if (*state == NULL) {
        *state = &begun;
        return MHD_YES;
    }
    if (*body_size != 0) {
        *body_size = 0;
        return MHD_YES;
    }
    if (!is_for_us(h, c))
        return refuse(c, MHD_HTTP_FORBIDDEN,
                      "this name is not known here: ask by address, or start with --status-name\n");
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        return get(h, c, path);
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0)
        return post(h, c, path);
    return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD and POST are known\n");
}

/*
 * The server
 */

/* What is wrong with the files OpenSSL says in a sentence, as of every other certificate; the library only fails. */
static int check_certificate(const struct status_http_options *o, struct ft_err *err)
{
    const struct tls_options options = {.cert = o->tls_cert, .key = o->tls_key};
    struct tls *tls;

    if (tls_new_server(&tls, &options, err) != 0)
        return -1;
    tls_unref(tls);
    return 0;
}

static int read_pem(const char *path, struct buf *ret, struct ft_err *err)
{
    if (fs_read_file(AT_FDCWD, path, PEM_MAX, ret, err) != 0)
        return -1;
    return buf_append(ret, "", 1, err); /* the library wants a string */
}

/* Without a name of its own a machine is reached by address. */
static void find_names(struct status_http *h)
{
    if (gethostname(h->hostname, sizeof(h->hostname) - 1) != 0)
        h->hostname[0] = '\0';
    (void)snprintf(h->listen_host, sizeof(h->listen_host), "%s", h->o.listen->host); /* as long */
}

static int start(struct status_http *h, const struct listener *l, struct ft_err *err)
{
    bool tls = h->o.tls_cert != NULL;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | (tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, l->fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX, NULL},
        {tls ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, 0, TLS_VERSIONS},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, h->cert.p},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, h->key.p},
        {MHD_OPTION_END, 0, NULL},
    };

    if (tls && libmicrohttpd.MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return err_set(err, FT_ERR_STATE, "libmicrohttpd was built without TLS");
    h->daemon = libmicrohttpd.MHD_start_daemon(flags, 0, NULL, NULL, on_request, h,
                                               MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (h->daemon == NULL)
        return err_set(err, FT_ERR_IO,
                       tls ? "the status page could not be started: are certificate and key right?"
                           : "the status page could not be started");
    return 0;
}

int status_http_new(struct status_http **ret, const struct status_http_options *options,
                    char ret_name[URI_ADDRESS_SIZE], struct ft_err *err)
{
    struct listener listener;
    struct status_http *h;
    const char *key;

    if (libmicrohttpd_load(err) != 0)
        return -1;
    h = calloc(1, sizeof(*h));
    if (h == NULL)
        return err_nomem(err, "a status page");
    h->o = *options;
    key = h->o.tls_key == NULL ? h->o.tls_cert : h->o.tls_key;
    find_names(h);
    if ((h->o.tls_cert != NULL &&
         (check_certificate(&h->o, err) != 0 || read_pem(h->o.tls_cert, &h->cert, err) != 0 ||
          read_pem(key, &h->key, err) != 0)) ||
        listener_open(&listener, h->o.listen, err) != 0) {
        status_http_free(h);
        return -1;
    }
    if (start(h, &listener, err) != 0) {
        listener_close(&listener);
        status_http_free(h);
        return -1;
    }
    (void)snprintf(ret_name, URI_ADDRESS_SIZE, "%s://%.280s/",
                   h->o.tls_cert == NULL ? "http" : "https", listener.name);
    *ret = h;
    return 0;
}

void status_http_free(struct status_http *h)
{
    if (h == NULL)
        return;
    if (h->daemon != NULL)
        libmicrohttpd.MHD_stop_daemon(h->daemon); /* closes the socket that it was given */
    if (h->key.p != NULL)
        sodium_memzero(h->key.p, h->key.n);
    buf_release(&h->cert);
    buf_release(&h->key);
    free(h);
}
