#include "cmd/cmd_verify.h"

#include <inttypes.h>
#include <string.h>

#include "audit/verify.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cmd/check_verify.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/log.h"
#include "cmd/stop.h"

#define COMMAND "verify"

struct verify_args {
    const char *name; /* of the input, as it was given */
    const char *input;
    const char *report; /* NULL: none */
    const char *redis_server;
    struct output_args output;
};

#define OPERANDS "INPUT"

static const char about[] =
    "Usage: flowtape verify INPUT [OPTION...]\n"
    "\n"
    "Checks everything that can be checked without a peer, and decodes every item.\n"
    "INPUT is a capture directory or an archive of one, any file of a .dfs set, an\n"
    "RDB file or an append-only file, which may be compressed; \"-\" is standard\n"
    "input. Exit status 3 if there is a finding, 6 if there is none but a full sync\n"
    "was not finished.\n";

static const struct arg report_args[] = {
    {"report", "FILE",
     "is what a replay or sync with --check all has written\n"
     "down with --report what INPUT says? Nothing else is\n"
     "checked",
     offsetof(struct verify_args, report), NULL},
    {"redis-server", "PATH",
     "of --report: the program that applies the journal\n(default redis-server)",
     offsetof(struct verify_args, redis_server), NULL},
};

static const struct arg output_args[] = {
    {"json", NULL, "print the result as JSON", offsetof(struct output_args, json), NULL},
    {"quiet", NULL, "print findings only", offsetof(struct output_args, quiet), NULL},
    {"help", NULL, "this text", offsetof(struct output_args, help), NULL},
};

int cmd_verify_help(struct arg_view *view)
{
    const struct arg_group groups[] = {args_max_item_and_tail(), ARG_GROUP(NULL, report_args, NULL),
                                       ARG_GROUP(NULL, output_args, NULL), args_log()};

    return args_show(view, about, OPERANDS, groups, 4);
}

static int parse(struct verify_args *ret, int argc, char **argv, struct ft_err *err)
{
    const struct arg_group groups[] = {args_max_item_and_tail(), ARG_GROUP(NULL, report_args, ret),
                                       ARG_GROUP(NULL, output_args, &ret->output), args_log()};
    char **operands;

    *ret = (struct verify_args){.redis_server = "redis-server"};
    if (args_parse_operands(groups, 4, argc, argv, 1, OPERANDS, &ret->output.help, &operands,
                            err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    ret->name = operands[0];
    return args_take_input(operands[0], &ret->input, err);
}

static json_t *finding_to_json(const struct finding *f)
{
    json_t *offset = f->offset == FT_NO_OFFSET ? json_null() : json_integer((json_int_t)f->offset);

    return json_pack("{s:o, s:o, s:o}", "file", json_from_text(f->file), "offset", offset, "text",
                     json_from_message(f->text));
}

static json_t *findings_to_json(const struct finding *list, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(array, finding_to_json(&list[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *verify_to_json(const struct verify_report *r, const char *path)
{
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "input",
                     json_from_text(path), "generations", (json_int_t)r->generations, "segments",
                     (json_int_t)r->segments, "blocks", (json_int_t)r->blocks, "bytes",
                     (json_int_t)r->bytes, "keys", (json_int_t)r->keys, "journal_records",
                     (json_int_t)r->records, "finding_count", (json_int_t)r->findings_total,
                     "findings", findings_to_json(r->findings, r->finding_count), "incomplete",
                     findings_to_json(r->incomplete, r->incomplete_count), "notes",
                     findings_to_json(r->notes, r->note_count));
}

/* The text of an error often names the file already. */
static void print_finding(const struct finding *f)
{
    bool named = strstr(f->text, f->file) != NULL;

    if (!named)
        printf("%s: ", f->file);
    fputs(f->text, stdout);
    if (f->offset != FT_NO_OFFSET && strstr(f->text, "offset") == NULL)
        printf(" (file offset %" PRIu64 ")", f->offset);
    fputc('\n', stdout);
}

static const char *state_of(const struct verify_report *r)
{
    if (r->findings_total != 0)
        return r->findings_total == r->unread ? "NOT READ" : "DAMAGED";
    if (r->incomplete_count != 0)
        return "INCOMPLETE";
    return r->commands_follow && r->keys != 0 ? "whole, with the commands that follow its RDB"
                                              : "clean";
}

static enum exit_status status_of(const struct verify_report *r)
{
    if (r->findings_total != 0)
        return EXIT_FINDINGS;
    return r->incomplete_count != 0 ? EXIT_INCOMPLETE : EXIT_DONE;
}

static void print_text(const struct verify_report *r, const char *path, bool quiet,
                       uint64_t took_ms)
{
    char size[FORMAT_SIZE];
    char took[FORMAT_SIZE];

    for (size_t i = 0; i < r->finding_count; i++)
        print_finding(&r->findings[i]);
    if (r->findings_total > r->finding_count)
        printf("... and %" PRIu64 " more\n", r->findings_total - r->finding_count);
    for (size_t i = 0; i < r->incomplete_count; i++)
        print_finding(&r->incomplete[i]);
    if (quiet)
        return;
    for (size_t i = 0; i < r->note_count; i++)
        printf("note: %s: %s\n", r->notes[i].file, r->notes[i].text);
    printf("%s: %s: %" PRIu64 " key%s, %" PRIu64 " journal record%s, %s in %" PRIu64
           " file%s, checked in %s\n",
           path, state_of(r), r->keys, plural(r->keys), r->records, plural(r->records),
           format_size(r->bytes, size), r->segments, plural(r->segments),
           format_duration_ms(took_ms, took));
}

/* On its own thread, so that this one can show progress. */
struct job {
    const char *input;
    struct read_progress progress;
    struct verify_report report;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    return verify_run(&job->report, job->input, &job->progress, err);
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;

    progress_add_read(p, &job->progress);
    progress_add_size(p, atomic_load(&job->progress.done), "read");
    progress_draw(p);
}

static enum exit_status verify(const struct verify_args *a)
{
    struct job job = {.input = a->input};
    uint64_t began_ms = clock_mono_ms();
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;

    if (work_run(COMMAND, a->output.quiet, run_job, show_progress, &job, &err) != 0) {
        verify_report_release(&job.report);
        return ui_fail(COMMAND, &err);
    }
    status = status_of(&job.report);
    if (!a->output.json)
        print_text(&job.report, a->name, a->output.quiet, clock_mono_ms() - began_ms);
    else if (json_print(verify_to_json(&job.report, a->name), &err) != 0)
        status = ui_fail(COMMAND, &err);
    verify_report_release(&job.report);
    return ui_flush(COMMAND, status);
}

int cmd_verify(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct verify_args a;

    if (parse(&a, argc, argv, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    if (a.output.help)
        return (int)ui_help(COMMAND, cmd_verify_help);
    if (a.report != NULL) {
        const struct check_verify_args check = {.report = a.report,
                                                .redis_server = a.redis_server,
                                                .name = a.name,
                                                .input = a.input,
                                                .output = &a.output};

        return (int)check_verify(COMMAND, &check);
    }
    return (int)verify(&a);
}
