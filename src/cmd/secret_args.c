#include "cmd/secret_args.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#define WORDS_MAX 16

/* What was typed, and where. */
struct hidden {
    const char *word;
    char *typed;
};

static struct hidden hidden[WORDS_MAX];
static size_t hidden_count;
/* ":password@" of words that stay as they are. */
static char *repeated[WORDS_MAX];
static size_t repeated_count;

static struct {
    const char *name;
    char *value;
} variables[] = {
    {"FLOWTAPE_SOURCE_PASSWORD", NULL},
    {"FLOWTAPE_TARGET_PASSWORD", NULL},
    {"REDISCLI_AUTH", NULL},
};

#define VARIABLE_COUNT (sizeof(variables) / sizeof(variables[0]))

/* What is after "redis://", "dragonfly:/" and the like; NULL: this looks like no address. */
static char *find_authority(char *word)
{
    static const char *const schemes[] = {"dragonflys", "dragonfly", "rediss",
                                          "redis",      "valkeys",   "valkey"};
    char *slashes = strstr(word, "://");

    if (slashes != NULL)
        return slashes + 3;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        char *rest = word + strlen(schemes[i]);

        if (strncasecmp(word, schemes[i], strlen(schemes[i])) == 0 &&
            (rest[0] == ':' || strncmp(rest, "//", 2) == 0))
            return rest + strspn(rest, rest[0] == ':' && rest[1] != '/' ? ":" : ":/");
    }
    return NULL;
}

/* "host:6379/0" has a number there. */
static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return text[digits] == '\0' || text[digits] == '/' || text[digits] == ',';
}

/* The password of an address, or what may be one: passwords hold any letters, also an @. */
static size_t find_password(char *authority, char **ret)
{
    char *at = strrchr(authority, '@');
    char *from = authority[0] == '[' && at == NULL ? strchr(authority, ']') : authority;
    char *colon = from == NULL ? NULL : strchr(from, ':');

    if (colon == NULL || (at != NULL && colon > at) || (at == NULL && is_port(colon + 1)))
        return 0;
    *ret = colon + 1;
    return at == NULL ? strlen(colon + 1) : (size_t)(at - colon - 1);
}

bool secret_args_has_password(const char *word)
{
    char *authority = find_authority((char *)word); /* only looked at */
    char *password;

    return authority != NULL && find_password(authority, &password) != 0;
}

static char *copy(const char *text, size_t n, struct ft_err *err)
{
    char *p = strndup(text, n);

    if (p == NULL)
        (void)err_nomem(err, "an argument");
    return p;
}

static int hide_word(char *word, struct ft_err *err)
{
    char *authority = find_authority(word);
    char *password = NULL;
    size_t n = find_password(authority != NULL ? authority : word, &password);

    if (n == 0 || (authority == NULL && strrchr(word, '@') == NULL))
        return 0;
    if (authority == NULL && repeated_count < WORDS_MAX) {
        char *text = copy(password - 1, n + 2, err);

        repeated[repeated_count] = text;
        repeated_count += text != NULL;
        return text != NULL ? 0 : -1;
    }
    if (authority == NULL || hidden_count == WORDS_MAX)
        return 0;
    hidden[hidden_count] = (struct hidden){word, copy(word, strlen(word), err)};
    if (hidden[hidden_count++].typed == NULL)
        return -1;
    memset(password, '*', n);
    secret_args_keep_from_cores();
    return 0;
}

int secret_args_hide(int argc, char **argv, struct ft_err *err)
{
    for (int i = 1; i < argc; i++) {
        if (hide_word(argv[i], err) != 0)
            return -1;
    }
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        char *value = getenv(variables[i].name);

        if (value == NULL)
            continue;
        variables[i].value = copy(value, strlen(value), err);
        if (variables[i].value == NULL)
            return -1;
        secret_args_keep_from_cores();
        explicit_bzero(value, strlen(value)); /* /proc shows what the process was started with */
        (void)unsetenv(variables[i].name);    /* fails for impossible names only */
    }
    return 0;
}

const char *secret_args_typed(const char *word)
{
    for (size_t i = 0; i < hidden_count; i++) {
        if (hidden[i].word == word)
            return hidden[i].typed;
    }
    return word;
}

const char *secret_args_variable(const char *name)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (strcmp(variables[i].name, name) == 0)
            return variables[i].value;
    }
    return NULL;
}

void secret_args_mask(char *text)
{
    for (size_t i = 0; i < repeated_count; i++) {
        size_t n = strlen(repeated[i]);

        for (char *at = text; (at = strstr(at, repeated[i])) != NULL; at += n)
            memset(at + 1, '*', n - 2);
    }
}

/* The limit of one byte also keeps programs that cores are piped to away (core(5)). */
void secret_args_keep_from_cores(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur <= 1)
        return;
    limit.rlim_cur = 1;
    (void)setrlimit(RLIMIT_CORE, &limit); /* less is always allowed */
}

static void wipe(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void secret_args_wipe(void)
{
    for (size_t i = 0; i < hidden_count; i++)
        wipe(&hidden[i].typed);
    hidden_count = 0;
    for (size_t i = 0; i < repeated_count; i++)
        wipe(&repeated[i]);
    repeated_count = 0;
    for (size_t i = 0; i < VARIABLE_COUNT; i++)
        wipe(&variables[i].value);
}
