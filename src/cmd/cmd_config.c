#include "cmd/cmd_config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/ui.h"

#define COMMAND     "config"
#define GROUP_COUNT 1
#define PREFIX      "FLOWTAPE_"

struct config_args {
    bool all;
    bool json;
    bool help;
};

static const struct arg config_args[] = {
    {"all", NULL, "also what is not set, with the default", offsetof(struct config_args, all),
     NULL},
    {"json", NULL, "print it as JSON", offsetof(struct config_args, json), NULL},
    {"help", NULL, "this text", offsetof(struct config_args, help), NULL},
};

static const char about[] =
    "Usage: flowtape config [OPTION...] [COMMAND [ARGUMENT...]]\n"
    "\n"
    "Shows which options and operands COMMAND would run with, and whether the\n"
    "command line, the environment or the file of --config says so, in the form of\n"
    "such a file. Without COMMAND: all that the environment and the file say, for\n"
    "every command. Nothing is run.\n";

int cmd_config_help(struct arg_view *view)
{
    struct config_args nothing;
    const struct arg_group groups[GROUP_COUNT] = {ARG_GROUP(NULL, config_args, &nothing)};

    return args_show(view, about, NULL, groups, GROUP_COUNT);
}

/*
 * As text
 */

/* The default that a text of --help names: "(default 60s)", "(default: all)". */
static void print_default(const struct arg *arg)
{
    const char *at = arg == NULL ? NULL : strstr(arg->text, "(default");

    if (at != NULL)
        at += strlen("(default") + strspn(at + strlen("(default"), ": ");
    if (at != NULL && at[0] != ')' && at[0] != '\0' && strcspn(at, ")") == strcspn(at, ")\n"))
        printf("# default: %.*s\n", (int)strcspn(at, ")"), at);
    else
        printf("# not set\n");
}

static void print_value(const struct arg_value *v)
{
    if (v->value == NULL) {
        print_default(v->arg);
        printf("# %s =\n", v->name);
        return;
    }
    if (v->variable != NULL)
        printf("# %s\n", v->variable);
    else if (v->file != NULL)
        printf("# %s:%u\n", v->file, v->line);
    else
        printf("# command line\n");
    printf("%s = %s\n", v->name, v->value);
}

static void print_text(const struct arg_value *values, size_t count, bool all)
{
    const char *section = NULL;

    for (size_t i = 0; i < count; i++) {
        if (values[i].value == NULL && !all)
            continue;
        if (section == NULL || strcmp(section, values[i].command) != 0)
            printf("%s[%s]\n", section == NULL ? "" : "\n", values[i].command);
        section = values[i].command;
        print_value(&values[i]);
    }
}

/*
 * As JSON
 */

static json_t *value_to_json(const struct arg_value *v)
{
    const char *from = v->value == NULL      ? "default"
                       : v->variable != NULL ? "environment"
                       : v->file != NULL     ? "file"
                                             : "command line";
    json_t *json =
        json_pack("{s:s, s:s, s:s}", "command", v->command, "name", v->name, "from", from);

    json_object_set_new(json, "value", v->value == NULL ? json_null() : json_from_text(v->value));
    if (v->variable != NULL)
        json_object_set_new(json, "variable", json_string(v->variable));
    if (v->file != NULL) {
        json_object_set_new(json, "file", json_from_text(v->file));
        json_object_set_new(json, "line", json_integer(v->line));
    }
    return json;
}

static int print_json(const struct arg_value *values, size_t count, bool all, struct ft_err *err)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        if (all || values[i].value != NULL)
            json_array_append_new(list, value_to_json(&values[i]));
    }
    return json_print(json_pack("{s:o}", "options", list), err);
}

/*
 * What there is
 */

struct listing {
    int status;
    const char *variable; /* of the environment, without its value */
    size_t length;
    const char *command; /* whose it may be */
    bool known;
};

/* Its command line is its name, so that what it lists is from elsewhere. */
static int list_one(void *context, const char *name, const struct command *command)
{
    struct listing *l = context;
    char word[COMMAND_NAME_SIZE];
    char *argv[] = {word, NULL};

    (void)snprintf(word, sizeof(word), "%s", name); /* fits */
    args_set_command(name);
    l->status = command->run(1, argv);
    return l->status;
}

static bool is_variable(const struct listing *l, const char *command, const char *name)
{
    char variable[SETTINGS_VARIABLE_SIZE];

    settings_variable_name(command, name, variable);
    return strlen(variable) == l->length && memcmp(variable, l->variable, l->length) == 0;
}

static bool names_variable(void *context, const char *name)
{
    const struct listing *l = context;

    return is_variable(l, NULL, name) || is_variable(l, l->command, name);
}

static int look_for_variable(void *context, const char *name, const struct command *command)
{
    struct listing *l = context;

    l->command = name;
    l->known =
        l->known || is_variable(l, name, "config") || command_takes(command, names_variable, l);
    return 0;
}

/* A variable that is mistyped is not an error, since others may use the prefix too; it is said here. */
static void note_unknown_variables(void)
{
    for (char **at = environ; *at != NULL; at++) {
        struct listing l = {.variable = *at, .length = strcspn(*at, "=")};

        if (strncmp(*at, PREFIX, strlen(PREFIX)) != 0)
            continue;
        (void)command_each(look_for_variable, &l); /* only looks */
        if (!l.known && !is_variable(&l, NULL, "config"))
            ui_note(COMMAND, "%.*s is not the variable of an option", (int)l.length, *at);
    }
}

static enum exit_status list(const struct config_args *a, int argc, char **argv)
{
    struct listing l = {.status = EXIT_DONE};
    const struct arg_value *values;
    struct ft_err err = FT_ERR_INIT;
    size_t count;

    args_only_list();
    if (argc > 1)
        l.status = command_run(command_program(), argc, argv);
    else {
        note_unknown_variables();
        (void)command_each(list_one, &l);
    }
    if (l.status != EXIT_DONE)
        return (enum exit_status)l.status;
    (void)args_listed(&values, &count);
    if (!a->json)
        print_text(values, count, a->all);
    else if (print_json(values, count, a->all, &err) != 0)
        return ui_fail(COMMAND, &err);
    return ui_flush(COMMAND, EXIT_DONE);
}

int cmd_config(int argc, char **argv)
{
    struct config_args a = {0};
    const struct arg_group groups[GROUP_COUNT] = {ARG_GROUP(NULL, config_args, &a)};
    struct ft_err err = FT_ERR_INIT;
    int first;

    if (args_parse_leading(groups, GROUP_COUNT, argc, argv, &first, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    if (a.help)
        return (int)ui_help(COMMAND, cmd_config_help);
    return (int)list(&a, argc - first + 1, argv + first - 1);
}
