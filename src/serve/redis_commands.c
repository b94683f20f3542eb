#include "serve/redis_commands.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "serve/password.h"
#include "serve/redis_status.h"

static int put(struct redis_peer *s, const char *text, struct ft_err *err)
{
    return buf_append_str(&s->out, text, err);
}

static int put_bulk(struct redis_peer *s, struct bytes text, struct ft_err *err)
{
    if (buf_printf(&s->out, err, "$%zu\r\n", text.n) != 0 ||
        buf_append(&s->out, text.p, text.n, err) != 0)
        return -1;
    return put(s, "\r\n", err);
}

static struct bytes arg(const struct redis_peer *s, size_t i)
{
    return i < s->reader.count ? s->reader.args[i] : bytes_of("", 0);
}

static bool let_in(struct redis_peer *s, struct bytes user, struct bytes password)
{
    bool lets_in = password_lets_in(s->master->o->password, user, password);

    s->authenticated |= lets_in;
    return lets_in;
}

static const char wrong_password[] =
    "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

static int answer_auth(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    bool with_user = s->reader.count > 2;

    (void)ret;
    if (let_in(s, with_user ? arg(s, 1) : bytes_str("default"), arg(s, with_user ? 2 : 1)))
        return put(s, "+OK\r\n", err);
    return put(s, wrong_password, err);
}

static int answer_hello(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    uint64_t version = s->resp3 ? 3 : 2;

    (void)ret;
    if (s->reader.count > 1 && (!bytes_to_u64(arg(s, 1), &version) || version < 2 || version > 3))
        return put(s, "-NOPROTO unsupported protocol version\r\n", err);
    for (size_t i = 2; i < s->reader.count; i++) {
        if (bytes_is_word(arg(s, i), "AUTH") && i + 2 < s->reader.count) {
            if (!let_in(s, arg(s, i + 1), arg(s, i + 2)))
                return put(s, wrong_password, err);
            i += 2;
        } else if (bytes_is_word(arg(s, i), "SETNAME") && i + 1 < s->reader.count) {
            i++;
        } else {
            return put(s, "-ERR syntax error in HELLO\r\n", err);
        }
    }
    if (!s->authenticated)
        return put(s, "-NOAUTH HELLO must be called with the client already authenticated\r\n",
                   err);
    s->resp3 = version == 3;
    return buf_printf(&s->out, err,
                      "%s\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$%zu\r\n%s\r\n"
                      "$5\r\nproto\r\n:%d\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
                      "$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n",
                      s->resp3 ? "%7" : "*14", strlen(redis_version_of(s->master)),
                      redis_version_of(s->master), s->resp3 ? 3 : 2);
}

static int answer_ping(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    (void)ret;
    return s->reader.count > 1 ? put_bulk(s, arg(s, 1), err) : put(s, "+PONG\r\n", err);
}

static int answer_echo(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    (void)ret;
    return put_bulk(s, arg(s, 1), err);
}

static int answer_quit(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    (void)ret;
    s->ends = true;
    return put(s, "+OK\r\n", err);
}

static int answer_select(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    uint64_t db;

    (void)ret;
    if (!bytes_to_u64(arg(s, 1), &db) || db >= s->master->o->databases)
        return put(s, "-ERR DB index is out of range\r\n", err);
    return put(s, "+OK\r\n", err);
}

static int answer_client(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    static const char *const quiet[] = {"SETNAME", "SETINFO", "NO-EVICT", "NO-TOUCH"};

    (void)ret;
    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
        if (bytes_is_word(arg(s, 1), quiet[i]))
            return put(s, "+OK\r\n", err);
    }
    if (bytes_is_word(arg(s, 1), "ID"))
        return put(s, ":1\r\n", err);
    if (bytes_is_word(arg(s, 1), "GETNAME"))
        return put(s, "$-1\r\n", err);
    return put(s,
               "-ERR this is flowtape, a master to replicate from: of CLIENT it knows SETNAME, "
               "SETINFO, GETNAME and ID\r\n",
               err);
}

static int answer_command(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    (void)ret;
    return put(s, bytes_is_word(arg(s, 1), "COUNT") ? ":0\r\n" : "*0\r\n", err);
}

static int answer_info(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    struct buf text = {0};
    int rc;

    (void)ret;
    rc = redis_status_put(s->master, &s->reader.args[1], s->reader.count - 1, &text, err);
    if (rc == 0)
        rc = put_bulk(s, buf_bytes(&text), err);
    buf_release(&text);
    return rc;
}

static int answer_role(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    (void)ret;
    return redis_role_put(s->master, &s->out, err);
}

/*
 * REPLCONF
 */

static void take_port(struct redis_peer *s, struct bytes value)
{
    uint64_t port;

    if (bytes_to_u64(value, &port) && port <= UINT16_MAX)
        s->replica.port = (uint16_t)port;
}

/* "data" and "functions" between blanks, or nothing. Libraries of functions come along in any case. */
static bool take_filter(struct redis_peer *s, struct bytes list)
{
    size_t i = 0;

    s->no_keys = true;
    while (i < list.n) {
        size_t from = i;

        while (i < list.n && list.p[i] != ' ')
            i++;
        if (bytes_is_word(bytes_of(list.p + from, i - from), "data"))
            s->no_keys = false;
        else if (i != from && !bytes_is_word(bytes_of(list.p + from, i - from), "functions"))
            return false;
        i++;
    }
    return true;
}

