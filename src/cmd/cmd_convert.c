#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fsutil.h"
#include "base/parse.h"
#include "cmd/commands.h"
#include "cmd/loss_print.h"
#include "cmd/ui.h"
#include "pipe/convert.h"

#define COMMAND "convert"

static const char help[] =
    "Usage: flowtape convert INPUT OUTPUT --to rdb [OPTION...]\n"
    "\n"
    "INPUT is a capture directory, a Dragonfly snapshot (any file of a .dfs set, or an .rdb file),\n"
    "or an RDB file of Redis. OUTPUT appears under its name only when it is complete.\n"
    "\n"
    "  --to rdb                what to write\n"
    "  --redis VERSION         the Redis that will load it (default 7.0): 5.0, 6.2, 7.0, 7.2, 7.4,\n"
    "                          8.0, valkey-7.2, valkey-8.0\n"
    "  --on-loss fail|skip     what to do when that Redis cannot hold something (default fail:\n"
    "                          nothing is written and the status is 3)\n"
    "  --json-as module|string how JSON values are written (default: module on 8.0, else a loss)\n"
    "  --report FILE           write the loss report as JSON\n"
    "  --generation N          of a capture (default: the newest complete one)\n"
    "  --db N[,N...]           only these databases\n"
    "  --key GLOB              only keys that fit (repeatable: any of them)\n"
    "  --no-key GLOB           not the keys that fit (repeatable)\n"
    "  --type TYPE[,TYPE...]   only string, list, set, zset, hash, stream, json, module\n"
    "  --drop-expired          leave out keys whose time is over\n"
    "  --json                  print the result as JSON\n"
    "  --quiet                 no progress, no summary\n"
    "  --help                  this text\n";

enum option_id {
    OPT_TO = 256,
    OPT_REDIS,
    OPT_ON_LOSS,
    OPT_JSON_AS,
    OPT_REPORT,
    OPT_GENERATION,
    OPT_DB,
    OPT_KEY,
    OPT_NO_KEY,
    OPT_TYPE,
    OPT_DROP_EXPIRED,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"to", required_argument, NULL, OPT_TO},
    {"redis", required_argument, NULL, OPT_REDIS},
    {"on-loss", required_argument, NULL, OPT_ON_LOSS},
    {"json-as", required_argument, NULL, OPT_JSON_AS},
    {"report", required_argument, NULL, OPT_REPORT},
    {"generation", required_argument, NULL, OPT_GENERATION},
    {"db", required_argument, NULL, OPT_DB},
    {"key", required_argument, NULL, OPT_KEY},
    {"no-key", required_argument, NULL, OPT_NO_KEY},
    {"type", required_argument, NULL, OPT_TYPE},
    {"drop-expired", no_argument, NULL, OPT_DROP_EXPIRED},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

struct arguments {
    const char *input;
    const char *output;
    const char *to;
    const char *report;
    uint64_t generation;
    bool json;
    bool quiet;
    bool help;
    struct convert_options convert;
};

static int parse_choice(const char *text, const char *option, const char *first, const char *second,
                        bool *ret_second, struct ft_err *err)
{
    if (strcmp(text, first) != 0 && strcmp(text, second) != 0) {
        return err_set(err, FT_ERR_USAGE, "%s takes %s or %s, not \"%s\"", option, first, second,
                       text);
    }
    *ret_second = strcmp(text, second) == 0;
    return 0;
}

static int parse_json_as(const char *text, enum json_as *ret, struct ft_err *err)
{
    bool string;

    if (parse_choice(text, "--json-as", "module", "string", &string, err) != 0)
        return -1;
    *ret = string ? JSON_AS_STRING : JSON_AS_MODULE;
    return 0;
}

static int parse_on_loss(const char *text, bool *ret_fail, struct ft_err *err)
{
    return parse_choice(text, "--on-loss", "skip", "fail", ret_fail, err);
}

