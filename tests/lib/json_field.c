/*
 * json-field - values out of JSON, for scripts.
 *
 *   json-field FILE PATH [NAME=VALUE...]     FILE: "-" is standard input
 *
 * FILE holds one JSON value after another, such as a report, or a line for each record. PATH names what to
 * print, step by step with "/" between: a member's name, an element's number from 0, or "*" for each
 * member or element. Each match is a line: a text as it is, all else as JSON. With NAME=VALUE only those
 * of the values in FILE count whose member NAME is printed so.
 *
 * Exit status 0 something was found, 1 nothing was, 2 this is not JSON.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define STEP_MAX 256

static void print(json_t *value)
{
    if (json_is_string(value))
        (void)fwrite(json_string_value(value), 1, json_string_length(value), stdout);
    else
        (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    (void)putchar('\n');
}

static json_t *child(json_t *value, const char *step)
{
    char *end;
    unsigned long i;

    if (json_is_object(value))
        return json_object_get(value, step);
    i = strtoul(step, &end, 10);
    return end != step && *end == '\0' ? json_array_get(value, i) : NULL;
}

/* How many were found. A path is as deep as the script that wrote it. */
static size_t find(json_t *value, const char *path)
{
    size_t len = strcspn(path, "/"), found = 0, i;
    const char *rest = path[len] == '/' ? path + len + 1 : "";
    char step[STEP_MAX];
    const char *name;
    json_t *next;

    if (len == 0) {
        print(value);
        return 1;
    }
    if (len >= sizeof(step))
        return 0;
    memcpy(step, path, len);
    step[len] = '\0';
    if (strcmp(step, "*") != 0) {
        next = child(value, step);
        return next != NULL ? find(next, rest) : 0;
    }
    json_array_foreach(value, i, next) found += find(next, rest);
    json_object_foreach(value, name, next) found += find(next, rest);
    return found;
}

static bool has(json_t *value, const char *condition)
{
    size_t len = strcspn(condition, "=");
    const char *wanted = condition + len + (condition[len] == '=');
    char name[STEP_MAX];
    json_t *member;
    char *text;
    bool equal;

    if (len >= sizeof(name))
        return false;
    memcpy(name, condition, len);
    name[len] = '\0';
    member = json_object_get(value, name);
    if (member == NULL)
        return false;
    if (json_is_string(member))
        return strcmp(json_string_value(member), wanted) == 0;
    text = json_dumps(member, JSON_COMPACT | JSON_ENCODE_ANY);
    equal = text != NULL && strcmp(text, wanted) == 0;
    free(text);
    return equal;
}

static bool has_all(json_t *value, char **conditions)
{
    for (; *conditions != NULL; conditions++)
        if (!has(value, *conditions))
            return false;
    return true;
}

/* Is there more than white space? */
static bool at_end(FILE *f)
{
    int c;

    do
        c = getc(f);
    while (c == ' ' || c == '\n' || c == '\t' || c == '\r');
    if (c != EOF)
        (void)ungetc(c, f);
    return c == EOF;
}

int main(int argc, char **argv)
{
    FILE *f = argc < 3 ? NULL : strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "r");
    size_t found = 0;

    if (f == NULL) {
        (void)fprintf(stderr, "usage: json-field FILE PATH [NAME=VALUE...]\n");
        return 2;
    }
    while (!at_end(f)) {
        json_error_t error;
        json_t *value =
            json_loadf(f, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

        if (value == NULL) {
            (void)fprintf(stderr, "%s:%d: %s\n", argv[1], error.line, error.text);
            return 2;
        }
        if (has_all(value, argv + 3))
            found += find(value, argv[2]);
        json_decref(value);
    }
    if (f != stdin)
        (void)fclose(f);
    return found > 0 ? 0 : 1;
}
