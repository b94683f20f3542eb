#include "wire/reply_error.h"

#include <string.h>

#include "item/slot.h"

/* The codes that stand in front of an error's text, by kind; the first of a kind names it. */
static const struct {
    const char *arg;
    enum reply_error_kind kind;
} codes[] = {
    {"ERR", REPLY_ERROR_OTHER},
    {"MOVED", REPLY_ERROR_MOVED},
    {"ASK", REPLY_ERROR_ASK},
    {"TRYAGAIN", REPLY_ERROR_TRYAGAIN},
    {"CROSSSLOT", REPLY_ERROR_CROSSSLOT},
    {"CLUSTERDOWN", REPLY_ERROR_CLUSTERDOWN},
    {"LOADING", REPLY_ERROR_LOADING},
    {"READONLY", REPLY_ERROR_READONLY},
    {"UNBLOCKED", REPLY_ERROR_UNBLOCKED},
    {"MASTERDOWN", REPLY_ERROR_MASTERDOWN},
    {"NOREPLICAS", REPLY_ERROR_NOREPLICAS},
    {"OOM", REPLY_ERROR_OOM},
    {"MISCONF", REPLY_ERROR_MISCONF},
    {"BUSY", REPLY_ERROR_BUSY},
    {"BUSYKEY", REPLY_ERROR_BUSYKEY},
    {"EXECABORT", REPLY_ERROR_EXECABORT},
    {"NOSCRIPT", REPLY_ERROR_NOSCRIPT},
    {"NOAUTH", REPLY_ERROR_DENIED},
    {"NOPERM", REPLY_ERROR_DENIED},
    {"WRONGPASS", REPLY_ERROR_DENIED},
    {"DENIED", REPLY_ERROR_DENIED},
};

/* Errors without a code of their own; most of them what the cluster's checks say inside a script, and what
 * a server says that has become a replica. */
static const struct {
    const char *text;
    enum reply_error_kind kind;
} script_texts[] = {
    {"cript attempted to access a non local key", REPLY_ERROR_NOT_LOCAL},
    {"cript attempted to access keys that do not hash to the same slot", REPLY_ERROR_CROSSSLOT},
    {"cript attempted to execute a write command while the cluster is down",
     REPLY_ERROR_CLUSTERDOWN},
    {"max number of clients reached", REPLY_ERROR_MAXCLIENTS},
    {"max number of clients + cluster connections reached", REPLY_ERROR_MAXCLIENTS},
    {"cript attempted to execute a command while the cluster is down", REPLY_ERROR_CLUSTERDOWN},
    {"WAIT cannot be used with replica instances", REPLY_ERROR_READONLY},
};

/* Before 7.0 the reply of a script that failed has the code of its cause further inside: "ERR Error
 * running script (call to f_<sha>): @user_script:1: @user_script: 1: -OOM command not ..." */
static const char script_failed[] = "ERR Error running script (call to f_";
static const char script_cause[] = "@user_script: ";

static const char abort_because[] = "Transaction discarded because of: ";

/* take_arg - the bytes up to the next blank, which is skipped. */
static struct bytes take_arg(struct bytes *rest)
{
    const uint8_t *blank = rest->n == 0 ? NULL : memchr(rest->p, ' ', rest->n);
    struct bytes arg = *rest;

    if (blank == NULL) {
        *rest = bytes_of(rest->p, 0);
        return arg;
    }
    arg.n = (size_t)(blank - rest->p);
    *rest = bytes_of(blank + 1, rest->n - arg.n - 1);
    return arg;
}

static enum reply_error_kind find_script_text(struct bytes text)
{
    for (size_t i = 0; i < sizeof(script_texts) / sizeof(script_texts[0]); i++) {
        if (memmem(text.p, text.n, script_texts[i].text, strlen(script_texts[i].text)) != NULL)
            return script_texts[i].kind;
    }
    return REPLY_ERROR_OTHER;
}

static enum reply_error_kind find_code(struct bytes arg)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].kind != REPLY_ERROR_OTHER && bytes_eq_str(arg, codes[i].arg))
            return codes[i].kind;
    }
    return REPLY_ERROR_OTHER;
}

/* The code that the cause of a script's failure has, after "<line>: -". */
static enum reply_error_kind find_script_cause(struct bytes text)
{
    const size_t n = strlen(script_failed);
    const uint8_t *end = text.p + text.n;
    const uint8_t *at;
    struct bytes rest;

    if (text.n < n || memcmp(text.p, script_failed, n) != 0)
        return REPLY_ERROR_OTHER;
    at = memmem(text.p, text.n, script_cause, strlen(script_cause));
    if (at != NULL)
        at = memchr(at + strlen(script_cause), '-', (size_t)(end - at) - strlen(script_cause));
    if (at == NULL)
        return REPLY_ERROR_OTHER;
    rest = bytes_of(at + 1, (size_t)(end - at) - 1);
    return find_code(take_arg(&rest));
}

