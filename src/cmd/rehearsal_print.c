#include "cmd/rehearsal_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/loss_print.h"
#include "cmd/report.h"

#define PAGE_WIDTH 100
#define TEXT_AT    22

static const char *const marks[] = {
    [REPLAY_CHECK_PASSED] = "ok",
    [REPLAY_CHECK_NOTED] = "note",
    [REPLAY_CHECK_LOST] = "LOSS",
    [REPLAY_CHECK_FAILED] = "FAIL",
};

enum exit_status rehearsal_status(const struct replay_rehearsal *r)
{
    if (replay_checks_count(&r->checks, REPLAY_CHECK_FAILED) != 0)
        return EXIT_PEER;
    return replay_checks_count(&r->checks, REPLAY_CHECK_LOST) != 0 ? EXIT_FINDINGS : EXIT_DONE;
}

static const char *verdict_name(enum exit_status status)
{
    return status == EXIT_DONE ? "go" : status == EXIT_FINDINGS ? "lose" : "fail";
}

/* The text in lines of the page's width, all but the first one indented. */
static void print_wrapped(const char *text)
{
    size_t room = PAGE_WIDTH - TEXT_AT;

    while (strlen(text) > room) {
        size_t n = room;

        while (n > 0 && text[n] != ' ')
            n--;
        if (n == 0)
            n = room;
        printf("%.*s\n%*s", (int)n, text, TEXT_AT, "");
        text += n + (text[n] == ' ');
    }
    puts(text);
}

static void print_page(const char *what, const struct replay_rehearsal *r,
                       const struct loss_report *losses, enum exit_status status)
{
    size_t failed = replay_checks_count(&r->checks, REPLAY_CHECK_FAILED);
    char size[FORMAT_SIZE];

    printf("dry run, nothing was written: %s\n\n", what);
    for (size_t i = 0; i < r->checks.count; i++) {
        const struct replay_check *c = &r->checks.list[i];

        printf("  %-4s  %-12s  ", marks[c->outcome], c->name);
        print_wrapped(c->text);
    }
    if (losses->line_count != 0)
        putchar('\n');
    loss_print(stdout, losses);
    putchar('\n');
    if (r->keys + r->records + r->bytes != 0) /* else it is not known */
        printf("%" PRIu64 " key%s, %" PRIu64 " record%s, %s. ", r->keys, plural(r->keys),
               r->records, plural(r->records), format_size(r->bytes, size));
    if (status == EXIT_DONE)
        puts("Go.");
    else if (status == EXIT_FINDINGS)
        puts("It would lose something.");
    else
        printf("It would fail: %zu %s.\n", failed,
               failed == 1 ? "check does not pass" : "checks do not pass");
}

static json_t *checks_to_json(const struct replay_checks *checks)
{
    json_t *list = json_array();

    for (size_t i = 0; i < checks->count; i++) {
        const struct replay_check *c = &checks->list[i];

        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "check", c->name, "outcome",
                                              replay_check_outcome_name(c->outcome), "text",
                                              json_from_message(c->text)));
    }
    return list;
}

static json_t *to_json(const struct replay_rehearsal *r, const struct loss_report *losses,
                       enum exit_status status)
{
    return json_pack("{s:b, s:s, s:i, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:o}", "dry_run",
                     true, "verdict", verdict_name(status), "status", (int)status, "checks",
                     checks_to_json(&r->checks), "keys", (json_int_t)r->keys, "records",
                     (json_int_t)r->records, "bytes", (json_int_t)r->bytes, "estimated_ms",
                     (json_int_t)r->estimated_ms, "target_version", (json_int_t)r->target_version,
                     "masters", (json_int_t)r->masters, "cluster", r->cluster, "resumes",
                     r->resumes, "losses", loss_to_json(losses));
}

enum exit_status rehearsal_show(const char *command, const char *what,
                                const struct replay_rehearsal *r, const struct loss_report *losses,
                                const struct output_args *output)
{
    enum exit_status status = rehearsal_status(r);

    if (output_has_summary(output))
        print_page(what, r, losses, status);
    if (output->json || output->report != NULL)
        return report_write(command, to_json(r, losses, status), NULL, output->report, output->json,
                            status);
    return status;
}
