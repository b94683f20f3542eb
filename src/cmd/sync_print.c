#include "cmd/sync_print.h"

#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "cmd/capture_print.h"
#include "cmd/json_value.h"
#include "cmd/serve_print.h"
#include "cmd/sync_args.h"

/* Keys that were not read again, on a terminal. */
#define UNREAD_PRINTED 100u

#define FLOWS_SHOWN 16u

/* The flow that is furthest behind decides. */
static void worst_lag(struct live_flows *live, uint32_t flow_count, struct live_point *ret)
{
    struct live_point p;

    *ret = (struct live_point){0};
    for (uint32_t i = 0; i < flow_count; i++) {
        if (!live_flows_point(live, LIVE_APPLIED, i, &p))
            continue;
        ret->lag += p.lag;
        ret->lag_ms = p.lag_ms > ret->lag_ms ? p.lag_ms : ret->lag_ms;
    }
}

char *sync_lag_text(uint64_t lag, bool by_offset, char out[SYNC_LAG_TEXT])
{
    char number[FORMAT_COUNT];

    if (by_offset)
        return format_size(lag, out);
    (void)snprintf(out, SYNC_LAG_TEXT, "%s record%s", format_count(lag, number),
                   plural(lag)); /* fits */
    return out;
}

static void log_flows(struct progress *p, struct live_flows *live, const struct live_state *state)
{
    char lag[SYNC_LAG_TEXT];

    for (uint32_t i = 0; i < state->flow_count && i < FLOWS_SHOWN; i++) {
        struct live_point at[LIVE_STAGES] = {{0}}; /* stays zero where there is no such flow */

        (void)live_flows_points(live, i, at);
        progress_show(
            p,
            "flow %" PRIu32 ": received %" PRIu64 ", durable %" PRIu64 ", applied %" PRIu64
            ", lag %s, %" PRIu64 " ms",
            i, at[LIVE_RECEIVED].next_lsn, at[LIVE_DURABLE].next_lsn, at[LIVE_APPLIED].next_lsn,
            sync_lag_text(at[LIVE_APPLIED].lag, state->by_offset, lag), at[LIVE_APPLIED].lag_ms);
    }
}

void sync_show(struct progress *p, struct sync_progress *progress, struct live_flows *live,
               bool serves)
{
    const struct replay_progress *replay = &progress->replay;
    struct capture_progress capture;
    struct live_state state;
    struct live_point lag;
    char age[FORMAT_SIZE];

    pthread_mutex_lock(&progress->mu);
    capture = progress->capture;
    pthread_mutex_unlock(&progress->mu);
    live_flows_state(live, &state);
    worst_lag(live, state.flow_count, &lag);
    if (capture.phase == CAPTURE_FULL_SYNC) {
        capture_progress_add(p, &capture);
        progress_add_count(p, atomic_load(&replay->keys), "keys on the target");
        progress_draw(p);
        return;
    }
    if (serves || atomic_load(&replay->in_journal)) {
        char text[SYNC_LAG_TEXT];

        progress_add(p, "lag %s, %s", sync_lag_text(lag.lag, state.by_offset, text),
                     format_duration_ms(lag.lag_ms, age));
    } else {
        progress_add_read(p, &replay->read);
    }
    progress_add(p, "source %s", capture_phase_name(capture.phase));
    if (serves)
        serve_progress_add(p, SERVE_AS_REDIS, &progress->serve);
    else
        replay_progress_add(p, replay, false);
    progress_draw(p);
    if (!p->terminal)
        log_flows(p, live, &state);
}

/* What became of suspect keys: nothing to say where there were none. */
static void print_checked(const struct sync_checked *c)
{
    size_t shown = c->name_count < UNREAD_PRINTED ? c->name_count : UNREAD_PRINTED;
    char key[60];

    if (c->corrected + c->deleted + c->equal + c->unread == 0)
        return;
    fprintf(stderr,
            "suspect keys, read again from the source: %" PRIu64 " corrected, %" PRIu64
            " deleted, %" PRIu64 " equal, %" PRIu64 " not read\n",
            c->corrected, c->deleted, c->equal, c->unread);
    for (size_t i = 0; i < shown; i++) {
        fprintf(stderr, "  not read: %" PRIu32 "/%s: %s\n", c->names[i].db,
                bytes_escape(c->names[i].key, key, sizeof(key)), c->names[i].why);
    }
    if (c->unread > shown)
        fprintf(stderr, "  and %" PRIu64 " more; --report names all\n", c->unread - shown);
}

static const char *mode_text(const struct sync_result *r)
{
    switch (r->mode) {
    case CUTOVER_PAUSE:
        return "The source stays paused for one more minute at most: stop it";
    case CUTOVER_TAKEOVER:
        return "The source has stopped";
    case CUTOVER_MANUAL:
        break;
    }
    return "The source was not paused: what it was sent since is not there";
}

