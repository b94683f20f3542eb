/* The library's functions, over the same code that the program uses. */
#include "flowtape.h"
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "audit/verify.h"
#include "capture/capture_run.h"
#include "input/cut.h"
#include "output/sink_rdb.h"

const char *ft_version(void)
{
    return PACKAGE_VERSION;
}

static enum ft_error_class class_of(enum ft_err_kind kind)
{
    switch (kind) {
    case FT_ERR_NONE:
        return FT_OK;
    case FT_ERR_USAGE:
        return FT_USAGE;
    case FT_ERR_CORRUPT:
    case FT_ERR_UNSUPPORTED:
    case FT_ERR_LOSS:
        return FT_CORRUPT;
    case FT_ERR_NET:
    case FT_ERR_TIMEOUT:
    case FT_ERR_PROTOCOL:
        return FT_PEER;
    case FT_ERR_CANCELLED:
        return FT_STOPPED;
    case FT_ERR_NOMEM:
    case FT_ERR_IO:
    case FT_ERR_LIMIT:
    case FT_ERR_STATE:
    case FT_ERR_BUG:
        break;
    }
    return FT_FAILED;
}

/* rc: what the function below has returned, of which err is the reason unless it is 0. */
static int give_result(int rc, struct ft_error *ret, const struct ft_err *err)
{
    if (rc == 0)
        return 0;
    ret->error_class = class_of(err->kind);
    ret->offset = err->offset;
    memcpy(ret->text, err->msg, sizeof(ret->text));
    return -1;
}

int ft_capture(const char *source, const char *directory, const struct ft_capture_options *options,
               struct ft_capture_result *ret, struct ft_error *err)
{
    struct ft_err e = FT_ERR_INIT;
    struct capture_run_result result = {0};
    struct uri uri;
    int rc;
    struct capture_run_options run = capture_run_defaults();

    if (uri_parse(source, &uri, &e) != 0)
        return give_result(-1, err, &e);
    if (options->password != NULL) {
        free(uri.password);
        uri.password = strdup(options->password);
    }
    run.source = &uri;
    run.directory = directory;
    run.snapshot_only = options->snapshot_only != 0;
    run.until_caught_up = options->until_caught_up != 0;
    run.duration_ms = options->duration_ms;
    run.cancel_fd = options->stop_fd > 0 ? options->stop_fd : -1;
    rc = capture_run(&run, &result, &e);
    uri_release(&uri);
    ret->bytes = result.last.bytes;
    ret->keys = result.last.keys;
    ret->records = result.last.records;
    ret->sessions = result.sessions;
    ret->valid = result.valid;
    return give_result(rc, err, &e);
}

static int convert(const struct source *s, const char *output,
                   const struct ft_convert_options *options, struct ft_convert_result *ret,
                   struct ft_err *e)
{
    struct convert_options o = {
        .target = target_default(),
        .fail_on_loss = options->skip_losses == 0,
        .drop_expired = options->drop_expired != 0,
        .redis_server = options->redis_server != NULL ? options->redis_server : "redis-server"};
    const char *at = options->at != NULL ? options->at : "end";
    struct convert_result result;
    struct loss_report losses;
    struct conversion conversion = {
        .source = s, .output = output, .options = &o, .losses = &losses, .result = &result};
    struct cut cut = {0};
    int rc;

    if (options->redis != NULL && target_parse(options->redis, &o.target, e) != 0)
        return -1;
    if (source_resolve_cut(s, at, &cut, e) != 0)
        return -1;
    if (source_can(s, SOURCE_HAS_JOURNAL))
        o.cut = &cut;
    loss_init(&losses);
    rc = convert_run(&sink_rdb, &conversion, e);
    ret->keys = result.keys;
    ret->bytes_in = result.bytes_in;
    ret->bytes_out = result.bytes_out;
    ret->losses = losses.losses;
    loss_release(&losses);
    cut_release(&cut);
    return rc;
}

int ft_convert_to_rdb(const char *input, const char *output,
                      const struct ft_convert_options *options, struct ft_convert_result *ret,
                      struct ft_error *err)
{
    struct ft_err e = FT_ERR_INIT;
    struct source *s;
    int rc;

    memset(ret, 0, sizeof(*ret));
    if (source_open(&s, input, 0, &e) != 0)
        return give_result(-1, err, &e);
    rc = convert(s, output, options, ret, &e);
    source_free(s);
    return give_result(rc, err, &e);
}

int ft_verify(const char *input,
              void (*on_finding)(void *context, const char *file, uint64_t offset,
                                 const char *text),
              void *context, struct ft_verify_result *ret, struct ft_error *err)
{
    struct ft_err e = FT_ERR_INIT;
    struct verify_report report;
    int rc;

    memset(ret, 0, sizeof(*ret));
    rc = verify_run(&report, input, NULL, &e);
    if (rc == 0) {
        for (size_t i = 0; on_finding != NULL && i < report.finding_count; i++) {
            on_finding(context, report.findings[i].file, report.findings[i].offset,
                       report.findings[i].text);
        }
        ret->findings = report.findings_total;
        ret->keys = report.keys;
        ret->records = report.records;
        ret->bytes = report.bytes;
        ret->incomplete = report.incomplete_count != 0;
    }
    verify_report_release(&report);
    return give_result(rc, err, &e);
}
