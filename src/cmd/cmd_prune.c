#include "cmd/cmd_prune.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/ui.h"
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
    "Shows which generations of the capture DIR may go, and why the others are kept: the newest, the\n"
    "newest complete one, those that --retain wants, that a running process reads, or that are to\n"
    "be archived first. Nothing is removed without --remove.\n";

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
        printf("removed %" PRIu32 " generation%s, %s\n", removed->removed,
               removed->removed == 1 ? "" : "s", format_size(removed->bytes, size));
    else
        printf("%" PRIu32 " generation%s may go, %s; nothing was removed%s\n", l->may_go,
               l->may_go == 1 ? "" : "s", format_size(l->may_go_bytes, size),
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
static int open_dir(struct capture **ret, const struct prune_args *a, struct ft_err *err)
{
    struct capture_recovery recovery = {0};
    struct capture *c;
    int rc;

    if (capture_open_read(&c, a->dir, err) != 0)
        return -1;
    if (!a->remove) {
        *ret = c;
        return 0;
    }
    rc = capture_open_write(ret, a->dir, c->source_address, &recovery, err);
    capture_free(c);
    return rc == 0 ? 0 : err_wrap(err, "nothing was removed");
}

static enum exit_status prune(const struct prune_args *a)
{
    struct retention_sum removed = {0};
    struct prune_list list = {0};
    struct capture *c = NULL;
    struct ft_err err = FT_ERR_INIT;
    int rc = open_dir(&c, a, &err);

    if (rc == 0)
        rc = classify_all(c, &a->retain, &list, &err);
    if (rc == 0 && a->remove)
        rc = retention_apply(c, &a->retain, clock_wall_us(), &removed, &err);
    if (rc == 0 && a->output.json)
        rc = json_print(to_json(c, &list, &removed), &err);
    else if (rc == 0 && !a->output.quiet)
        print_text(a, c, &list, &removed);
    free(list.verdicts);
    free(list.bytes);
    capture_free(c);
    return rc == 0 ? ui_flush(COMMAND, EXIT_DONE) : ui_fail(COMMAND, &err);
}

int cmd_prune(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct prune_args a;

    if (parse(&a, argc, argv, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    return (int)(a.output.help ? ui_help(COMMAND, cmd_prune_help) : prune(&a));
}
