#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cmd/capture_print.h"
#include "cmd/commands.h"
#include "cmd/ui.h"

#define COMMAND      "capture"
#define PASSWORD_ENV "FLOWTAPE_SOURCE_PASSWORD"

static const char help[] =
    "Usage: flowtape capture dragonfly://[USER[:PASSWORD]@]HOST[:PORT] DIR [OPTION...]\n"
    "\n"
    "Records what a Dragonfly master sends to its replicas into the capture directory DIR, which\n"
    "is made if need be. If DIR holds a capture of this source already, it is gone on with.\n"
    "\n"
    "When to end (default: on SIGINT or SIGTERM; a second one ends at once):\n"
    "  --snapshot-only         when the full sync is complete\n"
    "  --until-caught-up       when everything the source had after the full sync is stored\n"
    "  --duration TIME         after this time: 500ms, 30s, 5m, 2h\n"
    "  --give-up-after TIME    when the source has been gone for so long (default 60s)\n"
    "\n"
    "How to store:\n"
    "  --compress none|lz4|zstd[:LEVEL]   default none: the stream is compressed mostly\n"
    "  --segment-size SIZE     begin a new file behind this size (default 256MiB)\n"
    "  --sync always|interval:MS|segment  when data is made durable and acknowledged to the\n"
    "                          source (default interval:200)\n"
    "  --flows-buffer SIZE     memory for data on its way to disk (default 32MiB)\n"
    "\n"
    "Others:\n"
    "  --password-file FILE    its first line is the password; without it and without one in the\n"
    "                          address, the environment variable " PASSWORD_ENV " is used\n"
    "  --json                  print a summary as JSON at the end\n"
    "  --quiet                 no progress, no notes, no summary\n"
    "  --help                  this text\n";

enum option_id {
    OPT_SNAPSHOT_ONLY = 256,
    OPT_UNTIL_CAUGHT_UP,
    OPT_DURATION,
    OPT_GIVE_UP_AFTER,
    OPT_COMPRESS,
    OPT_SEGMENT_SIZE,
    OPT_SYNC,
    OPT_FLOWS_BUFFER,
    OPT_PASSWORD_FILE,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"snapshot-only", no_argument, NULL, OPT_SNAPSHOT_ONLY},
    {"until-caught-up", no_argument, NULL, OPT_UNTIL_CAUGHT_UP},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"give-up-after", required_argument, NULL, OPT_GIVE_UP_AFTER},
    {"compress", required_argument, NULL, OPT_COMPRESS},
    {"segment-size", required_argument, NULL, OPT_SEGMENT_SIZE},
    {"sync", required_argument, NULL, OPT_SYNC},
    {"flows-buffer", required_argument, NULL, OPT_FLOWS_BUFFER},
    {"password-file", required_argument, NULL, OPT_PASSWORD_FILE},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

struct arguments {
    const char *password_file;
    bool json;
    bool quiet;
    bool help;
    struct capture_run_options run;
};

/* What the callbacks need to show a rate. */
struct display {
    struct progress progress;
    bool quiet;
    uint64_t last_ms;
    struct capture_progress last;
};

/* --- signals --- */

/* Set before the handlers are; -1 once the first signal has been seen. */
static volatile sig_atomic_t stop_fd = -1;

static void on_stop_signal(int number)
{
    const uint64_t one = 1;
    int fd = stop_fd;

    (void)number;
    if (fd < 0 || write(fd, &one, sizeof(one)) < 0)
        _exit(EXIT_EARLY); /* the files stay valid as they are */
    stop_fd = -1;
}

