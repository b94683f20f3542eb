#include "cmd/args.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

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

/* getopt's list of the options. */
static void list_options(const struct arg_group *groups, size_t count,
                         struct option options[OPTIONS_MAX + 1])
{
    size_t n = 0;

    for (size_t g = 0; g < count; g++) {
        for (size_t i = 0; i < groups[g].count; i++, n++) {
            const struct arg *arg = &groups[g].args[i];

            assert(n < OPTIONS_MAX);
            options[n] =
                (struct option){arg->name, arg->value == NULL ? no_argument : required_argument,
                                NULL, FIRST_ID + (int)n};
        }
    }
    options[n] = (struct option){NULL, 0, NULL, 0};
}

/* Where the option is that a letter stands for; 0: the command has none. */
static int id_of_letter(const struct option *options, int letter)
{
    const char *name = letter == 'h' ? "help" : "verbose";
    const struct option *o = options;

    while (o->name != NULL && strcmp(o->name, name) != 0)
        o++;
    return o->val;
}

/* What getopt_long did not like about `arg`; its value, which may be a password, is not shown. */
static int refuse(const char *arg, int found, struct ft_err *err)
{
    int length = (int)strcspn(arg, "=");

    if (found == ':')
        return err_set(err, FT_ERR_USAGE, "%s needs a value", arg);
    if (optopt >= FIRST_ID)
        return err_set(err, FT_ERR_USAGE, "%.*s takes no value", length, arg);
    if (optopt != 0)
        return err_set(err, FT_ERR_USAGE, "there is no option -%c", optopt);
    return err_set(err, FT_ERR_USAGE, "there is no option %.*s, or more than one begins so", length,
                   arg);
}

static int parse(const char *order, const struct arg_group *groups, size_t count, int argc,
                 char **argv, int *ret_first, struct ft_err *err)
{
    struct option options[OPTIONS_MAX + 1];
    int id;

    list_options(groups, count, options);
    optind = 1;
    opterr = 0;
    while ((id = getopt_long(argc, argv, order, options, NULL)) != -1) {
        const struct arg *arg;
        void *into = NULL;

        if (id == ':' || id == '?')
            return refuse(argv[optind - 1], id, err);
        if (id == 'v' && id_of_letter(options, id) == 0)
            return err_set(err, FT_ERR_USAGE, "there is no option -v");
        arg = find(groups, count, id < FIRST_ID ? id_of_letter(options, id) : id, &into);
        if (arg == NULL)
            return err_set(err, FT_ERR_BUG, "no option has the number %d", id);
        if (take(arg, into, optarg, err) != 0)
            return strncmp(err->msg, "--", 2) == 0 ? -1 : err_wrap(err, "--%s", arg->name);
    }
    *ret_first = optind;
    return 0;
}

int args_parse(const struct arg_group *groups, size_t count, int argc, char **argv, int *ret_first,
               struct ft_err *err)
{
    return parse(":hv", groups, count, argc, argv, ret_first, err);
}

int args_parse_leading(const struct arg_group *groups, size_t count, int argc, char **argv,
                       int *ret_first, struct ft_err *err)
{
    return parse("+:hv", groups, count, argc, argv, ret_first, err);
}

int args_expect_operands(int argc, int first, int wanted, const char *names, struct ft_err *err)
{
    int got = argc - first;

    if (got == wanted)
        return 0;
    return err_set(err, FT_ERR_USAGE, "wanted %s, got %d argument%s", names, got,
                   got == 1 ? "" : "s");
}

int args_parse_operands(const struct arg_group *groups, size_t count, int argc, char **argv,
                        int wanted, const char *names, const bool *help, char ***ret_operands,
                        struct ft_err *err)
{
    int first;

    *ret_operands = NULL;
    if (args_parse(groups, count, argc, argv, &first, err) != 0)
        return -1;
    if (*help)
        return 0;
    *ret_operands = argv + first;
    return args_expect_operands(argc, first, wanted, names, err);
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

int args_take_number(const char *option, const char *value, uint32_t max, uint32_t *ret,
                     struct ft_err *err)
{
    uint64_t n;

    if (parse_u64(value, &n, err) != 0)
        return -1;
    if (n == 0 || n > max)
        return err_set(err, FT_ERR_USAGE, "--%s takes a number from 1 to %" PRIu32, option, max);
    *ret = (uint32_t)n;
    return 0;
}

int args_choice(const char *option, const char *text, const char *const *choices, int *ret,
                struct ft_err *err)
{
    char list[128] = "";
    size_t n = 0;

    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *ret = i;
            return 0;
        }
    }
    for (int i = 0; choices[i] != NULL && n < sizeof(list); i++)
        n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i == 0 ? "" : ", ", choices[i]);
    return err_set(err, FT_ERR_USAGE, "%s takes %s, not \"%s\"", option, list, text);
}
