#include "cmd/args.h"

#include <assert.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#define OPTIONS_MAX 64
#define FIRST_ID    256
#define TEXT_COLUMN 26

/* The option that getopt has found, and the group it is from. */
static const struct arg *find(const struct arg_group *groups, size_t count, int id, void **ret_into)
{
    size_t left = (size_t)(id - FIRST_ID);

    for (size_t g = 0; g < count; g++) {
        if (left < groups[g].count) {
            *ret_into = groups[g].into;
            return &groups[g].args[left];
        }
        left -= groups[g].count;
    }
    return NULL;
}

static int take(const struct arg *arg, void *into, const char *value, struct ft_err *err)
{
    char *field = (char *)into + arg->offset;

    if (arg->take != NULL)
        return arg->take(into, value, err);
    if (arg->value == NULL)
        *(bool *)field = true;
    else
        memcpy(field, &value, sizeof(value));
    return 0;
}

int args_parse(const struct arg_group *groups, size_t count, int argc, char **argv, int *ret_first,
               struct ft_err *err)
{
    struct option options[OPTIONS_MAX + 1] = {{NULL, 0, NULL, 0}};
    size_t n = 0;
    int id;

    for (size_t g = 0; g < count; g++) {
        for (size_t i = 0; i < groups[g].count; i++, n++) {
            const struct arg *arg = &groups[g].args[i];

            assert(n < OPTIONS_MAX);
            options[n] =
                (struct option){arg->name, arg->value == NULL ? no_argument : required_argument,
                                NULL, FIRST_ID + (int)n};
        }
    }
    optind = 1;
    opterr = 1;
    while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
        const struct arg *arg;
        void *into = NULL;

        if (id < FIRST_ID) /* getopt has printed which one */
            return err_set(err, FT_ERR_USAGE, "unknown or incomplete option");
        arg = find(groups, count, id, &into);
        if (arg == NULL || take(arg, into, optarg, err) != 0)
            return -1;
    }
    *ret_first = optind;
    return 0;
}

/* The first line stands beside the option if there is room. */
static void print_arg(FILE *out, const struct arg *arg)
{
    int width = fprintf(out, "  --%s%s%s", arg->name, arg->value == NULL ? "" : " ",
                        arg->value == NULL ? "" : arg->value);
    const char *line = arg->text;

    if (width >= TEXT_COLUMN) {
        fputc('\n', out);
        width = 0;
    }
    while (line[0] != '\0') {
        int length = (int)strcspn(line, "\n");

        fprintf(out, "%*s%.*s\n", TEXT_COLUMN - width, "", length, line);
        line += length + (line[length] == '\n');
        width = 0;
    }
}

int args_help(FILE *out, const char *about, const struct arg_group *groups, size_t count)
{
    fputs(about, out);
    for (size_t g = 0; g < count; g++) {
        if (g == 0 || groups[g].heading != NULL)
            fputc('\n', out);
        if (groups[g].heading != NULL)
            fprintf(out, "%s:\n", groups[g].heading);
        for (size_t i = 0; i < groups[g].count; i++)
            print_arg(out, &groups[g].args[i]);
    }
    return ferror(out) ? -1 : 0;
}

int args_choice(const char *option, const char *text, const char *const *words, int *ret,
                struct ft_err *err)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = i;
            return 0;
        }
    }
    return err_set(err, FT_ERR_USAGE, "%s does not take \"%s\"; see --help", option, text);
}
