#include "cmd/check_verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/array.h"
#include "base/parse.h"
#include "cmd/check_report.h"
#include "cmd/json_value.h"
#include "cmd/stop.h"

struct job {
    const struct check_verify_args *args;
    int cancel_fd;
    struct check_report report;
    struct diff_progress progress;
    struct diff_sums sums; /* of the input, now */
};

/* A database and type of which the two have something else. */
struct finding {
    uint32_t db;
    enum value_class class_;
    struct diff_sum said;
    struct diff_sum found;
};

struct findings {
    struct finding *list;
    size_t count;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    if (check_report_read(&job->report, job->args->report, err) != 0)
        return -1;
    job->report.proof.redis_server = job->args->redis_server;
    return copy_proof_run(&job->report.proof, job->args->input, job->cancel_fd, &job->progress,
                          &job->sums, err);
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;

    uint64_t keys = atomic_load(&job->progress.keys[DIFF_A]);

    progress_show(p, "%" PRIu64 " key%s", keys, plural(keys));
}

static struct diff_sum sum_of(const struct diff_sums *s, uint32_t db, enum value_class class_)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->rows[i].db == db && s->rows[i].class_ == class_)
            return s->rows[i].side[DIFF_A];
    }
    return (struct diff_sum){0};
}

/* Keys that are apart come and go with their members. */
static bool same(const struct diff_sum *a, const struct diff_sum *b)
{
    return a->keys - a->apart == b->keys - b->apart && value_digest_eq(&a->values, &b->values) &&
           value_digest_eq(&a->times, &b->times);
}

static int compare(struct findings *f, const struct diff_sum_row *row, const struct job *job,
                   struct ft_err *err)
{
    struct finding found = {row->db, row->class_, sum_of(&job->report.sums, row->db, row->class_),
                            sum_of(&job->sums, row->db, row->class_)};

    if (same(&found.said, &found.found))
        return 0;
    for (size_t i = 0; i < f->count; i++) {
        if (f->list[i].db == row->db && f->list[i].class_ == row->class_)
            return 0;
    }
    if (ARRAY_ADD_ROOM(&f->list, f->count, "findings", err) != 0)
        return -1;
    f->list[f->count++] = found;
    return 0;
}

static int compare_all(struct findings *f, const struct job *job, struct ft_err *err)
{
    const struct diff_sums *both[] = {&job->report.sums, &job->sums};

    for (int i = 0; i < 2; i++) {
        for (size_t row = 0; row < both[i]->count; row++) {
            if (compare(f, &both[i]->rows[row], job, err) != 0)
                return -1;
        }
    }
    return 0;
}

static void print(const struct job *job, const char *name, const struct findings *f, bool quiet)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct finding *one = &f->list[i];
        bool counts = one->said.keys - one->said.apart != one->found.keys - one->found.apart;
        bool values = !value_digest_eq(&one->said.values, &one->found.values);

        printf("database %" PRIu32 ", %s: the report has %" PRIu64 " key%s, the input %" PRIu64
               "%s\n",
               one->db, value_class_name(one->class_), one->said.keys, plural(one->said.keys),
               one->found.keys,
               counts   ? ""
               : values ? ", with other names or values"
                        : ", with other times");
    }
    if (quiet)
        return;
    printf("%s: %s: %" PRIu64 " key%s%s\n", name,
           f->count == 0 ? "what the report says" : "NOT WHAT THE REPORT SAYS",
           diff_sums_total(&job->sums, DIFF_A, DIFF_SUMS_ALL).keys,
           plural(diff_sums_total(&job->sums, DIFF_A, DIFF_SUMS_ALL).keys),
           job->report.equal ? ", to which the target was equal"
                             : "; but the report says that the target differed");
}

static json_t *to_json(const struct job *job, const char *name, const struct findings *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->count; i++)
        json_array_append_new(list,
                              json_pack("{s:I, s:s, s:I, s:I}", "db", (json_int_t)f->list[i].db,
                                        "type", value_class_name(f->list[i].class_),
                                        "keys_in_report", (json_int_t)f->list[i].said.keys,
                                        "keys_in_input", (json_int_t)f->list[i].found.keys));
    return json_pack("{s:o, s:b, s:b, s:I, s:o}", "input", json_from_text(name), "recomputed",
                     f->count == 0, "target_equal", job->report.equal, "keys",
                     (json_int_t)diff_sums_total(&job->sums, DIFF_A, DIFF_SUMS_ALL).keys,
                     "findings", list);
}

enum exit_status check_verify(const char *command, const struct check_verify_args *a)
{
    struct job job = {.args = a};
    struct findings findings = {0};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status = EXIT_DONE;
    int rc;

    if (stop_catch_signals(&job.cancel_fd, &err) != 0)
        return ui_fail(command, &err);
    rc = work_run(command, a->output->quiet, run_job, show_progress, &job, &err);
    if (rc == 0)
        rc = compare_all(&findings, &job, &err);
    if (rc == 0) {
        status = findings.count == 0 && job.report.equal ? EXIT_DONE : EXIT_FINDINGS;
        if (!a->output->json)
            print(&job, a->name, &findings, a->output->quiet);
        else
            rc = json_print(to_json(&job, a->name, &findings), &err);
    }
    if (rc != 0)
        status = ui_fail(command, &err);
    free(findings.list);
    diff_sums_release(&job.sums);
    check_report_release(&job.report);
    return ui_flush(command, status);
}
