#include "cmd/cmd_explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/quoting.h"
#include "cmd/ui.h"
#include "command/translate.h"

#define COMMAND "explain"

struct explain {
    struct translator_options options;
    struct version_args version;
    struct loss_args loss;
    struct output_args output;
    uint64_t db;
    uint64_t at_ms;
    struct bytes *args;
    size_t arg_count;
};

static void print_arguments(const char *label, const struct bytes *args, size_t count)
{
    printf("%-9s", label);
    for (size_t i = 0; i < count; i++) {
        putchar(' ');
        quoting_print(stdout, args[i], 0);
    }
    putchar('\n');
}

/* What a client does in place of the command. %s and %d: source and destination. */
static const char *plan_text(const struct translation_plan *p)
{
    switch (p->kind) {
    case PLAN_RENAME:
        return p->only_if_absent ? "DUMP %s, RESTORE %d if absent, DEL %s"
                                 : "DUMP %s, RESTORE %d REPLACE, DEL %s";
    case PLAN_COPY:
        return p->only_if_absent ? "DUMP %s, RESTORE %d if absent" : "DUMP %s, RESTORE %d REPLACE";
    case PLAN_MOVE:
        return "DUMP %s, RESTORE it in the other database if absent, DEL %s";
    case PLAN_SMOVE:
        return "SISMEMBER %s, then SADD %d, SREM %s";
    case PLAN_LMOVE:
        return "read the end of %s, push it to %d, pop it from %s";
    case PLAN_STORE:
        return "copy the sources to the slot of %d, run the command there, delete the copies";
    case PLAN_SORT_STORE:
        return "SORT %s without STORE, write the result as list %d";
    case PLAN_POP:
        return "pop from the first of the keys that is not empty";
    case PLAN_DELETE_DIGEST:
        return "GET %s, DEL %s if the digest says so";
    case PLAN_NONE:
        break;
    }
    return "";
}

static void print_plan(const struct translation_plan *p)
{
    printf("%-9s ", "plan");
    for (const char *s = plan_text(p); *s != '\0'; s++) {
        if (s[0] == '%' && (s[1] == 's' || s[1] == 'd'))
            quoting_print(stdout, *++s == 's' ? p->src : p->dst, 0);
        else
            putchar(*s);
    }
    putchar('\n');
}

static void print_keys(const struct translation *t)
{
    for (size_t i = 0; i < t->key_count; i++) {
        printf("%-9s db %" PRIu32 " ", i == 0 ? "keys" : "", t->keys[i].db);
        quoting_print(stdout, t->keys[i].key, 0);
        puts(t->keys[i].suspect ? " (suspect)" : "");
    }
}

static void print_text(const struct explain *e, const struct translation *t)
{
    char title[TARGET_TITLE_SIZE];
    char time[FORMAT_TIME];

    printf("%-9s %s%s, received %s\n", "target", target_title(e->options.target->name, title),
           e->options.cluster ? " cluster" : "", format_time_us(e->at_ms * 1000, time));
    print_arguments("record", e->args, e->arg_count);
    printf("%-9s %s%s\n", "class", translation_class_name(t->class_),
           t->every_node && e->options.cluster ? ", on every master" : "");
    for (size_t i = 0; i < t->command_count; i++)
        print_arguments(i == 0 ? "becomes" : "", t->commands[i].args, t->commands[i].count);
    if (t->plan.kind != PLAN_NONE)
        print_plan(&t->plan);
    for (size_t i = 0; i < t->flush.range_count; i++)
        printf("%-9s %u-%u\n", i == 0 ? "slots" : "", t->flush.ranges[i].first,
               t->flush.ranges[i].last);
    print_keys(t);
    for (size_t i = 0; i < t->loss_count; i++)
        printf("%-9s %s (%s): %s\n", loss_is_note(t->losses[i].reason) ? "drops" : "loses",
               loss_reason_name(t->losses[i].reason), t->losses[i].class_name, t->losses[i].text);
    if (t->note[0] != '\0' && (t->loss_count == 0 || strcmp(t->note, t->losses[0].text) != 0))
        printf("%-9s %s\n", "note", t->note);
    if (t->row != NULL && t->row->expected_errors != NULL && t->command_count != 0)
        printf("%-9s %s\n", "errors", t->row->expected_errors);
}

static json_t *args_to_json(const struct bytes *args, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_from_bytes(args[i]));
    return array;
}

static json_t *commands_to_json(const struct translation *t)
{
    json_t *array = json_array();

    for (size_t i = 0; i < t->command_count; i++)
        json_array_append_new(array, args_to_json(t->commands[i].args, t->commands[i].count));
    return array;
}

static json_t *keys_to_json(const struct translation *t)
{
    json_t *array = json_array();

    for (size_t i = 0; i < t->key_count; i++)
        json_array_append_new(array, json_pack("{s:I, s:o, s:b}", "db", (json_int_t)t->keys[i].db,
                                               "key", json_from_bytes(t->keys[i].key), "suspect",
                                               t->keys[i].suspect));
    return array;
}

static json_t *losses_to_json(const struct translation *t)
{
    json_t *array = json_array();

    for (size_t i = 0; i < t->loss_count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:o, s:b}", "reason",
                                               loss_reason_name(t->losses[i].reason), "class",
                                               t->losses[i].class_name, "text",
                                               json_from_message(t->losses[i].text), "note",
                                               loss_is_note(t->losses[i].reason)));
    return array;
}

