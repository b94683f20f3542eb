#include "cmd/args.h"

#include <assert.h>
#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/parse.h"
#include "base/similar.h"

#define OPTIONS_MAX  128
#define GROUPS_MAX   32
#define OPERANDS_MAX 4
#define FIRST_ID     256
#define TEXT_COLUMN  26
#define LINE_COLUMNS 80

/* Whose options these are, and what is there besides the command line. */
static char command_name[ARG_COMMAND_SIZE];
static struct settings settings;
static int (*check_settings)(const struct settings *s, struct ft_err *err);

/* The list of `flowtape config`. */
static struct {
    bool wanted;
    struct arg_value *values;
    size_t count, capacity;
} listed;

struct own {
    const char *config;
};

static const struct arg own_args[] = {
    {"config", "FILE", "read options from FILE (flowtape-config(1))", offsetof(struct own, config),
     NULL},
};

static struct own own;

/* An option that was typed. */
struct typed {
    const struct arg *arg;
    void *into;
    const char *value; /* of a flag: NULL, or yes or no */
};

/* All that a command has, and what was typed of it. */
struct parsing {
    struct arg_group groups[GROUPS_MAX];
    size_t group_count;
    struct option options[OPTIONS_MAX + 1];
    struct typed *typed;
    size_t typed_count;
};

void args_set_command(const char *name)
{
    (void)snprintf(command_name, sizeof(command_name), "%s", name); /* names are short */
}

void args_on_settings(int (*check)(const struct settings *s, struct ft_err *err))
{
    check_settings = check;
}

void args_only_list(void)
{
    listed.wanted = true;
}

bool args_listed(const struct arg_value **ret, size_t *ret_count)
{
    *ret = listed.values;
    *ret_count = listed.count;
    return listed.wanted;
}

struct arg_group args_own(void)
{
    return (struct arg_group)ARG_GROUP(NULL, own_args, &own);
}