/* How it ended; %s is who has what. */
static const char *ended_text(const struct sync_result *r)
{
    switch (r->ended) {
    case SYNC_SNAPSHOT:
        return "%s the snapshot";
    case SYNC_CUT_OVER:
        break;
    case SYNC_STOPPED:
        return "stopped; the same command resumes from here";
    case SYNC_NOT_CONFIRMED:
        return "the cut-over was not confirmed, the source resumes; the same command resumes from "
               "here";
    case SYNC_FULL:
        if (!r->capture.valid)
            return "no room for the whole snapshot. Make room, then the same command goes on";
        return "no room for more; %s what was stored. Make room, then the same command goes on";
    case SYNC_SOURCE_GONE:
        return "the source is gone; %s what was stored";
    case SYNC_FAILED:
        return "failed; the same command resumes from here";
    }
    if (r->checked.unread != 0)
        return "cut over: %s everything but the suspect keys that were not read";
    return r->mode == CUTOVER_MANUAL ? "cut over: %s everything up to this moment"
                                     : "cut over: %s everything";
}

static void print_ended(const struct sync_result *r)
{
    const char *text = ended_text(r);
    const char *who = strstr(text, "%s");
    size_t n = who == NULL ? strlen(text) : (size_t)(who - text);

    fprintf(stderr, "%.*s", (int)n, text);
    if (who != NULL)
        fprintf(stderr, "%s%s",
                r->serve.replication_id[0] != '\0' ? "the replicas have" : "the target has",
                who + 2);
}

void sync_print(const struct sync_result *r, const struct loss_report *losses)
{
    char bytes[FORMAT_SIZE];

    fprintf(stderr,
            "received %s, %" PRIu64 " key%s and %" PRIu64 " journal record%s (%" PRIu32
            " session%s, %" PRIu32 " resumed)\n",
            format_size(r->capture.last.bytes, bytes), r->capture.last.keys,
            plural(r->capture.last.keys), r->capture.last.records, plural(r->capture.last.records),
            r->capture.sessions, plural(r->capture.sessions), r->capture.resumptions);
    if (r->replay.target_version != 0)
        replay_print(&r->replay, losses);
    for (uint32_t i = 0; r->goal != NULL && i < r->flow_count; i++)
        fprintf(stderr, "  flow %" PRIu32 " was cut over before LSN %" PRIu64 "\n", i, r->goal[i]);
    if (r->ended == SYNC_CUT_OVER)
        print_checked(&r->checked);
    print_ended(r);
    if (r->ended == SYNC_CUT_OVER)
        fprintf(stderr, ". %s", mode_text(r));
    fputc('\n', stderr);
}

static json_t *goal_to_json(const struct sync_result *r)
{
    json_t *goal = json_array();

    for (uint32_t i = 0; r->goal != NULL && i < r->flow_count; i++)
        json_array_append_new(goal, json_integer((json_int_t)r->goal[i]));
    return goal;
}

json_t *sync_flows_to_json(struct live_flows *live)
{
    json_t *flows = json_array();
    struct live_state state;

    live_flows_state(live, &state);
    for (uint32_t i = 0; i < state.flow_count; i++) {
        struct live_point at[LIVE_STAGES] = {{0}};
        json_t *lag;

        (void)live_flows_points(live, i, at);
        lag = json_integer((json_int_t)at[LIVE_APPLIED].lag);
        json_array_append_new(flows, json_pack("{s:I, s:I, s:I, s:o, s:o, s:I}", "received",
                                               (json_int_t)at[LIVE_RECEIVED].next_lsn, "durable",
                                               (json_int_t)at[LIVE_DURABLE].next_lsn, "applied",
                                               (json_int_t)at[LIVE_APPLIED].next_lsn, "lag_records",
                                               state.by_offset ? json_null() : lag, "lag_bytes",
                                               state.by_offset ? lag : json_null(), "lag_ms",
                                               (json_int_t)at[LIVE_APPLIED].lag_ms));
    }
    return flows;
}

static json_t *checked_to_json(const struct sync_checked *c)
{
    json_t *names = json_array();

    for (size_t i = 0; i < c->name_count; i++) {
        json_array_append_new(names, json_pack("{s:I, s:o, s:o}", "db", (json_int_t)c->names[i].db,
                                               "key", json_from_bytes(c->names[i].key), "why",
                                               json_from_message(c->names[i].why)));
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "corrected", (json_int_t)c->corrected, "deleted",
                     (json_int_t)c->deleted, "equal", (json_int_t)c->equal, "unread",
                     (json_int_t)c->unread, "first_unread", names);
}

json_t *sync_to_json(const struct sync_result *r, const struct loss_report *losses, const char *why,
                     int status)
{
    json_t *json = json_pack(
        "{s:s, s:i, s:s, s:I, s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I, s:I}}", "ended",
        sync_ended_name(r->ended), "status", status, "cutover", cutover_mode_names[r->mode],
        "elapsed_ms", (json_int_t)r->elapsed_ms, "goal", goal_to_json(r), "suspects",
        checked_to_json(&r->checked), "replay", replay_to_json(&r->replay, losses), "capture",
        "bytes", (json_int_t)r->capture.last.bytes, "keys", (json_int_t)r->capture.last.keys,
        "records", (json_int_t)r->capture.last.records, "sessions", (json_int_t)r->capture.sessions,
        "resumptions", (json_int_t)r->capture.resumptions);

    if (json != NULL)
        json_object_set_new(json, "error", json_from_message(why));
    return json;
}
