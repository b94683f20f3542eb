#include "cmd/cmd_cutover.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/sync_args.h"
#include "cmd/sync_print.h"
#include "cmd/ui.h"

#define COMMAND "cutover"

struct cutover_args {
    const char *dir;
    const char *mode;
    const char *without;
    bool confirm;
    struct output_args output;
};

static int take_mode(void *into, const char *value, struct ft_err *err)
{
    enum cutover_mode mode;

    if (strcmp(value, "default") == 0) {
        ((struct cutover_args *)into)->mode = "default";
        return 0;
    }
    if (args_cutover_mode("--mode", value, &mode, err) != 0)
        return -1;
    ((struct cutover_args *)into)->mode = cutover_mode_names[mode];
    return 0;
}

static const struct arg cutover_args[] = {
    {"mode", "manual|pause|takeover|default",
     "begin in this way; default is what flowtape sync was\n"
     "started with",
     0, take_mode},
    {"confirm", NULL, "confirm the cut-over that holds the source paused",
     offsetof(struct cutover_args, confirm), NULL},
    {"without", "REPLICA",
     "of a sync that serves: do without one that was attached\n"
     "and is away (HOST:PORT, as it is named)",
     offsetof(struct cutover_args, without), NULL},
};

static const char about[] =
    "Usage: flowtape cutover DIR [OPTION...]\n"
    "\n"
    "Tells the flowtape sync that works with DIR to cut over, or to go through with\n"
    "it, waits until it has ended, and ends with its status. With neither --mode nor\n"
    "--confirm it shows how far that sync is, and on a terminal asks whether to\n"
    "begin.\n";

#define GROUP_COUNT 2
#define OPERANDS    "DIR"

static void list_groups(struct cutover_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP(NULL, cutover_args, a);
    groups[1] = args_output(&a->output);
}

static int parse(struct cutover_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct cutover_args){0};
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 1, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    ret->dir = operands[0];
    if (ret->mode != NULL && ret->confirm)
        return err_set(err, FT_ERR_USAGE,
                       "--mode begins a cut-over, and --confirm confirms one that waits for it: "
                       "one of the two");
    return 0;
}

int cmd_cutover_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct cutover_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

static void show_note(const char *text)
{
    ui_note(COMMAND, "%s", text);
}

static void hide_note(const char *text)
{
    (void)text;
}

/* How it ended, in the words of the report. */
static void print_end(struct bytes text, int status)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)text.p, text.n, 0, &error);
    const char *ended = json_string_value(json_object_get(json, "ended"));
    const char *why = json_string_value(json_object_get(json, "error"));
    json_t *unread = json_object_get(json_object_get(json, "suspects"), "unread");

    if (why == NULL && status == EXIT_DONE)
        why = "the target has everything";
    if (why == NULL && json_integer_value(unread) != 0)
        why = "some suspect keys were not read again; flowtape sync names them";
    ui_note(COMMAND, "%s%s%s (status %d)", ended == NULL ? "ended" : ended, why == NULL ? "" : ": ",
            why == NULL ? "" : why, status);
    json_decref(json);
}

/*
 * Asking first
 */

static json_t *ask_state(const char *dir, struct ft_err *err)
{
    struct buf text = {0};
    json_error_t error;
    json_t *json = NULL;
    int status;

    if (sync_control_ask(dir, "state", hide_note, &status, &text, err) == 0) {
        json = json_loadb((const char *)text.p, text.n, 0, &error);
        if (json == NULL)
            (void)err_set(err, FT_ERR_PROTOCOL, "what flowtape sync says is not JSON");
    }
    buf_release(&text);
    return json;
}

static const char *string_of(json_t *json, const char *field)
{
    const char *text = json_string_value(json_object_get(json, field));

    return text == NULL ? "" : text;
}

static void print_state(json_t *json)
{
    bool by_offset = json_is_integer(json_object_get(json, "lag_bytes"));
    char lag[SYNC_LAG_TEXT];
    char age[FORMAT_SIZE];

    printf("%s, %s\n", string_of(json, "state"),
           json_is_true(json_object_get(json, "caught_up"))   ? "caught up"
           : strcmp(string_of(json, "phase"), "journal") == 0 ? "not caught up yet"
                                                              : "the snapshot is being replayed");
    printf("lag of the target: %s, %s\n",
           sync_lag_text((uint64_t)json_integer_value(
                             json_object_get(json, by_offset ? "lag_bytes" : "lag_records")),
                         by_offset, lag),
           format_duration_ms((uint64_t)json_integer_value(json_object_get(json, "lag_ms")), age));
    printf("a cut-over would be: %s\n", string_of(json, "mode"));
}

