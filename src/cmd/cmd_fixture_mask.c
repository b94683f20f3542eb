#include "cmd/cmd_fixture_mask.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/fsutil.h"
#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/remake_print.h"
#include "cmd/secret_args.h"
#include "cmd/stop.h"
#include "fixture/mask.h"

#define COMMAND          "fixture mask"
#define SECRET_MAX_BYTES ((size_t)1 << 20)
#define KEEP_MAX_BYTES   ((size_t)64 << 20)

struct mask_args {
    struct mask_options mask;
    const char *secret_file;
    struct bytes *keep;
    size_t keep_count, keep_cap;
    struct buf secret, keep_text; /* of the files */
    struct output_args output;
};

static const char about[] =
    "Usage: flowtape fixture mask INPUT DIR --secret-file FILE [OPTION...]\n"
    "\n"
    "Makes the capture directory DIR of INPUT with other names: no key, field,\n"
    "member or value is left, but all of the same lengths and kinds, and the same\n"
    "name is the same everywhere. Scores and times are moved by a constant each. The\n"
    "same secret gives the same bytes.\n";

static int add_keep(struct mask_args *a, struct bytes pattern, struct ft_err *err)
{
    if (ARRAY_RESERVE(&a->keep, &a->keep_cap, a->keep_count + 1, "a list of patterns", err) != 0)
        return -1;
    a->keep[a->keep_count++] = pattern;
    return 0;
}

static int take_keep(void *into, const char *value, struct ft_err *err)
{
    return add_keep(into, bytes_str(value), err);
}

/* One pattern a line. */
static int take_keep_file(void *into, const char *value, struct ft_err *err)
{
    struct mask_args *a = into;
    struct bytes text;

    if (a->keep_text.n > 0)
        return err_set(err, FT_ERR_USAGE, "patterns come from one file");
    if (fs_read_file(AT_FDCWD, value, KEEP_MAX_BYTES, &a->keep_text, err) != 0)
        return -1;
    text = buf_bytes(&a->keep_text);
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t n = end == NULL ? text.n : (size_t)(end - text.p);

        if (n > 0 && add_keep(a, bytes_of(text.p, n), err) != 0)
            return -1;
        n += end != NULL;
        text = bytes_of(text.p + n, text.n - n);
    }
    return 0;
}

static int take_generation(void *into, const char *value, struct ft_err *err)
{
    struct mask_args *a = into;

    return args_take_number("generation", value, UINT32_MAX, &a->mask.generation, err);
}

static const struct arg mask_args[] = {
    {"secret-file", "FILE", "what the names are made with: 16 bytes or more, best random ones",
     offsetof(struct mask_args, secret_file), NULL},
    {"keep", "GLOB", "names that stay; may be repeated", 0, take_keep},
    {"keep-file", "FILE", "the same, one pattern a line", 0, take_keep_file},
    {"keep-slots", NULL, "keys stay in their slots of a cluster; takes milliseconds for each",
     offsetof(struct mask_args, mask.keep_slots), NULL},
    {"generation", "N", "only this one of a capture (default: all that are complete)", 0,
     take_generation},
};

#define GROUP_COUNT 3
#define OPERANDS    "INPUT and DIR"

static void list_groups(struct mask_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP("How", mask_args, a);
    groups[1] = args_max_item();
    groups[2] = args_output(&a->output);
}

int cmd_fixture_mask_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct mask_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

/* Without the end of its last line. */
static int take_secret(struct mask_args *a, struct ft_err *err)
{
    if (a->secret_file == NULL)
        return err_set(err, FT_ERR_USAGE, "--secret-file names the file with the secret");
    secret_args_keep_from_cores();
    if (fs_read_file(AT_FDCWD, a->secret_file, SECRET_MAX_BYTES, &a->secret, err) != 0)
        return -1;
    while (a->secret.n > 0 && strchr("\r\n", a->secret.p[a->secret.n - 1]) != NULL)
        a->secret.n--;
    a->mask.secret = buf_bytes(&a->secret);
    return 0;
}

static int parse(struct mask_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 2, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    if (take_secret(ret, err) != 0 || args_take_input(operands[0], &ret->mask.input, err) != 0)
        return -1;
    ret->mask.directory = operands[1];
    ret->mask.keep = ret->keep;
    ret->mask.keep_count = ret->keep_count;
    return 0;
}

struct job {
    const struct mask_options *options;
    atomic_uint_fast64_t bytes;
    struct mask_result result;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    return mask_run(job->options, &job->result, err);
}

static void show_progress(struct progress *p, void *context)
{
    remake_show_bytes(p, &((struct job *)context)->bytes);
}

static json_t *result_to_json(const struct job *job)
{
    json_t *json = remake_to_json(job->options->input, job->options->directory, &job->result.made);
    json_t *notes = json_array();

    for (size_t i = 0; i < job->result.line_count; i++) {
        const struct mask_line *line = &job->result.lines[i];

        json_array_append_new(
            notes, json_pack("{s:s, s:o, s:I}", "reason", mask_reason_name(line->reason), "name",
                             json_from_text(line->name), "count", (json_int_t)line->count));
    }
    if (json_object_set_new(json, "notes", notes) == 0)
        return json;
    json_decref(json);
    return NULL;
}

static enum exit_status report(const struct job *job, const struct output_args *output)
{
    const struct remake_result *c = &job->result.made;
    struct ft_err err = FT_ERR_INIT;

    if (output->json)
        return json_print(result_to_json(job), &err) == 0 ? EXIT_DONE : ui_fail(COMMAND, &err);
    if (output->quiet)
        return EXIT_DONE;
    printf("%s: %" PRIu64 " %s, %" PRIu64 " record%s\n", job->options->directory, c->entries,
           c->entries == 1 ? "entry" : "entries", c->records, plural(c->records));
    for (size_t i = 0; i < job->result.line_count; i++) {
        const struct mask_line *line = &job->result.lines[i];

        printf("  %s%s%s: %" PRIu64 "\n", mask_reason_name(line->reason),
               line->name[0] == '\0' ? "" : " ", line->name, line->count);
    }
    return EXIT_DONE;
}

static enum exit_status mask(struct mask_args *a)
{
    struct job job = {.options = &a->mask};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;

    a->mask.bytes = &job.bytes;
    if (stop_catch_signals(&a->mask.cancel_fd, &err) != 0 ||
        work_run(COMMAND, a->output.quiet, run_job, show_progress, &job, &err) != 0)
        return ui_fail(COMMAND, &err);
    status = ui_flush(COMMAND, report(&job, &a->output));
    mask_result_release(&job.result);
    return status;
}

int cmd_fixture_mask(int argc, char **argv)
{
    struct mask_args a = {.mask = {.cancel_fd = -1}};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;

    if (parse(&a, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (a.output.help)
        status = ui_help(COMMAND, cmd_fixture_mask_help);
    else
        status = mask(&a);
    if (a.secret.p != NULL)
        explicit_bzero(a.secret.p, a.secret.cap);
    buf_release(&a.secret);
    buf_release(&a.keep_text);
    free(a.keep);
    return (int)status;
}
