#include "status/status_prometheus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

/* Room for a label's value in which everything had to be escaped. */
#define LABEL_SIZE (2 * PATH_MAX)

/* A label's value: backslash, quote and newline are escaped. */
static const char *label(const char *text, char out[LABEL_SIZE])
{
    size_t n = 0;

    for (const char *p = text; *p != '\0' && n + 3 < LABEL_SIZE; p++) {
        if (*p == '\\' || *p == '"' || *p == '\n')
            out[n++] = '\\';
        out[n++] = *p == '\n' ? 'n' : *p;
    }
    out[n] = '\0';
    return out;
}

static int head(struct buf *out, const char *metric, const char *help, enum status_kind kind,
                struct ft_err *err)
{
    return buf_printf(out, err, "# HELP flowtape_%s %s.\n# TYPE flowtape_%s %s\n", metric, help,
                      metric, kind == STATUS_COUNTER ? "counter" : "gauge");
}

static int put_value(struct buf *out, uint64_t value, bool is_ms, struct ft_err *err)
{
    if (!is_ms)
        return buf_printf(out, err, " %" PRIu64 "\n", value);
    return buf_printf(out, err, " %" PRIu64 ".%03u\n", value / 1000, (unsigned)(value % 1000));
}

static int put_numbers(struct buf *out, const struct status *s, struct ft_err *err)
{
    size_t count;
    const struct status_number *numbers = status_numbers(&count);

    for (size_t i = 0; i < count; i++) {
        const struct status_number *n = &numbers[i];
        uint64_t value = status_number_of(s, n);

        if (value == STATUS_NONE)
            continue;
        if (head(out, n->metric, n->help, n->kind, err) != 0 ||
            buf_printf(out, err, "flowtape_%s", n->metric) != 0 ||
            put_value(out, value, n->is_ms, err) != 0)
            return -1;
    }
    return 0;
}

static const struct {
    const char *metric;
    const char *help;
    size_t offset;
    bool is_ms;
} flow_numbers[] = {
    {"flow_received_lsn", "Next LSN to be received from the source",
     offsetof(struct status_flow, received), false},
    {"flow_durable_lsn", "LSN before which everything is on disk",
     offsetof(struct status_flow, durable), false},
    {"flow_applied_lsn", "LSN before which the target has everything",
     offsetof(struct status_flow, applied), false},
    {"flow_lag_records", "Records of the flow received and not applied yet, or not durable yet",
     offsetof(struct status_flow, lag_records), false},
    {"flow_lag_bytes",
     "Bytes of replication of the flow received and not applied yet, or not durable yet",
     offsetof(struct status_flow, lag_bytes), false},
    {"flow_lag_seconds", "Age of the oldest of them", offsetof(struct status_flow, lag_ms), true},
};

static int put_flows(struct buf *out, const struct status *s, struct ft_err *err)
{
    for (size_t i = 0; s->flow_count != 0 && i < sizeof(flow_numbers) / sizeof(flow_numbers[0]);
         i++) {
        bool named = false;

        for (uint32_t flow = 0; flow < s->flow_count; flow++) {
            uint64_t value;

            memcpy(&value, (const char *)&s->flows[flow] + flow_numbers[i].offset, sizeof(value));
            if (value == STATUS_NONE)
                continue;
            if (!named &&
                head(out, flow_numbers[i].metric, flow_numbers[i].help, STATUS_GAUGE, err) != 0)
                return -1;
            named = true;
            if (buf_printf(out, err, "flowtape_%s{flow=\"%" PRIu32 "\"}", flow_numbers[i].metric,
                           flow) != 0 ||
                put_value(out, value, flow_numbers[i].is_ms, err) != 0)
                return -1;
        }
    }
    return 0;
}

/* Losses by kind; those of one run all have another reason or class. */
static int put_lines(struct buf *out, const struct status *s, struct ft_err *err)
{
    char what[LABEL_SIZE];

    if (s->line_count != 0 &&
        head(out, "losses_by_kind", "Losses and harmless losses, by their kind", STATUS_GAUGE,
             err) != 0)
        return -1;
    for (size_t i = 0; i < s->line_count; i++) {
        if (buf_printf(out, err,
                       "flowtape_losses_by_kind{reason=\"%s\",what=\"%s\",harm=\"%s\"} %" PRIu64
                       "\n",
                       s->lines[i].reason, label(s->lines[i].what, what),
                       s->lines[i].is_note ? "no" : "yes", s->lines[i].count) != 0)
            return -1;
    }
    return 0;
}

/* One series for each phase, of which one is 1: the way that Prometheus has for states. */
static int put_phases(struct buf *out, const struct status *s, struct ft_err *err)
{
    char name[LABEL_SIZE];

    if (s->phase_count != 0 && head(out, "phase", "Is it in this phase", STATUS_GAUGE, err) != 0)
        return -1;
    for (size_t i = 0; i < s->phase_count; i++) {
        if (buf_printf(out, err, "flowtape_phase{phase=\"%s\"} %d\n", label(s->phases[i], name),
                       i == s->phase) != 0)
            return -1;
    }
    if (s->work == NULL || s->work_total == 0)
        return 0;
    if (head(out, "phase_done_ratio", "Share of the phase that is done", STATUS_GAUGE, err) != 0)
        return -1;
    return buf_printf(out, err, "flowtape_phase_done_ratio{work=\"%s\",estimated=\"%s\"} %.4f\n",
                      label(s->work, name), s->work_estimated ? "yes" : "no",
                      s->work_done < s->work_total ? (double)s->work_done / (double)s->work_total
                                                   : 1.0);
}

static int put_process(struct buf *out, const struct status *s, struct ft_err *err)
{
    char source[LABEL_SIZE];
    char target[LABEL_SIZE];
    char directory[LABEL_SIZE];

    if (head(out, "build_info", "The program", STATUS_GAUGE, err) != 0 ||
        buf_printf(out, err, "flowtape_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION) != 0 ||
        head(out, "run_info", "What runs", STATUS_GAUGE, err) != 0 ||
        buf_printf(out, err,
                   "flowtape_run_info{command=\"%s\",source=\"%s\",target=\"%s\","
                   "directory=\"%s\"} 1\n",
                   s->command, label(s->source, source), label(s->target, target),
                   label(s->directory, directory)) != 0 ||
        head(out, "start_time_seconds", "When the run began, as a Unix time", STATUS_GAUGE, err) !=
            0 ||
        buf_printf(out, err, "flowtape_start_time_seconds %" PRIu64 ".%03u\n",
                   s->began_us / 1000000, (unsigned)(s->began_us / 1000 % 1000)) != 0 ||
        head(out, "generation", "Generation of the capture, 0 before there is one", STATUS_GAUGE,
             err) != 0)
        return -1;
    return buf_printf(out, err, "flowtape_generation %" PRIu32 "\n", s->generation);
}

int status_put_prometheus(struct buf *out, const struct status *s, struct ft_err *err)
{
    if (put_process(out, s, err) != 0 || put_phases(out, s, err) != 0 ||
        put_numbers(out, s, err) != 0 || put_flows(out, s, err) != 0)
        return -1;
    return put_lines(out, s, err);
}
