#include "wire/reach.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/fsutil.h"
#include "wire/wire_lua.h"

#define FILE_MAX     (1u << 20)
#define COMMAND_SIZE 64

struct address_rule {
    char from[REACH_HOST_SIZE], to[REACH_HOST_SIZE];
    uint16_t from_port, to_port; /* 0: any; the same */
};

struct command_rule {
    char from[COMMAND_SIZE], to[COMMAND_SIZE];
};

struct reach {
    atomic_uint references;
    struct address_rule *addresses;
    size_t address_count;
    struct command_rule *commands;
    size_t command_count;
    bool prefers_hostname;
    struct reach_limit limit;
};

int reach_of(struct reach **reach, struct ft_err *err)
{
    if (*reach != NULL)
        return 0;
    *reach = calloc(1, sizeof(**reach));
    if (*reach == NULL)
        return err_nomem(err, "rules of addresses");
    atomic_init(&(*reach)->references, 1);
    return 0;
}

struct reach *reach_ref(struct reach *r)
{
    if (r != NULL)
        atomic_fetch_add(&r->references, 1);
    return r;
}

void reach_unref(struct reach *r)
{
    if (r == NULL || atomic_fetch_sub(&r->references, 1) > 1)
        return;
    free(r->addresses);
    free(r->commands);
    free(r);
}

/* "host:port", "[::1]:port", "host", "[::1]", and "::1", which has no port. */
static bool take_address(struct bytes text, char host[REACH_HOST_SIZE], uint16_t *ret_port)
{
    const uint8_t *first = memchr(text.p, ':', text.n);
    const uint8_t *last = memrchr(text.p, ':', text.n);
    const uint8_t *bracket = text.n > 0 && text.p[0] == '[' ? memchr(text.p, ']', text.n) : NULL;
    struct bytes name = text;
    struct bytes port = {0};
    uint64_t number = 0;

    if (bracket != NULL) {
        name = bytes_of(text.p + 1, (size_t)(bracket - text.p) - 1);
        port = bytes_of(bracket + 1, text.n - name.n - 2);
        if (port.n > 0 && port.p[0] != ':')
            return false;
        if (port.n > 0)
            port = bytes_of(port.p + 1, port.n - 1);
    } else if (first != NULL && first == last) {
        name.n = (size_t)(first - text.p);
        port = bytes_of(first + 1, text.n - name.n - 1);
    }
    if (name.n == 0 || name.n >= REACH_HOST_SIZE || memchr(name.p, '\0', name.n) != NULL)
        return false;
    if (port.n > 0 && (!bytes_to_u64(port, &number) || number == 0 || number > UINT16_MAX))
        return false;
    memcpy(host, name.p, name.n);
    host[name.n] = '\0';
    *ret_port = (uint16_t)number;
    return true;
}

static int add_address(struct reach *r, struct bytes text, struct ft_err *err)
{
    const uint8_t *equals = memchr(text.p, '=', text.n);
    struct address_rule rule = {0};
    char shown[120];
    size_t n = equals == NULL ? 0 : (size_t)(equals - text.p);

    if (equals == NULL || !take_address(bytes_of(text.p, n), rule.from, &rule.from_port) ||
        !take_address(bytes_of(equals + 1, text.n - n - 1), rule.to, &rule.to_port) ||
        (rule.from_port == 0) != (rule.to_port == 0))
        return err_set(err, FT_ERR_USAGE,
                       "\"%s\" is not HOST:PORT=HOST:PORT, or HOST=HOST for all ports",
                       bytes_escape(text, shown, sizeof(shown)));
    if (ARRAY_ADD_ROOM(&r->addresses, r->address_count, "rules of addresses", err) != 0)
        return -1;
    r->addresses[r->address_count++] = rule;
    return 0;
}

/* Up to a separator; blanks around it do not count. */
static struct bytes take_part(struct bytes *in, const char *separators)
{
    size_t n = 0;
    struct bytes part;

    while (n < in->n && strchr(separators, in->p[n]) == NULL)
        n++;
    part = bytes_of(in->p, n);
    *in = n < in->n ? bytes_of(in->p + n + 1, in->n - n - 1) : bytes_of(in->p + n, 0);
    while (part.n > 0 && strchr(" \t\r", part.p[0]) != NULL)
        part = bytes_of(part.p + 1, part.n - 1);
    while (part.n > 0 && strchr(" \t\r", part.p[part.n - 1]) != NULL)
        part.n--;
    return part;
}

static int add_file(struct reach *r, const char *path, struct ft_err *err)
{
    struct buf content = BUF_INIT(FILE_MAX);
    struct bytes left;
    unsigned line = 1;
    int rc = fs_read_file(AT_FDCWD, path, FILE_MAX, &content, err);

    left = bytes_of(content.p, rc == 0 ? content.n : 0);
    for (; rc == 0 && left.n > 0; line++) {
        struct bytes whole = take_part(&left, "\n");
        struct bytes rule = whole.n == 0 ? whole : take_part(&whole, "#");

        if (rule.n > 0 && add_address(r, rule, err) != 0)
            rc = err_wrap(err, "\"%s\", line %u", path, line);
    }
    buf_release(&content);
    return rc;
}

