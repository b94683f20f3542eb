#include "cmd/status_fill.h"

#include <stdio.h>
#include <string.h>

#include "cmd/ui.h"

int status_start(struct status_service **ret, const char *command, const struct status_args *a,
                 const struct status_service_options *service, bool quiet, struct ft_err *err)
{
    struct status_service_options o = *service;
    char page[URI_ADDRESS_SIZE];

    o.command = command;
    o.listen = a->listens ? &a->listen : NULL;
    o.names = a->names;
    o.tls_cert = a->tls_cert;
    o.tls_key = a->tls_key;
    o.token = a->allow_control ? a->token.password : NULL;
    o.on_event = a->on_event;
    if (status_service_new(ret, &o, page, err) != 0)
        return -1;
    if (page[0] != '\0' && !quiet)
        ui_note(command, "the status page is %s", page);
    return 0;
}

void status_fill_phases(struct status *s, const char *const *phases, size_t phase)
{
    for (s->phase_count = 0; phases[s->phase_count] != NULL; s->phase_count++)
        s->phases[s->phase_count] = phases[s->phase_count];
    s->phase = phase;
}

void status_fill_directory(struct status *s, const char *dir)
{
    (void)snprintf(s->directory, sizeof(s->directory), "%s", dir); /* a longer one is no path */
}

void status_fill_capture(struct status *s, const struct capture_progress *p)
{
    s->received_bytes = p->bytes;
    s->received_keys = p->keys;
    s->received_records = p->records;
    s->sessions = p->sessions;
    if (p->phase != CAPTURE_FULL_SYNC)
        return;
    s->work = "keys received";
    s->work_done = p->keys;
    s->work_total = p->keys_expected;
    s->work_estimated = true;
}

void status_fill_replay(struct status *s, const struct replay_progress *p)
{
    s->sent_bytes = atomic_load(&p->bytes);
    s->applied_keys = atomic_load(&p->keys);
    s->applied_records = atomic_load(&p->records);
    s->retries = atomic_load(&p->retries);
    s->suspects = atomic_load(&p->suspects);
}

void status_fill_read(struct status *s, const struct read_progress *r)
{
    const char *phase = atomic_load(&r->phase);
    uint64_t total = atomic_load(&r->total);

    if (phase == NULL || total == 0)
        return;
    s->work = phase;
    s->work_done = atomic_load(&r->done);
    s->work_total = total;
}

void status_fill_flows(struct status *s, struct live_flows *live, enum live_stage stage)
{
    struct live_state state;

    live_flows_state(live, &state);
    s->generation = state.generation;
    if (!status_flows(s, state.flow_count))
        return;
    for (uint32_t i = 0; i < s->flow_count; i++) {
        struct status_flow *f = &s->flows[i];
        struct live_point at[LIVE_STAGES] = {{0}};

        (void)live_flows_points(live, i, at); /* stay 0 if the generation has become another one */
        f->received = at[LIVE_RECEIVED].next_lsn;
        f->durable = at[LIVE_DURABLE].next_lsn;
        f->applied = stage == LIVE_APPLIED ? at[stage].next_lsn : STATUS_NONE;
        f->lag_records = state.by_offset ? STATUS_NONE : at[stage].lag;
        f->lag_bytes = state.by_offset ? at[stage].lag : STATUS_NONE;
        f->lag_ms = at[stage].lag_ms;
    }
    if (s->flow_count != 0)
        status_sum_lags(s);
}

void status_fill_losses(struct status *s, struct loss_report *r)
{
    pthread_mutex_lock(&r->mu);
    s->losses = r->losses;
    s->notes_of_losses = r->notes;
    for (size_t i = 0; i < r->line_count && s->line_count < STATUS_LINES_MAX; i++) {
        struct status_line *l = &s->lines[s->line_count++];

        l->reason = loss_reason_name(r->lines[i].reason);
        l->text = loss_reason_text(r->lines[i].reason);
        l->count = r->lines[i].count;
        l->is_note = loss_is_note(r->lines[i].reason);
        memcpy(l->what, r->lines[i].class_name, sizeof(l->what));
    }
    pthread_mutex_unlock(&r->mu);
}

void status_fill_serve(struct status *s, const struct serve_progress *p)
{
    uint64_t records = atomic_load(&p->lag_records);

    s->sent_bytes = atomic_load(&p->sent);
    s->applied_records = atomic_load(&p->records);
    s->lag_records = records == STREAM_UNCOUNTED ? STATUS_NONE : records;
    s->lag_bytes = records == STREAM_UNCOUNTED ? atomic_load(&p->lag) : STATUS_NONE;
    s->lag_ms = atomic_load(&p->lag_ms);
    s->replicas = atomic_load(&p->replicas);
    s->replicas_syncing = atomic_load(&p->syncing);
    s->full_syncs = atomic_load(&p->full_syncs);
    s->stream_offset = atomic_load(&p->offset);
}
