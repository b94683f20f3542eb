#include "cmd/reach_args.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/parse.h"
#include "cmd/secret_args.h"

#define PASSWORD_MAX 1024

/*
 * Other addresses and names
 */

static int take_address_map(void *into, const char *value, struct ft_err *err)
{
    struct reach **reach = into;

    return reach_of(reach, err) != 0 ? -1 : reach_add_addresses(*reach, value, err);
}

static int take_rename_command(void *into, const char *value, struct ft_err *err)
{
    struct reach **reach = into;

    return reach_of(reach, err) != 0 ? -1 : reach_add_command(*reach, value, err);
}

static int take_prefer_hostname(void *into, const char *value, struct ft_err *err)
{
    struct reach **reach = into;

    (void)value;
    if (reach_of(reach, err) != 0)
        return -1;
    reach_prefer_hostname(*reach);
    return 0;
}

static const struct arg reach_args[] = {
    {"address-map", "A:P=B:Q[,...]",
     "connect to B:Q where A:P is named, by a slot map, a\n"
     "sentinel or the address (repeatable; HOST=HOST for all\n"
     "ports; @FILE has a rule on each line)",
     0, take_address_map},
    {"prefer-hostname", NULL, "nodes of a cluster by the hostnames that they announce", 0,
     take_prefer_hostname},
    {"rename-command", "NAME=OTHER", "send NAME as OTHER, as its rename-command (repeatable)", 0,
     take_rename_command},
};

struct arg_group args_reach(struct reach **into)
{
    return (struct arg_group)ARG_GROUP("How it is reached", reach_args, into);
}

/* The position of a replay, and what transactions take, fit into less. */
#define REQUEST_ARGS_MIN  32u
#define REQUEST_BYTES_MIN 4096u

static int limit(struct reach **reach, const struct reach_limit *l, struct ft_err *err)
{
    if (reach_of(reach, err) != 0)
        return -1;
    reach_limit_requests(*reach, l);
    return 0;
}

static int take_max_args(void *into, const char *value, struct ft_err *err)
{
    struct reach_limit l = {0};
    uint64_t n;

    if (parse_u64(value, &n, err) != 0 || n < REQUEST_ARGS_MIN || n > SIZE_MAX / 2)
        return err_set(err, FT_ERR_USAGE,
                       "--max-request-args takes a number from %u on, not \"%s\"", REQUEST_ARGS_MIN,
                       value);
    l.args = (size_t)n;
    return limit(into, &l, err);
}

static int take_max_bytes(void *into, const char *value, struct ft_err *err)
{
    struct reach_limit l = {0};

    if (parse_size(value, &l.bytes, err) != 0)
        return -1;
    if (l.bytes < REQUEST_BYTES_MIN)
        return err_set(err, FT_ERR_USAGE, "--max-request-bytes takes a size from %u on, not \"%s\"",
                       REQUEST_BYTES_MIN, value);
    return limit(into, &l, err);
}

static const struct arg limit_args[] = {
    {"max-request-args", "N",
     "send no request of more than N arguments, the name of\nthe command included", 0,
     take_max_args},
    {"max-request-bytes", "SIZE", "send no request that is larger than this", 0, take_max_bytes},
};

struct arg_group args_limits(struct reach **into)
{
    return (struct arg_group)ARG_GROUP(NULL, limit_args, into);
}

/*
 * Users and passwords
 */

#define USER_TEXT "who logs in, with the password that is found as ever"

static const struct arg login_args[] = {
    {"user", "NAME", USER_TEXT, offsetof(struct login_args, user), NULL},
    {"ask-password", NULL, "ask for the password on the terminal", offsetof(struct login_args, ask),
     NULL},
};
static const struct arg source_args[] = {
    {"source-user", "NAME", USER_TEXT, offsetof(struct login_args, user), NULL},
};
static const struct arg target_args[] = {
    {"target-user", "NAME", "likewise", offsetof(struct login_args, user), NULL},
};
static const struct arg a_args[] = {
    {"user-a", "NAME", USER_TEXT, offsetof(struct login_args, user), NULL},
};
static const struct arg b_args[] = {
    {"user-b", "NAME", "likewise", offsetof(struct login_args, user), NULL},
};
static const struct arg ask_args[] = {
    {"ask-password", NULL, "ask for passwords that are not given, on the terminal", 0, NULL},
};

