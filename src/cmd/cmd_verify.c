#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cmd/commands.h"
#include "cmd/ui.h"
#include "pipe/verify.h"

#define COMMAND "verify"

static const char help[] =
    "Usage: flowtape verify INPUT [OPTION...]\n"
    "\n"
    "Checks everything that can be checked without a peer, and decodes every item. INPUT is a\n"
    "capture directory, any file of a .dfs set, or an RDB file. Exit status 3 if there is a\n"
    "finding.\n"
    "\n"
    "  --json    print the result as JSON\n"
    "  --quiet   print findings only\n"
    "  --help    this text\n";

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static json_t *finding_to_json(const struct finding *f)
{
    json_t *offset = f->offset == FT_NO_OFFSET ? json_null() : json_integer((json_int_t)f->offset);

    return json_pack("{s:s, s:o, s:s}", "file", f->file, "offset", offset, "text", f->text);
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

static void print_json(const struct verify_report *r, const char *path)
{
    json_t *json = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "input", path,
                             "generations", (json_int_t)r->generations, "segments",
                             (json_int_t)r->segments, "blocks", (json_int_t)r->blocks, "bytes",
                             (json_int_t)r->bytes, "keys", (json_int_t)r->keys, "journal_records",
                             (json_int_t)r->records, "finding_count", (json_int_t)r->findings_total,
                             "findings", findings_to_json(r->findings, r->finding_count), "notes",
                             findings_to_json(r->notes, r->note_count));

    if (json != NULL)
        json_dumpf(json, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
    fputc('\n', stdout);
    json_decref(json);
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

static void print_text(const struct verify_report *r, const char *path, bool quiet,
                       uint64_t took_ms)
{
    char size[FORMAT_SIZE];
    char took[FORMAT_SIZE];

    for (size_t i = 0; i < r->finding_count; i++)
        print_finding(&r->findings[i]);
    if (r->findings_total > r->finding_count)
        printf("... and %" PRIu64 " more\n", r->findings_total - r->finding_count);
    if (quiet)
        return;
    for (size_t i = 0; i < r->note_count; i++)
        printf("note: %s: %s\n", r->notes[i].file, r->notes[i].text);
    printf("%s: %s: %" PRIu64 " keys, %" PRIu64 " journal records, %s in %" PRIu64
           " files, checked in %s\n",
           path, r->findings_total == 0 ? "clean" : "DAMAGED", r->keys, r->records,
           format_size(r->bytes, size), r->segments, format_duration_ms(took_ms, took));
}

static enum exit_status verify(const char *path, bool json, bool quiet)
{
    uint64_t began_ms = clock_mono_ms();
    struct ft_err err = FT_ERR_INIT;
    struct verify_report report;
    enum exit_status status;

    if (verify_run(&report, path, &err) != 0) {
        verify_report_release(&report);
        return ui_fail(COMMAND, &err);
    }
    if (json)
        print_json(&report, path);
    else
        print_text(&report, path, quiet, clock_mono_ms() - began_ms);
    status = report.findings_total == 0 ? EXIT_DONE : EXIT_FINDINGS;
    verify_report_release(&report);
    return ui_flush(COMMAND, status);
}

int cmd_verify(int argc, char **argv)
{
    bool json = false;
    bool quiet = false;
    int id;

    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (id) {
        case 'j':
            json = true;
            break;
        case 'q':
            quiet = true;
            break;
        case 'h':
            fputs(help, stdout);
            return (int)ui_flush(COMMAND, EXIT_DONE);
        default:
            return (int)ui_usage(COMMAND, "unknown option");
        }
    }
    if (argc - optind != 1)
        return (int)ui_usage(COMMAND, "wanted one INPUT, got %d words", argc - optind);
    return (int)verify(argv[optind], json, quiet);
}
