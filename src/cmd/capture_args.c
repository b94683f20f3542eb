#include "cmd/capture_args.h"

#include <string.h>

#include "archive/archive_command.h"
#include "base/parse.h"
#include "cmd/log.h"
#include "wire/uri_list.h"

#define ARCHIVE_TIMEOUT_MS (60u * 60 * 1000)

/*
 * How to store
 */

static int take_compress(void *into, const char *value, struct ft_err *err)
{
    struct capture_run_options *o = into;

    return codec_parse(value, &o->recorder.codec, err);
}

static int take_segment_size(void *into, const char *value, struct ft_err *err)
{
    uint64_t *bytes = &((struct capture_run_options *)into)->recorder.segment_bytes;

    if (parse_size(value, bytes, err) != 0)
        return -1;
    return *bytes != 0 ? 0 : err_set(err, FT_ERR_USAGE, "--segment-size must not be 0");
}

static int take_sync(void *into, const char *value, struct ft_err *err)
{
    struct recorder_options *o = &((struct capture_run_options *)into)->recorder;
    uint64_t ms;

    if (strcmp(value, "always") == 0) {
        o->sync = RECORDER_SYNC_ALWAYS;
        return 0;
    }
    if (strcmp(value, "segment") == 0) {
        o->sync = RECORDER_SYNC_SEGMENT;
        return 0;
    }
    if (strncmp(value, "interval:", 9) != 0) {
        return err_set(err, FT_ERR_USAGE, "--sync takes always, interval:MS or segment, not \"%s\"",
                       value);
    }
    if (parse_u64(value + 9, &ms, err) != 0)
        return -1;
    if (ms == 0 || ms > 3600000)
        return err_set(err, FT_ERR_USAGE, "--sync interval must be 1 to 3600000 milliseconds");
    o->sync = RECORDER_SYNC_INTERVAL;
    o->sync_interval_ms = (uint32_t)ms;
    return 0;
}

static int take_flows_buffer(void *into, const char *value, struct ft_err *err)
{
    struct capture_run_options *o = into;
    uint64_t bytes;

    if (parse_size(value, &bytes, err) != 0)
        return -1;
    if (bytes == 0 || bytes > SIZE_MAX / 2)
        return err_set(err, FT_ERR_USAGE, "--flows-buffer cannot be \"%s\"", value);
    o->recorder.buffer_bytes = (size_t)bytes;
    return 0;
}

static int take_retain(void *into, const char *value, struct ft_err *err)
{
    return retention_parse(value, &((struct capture_run_options *)into)->recorder.retain, err);
}

static const struct arg store_args[] = {
    {"compress", "none|lz4|zstd[:LEVEL]", "default none: the stream is compressed mostly", 0,
     take_compress},
    {"segment-size", "SIZE", "begin a new file after this size (default 256MiB)", 0,
     take_segment_size},
    {"sync", "always|interval:MS|segment",
     "when data is made durable and acknowledged to the\n"
     "source (default interval:200)",
     0, take_sync},
    {"flows-buffer", "SIZE", "memory for data on its way to disk (default 32MiB)", 0,
     take_flows_buffer},
    {"retain", "GENERATIONS|TIME",
     "remove older generations: 3 keeps the newest three that\n"
     "are complete, 7d those with something of the last week\n"
     "(default: keep all); never one that a process reads",
     0, take_retain},
};

struct arg_group args_store(struct capture_run_options *into)
{
    return (struct arg_group)ARG_GROUP("How to store", store_args, into);
}

/*
 * When to end
 */

static int take_duration(void *into, const char *value, struct ft_err *err)
{
    uint64_t *ms = &((struct capture_run_options *)into)->duration_ms;

    if (parse_duration(value, ms, err) != 0)
        return -1;
    return *ms != 0 ? 0 : err_set(err, FT_ERR_USAGE, "--duration must not be 0");
}

static int take_give_up_after(void *into, const char *value, struct ft_err *err)
{
    return parse_duration(value, &((struct capture_run_options *)into)->give_up_after_ms, err);
}

static int take_max_dir_size(void *into, const char *value, struct ft_err *err)
{
    return parse_size(value, &((struct capture_run_options *)into)->max_dir_bytes, err);
}

static int take_min_free(void *into, const char *value, struct ft_err *err)
{
    return parse_size(value, &((struct capture_run_options *)into)->min_free_bytes, err);
}

static const struct arg end_args[] = {
    {"snapshot-only", NULL, "when the full sync is complete",
     offsetof(struct capture_run_options, snapshot_only), NULL},
    {"until-caught-up", NULL, "when everything the source had after the full sync is\nstored",
     offsetof(struct capture_run_options, until_caught_up), NULL},
    {"duration", "TIME", "after this time: 500ms, 30s, 5m, 2h", 0, take_duration},
    {"give-up-after", "TIME", "when the source has been gone for so long (default 60s)", 0,
     take_give_up_after},
    {"max-dir-size", "SIZE", "when DIR has become so large, status 5", 0, take_max_dir_size},
    {"min-free", "SIZE", "when its file system has less left, status 5", 0, take_min_free},
};