static const char *keep(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

/* The values stay as they are; names may be of a buffer. */
static int add_listed(struct arg_value value, struct ft_err *err)
{
    struct arg_value *v;

    if (!listed.wanted)
        return 0;
    if (ARRAY_RESERVE(&listed.values, &listed.capacity, listed.count + 1, "a list of options",
                      err) != 0)
        return -1;
    v = &listed.values[listed.count++];
    *v = value;
    v->command = keep(command_name);
    v->name = keep(value.name);
    v->variable = keep(value.variable);
    if (v->command == NULL || v->name == NULL || (v->variable == NULL) != (value.variable == NULL))
        return err_nomem(err, "a list of options");
    return 0;
}

void args_release(void)
{
    for (size_t i = 0; i < listed.count; i++) {
        free((char *)listed.values[i].command);
        free((char *)listed.values[i].name);
        free((char *)listed.values[i].variable);
    }
    free(listed.values);
    settings_release(&settings);
}

bool args_is_typed_only(const char *name)
{
    return strcmp(name, "help") == 0 || strcmp(name, own_args[0].name) == 0;
}

/*
 * The command line
 */

/* The option that getopt has found, and the group it is from. */
static const struct arg *find(const struct parsing *p, int id, void **ret_into)
{
    size_t left = (size_t)(id - FIRST_ID);

    for (size_t g = 0; g < p->group_count; g++) {
        if (left < p->groups[g].count) {
            *ret_into = p->groups[g].into;
            return &p->groups[g].args[left];
        }
        left -= p->groups[g].count;
    }
    return NULL;
}

/* getopt's list of the options; a flag may be taken back, as in --quiet=no. */
static void list_options(struct parsing *p)
{
    size_t n = 0;

    for (size_t g = 0; g < p->group_count; g++) {
        for (size_t i = 0; i < p->groups[g].count; i++, n++) {
            const struct arg *arg = &p->groups[g].args[i];

            assert(n < OPTIONS_MAX);
            p->options[n] = (struct option){
                arg->name, arg->value == NULL ? optional_argument : required_argument, NULL,
                FIRST_ID + (int)n};
        }
    }
    p->options[n] = (struct option){NULL, 0, NULL, 0};
}

/* Where the option is that a letter stands for; 0: the command has none. */
static int id_of_letter(const struct option *options, int letter)
{
    const char *name = letter == 'h' ? "help" : letter == 'q' ? "quiet" : "verbose";
    const struct option *o = options;

    while (o->name != NULL && strcmp(o->name, name) != 0)
        o++;
    return o->val;
}

/* What getopt_long did not like about `arg`; its value, which may be a password, is not shown. */
static int refuse(const struct parsing *p, const char *arg, int found, struct ft_err *err)
{
    int length = (int)strcspn(arg, "=");
    char word[SIMILAR_WORD_MAX + 1] = "";
    struct similar similar = {.word = word};

    if (found == ':')
        return err_set(err, FT_ERR_USAGE, "%s needs a value", arg);
    if (optopt != 0)
        return err_set(err, FT_ERR_USAGE, "there is no option -%c", optopt);
    if (length > 2 && (size_t)length - 2 < sizeof(word))
        memcpy(word, arg + 2, (size_t)length - 2);
    for (const struct option *o = p->options; o->name != NULL; o++)
        similar_look(&similar, o->name);
    if (similar.best != NULL)
        return err_set(err, FT_ERR_USAGE, "there is no option %.*s: did you mean --%s?", length,
                       arg, similar.best);
    return err_set(err, FT_ERR_USAGE, "there is no option %.*s, or more than one begins so", length,
                   arg);
}

static int read_line(struct parsing *p, const char *order, int argc, char **argv, int *ret_first,
                     struct ft_err *err)
{
    int id;

    list_options(p);
    optind = 0; /* begins anew: another command may have been read with another order */
    opterr = 0;
    while ((id = getopt_long(argc, argv, order, p->options, NULL)) != -1) {
        struct typed *t = &p->typed[p->typed_count];

        if (id == ':' || id == '?')
            return refuse(p, argv[optind - 1], id, err);
        if (id < FIRST_ID && id_of_letter(p->options, id) == 0)
            return err_set(err, FT_ERR_USAGE, "there is no option -%c", id);
        t->arg = find(p, id < FIRST_ID ? id_of_letter(p->options, id) : id, &t->into);
        if (t->arg == NULL)
            return err_set(err, FT_ERR_BUG, "no option has the number %d", id);
        t->value = optarg;
        p->typed_count++;
    }
    *ret_first = optind;
    return 0;
}

static const struct typed *find_typed(const struct parsing *p, const char *name)
{
    const struct typed *last = NULL;

    for (size_t i = 0; i < p->typed_count; i++) {
        if (strcmp(p->typed[i].arg->name, name) == 0)
            last = &p->typed[i];
    }
    return last;
}

/*
 * Values, wherever they are from
 */

/* take - a value; of a flag "yes" or NULL sets it, "no" leaves it as it is. */
static int take(const struct arg *arg, void *into, const char *value, struct ft_err *err)
{
    char *field = (char *)into + arg->offset;
    bool on = true;

    if (arg->value == NULL && value != NULL && settings_flag(value, &on, err) != 0)
        return err_wrap(err, "--%s", arg->name);
    if (arg->value == NULL && !on)
        return 0;
    if (arg->take != NULL) {
        if (arg->take(into, arg->value == NULL ? NULL : value, err) == 0)
            return 0;
        return strncmp(err->msg, "--", 2) == 0 ? -1 : err_wrap(err, "--%s", arg->name);
    }
    if (arg->value == NULL)
        *(bool *)field = true;
    else
        memcpy(field, &value, sizeof(value));
    return 0;
}

/* take_settings - of an option that was not typed: from the environment, or else from the file. */
static int take_settings(const struct arg *arg, void *into, struct ft_err *err)
{
    char variable[SETTINGS_VARIABLE_SIZE];
    const char *value = settings_variable(command_name, arg->name, variable);
    const struct setting *s;
    size_t at = 0;
    bool any = false;

    if (value != NULL) {
        if (settings_check_value(value, err) != 0 || take(arg, into, value, err) != 0)
            return err_wrap(err, "%s", variable);
        return add_listed(
            (struct arg_value){.name = arg->name, .value = value, .variable = variable, .arg = arg},
            err);
    }
    while ((s = settings_next(&settings, command_name, arg->name, &at)) != NULL) {
        any = true;
        if (take(arg, into, s->value, err) != 0)
            return err_wrap(err, "%s:%u", settings.path, s->line);
        if (add_listed((struct arg_value){.name = arg->name,
                                          .value = s->value,
                                          .file = settings.path,
                                          .line = s->line,
                                          .arg = arg},
                       err) != 0)
            return -1;
    }
    return any ? 0 : add_listed((struct arg_value){.name = arg->name, .arg = arg}, err);
}

static int read_settings(const struct parsing *p, struct ft_err *err)
{
    const struct typed *typed = find_typed(p, own_args[0].name);
    char variable[SETTINGS_VARIABLE_SIZE];

    own.config =
        typed != NULL ? typed->value : settings_variable(command_name, own_args[0].name, variable);
    if (own.config == NULL || (settings.path != NULL && strcmp(settings.path, own.config) == 0))
        return 0;
    if (settings.path != NULL)
        return err_set(err, FT_ERR_USAGE, "there is one --config");
    if (settings_read(&settings, own.config, err) != 0)
        return -1;
    return check_settings == NULL ? 0 : check_settings(&settings, err);
}

/* Of the rows that explain one option value by value, all of which take every value. */
static bool is_first(const struct parsing *p, const struct arg *arg)
{
    for (size_t g = 0; g < p->group_count; g++) {
        for (size_t i = 0; i < p->groups[g].count; i++) {
            if (strcmp(p->groups[g].args[i].name, arg->name) == 0)
                return &p->groups[g].args[i] == arg;
        }
    }
    return false;
}

static int list_typed(const struct parsing *p, const struct arg *arg, struct ft_err *err)
{
    for (size_t i = 0; i < p->typed_count; i++) {
        const struct typed *t = &p->typed[i];

        if (strcmp(t->arg->name, arg->name) == 0 &&
            add_listed((struct arg_value){.name = arg->name,
                                          .value = t->value != NULL ? t->value : "yes",
                                          .arg = arg},
                       err) != 0)
            return -1;
    }
    return 0;
}

/* Options that were typed come last: they have the last word where several options mean the same. */
static int take_all(const struct parsing *p, struct ft_err *err)
{
    for (size_t g = 0; g < p->group_count; g++) {
        for (size_t i = 0; i < p->groups[g].count; i++) {
            const struct arg *arg = &p->groups[g].args[i];

            if (!is_first(p, arg) || args_is_typed_only(arg->name))
                continue;
            if (find_typed(p, arg->name) != NULL ? list_typed(p, arg, err) != 0
                                                 : take_settings(arg, p->groups[g].into, err) != 0)
                return -1;
        }
    }
    for (size_t i = 0; i < p->typed_count; i++) {
        if (take(p->typed[i].arg, p->typed[i].into, p->typed[i].value, err) != 0)
            return -1;
    }
    return 0;
}

/* As if it had been typed. */
static int ask_for_help(const struct parsing *p, struct ft_err *err)
{
    int id = id_of_letter(p->options, 'h');
    const struct arg *arg;
    void *into = NULL;

    arg = id == 0 ? NULL : find(p, id, &into);
    if (arg == NULL)
        return err_set(err, FT_ERR_BUG, "%s has no --help", command_name);
    return take(arg, into, NULL, err);
}

static int parse(const char *order, const struct arg_group *groups, size_t count, int argc,
                 char **argv, int *ret_first, struct ft_err *err)
{
    struct parsing p = {.group_count = count + 1};
    int rc;

    assert(count < GROUPS_MAX);
    memcpy(p.groups, groups, count * sizeof(groups[0]));
    p.groups[count] = args_own();
    p.typed = calloc((size_t)argc + 1, sizeof(p.typed[0]));
    if (p.typed == NULL)
        return err_nomem(err, "the command line");
    rc = read_line(&p, order, argc, argv, ret_first, err);
    if (rc == 0 && find_typed(&p, "help") != NULL)
        rc = ask_for_help(&p, err); /* whatever else there is */
    else if (rc == 0) {
        rc = read_settings(&p, err);
        if (rc == 0)
            rc = take_all(&p, err);
        if (rc == 0 && listed.wanted)
            rc = ask_for_help(&p, err);
    }
    free(p.typed);
    return rc;
}

int args_parse(const struct arg_group *groups, size_t count, int argc, char **argv, int *ret_first,
               struct ft_err *err)
{
    return parse(":hqv", groups, count, argc, argv, ret_first, err);
}

int args_parse_leading(const struct arg_group *groups, size_t count, int argc, char **argv,
                       int *ret_first, struct ft_err *err)
{
    return parse("+:hqv", groups, count, argc, argv, ret_first, err);
}

/*
 * Operands
 */

int args_expect_operands(int argc, int first, int wanted, const char *names, struct ft_err *err)
{
    int got = argc - first;

    if (got == wanted)
        return 0;
    return err_set(err, FT_ERR_USAGE, "wanted %s, got %d argument%s", names, got, plural(got));
}

bool args_next_operand(const char **at, char ret[ARG_NAME_SIZE])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t n;

    *at += strcspn(*at, letters);
    n = strspn(*at, letters);
    if (n == 0)
        return false;
    assert(n < ARG_NAME_SIZE);
    for (size_t i = 0; i < n; i++)
        ret[i] = (char)tolower((unsigned char)(*at)[i]);
    ret[n] = '\0';
    *at += n;
    return true;
}