struct arg_group args_login(struct login_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, login_args, into);
}

struct arg_group args_login_source(struct login_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, source_args, into);
}

struct arg_group args_login_target(struct login_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, target_args, into);
}

struct arg_group args_login_a(struct login_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, a_args, into);
}

struct arg_group args_login_b(struct login_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, b_args, into);
}

struct arg_group args_ask_password(bool *into)
{
    return (struct arg_group)ARG_GROUP(NULL, ask_args, into);
}

/* A line of the terminal without its end, not echoed; -1: there is no more. */
static ssize_t read_hidden(int fd, char line[PASSWORD_MAX])
{
    struct termios before;
    struct termios hidden;
    bool is_terminal = tcgetattr(fd, &before) == 0;
    ssize_t n;

    hidden = before;
    if (is_terminal) {
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        if (tcsetattr(fd, TCSAFLUSH, &hidden) != 0)
            return -1;
    }
    do
        n = read(fd, line, PASSWORD_MAX);
    while (n < 0 && errno == EINTR);
    if (is_terminal)
        (void)tcsetattr(fd, TCSAFLUSH, &before); /* nothing else can be done about it */
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    return n;
}

static int ask(struct uri *u, struct ft_err *err)
{
    char name[URI_ADDRESS_SIZE];
    char line[PASSWORD_MAX];
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    ssize_t n;

    if (fd < 0)
        return err_set(err, FT_ERR_STATE,
                       "--ask-password: there is no terminal to ask on (--password-file reads a "
                       "file)");
    (void)dprintf(fd,
                  "Password of %s: ", uri_address(u, name)); /* who sees nothing can type still */
    n = read_hidden(fd, line);
    (void)dprintf(fd, "\n"); /* likewise */
    (void)close(fd);         /* nothing was written that must be kept */
    if (n > 0) {
        u->password = strndup(line, (size_t)n);
        explicit_bzero(line, sizeof(line));
        return u->password != NULL ? 0 : err_nomem(err, "a password");
    }
    return err_set(err, FT_ERR_STATE, "no password was typed");
}

int login_args_apply(struct uri *u, const struct login_args *l, struct ft_err *err)
{
    if (l->user != NULL) {
        char *copy = strdup(l->user);

        if (copy == NULL)
            return err_nomem(err, "a user");
        free(u->user);
        u->user = copy;
    }
    if (l->ask && u->password == NULL && l->otherwise != NULL &&
        (u->password = strdup(l->otherwise)) == NULL)
        return err_nomem(err, "a password");
    if (l->ask && u->password == NULL && ask(u, err) != 0)
        return -1;
    if (l->user != NULL && u->password == NULL)
        return err_set(err, FT_ERR_USAGE,
                       "a user, \"%s\", without a password: --ask-password asks for it", l->user);
    return 0;
}

/*
 * What may have been meant
 */

bool reach_args_is_address(const char *word)
{
    return strstr(word, "://") != NULL || strncasecmp(word, "unix:", 5) == 0;
}

/* A password may stand in it. */
static bool is_harmless(const char *word)
{
    return strchr(word, '@') == NULL && secret_args_typed(word) == word && strlen(word) < 100;
}

int reach_args_suggest(const char *word, const char *scheme, struct ft_err *err)
{
    const char *colon = strchr(word, ':');

    if (reach_args_is_address(word) || !is_harmless(word) || word[0] == '\0')
        return -1;
    err_clear(err);
    if (strchr(word, '/') != NULL && colon == NULL)
        return err_set(err, FT_ERR_USAGE,
                       "\"%s\" is not an address: did you mean unix:%s, or are the arguments "
                       "swapped?",
                       word, word);
    return err_set(err, FT_ERR_USAGE, "\"%s\" is not an address: did you mean %s://%s?", word,
                   scheme, word);
}

int reach_args_swapped(const char *wanted, struct ft_err *err)
{
    return err_set(err, FT_ERR_USAGE, "the arguments are swapped: did you mean %s?", wanted);
}
