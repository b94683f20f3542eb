#include "wire/uri.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/fsutil.h"
#include "wire/reach.h"
#include "wire/tls.h"

#define PASSWORD_FILE_MAX 4096

static const struct {
    const char *prefix;
    enum uri_scheme scheme;
    bool secure;
} schemes[] = {
    {"dragonfly://", URI_DRAGONFLY, false},
    {"dragonflys://", URI_DRAGONFLY, true},
    {"redis://", URI_REDIS, false},
    {"rediss://", URI_REDIS, true},
    {"valkey://", URI_REDIS, false},
    {"valkeys://", URI_REDIS, true},
    {"redis-sentinel://", URI_SENTINEL, false},
    {"rediss-sentinel://", URI_SENTINEL, true},
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A percent-decoded copy. A zero byte cannot be part of a C text, so %00 is refused. */
static int decode(struct bytes in, char **ret, struct ft_err *err)
{
    char *out = malloc(in.n + 1);
    size_t n = 0;

    if (out == NULL)
        return err_nomem(err, "an address");
    for (size_t i = 0; i < in.n; i++) {
        int hi;
        int lo;

        if (in.p[i] != '%') {
            out[n++] = (char)in.p[i];
            continue;
        }
        hi = i + 2 < in.n ? hex_digit((char)in.p[i + 1]) : -1;
        lo = hi >= 0 ? hex_digit((char)in.p[i + 2]) : -1;
        if (lo < 0 || hi + lo == 0) {
            free(out);
            return err_set(err, FT_ERR_USAGE,
                           "cannot read the user or password in the address: \"%%\" must be "
                           "followed by two hexadecimal digits (write \"%%25\" for itself)");
        }
        out[n++] = (char)(hi * 16 + lo);
        i += 2;
    }
    out[n] = '\0';
    *ret = out;
    return 0;
}

static int parse_userinfo(struct uri *u, struct bytes info, struct ft_err *err)
{
    const uint8_t *colon = memchr(info.p, ':', info.n);
    size_t user_n = colon != NULL ? (size_t)(colon - info.p) : info.n;

    if (user_n > 0 && decode(bytes_of(info.p, user_n), &u->user, err) != 0)
        return -1;
    if (colon == NULL)
        return 0;
    return decode(bytes_of(colon + 1, info.n - user_n - 1), &u->password, err);
}

/* The text is not shown: after a mistyped @ it is a password. */
static int parse_number(struct bytes text, uint64_t max, const char *what, uint64_t *ret,
                        struct ft_err *err)
{
    uint64_t v;

    if (!bytes_to_u64(text, &v) || v > max)
        return err_set(err, FT_ERR_USAGE, "cannot read the address: %s is not a number up to %u",
                       what, (unsigned)max);
    *ret = v;
    return 0;
}

static int parse_host_port(const struct uri *u, struct uri_host *ret, struct bytes text,
                           struct ft_err *err)
{
    struct bytes host = text;
    struct bytes port = {0};
    const uint8_t *end;
    uint64_t number = u->scheme == URI_SENTINEL ? URI_SENTINEL_PORT : URI_DEFAULT_PORT;

    if (text.n > 0 && text.p[0] == '[') {
        end = memchr(text.p, ']', text.n);
        if (end == NULL)
            return err_set(err, FT_ERR_USAGE, "cannot read the address: \"[\" without \"]\"");
        host = bytes_of(text.p + 1, (size_t)(end - text.p) - 1);
        port = bytes_of(end + 1, text.n - host.n - 2);
    } else {
        end = memchr(text.p, ':', text.n);
        if (end != NULL) {
            host.n = (size_t)(end - text.p);
            port = bytes_of(end, text.n - host.n);
        }
    }
    if (host.n == 0 || host.n >= sizeof(ret->host) || memchr(host.p, '\0', host.n) != NULL)
        return err_set(err, FT_ERR_USAGE, "cannot read the address: there is no host in it");
    if (port.n > 0 && port.p[0] != ':')
        return err_set(err, FT_ERR_USAGE, "cannot read the address: \":PORT\" must follow \"]\"");
    if (port.n > 0 &&
        parse_number(bytes_of(port.p + 1, port.n - 1), UINT16_MAX, "the port", &number, err) != 0)
        return -1;
    if (number == 0)
        return err_set(err, FT_ERR_USAGE, "cannot read the address: port 0 cannot be connected to");
    memcpy(ret->host, host.p, host.n);
    ret->host[host.n] = '\0';
    ret->port = (uint16_t)number;
    return 0;
}

/* One host, or several between commas. */
static int parse_hosts(struct uri *u, struct bytes text, struct ft_err *err)
{
    bool several = u->scheme == URI_REDIS || u->scheme == URI_SENTINEL;
    struct uri_host host;
    bool first = true;

    do {
        const uint8_t *comma = several ? memchr(text.p, ',', text.n) : NULL;
        size_t n = comma == NULL ? text.n : (size_t)(comma - text.p);

        if (parse_host_port(u, &host, bytes_of(text.p, n), err) != 0)
            return -1;
        if (first) {
            memcpy(u->host, host.host, sizeof(u->host));
            u->port = host.port;
        } else {
            if (ARRAY_ADD_ROOM(&u->others, u->other_count, "an address", err) != 0)
                return -1;
            u->others[u->other_count++] = host;
        }
        first = false;
        text = comma == NULL ? bytes_of(NULL, 0) : bytes_of(comma + 1, text.n - n - 1);
        if (comma == NULL)
            return 0;
    } while (true);
}

/* "name" or "name/db" of sentinels. */
static int parse_service(struct uri *u, struct bytes *path, struct ft_err *err)
{
    const uint8_t *slash = path->n == 0 ? NULL : memchr(path->p, '/', path->n);
    size_t n = slash == NULL ? path->n : (size_t)(slash - path->p);

    if (n == 0 || n >= sizeof(u->service) || memchr(path->p, '\0', n) != NULL)
        return err_set(err, FT_ERR_USAGE,
                       "cannot read the address: the name of the master is missing, as in "
                       "redis-sentinel://host:26379/mymaster");
    memcpy(u->service, path->p, n);
    *path = slash == NULL ? bytes_of(NULL, 0) : bytes_of(slash + 1, path->n - n - 1);
    return 0;
}

/* What stands after "scheme://". The last @ ends the user part: passwords may hold others. */
static int parse_authority(struct uri *u, struct bytes rest, struct ft_err *err)
{
    const uint8_t *at = memrchr(rest.p, '@', rest.n);
    const uint8_t *slash;
    struct bytes info = {0};
    struct bytes path = {0};
    uint64_t db = 0;

    if (at != NULL) {
        info = bytes_of(rest.p, (size_t)(at - rest.p));
        rest = bytes_of(at + 1, rest.n - info.n - 1);
    }
    slash = memchr(rest.p, '/', rest.n);
    if (slash != NULL) {
        path = bytes_of(slash + 1, rest.n - (size_t)(slash - rest.p) - 1);
        rest.n = (size_t)(slash - rest.p);
    }
    if (u->scheme == URI_SENTINEL && parse_service(u, &path, err) != 0)
        return -1;
    if (path.n > 0 && u->scheme == URI_DRAGONFLY)
        return err_set(err, FT_ERR_USAGE, "cannot read the address: nothing may follow the port");
    if (path.n > 0 && parse_number(path, INT32_MAX, "the database", &db, err) != 0)
        return -1;
    u->db = (uint32_t)db;
    if (at != NULL && parse_userinfo(u, info, err) != 0)
        return -1;
    return parse_hosts(u, rest, err);
}

static int parse_unix(struct uri *u, const char *path, struct ft_err *err)
{
    u->scheme = URI_UNIX;
    if (path[0] == '\0' || strlen(path) >= sizeof(u->host))
        return err_set(err, FT_ERR_USAGE, "cannot read the address: \"unix:\" needs a path");
    strcpy(u->host, path);
    return 0;
}

static int parse_into(struct uri *u, const char *text, struct ft_err *err)
{
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(u, text + 5, err);
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i].prefix);

        if (strncasecmp(text, schemes[i].prefix, n) == 0) {
            u->scheme = schemes[i].scheme;
            u->secure = schemes[i].secure;
            return parse_authority(u, bytes_str(text + n), err);
        }
    }
    return err_set(err, FT_ERR_USAGE,
                   "cannot read the address: it must begin with \"dragonfly://\", \"redis://\" or "
                   "\"unix:\", as in dragonfly://user:password@host:6379");
}