/* A file-size limit must be an error like a full disk, not the end of the process. */
static int catch_signals(int *ret_fd, struct ft_err *err)
{
    struct sigaction stop = {.sa_handler = on_stop_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return err_errno(err, errno, "could not make an eventfd");
    stop_fd = fd;
    *ret_fd = fd;
    if (sigaction(SIGINT, &stop, NULL) != 0 || sigaction(SIGTERM, &stop, NULL) != 0 ||
        sigaction(SIGXFSZ, &ignore, NULL) != 0 || sigaction(SIGPIPE, &ignore, NULL) != 0)
        return err_errno(err, errno, "could not set up signals");
    return 0;
}

/* --- options --- */

static int parse_sync(const char *text, struct recorder_options *o, struct ft_err *err)
{
    uint64_t ms;

    if (strcmp(text, "always") == 0) {
        o->sync = RECORDER_SYNC_ALWAYS;
        return 0;
    }
    if (strcmp(text, "segment") == 0) {
        o->sync = RECORDER_SYNC_SEGMENT;
        return 0;
    }
    if (strncmp(text, "interval:", 9) != 0) {
        return err_set(err, FT_ERR_USAGE, "--sync takes always, interval:MS or segment, not \"%s\"",
                       text);
    }
    if (parse_u64(text + 9, &ms, err) != 0)
        return err_wrap(err, "--sync");
    if (ms == 0 || ms > 3600000)
        return err_set(err, FT_ERR_USAGE, "--sync interval must be 1 to 3600000 milliseconds");
    o->sync = RECORDER_SYNC_INTERVAL;
    o->sync_interval_ms = (uint32_t)ms;
    return 0;
}

static int parse_buffer(const char *text, size_t *ret, struct ft_err *err)
{
    uint64_t bytes;

    if (parse_size(text, &bytes, err) != 0)
        return err_wrap(err, "--flows-buffer");
    if (bytes == 0 || bytes > SIZE_MAX / 2)
        return err_set(err, FT_ERR_USAGE, "--flows-buffer cannot be \"%s\"", text);
    *ret = (size_t)bytes;
    return 0;
}

static int take_option(struct arguments *a, int id, const char *value, struct ft_err *err)
{
    switch (id) {
    case OPT_SNAPSHOT_ONLY:
        a->run.snapshot_only = true;
        return 0;
    case OPT_UNTIL_CAUGHT_UP:
        a->run.until_caught_up = true;
        return 0;
    case OPT_DURATION:
        return parse_duration(value, &a->run.duration_ms, err);
    case OPT_GIVE_UP_AFTER:
        return parse_duration(value, &a->run.give_up_after_ms, err);
    case OPT_COMPRESS:
        return codec_parse(value, &a->run.recorder.codec, err);
    case OPT_SEGMENT_SIZE:
        return parse_size(value, &a->run.recorder.segment_bytes, err);
    case OPT_SYNC:
        return parse_sync(value, &a->run.recorder, err);
    case OPT_FLOWS_BUFFER:
        return parse_buffer(value, &a->run.recorder.buffer_bytes, err);
    case OPT_PASSWORD_FILE:
        a->password_file = value;
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
    default:
        return err_set(err, FT_ERR_USAGE, "unknown or incomplete option");
    }
}

static int parse_arguments(struct arguments *a, int argc, char **argv, struct ft_err *err)
{
    int id;

    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (take_option(a, id, optarg, err) != 0)
            return -1;
    }
    if (a->help)
        return 0;
    if (argc - optind != 2) {
        return err_set(err, FT_ERR_USAGE, "wanted a source and a directory, got %d words",
                       argc - optind);
    }
    if (a->run.snapshot_only && a->run.until_caught_up) {
        return err_set(err, FT_ERR_USAGE,
                       "--snapshot-only and --until-caught-up exclude each other");
    }
    a->run.directory = argv[optind + 1];
    return 0;
}

static int parse_source(struct uri *u, char *text, const char *password_file, struct ft_err *err)
{
    if (uri_parse(text, u, err) != 0)
        return -1;
    uri_hide_password(text);
    if (u->scheme != URI_DRAGONFLY) {
        return err_set(err, FT_ERR_USAGE,
                       "a source is a Dragonfly, as in dragonfly://user:password@host:6379");
    }
    return uri_find_password(u, password_file, PASSWORD_ENV, err);
}

/* --- what the user sees meanwhile --- */