/* find_kind - and what follows the code. */
static enum reply_error_kind find_kind(struct bytes text, struct bytes *ret_rest)
{
    enum reply_error_kind kind;

    *ret_rest = text;
    if (text.n == 0)
        return REPLY_ERROR_OTHER;
    if (text.p[0] == '-')
        *ret_rest = bytes_of(text.p + 1, text.n - 1);
    text = *ret_rest;
    kind = find_code(take_arg(ret_rest));
    if (kind == REPLY_ERROR_OTHER)
        kind = find_script_cause(text);
    return kind != REPLY_ERROR_OTHER ? kind : find_script_text(text);
}

static bool parse_redirect(struct bytes rest, struct reply_error *ret)
{
    struct bytes slot_text = take_arg(&rest);
    struct bytes address = take_arg(&rest);
    const uint8_t *colon = address.n == 0 ? NULL : memrchr(address.p, ':', address.n);
    size_t host_n;
    uint64_t slot;
    uint64_t port;

    /* Where IPv6 is used it has no brackets: the last colon is the one before the port. */
    if (colon == NULL || !bytes_to_u64(slot_text, &slot) || slot >= SLOT_COUNT)
        return false;
    host_n = (size_t)(colon - address.p);
    if (!bytes_to_u64(bytes_of(colon + 1, address.n - host_n - 1), &port) || port == 0 ||
        port > UINT16_MAX)
        return false;
    if (host_n >= sizeof(ret->host) || memchr(address.p, '\0', host_n) != NULL)
        return false;
    ret->slot = (uint16_t)slot;
    ret->port = (uint16_t)port;
    memcpy(ret->host, address.p, host_n);
    ret->host[host_n] = '\0';
    if (strcmp(ret->host, "?") == 0)
        ret->host[0] = '\0';
    return true;
}

void reply_error_parse(struct bytes text, struct reply_error *ret)
{
    struct bytes rest;

    memset(ret, 0, sizeof(*ret));
    ret->kind = find_kind(text, &rest);
    if (ret->kind == REPLY_ERROR_MOVED || ret->kind == REPLY_ERROR_ASK) {
        if (!parse_redirect(rest, ret))
            ret->kind = REPLY_ERROR_OTHER;
    } else if (ret->kind == REPLY_ERROR_EXECABORT) {
        const size_t n = strlen(abort_because);

        if (rest.n >= n && memcmp(rest.p, abort_because, n) == 0)
            ret->cause = find_kind(bytes_of(rest.p + n, rest.n - n), &rest);
    }
}

enum reply_error_kind reply_error_kind_of(struct bytes text)
{
    struct reply_error e;

    reply_error_parse(text, &e);
    return e.kind;
}

bool reply_error_is_passing(enum reply_error_kind kind)
{
    return kind >= REPLY_ERROR_MOVED && kind <= REPLY_ERROR_BUSY && kind != REPLY_ERROR_CROSSSLOT;
}

bool reply_error_is_of_data(struct bytes text)
{
    static const char *const others[] = {"unknown command",
                                         "Unknown Redis command",
                                         "can't run this command",
                                         "wrong number of arg",
                                         "This Redis command is not allowed",
                                         "syntax error"};
    enum reply_error_kind kind = reply_error_kind_of(text);

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (memmem(text.p, text.n, others[i], strlen(others[i])) != NULL)
            return false;
    }
    return kind == REPLY_ERROR_OTHER || kind == REPLY_ERROR_BUSYKEY;
}

bool reply_text_is_passing(struct bytes text)
{
    struct reply_error e;

    reply_error_parse(text, &e);
    return reply_error_is_passing(e.kind == REPLY_ERROR_EXECABORT ? e.cause : e.kind);
}

bool reply_error_is_topology(enum reply_error_kind kind)
{
    return kind >= REPLY_ERROR_MOVED && kind <= REPLY_ERROR_MASTERDOWN &&
           kind != REPLY_ERROR_CROSSSLOT && kind != REPLY_ERROR_LOADING;
}

/* "No permissions to access a key" (7.2), "... one of the keys used as arguments" (6.0), "... the 'name' key" (ACL DRYRUN). */
bool reply_error_denies_key(const char *text)
{
    const char *access = strcasestr(text, "permissions to access ");

    return access != NULL && strcasestr(access, "key") != NULL;
}

bool reply_error_denies_command(const char *text)
{
    if (reply_error_denies_key(text))
        return false;
    return reply_error_kind_of(bytes_str(text)) == REPLY_ERROR_DENIED ||
           strcasestr(text, "unknown command") != NULL || strcasestr(text, "not allowed") != NULL ||
           strcasestr(text, "not supported") != NULL || strcasestr(text, "unsupported") != NULL ||
           strcasestr(text, "permission") != NULL;
}
