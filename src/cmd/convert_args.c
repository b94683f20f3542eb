#include "cmd/convert_args.h"

#include <assert.h>
#include <string.h>

#include "base/output_file.h"
#include "base/parse.h"
#include "cmd/log.h"

/* There is room for so many, and for their names. */
#define FORMS_MAX       8
#define FORM_NAMES_SIZE 80

/* "rdb, resp, aof or json", or with bars between them. */
static const char *list_forms(char *text, size_t size, const char *between, const char *last)
{
    size_t count;
    const struct output_form *const *forms = output_forms(&count);
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count && n < size; i++) {
        n += (size_t)snprintf(text + n, size - n, "%s%s",
                              i == 0           ? ""
                              : i + 1 == count ? last
                                               : between,
                              forms[i]->name);
    }
    return text;
}

static int take_to(void *into, const char *value, struct ft_err *err)
{
    struct convert_args *a = into;
    char names[FORM_NAMES_SIZE];

    a->to = output_form_find(value);
    if (a->to != NULL)
        return 0;
    return err_set(err, FT_ERR_USAGE, "--to takes %s, not \"%s\"",
                   list_forms(names, sizeof(names), ", ", " or "), value);
}

static int take_aof_size(void *into, const char *value, struct ft_err *err)
{
    struct convert_args *a = into;

    if (parse_size(value, &a->convert.part_bytes, err) != 0)
        return -1;
    if (a->convert.part_bytes == 0)
        return err_set(err, FT_ERR_USAGE, "--aof-size must not be 0");
    return 0;
}

static int take_databases(void *into, const char *value, struct ft_err *err)
{
    return args_take_number("databases", value, INT32_MAX,
                            &((struct convert_args *)into)->convert.databases, err);
}

static const struct arg how_args[] = {
    {"redis-server", "PATH",
     "the program that applies the journal for --to rdb and\n"
     "the base of --to aof (default redis-server)",
     offsetof(struct convert_args, convert.redis_server), NULL},
    {"restore", NULL, "--to resp: every key by RESTORE",
     offsetof(struct convert_args, convert.restore), NULL},
    {"databases", "N", "how many databases the server has (default: not known)", 0, take_databases},
    {"aof-size", "SIZE", "--to aof: about the size of an increment (default\n256MiB)", 0,
     take_aof_size},
};

static const struct arg expired_args[] = {
    {"drop-expired", NULL, "leave out expired keys",
     offsetof(struct convert_args, convert.drop_expired), NULL},
};

static const char about[] =
    "Usage: flowtape convert INPUT OUTPUT --to %s [OPTION...]\n"
    "\n"
    "INPUT is a capture directory, a Dragonfly snapshot (any file of a .dfs set, or\n"
    "an .rdb file), an RDB file or an append-only file of Redis, or one of these\n"
    "packed or compressed; \"-\" is standard input. OUTPUT appears under its name only\n"
    "when it is complete.\n";

/* One line of --help for each form. */
static struct arg_group args_to(struct convert_args *a)
{
    static struct arg args[FORMS_MAX];
    size_t count;
    const struct output_form *const *forms = output_forms(&count);

    assert(count <= FORMS_MAX);
    for (size_t i = 0; i < count; i++)
        args[i] = (struct arg){"to", forms[i]->name, forms[i]->help, 0, take_to};
    return (struct arg_group){NULL, args, count, a};
}

#define GROUP_COUNT 12
#define OPERANDS    "INPUT and OUTPUT"

static void list_groups(struct convert_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = args_to(a);
    groups[1] = args_at(&a->from);
    groups[2] = args_generation(&a->from);
    groups[3] = args_version(&a->version);
    groups[4] = (struct arg_group)ARG_GROUP(NULL, how_args, a);
    groups[5] = args_loss(&a->loss);
    groups[6] = args_filter(&a->convert.filter);
    groups[7] = args_filter_type(&a->convert.filter);
    groups[8] = (struct arg_group)ARG_GROUP(NULL, expired_args, a);
    groups[9] = args_report(&a->print);
    groups[10] = args_output(&a->print);
    groups[11] = args_log();
}

static int check(const struct convert_args *a, struct ft_err *err)
{
    bool to_stdout = strcmp(a->output, OUTPUT_STDOUT_NAME) == 0;

    if (a->to == NULL) {
        return err_set(err, FT_ERR_USAGE,
                       "--to is missing: say what to write, for example --to rdb");
    }
    if (to_stdout && !a->to->to_stdout)
        return err_set(err, FT_ERR_USAGE, "--to %s cannot go to standard output", a->to->name);
    if (to_stdout && a->print.json)
        return err_set(err, FT_ERR_USAGE, "--json would be mixed with the output; use --report");
    if (a->convert.restore && !a->to->restores)
        return err_set(err, FT_ERR_USAGE, "--restore is for --to resp");
    return 0;
}

int convert_args_parse(struct convert_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct convert_args){
        .from = {.at = "end"},
        .loss = {.fail = true},
        .version = {.target = target_default()},
        .convert = {.redis_server = "redis-server", .part_bytes = AOF_PART_DEFAULT_BYTES},
    };
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 2, OPERANDS, &ret->print.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    ret->output = operands[1];
    ret->convert.target = ret->version.target;
    ret->convert.fail_on_loss = ret->loss.fail;
    ret->convert.json_as = ret->loss.json_as;
    if (check(ret, err) != 0)
        return -1;
    return args_take_input(operands[0], &ret->input, err);
}

int convert_args_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct convert_args nothing;
    char names[FORM_NAMES_SIZE];
    char text[sizeof(about) + FORM_NAMES_SIZE];

    list_groups(&nothing, groups);
    (void)snprintf(text, sizeof(text), about,
                   list_forms(names, sizeof(names), "|", "|")); /* fits */
    return args_show(view, text, OPERANDS, groups, GROUP_COUNT);
}

void convert_args_release(struct convert_args *a)
{
    filter_release(&a->convert.filter);
}
