#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

#include "base/similar.h"
#include "cmd/secret_args.h"
#include "cmd/ui.h"
#include "cmd/version_print.h"

static const struct command_list *program;

void command_know(const struct command_list *all)
{
    program = all;
}

const struct command_list *command_program(void)
{
    return program;
}

static void full_name(char ret[COMMAND_NAME_SIZE], const struct command_list *list,
                      const struct command *c)
{
    (void)snprintf(ret, COMMAND_NAME_SIZE, "%s%s%s", list->name, list->name[0] == '\0' ? "" : " ",
                   c->name); /* names are short */
}

/*
 * Running one
 */

static int see_help(struct arg_view *view, const struct arg_shape *shape)
{
    (void)view;
    return args_print_help(stdout, shape);
}

static int print_list(FILE *out, const struct command_list *list)
{
    struct arg_view view = {see_help};
    int rc = 0;

    fputs(list->about, out);
    for (size_t i = 0; i < list->count; i++)
        fprintf(out, "  %-10s %s\n", list->commands[i].name, list->commands[i].summary);
    if (list->more != NULL)
        fputs(list->more, out);
    for (size_t i = 0; list->more == NULL && rc == 0 && i < list->count; i++) {
        fputc('\n', out);
        rc = list->commands[i].help(&view);
    }
    return rc;
}

static const struct command *find(const struct command_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->commands[i].name, name) == 0)
            return &list->commands[i];
    }
    return NULL;
}

static int run_one(const struct command_list *list, const struct command *c, int argc, char **argv)
{
    char name[COMMAND_NAME_SIZE];

    if (c->commands != NULL)
        return command_run(c->commands, argc, argv);
    if (argc == 2 && version_is_asked(argv[1]))
        return (int)version_print(false);
    full_name(name, list, c);
    args_set_command(name);
    return c->run(argc, argv);
}

int command_run(const struct command_list *list, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const char *inside = list->name[0] == '\0' ? NULL : list->name;
    const struct command *c = find(list, name);
    struct similar similar = {.word = name};
    struct ft_err err = FT_ERR_INIT;
    char meant[SIMILAR_WORD_MAX + 32] = "";

    if (c != NULL)
        return run_one(list, c, argc - 1, argv + 1);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return (int)ui_flush(list->name, print_list(stdout, list) == 0 ? EXIT_DONE : EXIT_FAILED);
    if (version_is_asked(name))
        return (int)version_print(argc > 2 && strcmp(argv[2], "--json") == 0);
    if (name[0] == '\0' && inside == NULL) {
        (void)print_list(stderr, list);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < list->count; i++)
        similar_look(&similar, list->commands[i].name);
    if (similar.best != NULL)
        (void)snprintf(meant, sizeof(meant), ": did you mean %s?", similar.best); /* fits */
    if (inside != NULL)
        return (int)ui_usage(inside, "there is no command \"%s\"%s", name, meant);
    (void)err_set(&err, FT_ERR_USAGE, "there is no command \"%s\"%s", name, meant); /* printable */
    secret_args_mask(err.msg);
    fprintf(stderr, "flowtape: %s; try \"flowtape --help\"\n", err.msg);
    return EXIT_USAGE;
}

/*
 * All of them
 */

int command_each(int (*see)(void *context, const char *name, const struct command *command),
                 void *context)
{
    char name[COMMAND_NAME_SIZE];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < program->count; i++) {
        const struct command *c = &program->commands[i];

        if (c->commands == NULL)
            rc = see(context, c->name, c);
        for (size_t j = 0; rc == 0 && c->commands != NULL && j < c->commands->count; j++) {
            full_name(name, c->commands, &c->commands->commands[j]);
            rc = see(context, name, &c->commands->commands[j]);
        }
    }
    return rc;
}

/* Looks for an option or operand. */
struct search {
    struct arg_view view;
    bool (*fits)(void *context, const char *name);
    void *context;
    bool found;
};

static int look_for_name(struct arg_view *view, const struct arg_shape *shape)
{
    struct search *s = (struct search *)view;
    const char *at = shape->operands == NULL ? "" : shape->operands;
    char operand[ARG_NAME_SIZE];

    while (!s->found && args_next_operand(&at, operand))
        s->found = s->fits(s->context, operand);
    for (size_t g = 0; g < shape->count; g++) {
        for (size_t i = 0; !s->found && i < shape->groups[g].count; i++) {
            const char *name = shape->groups[g].args[i].name;

            s->found = !args_is_typed_only(name) && s->fits(s->context, name);
        }
    }
    return 0;
}

bool command_takes(const struct command *command, bool (*fits)(void *context, const char *name),
                   void *context)
{
    struct search s = {.view = {look_for_name}, .fits = fits, .context = context};

    (void)command->help(&s.view); /* writes nothing */
    return s.found;
}

/* Who takes a name of the file? */
struct taker {
    const struct setting *setting;
    bool has_command, has_name;
};

static bool is_name(void *context, const char *name)
{
    return strcmp(((struct taker *)context)->setting->name, name) == 0;
}

static int look_into(void *context, const char *name, const struct command *command)
{
    struct taker *t = context;

    if (t->setting->section[0] != '\0' && strcmp(t->setting->section, name) != 0)
        return 0;
    t->has_command = true;
    t->has_name = t->has_name || command_takes(command, is_name, t);
    return 0;
}

int command_check_settings(const struct settings *s, struct ft_err *err)
{
    for (size_t i = 0; i < s->count; i++) {
        struct taker t = {.setting = &s->list[i]};
        const struct setting *one = t.setting;

        (void)command_each(look_into, &t); /* only looks */
        if (!t.has_command)
            return err_set(err, FT_ERR_USAGE, "%s:%u: there is no command \"%s\" for this section",
                           s->path, one->line, one->section);
        if (!t.has_name)
            return err_set(
                err, FT_ERR_USAGE, "%s:%u: %s%s an option \"%s\"", s->path, one->line, one->section,
                one->section[0] == '\0' ? "no command has" : " does not have", one->name);
    }
    return 0;
}