/* One operand, typed or else from elsewhere; *ret NULL: it is not there. */
static int find_operand(const char *name, char *typed, char **ret, struct ft_err *err)
{
    struct arg_value v = {.name = name, .value = typed};
    char variable[SETTINGS_VARIABLE_SIZE];
    size_t at = 0;

    if (typed == NULL && (v.value = settings_variable(command_name, name, variable)) != NULL) {
        if (settings_check_value(v.value, err) != 0)
            return err_wrap(err, "%s", variable);
        v.variable = variable;
    } else if (typed == NULL) {
        const struct setting *s = settings_next(&settings, command_name, name, &at);

        if (s != NULL) {
            v.value = s->value;
            v.file = settings.path;
            v.line = s->line;
        }
    }
    *ret = (char *)v.value;
    return add_listed(v, err);
}

/* What is not on the command line; none of them is, since nobody could say which. */
static int find_operands(char **ret, size_t wanted, const char *names, char **typed,
                         struct ft_err *err)
{
    char name[ARG_NAME_SIZE];

    for (size_t i = 0; i < wanted && args_next_operand(&names, name); i++) {
        if (find_operand(name, typed == NULL ? NULL : typed[i], &ret[i], err) != 0)
            return -1;
    }
    return 0;
}

int args_parse_operands(const struct arg_group *groups, size_t count, int argc, char **argv,
                        int wanted, const char *names, const bool *help, char ***ret_operands,
                        struct ft_err *err)
{
    static char *found[OPERANDS_MAX];
    int first;
    bool none;

