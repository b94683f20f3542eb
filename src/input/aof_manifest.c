#include "input/aof_manifest.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/fsutil.h"

/* A line has two names at most; increments are few. */
#define MANIFEST_BYTES_MAX ((size_t)16 << 20)

/* One line. */
struct line {
    size_t number;
    char *name; /* owned */
    uint64_t seq;
    char type; /* 0: not said */
};

static int bad_line(const struct line *l, struct ft_err *err, const char *what)
{
    return err_set(err, FT_ERR_CORRUPT, "line %zu: %s", l->number, what);
}

static int hex_digit(uint8_t c)
{
    return isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* What follows a backslash within quotes; *i is at it, and comes to its last character. */
static char unescape(struct bytes text, size_t *i)
{
    uint8_t c = text.p[*i];

    if (c == 'x' && *i + 2 < text.n && isxdigit(text.p[*i + 1]) && isxdigit(text.p[*i + 2])) {
        *i += 2;
        return (char)(hex_digit(text.p[*i - 1]) << 4 | hex_digit(text.p[*i]));
    }
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'a':
        return '\a';
    case 'b':
        return '\b';
    default:
        return (char)c;
    }
}

/*
 * The next word of a line, as sdssplitargs of redis takes it: quotes may begin anywhere, and end a word. Returns 1: ret
 * is to be freed; 0: there is none; -1.
 */
static int take_word(const struct line *l, struct bytes *text, char **ret, struct ft_err *err)
{
    size_t i = 0, n = 0;
    uint8_t quote = 0;
    char *word;

    while (text->n != 0 && isspace(text->p[0]))
        *text = bytes_of(text->p + 1, text->n - 1);
    if (text->n == 0)
        return 0;
    word = malloc(text->n + 1);
    if (word == NULL)
        return err_nomem(err, "a manifest");
    for (; i < text->n && (quote != 0 || !isspace(text->p[i])); i++) {
        uint8_t c = text->p[i];

        if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
        } else if (quote != 0 && c == quote) {
            quote = 0;
            i++;
            break;
        } else if (quote == '"' && c == '\\' && i + 1 < text->n) {
            i++;
            word[n++] = unescape(*text, &i);
        } else if (quote == '\'' && c == '\\' && i + 1 < text->n && text->p[i + 1] == '\'') {
            i++;
            word[n++] = '\'';
        } else {
            word[n++] = (char)c;
        }
    }
    word[n] = '\0';
    if (quote != 0 || (i < text->n && !isspace(text->p[i])) || strlen(word) != n) {
        free(word);
        return bad_line(l, err, "a quoted word that does not end, or goes on after its end");
    }
    *text = bytes_of(text->p + i, text->n - i);
    *ret = word;
    return 1;
}

/* Takes value over if it is the file's name. */
static int take_pair(struct line *l, const char *word, char **value, struct ft_err *err)
{
    if (strcmp(word, "file") == 0) {
        if (l->name != NULL || **value == '\0' || strchr(*value, '/') != NULL)
            return bad_line(l, err, "the file is not the name of one beside the manifest");
        l->name = *value;
        *value = NULL;
    } else if (strcmp(word, "seq") == 0) {
        if (!bytes_to_u64(bytes_str(*value), &l->seq))
            return bad_line(l, err, "seq is not a number");
    } else if (strcmp(word, "type") == 0) {
        l->type = (*value)[0];
        if (strlen(*value) != 1 || strchr("bhi", l->type) == NULL)
            return bad_line(l, err, "the type is none of b, h, and i");
    }
    return 0;
}

static int take_pairs(struct line *l, struct bytes text, struct ft_err *err)
{
    char *word;
    int found;

    while ((found = take_word(l, &text, &word, err)) > 0) {
        char *value = NULL;
        int rc = take_word(l, &text, &value, err);

        if (rc == 0)
            rc = bad_line(l, err, "a word without a value");
        else if (rc > 0)
            rc = take_pair(l, word, &value, err);
        free(value);
        free(word);
        if (rc != 0)
            return -1;
    }
    return found;
}

/* Names become the manifest's. */
static int take_line(struct aof_manifest *m, uint64_t *last_seq, struct line *l, struct ft_err *err)
{
    if (l->name == NULL || l->type == 0 || l->seq == 0)
        return bad_line(l, err, "wanted a file, its seq, and its type");
    if (l->type == 'h')
        return 0;
    if (l->type == 'b' && m->has_base)
        return bad_line(l, err, "a second base");
    if (l->type == 'b' && m->count != 0)
        return bad_line(l, err, "a base after an increment");
    if (l->type == 'i' && l->seq <= *last_seq)
        return bad_line(l, err, "the numbers of the increments do not rise");
    if (ARRAY_ADD_ROOM(&m->names, m->count, "a manifest", err) != 0)
        return -1;
    if (l->type == 'b')
        m->has_base = true;
    else
        *last_seq = l->seq;
    m->names[m->count++] = l->name;
    l->name = NULL;
    return 0;
}

int aof_manifest_parse(struct aof_manifest *ret, struct bytes text, struct ft_err *err)
{
    struct aof_manifest m = {0};
    uint64_t last_seq = 0;
    int rc = 0;

    for (size_t number = 1; rc == 0 && text.n != 0; number++) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t n = end == NULL ? text.n : (size_t)(end - text.p);
        struct line l = {.number = number};

        if (n != 0 && text.p[0] != '#') {
            rc = take_pairs(&l, bytes_of(text.p, n), err);
            if (rc == 0)
                rc = take_line(&m, &last_seq, &l, err);
        }
        free(l.name);
        n += end != NULL;
        text = bytes_of(text.p + n, text.n - n);
    }
    if (rc == 0 && m.count == 0)
        rc = err_set(err, FT_ERR_CORRUPT, "it names no file");
    if (rc != 0)
        aof_manifest_release(&m);
    else
        *ret = m;
    return rc;
}

int aof_manifest_read(struct aof_manifest *ret, const char *path, struct ft_err *err)
{
    struct buf text = {0};
    int rc = fs_read_file(AT_FDCWD, path, MANIFEST_BYTES_MAX, &text, err);

    if (rc == 0 && aof_manifest_parse(ret, buf_bytes(&text), err) != 0)
        rc = err_wrap(err, "\"%s\"", path);
    buf_release(&text);
    return rc;
}

void aof_manifest_release(struct aof_manifest *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->names[i]);
    free(m->names);
    *m = (struct aof_manifest){0};
}