int uri_parse(const char *text, struct uri *ret, struct ft_err *err)
{
    struct uri u = {0};

    if (parse_into(&u, text, err) != 0) {
        uri_release(&u);
        return -1;
    }
    *ret = u;
    return 0;
}

static void wipe(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static int set_password(struct uri *u, const char *text, size_t n, struct ft_err *err)
{
    char *copy = strndup(text, n);

    if (copy == NULL)
        return err_nomem(err, "a password");
    wipe(&u->password);
    u->password = copy;
    return 0;
}

static int read_password_file(struct uri *u, const char *path, struct ft_err *err)
{
    struct buf content = BUF_INIT(PASSWORD_FILE_MAX);
    size_t n = 0;
    int rc;

    rc = fs_read_file(AT_FDCWD, path, PASSWORD_FILE_MAX, &content, err);
    if (rc == 0) {
        while (n < content.n && content.p[n] != '\n' && content.p[n] != '\r')
            n++;
        rc = n > 0 ? set_password(u, (const char *)content.p, n, err)
                   : err_set(err, FT_ERR_STATE, "the password file \"%s\" has no first line", path);
    }
    if (content.p != NULL)
        explicit_bzero(content.p, content.n);
    buf_release(&content);
    return rc;
}

int uri_find_password(struct uri *u, const char *password_file, const char *otherwise,
                      struct ft_err *err)
{
    if (password_file != NULL)
        return read_password_file(u, password_file, err);
    if (u->password != NULL || otherwise == NULL || otherwise[0] == '\0')
        return 0;
    return set_password(u, otherwise, strlen(otherwise), err);
}

char *uri_address(const struct uri *u, char out[URI_ADDRESS_SIZE])
{
    if (u->scheme == URI_UNIX)
        (void)snprintf(out, URI_ADDRESS_SIZE, "%s", u->host); /* the host is shorter */
    else if (u->scheme == URI_SENTINEL)
        (void)snprintf(out, URI_ADDRESS_SIZE, "%s of %.160s:%u", u->service, u->host,
                       u->port); /* hosts are shorter */
    else if (strchr(u->host, ':') != NULL)
        (void)snprintf(out, URI_ADDRESS_SIZE, "[%s]:%u", u->host, u->port);
    else
        (void)snprintf(out, URI_ADDRESS_SIZE, "%s:%u", u->host, u->port);
    return out;
}

int uri_copy_access(struct uri *ret, const struct uri *from, struct ft_err *err)
{
    ret->secure = from->secure;
    ret->tls = tls_ref(from->tls);
    ret->reach = reach_ref(from->reach);
    ret->user = from->user == NULL ? NULL : strdup(from->user);
    ret->password = from->password == NULL ? NULL : strdup(from->password);
    if ((from->user != NULL && ret->user == NULL) ||
        (from->password != NULL && ret->password == NULL))
        return err_nomem(err, "an address");
    return 0;
}

int uri_copy(struct uri *ret, const struct uri *from, struct ft_err *err)
{
    struct uri u = *from;

    u.others = from->other_count == 0
                   ? NULL
                   : malloc(from->other_count * sizeof(*u.others)); /* no more than were parsed */
    if (from->other_count != 0 && u.others == NULL)
        return err_nomem(err, "an address");
    if (from->other_count != 0)
        memcpy(u.others, from->others, from->other_count * sizeof(*u.others));
    if (uri_copy_access(&u, from, err) != 0) {
        uri_release(&u);
        return -1;
    }
    *ret = u;
    return 0;
}

void uri_release(struct uri *u)
{
    wipe(&u->user);
    wipe(&u->password);
    tls_unref(u->tls);
    u->tls = NULL;
    reach_unref(u->reach);
    u->reach = NULL;
    free(u->others);
    u->others = NULL;
    u->other_count = 0;
}
