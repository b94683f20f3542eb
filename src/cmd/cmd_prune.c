#include "cmd/cmd_prune.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/ui.h"
#include "store/capture_set.h"
#include "store/retention.h"

#define COMMAND     "prune"
#define OPERANDS    "DIR"
#define GROUP_COUNT 2

struct prune_args {
    const char *dir;
    struct retention retain;
    bool remove;
    struct output_args output;
};

static int take_retain(void *into, const char *value, struct ft_err *err)
{
    return retention_parse(value, &((struct prune_args *)into)->retain, err);
}

static const struct arg prune_args[] = {
    {"retain", "GENERATIONS|TIME",
     "what is kept: 3 is the newest three complete generations\n"
     "(default 1), 7d those with something of the last week",
     0, take_retain},
    {"remove", NULL, "remove what may go; without it that is only shown",
     offsetof(struct prune_args, remove), NULL},
};

static const char about[] =
    "Usage: flowtape prune DIR [OPTION...]\n"
    "\n"
    "Shows which generations of the capture DIR may go, and why the others are kept:\n"
    "the newest, the newest complete one, those that --retain wants, that a running\n"
    "process reads, or that are to be archived first. Nothing is removed without\n"
    "--remove. Of a set of captures each node is shown in turn; what the newest\n"
    "generations of the set consist of is kept.\n";

static void list_groups(struct prune_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP(NULL, prune_args, a);
    groups[1] = args_output(&a->output);
}

int cmd_prune_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct prune_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

static int parse(struct prune_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct prune_args){.retain = {.generations = 1}};
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 1, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands != NULL)
        ret->dir = operands[0];
    return 0;
}

/* What is shown of each generation, in their order. */
struct prune_list {
    enum retention_verdict *verdicts;
    uint64_t *bytes; /* before anything was removed */
    uint32_t may_go;
    uint64_t may_go_bytes;
};

static int classify_all(const struct capture *c, const struct retention *rule,
                        struct prune_list *ret, struct ft_err *err)
{
    uint64_t now_us = clock_wall_us();

    ret->verdicts = calloc(c->generation_count + 1, sizeof(*ret->verdicts));
    ret->bytes = calloc(c->generation_count + 1, sizeof(*ret->bytes));
    if (ret->verdicts == NULL || ret->bytes == NULL)
        return err_nomem(err, "the generations");
    for (size_t i = 0; i < c->generation_count; i++) {
        ret->bytes[i] = retention_bytes(&c->generations[i]);
        if (retention_classify(c, &c->generations[i], rule, now_us, &ret->verdicts[i], err) != 0)
            return -1;
        ret->may_go += ret->verdicts[i] == RETENTION_MAY_GO;
        ret->may_go_bytes += ret->verdicts[i] == RETENTION_MAY_GO ? ret->bytes[i] : 0;
    }
    return 0;
}

static void print_text(const struct prune_args *a, const struct capture *c,
                       const struct prune_list *l, const struct retention_sum *removed)
{
    char size[FORMAT_SIZE];
    char time[FORMAT_TIME];

    for (size_t i = 0; i < c->generation_count; i++) {
        printf("generation %" PRIu32 ", begun %s, %s: %s%s\n", c->generations[i].id,
               format_time_us(c->generations[i].began_us, time), format_size(l->bytes[i], size),
               l->verdicts[i] == RETENTION_MAY_GO || l->verdicts[i] == RETENTION_GONE ? ""
                                                                                      : "kept, ",
               retention_reason(l->verdicts[i]));
    }
    if (a->remove)
        printf("removed %" PRIu32 " generation%s, %s\n", removed->removed, plural(removed->removed),
               format_size(removed->bytes, size));
    else
        printf("%" PRIu32 " generation%s may go, %s; nothing was removed%s\n", l->may_go,
               plural(l->may_go), format_size(l->may_go_bytes, size),
               l->may_go == 0 ? "" : ": --remove does that");
}

static json_t *to_json(const struct capture *c, const struct prune_list *l,
                       const struct retention_sum *removed)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->generation_count; i++) {
        json_array_append_new(list, json_pack("{s:I, s:I, s:b, s:s}", "generation",
                                              (json_int_t)c->generations[i].id, "bytes",
                                              (json_int_t)l->bytes[i], "may_go",
                                              (int)(l->verdicts[i] == RETENTION_MAY_GO), "reason",
                                              retention_reason(l->verdicts[i])));
    }
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "directory", json_from_text(c->path),
                     "generations", list, "may_go", (json_int_t)l->may_go, "may_go_bytes",
                     (json_int_t)l->may_go_bytes, "removed", (json_int_t)removed->removed,
                     "removed_bytes", (json_int_t)removed->bytes);
}