static void take_capability(struct redis_peer *s, struct bytes value)
{
    if (bytes_is_word(value, "eof"))
        s->eof = true;
    else if (bytes_is_word(value, "psync2"))
        s->psync2 = true;
}

/*
 * Who says a version is a Valkey of 8.0 or later, and gets a state made for it. But what the stream cannot speak of the
 * state must not have either: a field would end by a time that a later record takes away, in vain. One that could not
 * load what is served is refused when it asks for it, as it takes an error here lightly.
 */
static void take_version(struct redis_peer *s, struct bytes value)
{
    const struct target *served = s->master->o->target;
    struct target kind;
    unsigned major;
    unsigned minor;
    char text[32];

    bytes_escape(value, text, sizeof(text));
    if (sscanf(text, "%u.%u", &major, &minor) != 2 || major < 8 || major > 99 || minor > 99)
        return;
    kind = target_of_server(702, major * 100 + minor, "");
    s->unfit = served->family == RDB_FAMILY_VALKEY ? served->rdb_version > kind.rdb_version
                                                   : served->version > 702;
    kind.member_ttl &= served->member_ttl;
    kind.functions &= served->functions;
    kind.lua_aux &= served->lua_aux;
    kind.modules = served->modules;
    s->kind = kind;
}

/* Options that are not known here may come from later servers; those that would change what is sent are refused. */
static int answer_replconf(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    (void)ret;
    if (s->reader.count % 2 == 0)
        return put(s, "-ERR syntax error in REPLCONF\r\n", err);
    for (size_t i = 1; i < s->reader.count; i += 2) {
        struct bytes name = arg(s, i);
        struct bytes value = arg(s, i + 1);

        if (bytes_is_word(name, "ACK") || bytes_is_word(name, "GETACK"))
            return 0; /* has no reply; only means something once it is a replica */
        if (bytes_is_word(name, "listening-port"))
            take_port(s, value);
        else if (bytes_is_word(name, "ip-address"))
            bytes_escape(value, s->replica.host, sizeof(s->replica.host));
        else if (bytes_is_word(name, "capa"))
            take_capability(s, value);
        else if (bytes_is_word(name, "version"))
            take_version(s, value);
        else if (bytes_is_word(name, "rdb-only"))
            s->state_only = bytes_eq_str(value, "1");
        else if (bytes_is_word(name, "rdb-filter-only")) {
            if (!take_filter(s, value))
                return put(s, "-ERR rdb-filter-only takes data and functions\r\n", err);
        } else {
            return put(s, "-ERR unrecognized REPLCONF option\r\n", err);
        }
    }
    return put(s, "+OK\r\n", err);
}

/*
 * Becoming a replica
 */

static int answer_sync(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    (void)err;
    s->old = true;
    ret->kind = REQUEST_SYNC;
    ret->offset = -1;
    return 0;
}

static int answer_psync(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    struct bytes id = arg(s, 1);

    if (!bytes_to_i64(arg(s, 2), &ret->offset))
        return put(s, "-ERR value is not an integer or out of range\r\n", err);
    ret->kind = REQUEST_PSYNC;
    (void)snprintf(ret->id, sizeof(ret->id), "%.*s",
                   (int)(id.n < sizeof(ret->id) ? id.n : sizeof(ret->id) - 1), id.p);
    return 0;
}

struct command {
    const char *name;
    size_t min_args;
    bool for_everybody; /* needs no password */
    int (*answer)(struct redis_peer *s, struct redis_request *ret, struct ft_err *err);
};

static const struct command commands[] = {
    {"PING", 1, false, answer_ping},       {"AUTH", 2, true, answer_auth},
    {"HELLO", 1, true, answer_hello},      {"ECHO", 2, false, answer_echo},
    {"SELECT", 2, false, answer_select},   {"CLIENT", 2, false, answer_client},
    {"COMMAND", 1, false, answer_command}, {"INFO", 1, false, answer_info},
    {"ROLE", 1, false, answer_role},       {"REPLCONF", 1, false, answer_replconf},
    {"PSYNC", 3, false, answer_psync},     {"SYNC", 1, false, answer_sync},
    {"QUIT", 1, true, answer_quit},        {"REPLPING", 1, false, answer_ping}, /* KeyDB */
};

static int answer_unknown(struct redis_peer *s, struct ft_err *err)
{
    char name[64];

    return buf_printf(
        &s->out, err,
        "-ERR this is flowtape, which serves a capture to replicas: it has no '%s'\r\n",
        bytes_escape(arg(s, 0), name, sizeof(name)));
}

int redis_command_answer(struct redis_peer *s, struct redis_request *ret, struct ft_err *err)
{
    const struct command *c = NULL;

    if (s->reader.count == 0)
        return 0;
    for (size_t i = 0; c == NULL && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (bytes_is_word(arg(s, 0), commands[i].name))
            c = &commands[i];
    }
    if (!s->authenticated && (c == NULL || !c->for_everybody))
        return put(s, "-NOAUTH Authentication required.\r\n", err);
    if (c == NULL)
        return answer_unknown(s, err);
    if (s->reader.count < c->min_args)
        return buf_printf(&s->out, err, "-ERR wrong number of arguments for '%s'\r\n", c->name);
    return c->answer(s, ret, err);
}