int reach_add_addresses(struct reach *r, const char *text, struct ft_err *err)
{
    struct bytes left = bytes_str(text);

    if (text[0] == '@')
        return add_file(r, text + 1, err);
    do {
        if (add_address(r, take_part(&left, ","), err) != 0)
            return -1;
    } while (left.n > 0);
    return 0;
}

int reach_add_command(struct reach *r, const char *text, struct ft_err *err)
{
    size_t n = strcspn(text, "=");
    struct command_rule rule = {0};

    if (text[n] == '\0' || n == 0 || n >= COMMAND_SIZE || text[n + 1] == '\0' ||
        strlen(text + n + 1) >= COMMAND_SIZE || strpbrk(text, " \t\r\n") != NULL)
        return err_set(err, FT_ERR_USAGE, "a renamed command is NAME=OTHER, as in CONFIG=b840fc02");
    memcpy(rule.from, text, n);
    strcpy(rule.to, text + n + 1);
    if (ARRAY_ADD_ROOM(&r->commands, r->command_count, "renamed commands", err) != 0)
        return -1;
    r->commands[r->command_count++] = rule;
    return 0;
}

void reach_prefer_hostname(struct reach *r)
{
    r->prefers_hostname = true;
}

bool reach_address(const struct reach *r, const char *host, uint16_t port,
                   char ret_host[REACH_HOST_SIZE], uint16_t *ret_port)
{
    for (size_t i = 0; r != NULL && i < r->address_count; i++) {
        const struct address_rule *rule = &r->addresses[i];

        if (strcasecmp(rule->from, host) != 0 || (rule->from_port != 0 && rule->from_port != port))
            continue;
        strcpy(ret_host, rule->to);
        *ret_port = rule->to_port != 0 ? rule->to_port : port;
        return true;
    }
    return false;
}

struct bytes reach_command(const struct reach *r, struct bytes name)
{
    for (size_t i = 0; r != NULL && i < r->command_count; i++) {
        if (bytes_is_word(name, r->commands[i].from))
            return bytes_str(r->commands[i].to);
    }
    return name;
}

void reach_limit_requests(struct reach *r, const struct reach_limit *limit)
{
    if (limit->args != 0)
        r->limit.args = limit->args;
    if (limit->bytes != 0)
        r->limit.bytes = limit->bytes;
}

struct reach_limit reach_limit_of(const struct reach *r)
{
    return r == NULL ? (struct reach_limit){0} : r->limit;
}

bool reach_fits(const struct reach_limit *limit, size_t count, uint64_t bytes)
{
    return (limit->args == 0 || count <= limit->args) &&
           (limit->bytes == 0 || bytes <= limit->bytes);
}

struct bytes reach_command_of(const struct reach *r, struct bytes sent)
{
    for (size_t i = 0; r != NULL && i < r->command_count; i++) {
        if (bytes_is_word(sent, r->commands[i].to))
            return bytes_str(r->commands[i].from);
    }
    return sent;
}

bool reach_renames(const struct reach *r)
{
    return r != NULL && r->command_count != 0;
}

/* As a Lua string, whatever stands in it. */
static int put_name(struct buf *out, const char *name, bool upper, struct ft_err *err)
{
    int rc = buf_append_str(out, "\"", err);

    for (; rc == 0 && *name != '\0'; name++)
        rc = buf_printf(out, err, "\\%03d", upper ? toupper((uint8_t)*name) : (uint8_t)*name);
    return rc == 0 ? buf_append_str(out, "\"", err) : -1;
}

/* "#!lua flags=..." has to be the first line. */
int reach_script(const struct reach *r, struct bytes script, struct buf *scratch, struct bytes *ret,
                 struct ft_err *err)
{
    const uint8_t *end =
        script.n > 2 && memcmp(script.p, "#!", 2) == 0 ? memchr(script.p, '\n', script.n) : NULL;
    size_t head = end == NULL ? 0 : (size_t)(end - script.p) + 1;
    size_t own = strlen(lua_renamed);

    *ret = script;
    if (!reach_renames(r) || (end == NULL && script.n > 2 && memcmp(script.p, "#!", 2) == 0) ||
        (script.n - head >= own && memcmp(script.p + head, lua_renamed, own) == 0))
        return 0;
    buf_clear(scratch);
    if (buf_append(scratch, script.p, head, err) != 0 ||
        buf_append_str(scratch, lua_renamed, err) != 0 ||
        buf_append_str(scratch, "\nlocal redis = named(redis, {", err) != 0)
        return -1;
    for (size_t i = 0; i < r->command_count; i++) {
        if (buf_append_str(scratch, "[", err) != 0 ||
            put_name(scratch, r->commands[i].from, true, err) != 0 ||
            buf_append_str(scratch, "] = ", err) != 0 ||
            put_name(scratch, r->commands[i].to, false, err) != 0 ||
            buf_append_str(scratch, ", ", err) != 0)
            return -1;
    }
    if (buf_append_str(scratch, "})\n", err) != 0 ||
        buf_append(scratch, script.p + head, script.n - head, err) != 0)
        return -1;
    *ret = buf_bytes(scratch);
    return 0;
}

bool reach_prefers_hostname(const struct reach *r)
{
    return r != NULL && r->prefers_hostname;
}