/* A word, so that a key that was hit by chance begins nothing. */
static bool is_agreed(json_t *json)
{
    bool holding = strcmp(string_of(json, "state"), "holding") == 0;
    char answer[16] = "";

    printf(holding ? "Confirm the cut-over? [yes/no] " : "Begin it now? [yes/no] ");
    (void)fflush(stdout);
    return fgets(answer, sizeof(answer), stdin) != NULL && strcmp(answer, "yes\n") == 0;
}

/* ask_first - shows the state; what was agreed to is in `a`. The status counts where nothing was. */
static enum exit_status ask_first(struct cutover_args *a, bool *ret_agreed)
{
    struct ft_err err = FT_ERR_INIT;
    json_t *json = ask_state(a->dir, &err);
    bool can_ask = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && !a->output.json;
    enum exit_status status = EXIT_DONE;

    *ret_agreed = false;
    if (json == NULL)
        return ui_fail(COMMAND, &err);
    if (!a->output.json)
        print_state(json);
    else if (json_print(json_incref(json), &err) != 0)
        status = ui_fail(COMMAND, &err);
    if (status == EXIT_DONE && !can_ask)
        status = ui_usage(COMMAND,
                          "nothing was begun: --mode %s begins the cut-over, --confirm confirms it",
                          string_of(json, "mode"));
    else if (status == EXIT_DONE && (*ret_agreed = is_agreed(json))) {
        a->confirm = strcmp(string_of(json, "state"), "holding") == 0;
        a->mode = "default";
    } else if (status == EXIT_DONE)
        status = EXIT_EARLY;
    json_decref(json);
    return status;
}

/* Nothing is begun. */
static enum exit_status forget_replica(const struct cutover_args *a)
{
    struct ft_err err = FT_ERR_INIT;
    char line[SYNC_CONTROL_LINE];
    struct buf json = {0};
    int status;

    (void)snprintf(line, sizeof(line), "without %s", a->without); /* a longer name is nobody's */
    if (sync_control_ask(a->dir, line, a->output.quiet ? hide_note : show_note, &status, &json,
                         &err) != 0)
        status = (int)ui_fail(COMMAND, &err);
    else if (status != EXIT_DONE)
        ui_note(COMMAND, "no replica is known as %s", a->without);
    buf_release(&json);
    return ui_flush(COMMAND, (enum exit_status)status);
}

static enum exit_status cut_over(struct cutover_args *a)
{
    struct buf json = {0};
    struct ft_err err = FT_ERR_INIT;
    char line[SYNC_CONTROL_LINE];
    int status = EXIT_FAILED;
    bool agreed;

    if (a->mode == NULL && !a->confirm && a->without != NULL)
        return forget_replica(a);
    if (a->mode == NULL && !a->confirm) {
        status = (int)ask_first(a, &agreed);
        if (!agreed)
            return ui_flush(COMMAND, (enum exit_status)status);
    }
    (void)snprintf(line, sizeof(line), "%s%s%s%s", a->confirm ? "confirm" : "begin ",
                   a->confirm ? "" : a->mode, a->without == NULL ? "" : " without ",
                   a->without == NULL ? "" : a->without); /* a longer name is nobody's */
    if (sync_control_ask(a->dir, line, a->output.quiet ? hide_note : show_note, &status, &json,
                         &err) != 0)
        status = (int)ui_fail(COMMAND, &err);
    else if (a->output.json)
        printf("%.*s\n", (int)json.n, (const char *)json.p);
    else if (!a->output.quiet)
        print_end(buf_bytes(&json), status);
    buf_release(&json);
    return ui_flush(COMMAND, (enum exit_status)status);
}

int cmd_cutover(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct cutover_args a;

    if (parse(&a, argc, argv, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    return (int)(a.output.help ? ui_help(COMMAND, cmd_cutover_help) : cut_over(&a));
}
