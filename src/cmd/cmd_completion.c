#include "cmd/cmd_completion.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/common_args.h"
#include "cmd/ui.h"

#define COMMAND     "completion"
#define OPERANDS    "SHELL"
#define GROUP_COUNT 1
#define WORDS_SIZE  256
#define TEXT_SIZE   64

/* What may come after an option. */
enum value_kind {
    VALUE_NONE, /* the option is a flag */
    VALUE_FREE,
    VALUE_FILE,
    VALUE_WORDS,
};

struct completion_args {
    bool help;
};

static const struct arg completion_args[] = {
    {"help", NULL, "this text", offsetof(struct completion_args, help), NULL},
};

static const char about[] =
    "Usage: flowtape completion bash|zsh|fish\n"
    "\n"
    "Prints what the shell needs to complete commands, options and their values:\n"
    "source <(flowtape completion bash). An installed flowtape has it where shells\n"
    "look for it.\n";

int cmd_completion_help(struct arg_view *view)
{
    struct completion_args nothing;
    const struct arg_group groups[GROUP_COUNT] = {ARG_GROUP(NULL, completion_args, &nothing)};

    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

/*
 * What the tables say
 */

/* Of "none|lz4|zstd[:LEVEL]" the words one can type as they stand: none lz4 zstd. */
static enum value_kind value_kind_of(const struct arg *arg, char ret_words[WORDS_SIZE])
{
    const char *at = arg->value;
    size_t n = 0;

    ret_words[0] = '\0';
    if (at == NULL)
        return VALUE_NONE;
    if (strcmp(at, "FILE") == 0 || strcmp(at, "PATH") == 0 || strcmp(at, "DIR") == 0)
        return VALUE_FILE;
    while (at[0] != '\0') {
        size_t length = strcspn(at, "|");
        size_t word = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789-=:.");

        word = word < length ? word : length;
        if (word != 0 && n + word + 2 < WORDS_SIZE)
            n += (size_t)snprintf(ret_words + n, WORDS_SIZE - n, "%s%.*s", n == 0 ? "" : " ",
                                  (int)word, at);
        at += length + (at[length] == '|');
    }
    return n == 0 ? VALUE_FREE : VALUE_WORDS;
}

/* The beginning of a text of --help, in one line, with nothing a shell or its completion could take for its own. */
static const char *short_text(const char *text, char ret[TEXT_SIZE])
{
    size_t n = 0;
    size_t end = 0;

    for (; text[n] != '\0' && n + 1 < TEXT_SIZE; n++) {
        ret[n] = strchr("\n", text[n]) != NULL           ? ' '
                 : strchr("'\"\\[]:`$", text[n]) != NULL ? ' '
                                                         : text[n];
        if (ret[n] == ' ')
            end = n;
    }
    ret[text[n] == '\0' ? n : end] = '\0';
    return ret;
}

/*
 * The shells
 */

struct shell {
    struct arg_view view;
    const char *name; /* of the command that is shown */
};

static const struct arg *arg_of(const struct arg_shape *shape, size_t n)
{
    const struct arg_group own = args_own();

    for (size_t g = 0; g < shape->count; g++) {
        if (n < shape->groups[g].count)
            return &shape->groups[g].args[n];
        n -= shape->groups[g].count;
    }
    return n < own.count ? &own.args[n] : NULL;
}

/* add_values - to those of the first row, which has none in `values` yet. */
static void add_values(char values[WORDS_SIZE], const char *first, const char *more)
{
    size_t n = strlen(values);

    if (n == 0)
        n = (size_t)snprintf(values, WORDS_SIZE, "%s", first); /* fits */
    (void)snprintf(values + n, WORDS_SIZE - n, "|%s", more);
}

/* Each option once; one that the help explains value by value, in several rows, with the values of all of them. */
static void each_option(const struct arg_shape *shape, const char *command,
                        void (*see)(const struct arg *arg, const char *command))
{
    const struct arg *arg;

    for (size_t i = 0; (arg = arg_of(shape, i)) != NULL; i++) {
        char values[WORDS_SIZE] = "";
        struct arg whole = *arg;
        const struct arg *other;
        bool seen = false;

        for (size_t j = 0; j < i; j++)
            seen = seen || strcmp(arg_of(shape, j)->name, arg->name) == 0;
        if (seen)
            continue;
        for (size_t j = i + 1; (other = arg_of(shape, j)) != NULL; j++) {
            if (arg->value != NULL && strcmp(other->name, arg->name) == 0)
                add_values(values, arg->value, other->value);
        }
        if (values[0] != '\0')
            whole.value = values;
        see(&whole, command);
    }
}

/* bash */

static void bash_option_name(const struct arg *arg, const char *command)
{
    (void)command;
    printf(" --%s", arg->name);
}

static void bash_option_value(const struct arg *arg, const char *command)
{
    char words[WORDS_SIZE];

    (void)command;
    switch (value_kind_of(arg, words)) {
    case VALUE_NONE:
        return;
    case VALUE_FREE:
        printf("        --%s) values=@none ;;\n", arg->name);
        return;
    case VALUE_FILE:
        printf("        --%s) values=@files ;;\n", arg->name);
        return;
    case VALUE_WORDS:
        printf("        --%s) values='%s' ;;\n", arg->name, words);
        return;
    }
}

static int bash_shape(struct arg_view *view, const struct arg_shape *shape)
{
    const struct shell *s = (const struct shell *)view;

    printf("    '%s')\n        options='", s->name);
    each_option(shape, s->name, bash_option_name);
    printf("'\n        case $before in\n");
    each_option(shape, s->name, bash_option_value);
    printf("        esac\n        ;;\n");
    return 0;
}

static void bash_begin(const struct command_list *list)
{
    printf("# bash completion for flowtape, made by \"flowtape completion bash\".\n"
           "_flowtape() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    local command=${COMP_WORDS[1]} options='' values=''\n"
           "    COMPREPLY=()\n"
           "    if ((COMP_CWORD == 1)); then\n"
           "        values='");
    for (size_t i = 0; i < list->count; i++)
        printf("%s ", list->commands[i].name);
    printf("--help --version'\n    fi\n");
    for (size_t i = 0; i < list->count; i++) {
        const struct command_list *inner = list->commands[i].commands;

        if (inner == NULL)
            continue;
        printf("    if [[ $command == %s ]] && ((COMP_CWORD == 2)); then\n        values='",
               inner->name);
        for (size_t j = 0; j < inner->count; j++)
            printf("%s ", inner->commands[j].name);
        printf("--help'\n    elif [[ $command == %s ]]; then\n"
               "        command=\"$command ${COMP_WORDS[2]}\"\n    fi\n",
               inner->name);
    }
    printf("    case $command in\n");
}

static void bash_end(void)
{
    printf("    esac\n"
           "    if [[ -z $values && $current == -* ]]; then\n"
           "        values=$options\n"
           "    fi\n"
           "    case $values in\n"
           "    @none) ;;\n"
           "    '' | @files) mapfile -t COMPREPLY < <(compgen -f -- \"$current\") ;;\n"
           "    *) mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$current\") ;;\n"
           "    esac\n"
           "}\n"
           "complete -o filenames -F _flowtape flowtape\n");
}

/* zsh */

static void zsh_option(const struct arg *arg, const char *command)
{
    char text[TEXT_SIZE];
    char words[WORDS_SIZE];

    (void)command;
    printf(" \\\n            '*--%s[%s]", arg->name, short_text(arg->text, text));
    switch (value_kind_of(arg, words)) {
    case VALUE_NONE:
        break;
    case VALUE_FREE:
        printf(":value: ");
        break;
    case VALUE_FILE:
        printf(":file:_files");
        break;
    case VALUE_WORDS:
        printf(":value:(%s)", words);
        break;
    }
    putchar('\'');
}

static int zsh_shape(struct arg_view *view, const struct arg_shape *shape)
{
    const struct shell *s = (const struct shell *)view;

    printf("    '%s')\n        _arguments", s->name);
    each_option(shape, s->name, zsh_option);
    printf(" \\\n            '*:file:_files'\n        ;;\n");
    return 0;
}

static void zsh_list(const struct command_list *list)
{
    char text[TEXT_SIZE];

    printf("        commands=(");
    for (size_t i = 0; i < list->count; i++)
        printf("\n            '%s:%s'", list->commands[i].name,
               short_text(list->commands[i].summary, text));
    printf(")\n        _describe command commands\n        return\n");
}

static void zsh_begin(const struct command_list *list)
{
    printf("#compdef flowtape\n"
           "# zsh completion for flowtape, made by \"flowtape completion zsh\".\n"
           "_flowtape() {\n"
           "    local command=$words[2]\n"
           "    local -a commands\n"
           "    if (( CURRENT == 2 )); then\n");
    zsh_list(list);
    printf("    fi\n    shift words\n    (( CURRENT-- ))\n");
    for (size_t i = 0; i < list->count; i++) {
        const struct command_list *inner = list->commands[i].commands;

        if (inner == NULL)
            continue;
        printf("    if [[ $command == %s ]] && (( CURRENT == 2 )); then\n", inner->name);
        zsh_list(inner);
        printf("    elif [[ $command == %s ]]; then\n"
               "        command=\"$command $words[2]\"\n"
               "        shift words\n"
               "        (( CURRENT-- ))\n"
               "    fi\n",
               inner->name);
    }
    printf("    case $command in\n");
}

static void zsh_end(void)
{
    printf("    esac\n"
           "}\n"
           "if [[ $funcstack[1] == _flowtape ]]; then\n"
           "    _flowtape \"$@\"\n"
           "else\n"
           "    compdef _flowtape flowtape\n"
           "fi\n");
}

/* fish */

/* The condition: all words of the command's name have been typed. */
static void fish_condition(const char *command)
{
    const char *space = strchr(command, ' ');

    if (space == NULL)
        printf("complete -c flowtape -n '__fish_seen_subcommand_from %s'", command);
    else
        printf("complete -c flowtape -n '__fish_seen_subcommand_from %.*s; and "
               "__fish_seen_subcommand_from %s'",
               (int)(space - command), command, space + 1);
}

static void fish_option(const struct arg *arg, const char *command)
{
    char text[TEXT_SIZE];
    char words[WORDS_SIZE];

    fish_condition(command);
    printf(" -l %s -d '%s'", arg->name, short_text(arg->text, text));
    switch (value_kind_of(arg, words)) {
    case VALUE_NONE:
        break;
    case VALUE_FREE:
        printf(" -x");
        break;
    case VALUE_FILE:
        printf(" -r");
        break;
    case VALUE_WORDS:
        printf(" -x -a '%s'", words);
        break;
    }
    putchar('\n');
}

static int fish_shape(struct arg_view *view, const struct arg_shape *shape)
{
    const struct shell *s = (const struct shell *)view;

    each_option(shape, s->name, fish_option);
    return 0;
}

static void fish_begin(const struct command_list *list)
{
    char text[TEXT_SIZE];

    printf("# fish completion for flowtape, made by \"flowtape completion fish\".\n");
    for (size_t i = 0; i < list->count; i++) {
        const struct command *c = &list->commands[i];

        printf("complete -c flowtape -n __fish_use_subcommand -f -a %s -d '%s'\n", c->name,
               short_text(c->summary, text));
        for (size_t j = 0; c->commands != NULL && j < c->commands->count; j++) {
            const struct command *inner = &c->commands->commands[j];

            printf("complete -c flowtape -n '__fish_seen_subcommand_from %s' -f -a %s -d '%s'\n",
                   c->name, inner->name, short_text(inner->summary, text));
        }
    }
}

static void fish_end(void)
{
}

static const struct {
    const char *name;
    void (*begin)(const struct command_list *list);
    int (*shape)(struct arg_view *view, const struct arg_shape *shape);
    void (*end)(void);
} shells[] = {
    {"bash", bash_begin, bash_shape, bash_end},
    {"zsh", zsh_begin, zsh_shape, zsh_end},
    {"fish", fish_begin, fish_shape, fish_end},
};

static const char *const shell_names[] = {"bash", "zsh", "fish", NULL};

static int show_command(void *context, const char *name, const struct command *command)
{
    struct shell *s = context;

    s->name = name;
    return command->help(&s->view);
}

int cmd_completion(int argc, char **argv)
{
    struct completion_args a = {0};
    const struct arg_group groups[GROUP_COUNT] = {ARG_GROUP(NULL, completion_args, &a)};
    struct ft_err err = FT_ERR_INIT;
    struct shell s;
    char **operands;
    int shell = 0;

    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 1, OPERANDS, &a.help, &operands,
                            &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    if (operands == NULL)
        return (int)ui_help(COMMAND, cmd_completion_help);
    if (args_choice("completion", operands[0], shell_names, &shell, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    s.view.see = shells[shell].shape;
    shells[shell].begin(command_program());
    (void)command_each(show_command, &s); /* ui_flush looks at the outcome */
    shells[shell].end();
    return (int)ui_flush(COMMAND, EXIT_DONE);
}