/*
 * Where else
 */

static int take_archive_to(void *into, const char *value, struct ft_err *err)
{
    ((struct archiver_options *)into)->command = value;
    return archive_command_check(value, err);
}

static int take_keep_local(void *into, const char *value, struct ft_err *err)
{
    struct archiver_options *o = into;

    o->keeps_all = false;
    return parse_size(value, &o->keep_local_bytes, err);
}

static int take_archive_timeout(void *into, const char *value, struct ft_err *err)
{
    uint64_t *ms = &((struct archiver_options *)into)->timeout_ms;

    if (parse_duration(value, ms, err) != 0)
        return -1;
    return *ms != 0 ? 0 : err_set(err, FT_ERR_USAGE, "--archive-timeout must not be 0");
}

static const struct arg archive_args[] = {
    {"archive-to", "COMMAND",
     "run COMMAND for each sealed segment until it succeeds;\n"
     "%p is the path of the file, %f its name in the archive",
     0, take_archive_to},
    {"archive-timeout", "TIME", "end a COMMAND that takes longer, and try again (default 1h)", 0,
     take_archive_timeout},
    {"keep-local", "SIZE",
     "remove the oldest archived segments here as soon as all\n"
     "segments are larger (default: keep all)",
     0, take_keep_local},
};

static const struct arg source_args[] = {
    {"cluster", NULL,
     "SOURCE is a node of a cluster: ask it for the others, and\nrecord all of them",
     offsetof(struct capture_args, cluster), NULL},
    {"password-file", "FILE",
     "its first line is the password; without it and without\n"
     "one in the address, the environment variable\n"
     "FLOWTAPE_SOURCE_PASSWORD is used",
     offsetof(struct capture_args, source.password_file), NULL},
    {"source-password-file", "FILE", "the same as --password-file",
     offsetof(struct capture_args, source.password_file), NULL},
};

/*
 * All of it
 */

static const char about[] =
    "Usage: flowtape capture SOURCE DIR [OPTION...]\n"
    "\n"
    "Records what a Dragonfly, Redis or Valkey sends to its replicas into the\n"
    "capture directory DIR, which is made if need be. If DIR holds a capture of this\n"
    "source already, that one is continued. SOURCE is\n"
    "dragonfly://[USER[:PASSWORD]@]HOST[:PORT], or redis:// likewise. Of a cluster\n"
    "all nodes are named (...,HOST[:PORT]), or one with --cluster; DIR is then a set\n"
    "of captures.\n";

#define GROUP_COUNT 10
#define OPERANDS    "SOURCE and DIR"

static void list_groups(struct capture_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP(
        "When to end (default: on SIGINT or SIGTERM; a second one ends at once)", end_args,
        &a->run);
    groups[1] = args_store(&a->run);
    groups[2] = (struct arg_group)ARG_GROUP("Archive", archive_args, &a->archive);
    groups[3] = args_tls(&a->source.tls);
    groups[4] = args_reach(&a->source.reach);
    groups[5] = (struct arg_group)ARG_GROUP("Others", source_args, a);
    groups[6] = args_login(&a->source.login);
    groups[7] = args_output(&a->output);
    groups[8] = args_log();
    groups[9] = args_status(&a->status);
}

int capture_args_parse(struct capture_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct capture_args){
        .run = capture_run_defaults(),
        .archive = {.keeps_all = true, .timeout_ms = ARCHIVE_TIMEOUT_MS},
    };
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 2, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    if (status_args_finish(&ret->status, err) != 0)
        return -1;
    if (ret->run.snapshot_only && ret->run.until_caught_up) {
        return err_set(err, FT_ERR_USAGE,
                       "--snapshot-only and --until-caught-up exclude each other");
    }
    if (ret->archive.command == NULL && !ret->archive.keeps_all)
        return err_set(err, FT_ERR_USAGE, "--keep-local needs --archive-to");
    ret->run.recorder.retain.archives = ret->archive.command != NULL;
    ret->run.directory = operands[1];
    ret->archive.directory = operands[1];
    ret->run.source = &ret->source.uri;
    if (reach_args_is_address(operands[1]) && !reach_args_is_address(operands[0]))
        return reach_args_swapped("flowtape capture SOURCE DIR", err);
    if (args_take_nodes(&ret->source, operands[0], err) != 0)
        return -1;
    if (ret->cluster && ret->source.node_count > 1)
        return err_set(err, FT_ERR_USAGE, "--cluster is for one node; all of them are named here");
    ret->archive.is_set = capture_args_is_set(ret);
    return 0;
}

int capture_args_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct capture_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

void capture_args_release(struct capture_args *a)
{
    args_release_server(&a->source);
    status_args_release(&a->status);
}

bool capture_args_is_set(const struct capture_args *a)
{
    return a->cluster || a->source.node_count > 1;
}