static int take_option(struct arguments *a, int id, const char *value, struct ft_err *err)
{
    struct filter *filter = &a->convert.filter;

    switch (id) {
    case OPT_TO:
        a->to = value;
        return 0;
    case OPT_REDIS:
        return target_parse(value, &a->convert.target, err);
    case OPT_ON_LOSS:
        return parse_on_loss(value, &a->convert.fail_on_loss, err);
    case OPT_JSON_AS:
        return parse_json_as(value, &a->convert.json_as, err);
    case OPT_REPORT:
        a->report = value;
        return 0;
    case OPT_GENERATION:
        return parse_u64(value, &a->generation, err);
    case OPT_DB:
        return filter_add_db(filter, value, err);
    case OPT_KEY:
        return filter_add_key(filter, value, err);
    case OPT_NO_KEY:
        return filter_add_no_key(filter, value, err);
    case OPT_TYPE:
        return filter_add_type(filter, value, err);
    case OPT_DROP_EXPIRED:
        a->convert.drop_expired = true;
        return 0;
    case OPT_JSON:
        a->json = true;
        return 0;
    case OPT_QUIET:
        a->quiet = true;
        return 0;
    case OPT_HELP:
        a->help = true;
        return 0;
    default: /* getopt has printed which option it does not know */
        return err_set(err, FT_ERR_USAGE, "unknown or incomplete option");
    }
}

static int parse_arguments(struct arguments *a, int argc, char **argv, struct ft_err *err)
{
    int id;

    opterr = 1;
    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (take_option(a, id, optarg, err) != 0)
            return -1;
    }
    if (a->help)
        return 0;
    if (argc - optind != 2)
        return err_set(err, FT_ERR_USAGE, "wanted INPUT and OUTPUT, got %d words", argc - optind);
    if (a->to == NULL)
        return err_set(err, FT_ERR_USAGE,
                       "--to is missing: say what to write, for example --to rdb");
    if (strcmp(a->to, "rdb") != 0)
        return err_set(err, FT_ERR_USAGE, "cannot write \"%s\"; --to takes rdb", a->to);
    a->input = argv[optind];
    a->output = argv[optind + 1];
    return 0;
}

/* A conversion on its own thread, so that this one can show progress. */
struct job {
    const struct arguments *arguments;
    const struct source *source;
    struct convert_progress progress;
    struct loss_report losses;
    struct convert_result result;
    struct ft_err err;
    atomic_bool done;
};

static void *job_main(void *arg)
{
    struct job *job = arg;

    (void)convert_to_rdb(job->source, job->arguments->output, &job->arguments->convert,
                         &job->progress, &job->losses, &job->result, &job->err); /* job->err says */
    atomic_store(&job->done, true);
    return NULL;
}

static void show_progress(struct progress *p, struct job *job)
{
    uint64_t bytes = atomic_load(&job->progress.bytes_in);
    uint64_t keys = atomic_load(&job->progress.keys);
    uint64_t ms = clock_mono_ms() - p->began_ms;
    char size[FORMAT_SIZE];
    char rate[FORMAT_SIZE];

    progress_show(p, "%s read, %" PRIu64 " keys, %s/s", format_size(bytes, size), keys,
                  format_size(ms == 0 ? 0 : bytes * 1000 / ms, rate));
}

static int run_job(struct job *job, bool quiet)
{
    const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    struct progress p;
    pthread_t thread;
    int rc;

    progress_init(&p, quiet);
    rc = pthread_create(&thread, NULL, job_main, job);
    if (rc != 0)
        return err_errno(&job->err, rc, "could not start a thread");
    while (!atomic_load(&job->done)) {
        (void)nanosleep(&nap, NULL); /* a shorter nap does no harm */
        if (progress_due(&p))
            show_progress(&p, job);
    }
    (void)pthread_join(thread, NULL); /* started, and joined only here */
    progress_clear(&p);
    return job->err.kind == FT_ERR_NONE ? 0 : -1;
}