/* A capture that is to be changed is locked, as by who records into it. */
static int open_dir(struct capture **ret, const struct prune_args *a, const char *dir,
                    struct ft_err *err)
{
    struct capture_recovery recovery = {0};
    struct capture *c;
    int rc;

    if (capture_open_read(&c, dir, err) != 0)
        return -1;
    if (!a->remove) {
        *ret = c;
        return 0;
    }
    rc = capture_open_write(ret, dir, c->source_address, &recovery, err);
    capture_free(c);
    return rc == 0 ? 0 : err_wrap(err, "nothing was removed");
}

/* *ret: with --json, what is to be printed; else it was. */
static int prune(const struct prune_args *a, const char *dir, const struct retention *rule,
                 json_t **ret, struct ft_err *err)
{
    struct retention_sum removed = {0};
    struct prune_list list = {0};
    struct capture *c = NULL;
    int rc = open_dir(&c, a, dir, err);

    if (rc == 0)
        rc = classify_all(c, rule, &list, err);
    if (rc == 0 && a->remove)
        rc = retention_apply(c, rule, clock_wall_us(), &removed, err);
    if (rc == 0 && a->output.json)
        *ret = to_json(c, &list, &removed);
    else if (rc == 0 && !a->output.quiet)
        print_text(a, c, &list, &removed);
    free(list.verdicts);
    free(list.bytes);
    capture_free(c);
    return rc;
}

/* Node by node. What the newest generations of the set consist of is kept, also where a node has newer ones by now. */
static int prune_node(const struct prune_args *a, const struct capture_set *set, uint32_t node,
                      json_t *list, struct ft_err *err)
{
    size_t kept = a->retain.generations == 0 ? 1 : a->retain.generations;
    uint32_t *of_set = calloc(set->generation_count + 1, sizeof(*of_set));
    char *path = capture_set_node_path(set, node);
    struct retention rule = a->retain;
    json_t *report = NULL;
    size_t looked_at = 0;
    int rc;

    for (size_t i = set->generation_count; of_set != NULL && i > 0 && looked_at < kept; i--) {
        const struct set_generation *g = &set->generations[i - 1];

        looked_at++;
        if (capture_set_has(set, g, node))
            of_set[rule.of_set_count++] = g->nodes[node];
    }
    rule.of_set = of_set;
    if (!a->output.json && !a->output.quiet)
        printf("%s:\n", set->nodes[node].address);
    rc = of_set == NULL || path == NULL ? err_nomem(err, "the generations of a set")
                                        : prune(a, path, &rule, &report, err);
    if (report != NULL)
        (void)json_array_append_new(list, report);
    free(of_set);
    free(path);
    return rc;
}

static int prune_set(const struct prune_args *a, json_t **ret, struct ft_err *err)
{
    json_t *nodes = json_array();
    struct capture_set *set = NULL;
    int rc = capture_set_open_read(&set, a->dir, err);

    for (uint32_t i = 0; rc == 0 && i < set->node_count; i++) {
        if (capture_set_has(set, NULL, i)) /* else it has just joined */
            rc = prune_node(a, set, i, nodes, err);
    }
    if (rc == 0 && a->output.json)
        *ret = json_pack("{s:o, s:O}", "directory", json_from_text(a->dir), "nodes", nodes);
    capture_set_free(set);
    json_decref(nodes);
    return rc;
}

static enum exit_status run(const struct prune_args *a)
{
    struct ft_err err = FT_ERR_INIT;
    json_t *report = NULL;
    int rc = capture_set_is_dir(a->dir) ? prune_set(a, &report, &err)
                                        : prune(a, a->dir, &a->retain, &report, &err);

    if (rc == 0 && a->output.json)
        rc = json_print(report, &err); /* takes it */
    else
        json_decref(report);
    return rc == 0 ? ui_flush(COMMAND, EXIT_DONE) : ui_fail(COMMAND, &err);
}

int cmd_prune(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct prune_args a;

    if (parse(&a, argc, argv, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    return (int)(a.output.help ? ui_help(COMMAND, cmd_prune_help) : run(&a));
}