    assert(wanted <= OPERANDS_MAX);
    *ret_operands = NULL;
    if (args_parse(groups, count, argc, argv, &first, err) != 0)
        return -1;
    none = first == argc;
    if (listed.wanted) {
        if (!none && args_expect_operands(argc, first, wanted, names, err) != 0)
            return -1;
        return find_operands(found, (size_t)wanted, names, none ? NULL : argv + first, err);
    }
    if (*help)
        return 0;
    if (none && find_operands(found, (size_t)wanted, names, NULL, err) != 0)
        return -1;
    for (int i = 0; none && i < wanted; i++)
        none = found[i] != NULL;
    *ret_operands = none ? found : argv + first;
    return none ? 0 : args_expect_operands(argc, first, wanted, names, err);
}

/*
 * What there is
 */

int args_show(struct arg_view *view, const char *about, const char *operands,
              const struct arg_group *groups, size_t count)
{
    const struct arg_shape shape = {about, operands, groups, count};

    return view->see(view, &shape);
}

/* The text begins beside the option if there is room. It is broken where the lines are full, so an end of line in it is
 * a blank like others. */
static void print_arg(FILE *out, const struct arg *arg)
{
    int column = fprintf(out, "  --%s%s%s", arg->name, arg->value == NULL ? "" : " ",
                         arg->value == NULL ? "" : arg->value);
    const char *word = arg->text;

    if (column >= TEXT_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", TEXT_COLUMN - column, "");
    column = TEXT_COLUMN;
    while (word[0] != '\0') {
        int length = (int)strcspn(word, " \n");

        if (column != TEXT_COLUMN && column + 1 + length > LINE_COLUMNS) {
            fprintf(out, "\n%*s", TEXT_COLUMN, "");
            column = TEXT_COLUMN;
        }
        column += fprintf(out, "%s%.*s", column == TEXT_COLUMN ? "" : " ", length, word);
        word += length + (word[length] != '\0');
    }
    fputc('\n', out);
}

int args_print_help(FILE *out, const struct arg_shape *shape)
{
    fputs(shape->about, out);
    for (size_t g = 0; g < shape->count; g++) {
        const struct arg_group *group = &shape->groups[g];

        if (g == 0 || group->heading != NULL)
            fputc('\n', out);
        if (group->heading != NULL)
            fprintf(out, "%s:\n", group->heading);
        for (size_t i = 0; i < group->count; i++)
            print_arg(out, &group->args[i]);
    }
    print_arg(out, &own_args[0]);
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

/* A bare "10M" could be either, and the one is a thousand times the other. */
int args_take_rate(const char *value, uint64_t *ret_keys, uint64_t *ret_bytes, struct ft_err *err)
{
    bool bytes = strpbrk(value, "bB") != NULL;
    size_t n = strlen(value);
    double number;
    char *end;

    *ret_keys = *ret_bytes = 0;
    if (bytes && parse_size(value, ret_bytes, err) != 0)
        return -1;
    if (!bytes) {
        number = isdigit((unsigned char)value[0]) ? strtod(value, &end) : -1;
        if (number < 0 || number > 1e15 || strspn(value, "0123456789.") < n - 1 ||
            (end != value + n && strcasecmp(end, "k") != 0))
            return err_set(
                err, FT_ERR_USAGE,
                "wanted keys and records a second, as 5000 or 5k, or bytes, as 10MB, not \"%s\"",
                value);
        *ret_keys = (uint64_t)(*end == '\0' ? number : number * 1000);
    }
    return *ret_keys + *ret_bytes != 0 ? 0 : err_set(err, FT_ERR_USAGE, "--rate must not be 0");
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
