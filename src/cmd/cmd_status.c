#include "cmd/cmd_status.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/status_print.h"
#include "cmd/stop.h"
#include "status/status_socket.h"
#include "store/capture_set.h"

#define COMMAND  "status"
#define OPERANDS "DIR"

#define CLEAR_SCREEN "\033[H\033[2J"

struct status_command_args {
    const char *dir;
    bool watch;
    uint64_t every_ms;
    struct output_args output;
};

static int take_every(void *into, const char *value, struct ft_err *err)
{
    return parse_duration(value, &((struct status_command_args *)into)->every_ms, err);
}

static const struct arg status_args[] = {
    {"watch", NULL, "again and again, until interrupted",
     offsetof(struct status_command_args, watch), NULL},
    {"every", "TIME", "with --watch: so often (2s)", 0, take_every},
};

static const char about[] =
    "Usage: flowtape status DIR [OPTION...]\n"
    "\n"
    "Shows what the captures, replays and syncs that work with the capture directory\n"
    "DIR are at, and how those that have ended did.\n";

#define GROUP_COUNT 2

static void list_groups(struct status_command_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP(NULL, status_args, a);
    groups[1] = args_output(&a->output);
}

static int parse(struct status_command_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct status_command_args){.every_ms = 2000};
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 1, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands != NULL)
        ret->dir = operands[0];
    return 0;
}

int cmd_status_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct status_command_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

/* Likewise of each node of a set. */
static int show_set(const struct status_command_args *a, json_t *runs, struct ft_err *err)
{
    json_t *nodes = json_array();
    struct capture_set *set = NULL;
    int rc = capture_set_open_read(&set, a->dir, err);

    for (uint32_t i = 0; rc == 0 && i < set->node_count; i++) {
        char *path = capture_set_node_path(set, i);
        struct capture *c;

        if (path != NULL && !capture_set_has(set, NULL, i) && !capture_is_dir(path)) {
            free(path); /* it has just joined */
            continue;
        }
        rc = path == NULL ? err_nomem(err, "a path") : capture_open_read(&c, path, err);
        free(path);
        if (rc != 0)
            break;
        if (a->output.json)
            json_array_append_new(nodes, status_capture_to_json(c));
        else
            status_print_capture(c);
        capture_free(c);
    }
    if (rc == 0 && a->output.json)
        rc = json_print(json_pack("{s:O, s:O}", "runs", runs, "nodes", nodes), err);
    json_decref(nodes);
    capture_set_free(set);
    return rc;
}

/* What is known without any run: `runs` is empty. */
static int show_capture(const struct status_command_args *a, json_t *runs, struct ft_err *err)
{
    struct capture *c;
    int rc = 0;

    if (capture_set_is_dir(a->dir))
        return show_set(a, runs, err);
    if (capture_open_read(&c, a->dir, err) != 0)
        return -1;
    if (a->output.json)
        rc = json_print(json_pack("{s:O, s:o}", "runs", runs, "capture", status_capture_to_json(c)),
                        err);
    else
        status_print_capture(c);
    capture_free(c);
    return rc;
}

static int show(const struct status_command_args *a, struct ft_err *err)
{
    json_t *runs;
    int rc = 0;

    if (status_socket_read(&runs, a->dir, err) != 0)
        return -1;
    if (json_array_size(runs) == 0) {
        rc = show_capture(a, runs, err);
    } else if (a->output.json) {
        rc = json_print(json_pack("{s:O}", "runs", runs), err);
    } else {
        for (size_t i = 0; i < json_array_size(runs); i++)
            status_print(json_array_get(runs, i));
    }
    json_decref(runs);
    return rc;
}

static enum exit_status watch(const struct status_command_args *a, int stop_fd, struct ft_err *err)
{
    bool terminal = isatty(STDOUT_FILENO) == 1 && !a->output.json;
    struct pollfd stop = {stop_fd, POLLIN, 0};

    for (;;) {
        if (terminal)
            fputs(CLEAR_SCREEN, stdout);
        if (show(a, err) != 0)
            return ui_fail(COMMAND, err);
        if (ui_flush(COMMAND, EXIT_DONE) != EXIT_DONE)
            return EXIT_FAILED;
        if (poll(&stop, 1, a->every_ms < 60000 ? (int)a->every_ms : 60000) > 0)
            return EXIT_DONE;
    }
}

int cmd_status(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct status_command_args a;
    int stop_fd;

    if (parse(&a, argc, argv, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    if (a.output.help)
        return (int)ui_help(COMMAND, cmd_status_help);
    if (a.watch) {
        if (stop_catch_signals(&stop_fd, &err) != 0)
            return (int)ui_fail(COMMAND, &err);
        return (int)watch(&a, stop_fd, &err);
    }
    if (show(&a, &err) != 0)
        return (int)ui_fail(COMMAND, &err);
    return (int)ui_flush(COMMAND, EXIT_DONE);
}