static void show_note(void *context, const char *text)
{
    struct display *d = context;

    if (d->quiet)
        return;
    progress_clear(&d->progress);
    ui_note(COMMAND, "%s", text);
}

static void show_progress(void *context, const struct capture_progress *p)
{
    struct display *d = context;
    uint64_t now_ms = clock_mono_ms();
    uint64_t span_ms = now_ms - d->last_ms;
    char bytes[FORMAT_SIZE];
    char rate[FORMAT_SIZE];

    if (!progress_due(&d->progress) || span_ms == 0)
        return;
    progress_show(&d->progress,
                  "%s: %s, %s/s, %" PRIu64 " keys, %" PRIu64 " records (%" PRIu64 "/s), %" PRIu64
                  " not acknowledged",
                  capture_phase_name(p->phase), format_size(p->bytes, bytes),
                  format_size((p->bytes - d->last.bytes) * 1000 / span_ms, rate), p->keys,
                  p->records, (p->records - d->last.records) * 1000 / span_ms, p->ack_lag);
    d->last = *p;
    d->last_ms = now_ms;
}

/* --- the run --- */

static enum exit_status status_of(const struct capture_run_result *r, const struct ft_err *err)
{
    switch (r->ended) {
    case CAPTURE_ENDED_SNAPSHOT:
    case CAPTURE_ENDED_CAUGHT_UP:
    case CAPTURE_ENDED_STOPPED:
        return EXIT_DONE;
    case CAPTURE_ENDED_DURATION:
        return r->valid ? EXIT_DONE : EXIT_EARLY;
    case CAPTURE_ENDED_GAVE_UP:
        return r->valid ? EXIT_EARLY : EXIT_PEER;
    case CAPTURE_ENDED_FAILED:
        break;
    }
    return exit_status_of(err);
}

/* A failed run has nothing to sum up unless there is a capture. */
static enum exit_status report(const struct arguments *a, const struct capture_run_result *result,
                               const struct ft_err *run_err, enum exit_status status)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = NULL;
    bool ok = run_err->kind == FT_ERR_NONE;

    if (!a->json && (a->quiet || !ok))
        return status;
    if (capture_open_read(&c, a->run.directory, &err) == 0) {
        if (!a->quiet)
            capture_print_text(c, result);
        if (a->json)
            (void)capture_print_json(c, result, ok ? NULL : run_err->msg, &err);
        capture_free(c);
    }
    if (ok && err.kind != FT_ERR_NONE)
        return ui_fail(COMMAND, &err);
    return ui_flush(COMMAND, status);
}

static enum exit_status capture(struct arguments *a)
{
    struct display display = {.quiet = a->quiet, .last_ms = clock_mono_ms()};
    struct capture_run_result result;
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;

    progress_init(&display.progress, a->quiet);
    a->run.on_note = show_note;
    a->run.on_progress = show_progress;
    a->run.context = &display;
    if (catch_signals(&a->run.cancel_fd, &err) != 0)
        return ui_fail(COMMAND, &err);
    (void)capture_run(&a->run, &result, &err); /* err says the same */
    progress_clear(&display.progress);
    status = status_of(&result, &err);
    if (err.kind != FT_ERR_NONE)
        (void)ui_fail(COMMAND, &err);
    return report(a, &result, &err, status);
}

int cmd_capture(int argc, char **argv)
{
    struct arguments a = {.run = capture_run_defaults()};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct uri source = {0};

    if (parse_arguments(&a, argc, argv, &err) != 0)
        return (int)ui_usage(COMMAND, "%s", err.msg);
    if (a.help) {
        fputs(help, stdout);
        return (int)ui_flush(COMMAND, EXIT_DONE);
    }
    if (parse_source(&source, argv[optind], a.password_file, &err) != 0) {
        uri_release(&source);
        return (int)ui_fail(COMMAND, &err);
    }
    a.run.source = &source;
    status = capture(&a);
    uri_release(&source);
    return (int)status;
}
