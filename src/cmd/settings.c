#include "cmd/settings.h"

#include <ctype.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/fsutil.h"
#include "cmd/secret_args.h"

#define FILE_MAX_BYTES (1u << 20)

/* What the library's two callbacks share. */
struct reading {
    struct settings *settings;
    const char *text; /* what is left, NUL-terminated */
    unsigned line;    /* the one that was handed out last */
    struct ft_err *err;
    bool failed;
};

static int refuse(struct reading *r, const char *what)
{
    if (!r->failed)
        (void)err_set(r->err, FT_ERR_USAGE, "%s:%u: %s", r->settings->path, r->line, what);
    r->failed = true;
    return 0;
}

/* " ;" in a line would end its value for the library, and an indented line continue the one before: neither is
 * what one expects of an option that is a shell command. */
static bool has_inner_comment(const char *line, size_t n)
{
    size_t at = 1;

    while (at < n && !(line[at] == ';' && isspace((unsigned char)line[at - 1])))
        at++;
    return at < n;
}

/* As fgets does, with the lines counted, and nothing cut silently. */
static char *next_line(char *into, int size, void *stream)
{
    struct reading *r = stream;
    const char *line = r->text + strspn(r->text, " \t");
    size_t n = strcspn(line, "\n");

    if (r->failed || r->text[0] == '\0')
        return NULL;
    r->line++;
    r->text = line + n + (line[n] == '\n');
    if (n + 2 > (size_t)size) {
        char what[64];

        (void)snprintf(what, sizeof(what), "a line has up to %d characters", size - 2); /* fits */
        (void)refuse(r, what);
        return NULL;
    }
    if (line[0] != '#' && line[0] != ';' && has_inner_comment(line, n)) {
        (void)refuse(r, "a comment stands on a line of its own: \" ;\" cannot be in a value");
        return NULL;
    }
    memcpy(into, line, n);
    memcpy(into + n, "\n", 2);
    return into;
}

static char *copy(const char *text, struct ft_err *err)
{
    char *p = strdup(text);

    if (p == NULL)
        (void)err_nomem(err, "a configuration file");
    return p;
}

static int take_setting(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    struct settings *s = r->settings;
    struct setting *at;
    struct ft_err err = FT_ERR_INIT;

    if (r->failed)
        return 0;
    if (strcasecmp(name, "password") == 0)
        return refuse(r,
                      "passwords are not taken from here: password-file names a file that has one");
    if (settings_check_value(value, &err) != 0)
        return refuse(r, err.msg);
    if (ARRAY_RESERVE(&s->list, &s->capacity, s->count + 1, "a configuration file", r->err) != 0) {
        r->failed = true;
        return 0;
    }
    at = &s->list[s->count++];
    *at = (struct setting){copy(section, r->err), copy(name, r->err), copy(value, r->err), r->line};
    r->failed = at->section == NULL || at->name == NULL || at->value == NULL;
    return !r->failed;
}

int settings_read(struct settings *ret, const char *path, struct ft_err *err)
{
    struct buf text = BUF_INIT(FILE_MAX_BYTES);
    struct reading r = {.settings = ret, .err = err};
    int rc;

    *ret = (struct settings){.path = copy(path, err)};
    if (ret->path == NULL)
        return -1;
    if (fs_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text, err) != 0 ||
        buf_append(&text, "", 1, err) != 0) {
        buf_release(&text);
        return -1;
    }
    r.text = (const char *)text.p;
    rc = strlen(r.text) + 1 == text.n ? 0 : refuse(&r, "this is not a text") - 1;
    if (rc == 0)
        rc = ini_parse_stream(next_line, &r, take_setting, &r);
    if (rc < 0 && !r.failed)
        (void)err_nomem(err, "a configuration file");
    else if (rc > 0 && !r.failed) {
        r.line = (unsigned)rc;
        (void)refuse(&r, "wanted \"name = value\" or \"[COMMAND]\"");
    }
    buf_release(&text);
    return rc == 0 && !r.failed ? 0 : -1;
}

void settings_release(struct settings *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->list[i].section);
        free(s->list[i].name);
        free(s->list[i].value);
    }
    free(s->list);
    free(s->path);
    *s = (struct settings){0};
}

/* next_of - in this section alone. */
static const struct setting *next_of(const struct settings *s, const char *section,
                                     const char *name, size_t *at)
{
    while (*at < s->count) {
        const struct setting *one = &s->list[(*at)++];

        if (strcmp(one->section, section) == 0 && strcmp(one->name, name) == 0)
            return one;
    }
    return NULL;
}

const struct setting *settings_next(const struct settings *s, const char *command, const char *name,
                                    size_t *at)
{
    size_t begin = 0;
    bool own = next_of(s, command, name, &begin) != NULL;

    return next_of(s, own ? command : "", name, at);
}

void settings_variable_name(const char *command, const char *name, char ret[SETTINGS_VARIABLE_SIZE])
{
    (void)snprintf(ret, SETTINGS_VARIABLE_SIZE, "FLOWTAPE_%s%s%s", command == NULL ? "" : command,
                   command == NULL ? "" : "_", name); /* names are short */
    for (char *p = ret; *p != '\0'; p++)
        *p = *p == '-' || *p == ' ' ? '_' : (char)toupper((unsigned char)*p);
}

const char *settings_variable(const char *command, const char *name,
                              char ret_variable[SETTINGS_VARIABLE_SIZE])
{
    const char *value;

    settings_variable_name(command, name, ret_variable);
    value = getenv(ret_variable);
    if (value != NULL)
        return value;
    settings_variable_name(NULL, name, ret_variable);
    return getenv(ret_variable);
}

int settings_flag(const char *value, bool *ret, struct ft_err *err)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(value, words[i]) == 0) {
            *ret = i % 2 == 1;
            return 0;
        }
    }
    return err_set(err, FT_ERR_USAGE, "wanted yes or no, not \"%s\"", value);
}

int settings_check_value(const char *value, struct ft_err *err)
{
    if (!secret_args_has_password(value))
        return 0;
    return err_set(
        err, FT_ERR_USAGE,
        "an address with a password in it: write it without, and the password into a file that "
        "password-file names");
}