static json_t *plan_to_json(const struct translation_plan *p)
{
    if (p->kind == PLAN_NONE)
        return json_null();
    return json_pack("{s:s, s:o, s:o, s:b}", "kind", plan_kind_name(p->kind), "source",
                     json_from_bytes(p->src), "destination", json_from_bytes(p->dst),
                     "only_if_absent", p->only_if_absent);
}

static json_t *explain_to_json(const struct explain *e, const struct translation *t)
{
    return json_pack("{s:s, s:b, s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "target",
                     e->options.target->name, "cluster", e->options.cluster, "received_ms",
                     (json_int_t)e->at_ms, "record", args_to_json(e->args, e->arg_count), "class",
                     translation_class_name(t->class_), "becomes", commands_to_json(t), "plan",
                     plan_to_json(&t->plan), "keys", keys_to_json(t), "losses", losses_to_json(t),
                     "note", json_from_message(t->note), "every_node", t->every_node,
                     "expected_errors",
                     json_from_text(t->row == NULL ? NULL : t->row->expected_errors));
}

static enum exit_status explain(const struct explain *e)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status = EXIT_DONE;
    struct translator *t = NULL;
    struct translation result;

    if (translator_new(&t, &e->options, &err) < 0)
        return ui_fail(COMMAND, &err);
    if (translator_run(t, e->args, e->arg_count, (uint32_t)e->db, (int64_t)e->at_ms, &result,
                       &err) < 0) {
        translator_free(t);
        return ui_fail(COMMAND, &err);
    }
    if (!e->output.json)
        print_text(e, &result);
    else if (json_print(explain_to_json(e, &result), &err) != 0)
        status = ui_fail(COMMAND, &err);
    translator_free(t);
    return ui_flush(COMMAND, status);
}

/*
 * The command line
 */

static int take_source(void *into, const char *value, struct ft_err *err)
{
    unsigned major;
    unsigned minor;
    int end = 0;

    if (sscanf(value, "%3u.%2u%n", &major, &minor, &end) != 2 || value[end] != '\0')
        return err_set(err, FT_ERR_USAGE, "\"%s\" is not a release of Dragonfly, as 1.37", value);
    ((struct explain *)into)->options.source_release = major * 100 + minor;
    return 0;
}

static int take_db(void *into, const char *value, struct ft_err *err)
{
    uint64_t *db = &((struct explain *)into)->db;

    if (parse_u64(value, db, err) != 0)
        return -1;
    return *db <= UINT16_MAX ? 0 : err_set(err, FT_ERR_USAGE, "there is no database %" PRIu64, *db);
}

static int take_at_ms(void *into, const char *value, struct ft_err *err)
{
    uint64_t *ms = &((struct explain *)into)->at_ms;

    if (parse_u64(value, ms, err) != 0)
        return -1;
    return *ms <= INT64_MAX / 1000000
               ? 0
               : err_set(err, FT_ERR_USAGE, "%" PRIu64 " ms is out of range", *ms);
}

static const struct arg target_args[] = {
    {"cluster", NULL, "the target is a cluster", offsetof(struct explain, options.cluster), NULL},
};

static const struct arg record_args[] = {
    {"source", "VERSION", "the source's release, as 1.37 (default: the newest)", 0, take_source},
    {"db", "N", "the record's database (default 0)", 0, take_db},
    {"at-ms", "MS",
     "when the record was received, ms since the epoch\n"
     "(default: now)",
     0, take_at_ms},
};

static const struct arg print_args[] = {
    {"json", NULL, "print the result as JSON", offsetof(struct output_args, json), NULL},
    {"help", NULL, "this text", offsetof(struct output_args, help), NULL},
};

static const char about[] =
    "Usage: flowtape explain [OPTION...] COMMAND ARG...\n"
    "\n"
    "Shows what a command from Dragonfly's journal becomes for a target. Arguments\n"
    "may hold \\xNN, \\n, \\r, \\t and \\\\ for bytes that are hard to type.\n";

#define GROUP_COUNT 5

static void list_groups(struct explain *e, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = args_version(&e->version);
    groups[1] = (struct arg_group)ARG_GROUP(NULL, target_args, e);
    groups[2] = args_json_as(&e->loss);
    groups[3] = (struct arg_group)ARG_GROUP(NULL, record_args, e);
    groups[4] = (struct arg_group)ARG_GROUP(NULL, print_args, &e->output);
}

int cmd_explain_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct explain nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, NULL, groups, GROUP_COUNT);
}

/* e->args is allocated, and made of argv in place. */
static int parse(struct explain *e, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    int first;

    list_groups(e, groups);
    if (args_parse_leading(groups, GROUP_COUNT, argc, argv, &first, err) != 0)
        return -1;
    if (e->output.help)
        return 0;
    if (first == argc)
        return err_set(err, FT_ERR_USAGE, "which command?");
    e->options.target = e->version.target;
    e->options.json_as = e->loss.json_as;
    e->args = calloc((size_t)(argc - first), sizeof(e->args[0]));
    if (e->args == NULL)
        return err_nomem(err, "the command");
    for (int i = first; i < argc; i++)
        e->args[e->arg_count++] = quoting_unescape(argv[i]);
    return 0;
}

int cmd_explain(int argc, char **argv)
{
    struct explain e = {.version.target = target_default(), .at_ms = clock_wall_us() / 1000};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;

    if (parse(&e, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (e.output.help)
        status = ui_help(COMMAND, cmd_explain_help);
    else {
        args_note_version(COMMAND, &e.version);
        status = explain(&e);
    }
    free(e.args);
    return (int)status;
}