static json_t *result_to_json(const struct job *job)
{
    const struct convert_result *r = &job->result;

    return json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "input",
                     job->source->path, "output", job->arguments->output, "redis",
                     job->arguments->convert.target->name, "written", r->written, "keys",
                     (json_int_t)r->keys, "keys_with_ttl", (json_int_t)r->expires, "filtered",
                     (json_int_t)r->filtered, "dropped_expired", (json_int_t)r->dropped_expired,
                     "emptied", (json_int_t)r->emptied, "bytes_in", (json_int_t)r->bytes_in,
                     "bytes_out", (json_int_t)r->bytes_out, "loss", loss_to_json(&job->losses));
}

static int write_report(const struct job *job, struct ft_err *err)
{
    json_t *json = result_to_json(job);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
    int rc;

    json_decref(json);
    if (text == NULL)
        return err_nomem(err, "the report");
    rc = fs_replace_file(AT_FDCWD, job->arguments->report, bytes_str(text), err);
    free(text);
    return rc;
}

static void print_result(const struct job *job)
{
    const struct convert_result *r = &job->result;
    char in[FORMAT_SIZE];
    char out[FORMAT_SIZE];

    if (job->arguments->json) {
        json_t *json = result_to_json(job);

        if (json != NULL)
            json_dumpf(json, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
        fputc('\n', stdout);
        json_decref(json);
        return;
    }
    if (job->arguments->quiet)
        return;
    if (r->written) {
        fprintf(stderr, "%s: %" PRIu64 " keys (%" PRIu64 " with a time to live), %s from %s\n",
                job->arguments->output, r->keys, r->expires, format_size(r->bytes_out, out),
                format_size(r->bytes_in, in));
    }
    if (r->filtered != 0)
        fprintf(stderr, "  left out by filters: %" PRIu64 "\n", r->filtered);
    if (r->dropped_expired != 0)
        fprintf(stderr, "  left out, time is over: %" PRIu64 "\n", r->dropped_expired);
    loss_print(stderr, &job->losses);
}

static enum exit_status fail_job(struct job *job)
{
    enum exit_status status = ui_fail(COMMAND, &job->err);

    if (job->err.kind == FT_ERR_LOSS) {
        ui_note(COMMAND,
                "\"%s\" was not written; --on-loss skip goes on without what cannot be kept",
                job->arguments->output);
    }
    return status;
}

static enum exit_status convert(const struct arguments *a)
{
    struct job job = {.arguments = a, .err = FT_ERR_INIT};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status = EXIT_DONE;
    struct source *source;

    if (source_open(&source, a->input, (uint32_t)a->generation, &err) != 0)
        return ui_fail(COMMAND, &err);
    job.source = source;
    loss_init(&job.losses);
    if (run_job(&job, a->quiet) != 0)
        status = job.err.kind == FT_ERR_LOSS ? EXIT_FINDINGS : ui_fail(COMMAND, &job.err);
    if (status == EXIT_DONE || job.err.kind == FT_ERR_LOSS)
        print_result(&job);
    if (job.err.kind == FT_ERR_LOSS)
        status = fail_job(&job);
    if (a->report != NULL && (status == EXIT_DONE || job.err.kind == FT_ERR_LOSS) &&
        write_report(&job, &err) != 0)
        status = ui_fail(COMMAND, &err);
    loss_release(&job.losses);
    source_free(source);
    return ui_flush(COMMAND, status);
}

int cmd_convert(int argc, char **argv)
{
    struct arguments a = {.convert = {.target = target_default(), .fail_on_loss = true}};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;

    if (parse_arguments(&a, argc, argv, &err) != 0)
        status = ui_usage(COMMAND, "%s", err.msg);
    else if (a.help)
        status = fputs(help, stdout) < 0 ? EXIT_FAILED : ui_flush(COMMAND, EXIT_DONE);
    else
        status = convert(&a);
    filter_release(&a.convert.filter);
    return (int)status;
}
