#include "capture/set_marks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"
#include "wire/redis_pipe.h"

#define ASK_TIMEOUT_MS 5000u
#define ASK_AGAIN_MS   1000u
#define NOTE_SIZE      1000

static void forget_answers(struct set_marks *s)
{
    free(s->given_up);
    free(s->at_rest);
    s->given_up = NULL;
    s->at_rest = NULL;
}

void set_marks_begin(struct set_run *r)
{
    forget_answers(&r->marks);
    r->marks.unknown = r->set->keeps_marks && !r->o->run.snapshot_only;
    r->marks.ask_ms = 0;
}

void set_marks_release(struct set_run *r)
{
    forget_answers(&r->marks);
}

bool set_marks_is_due(const struct set_run *r)
{
    return r->marks.at_rest != NULL || (r->marks.unknown && r->marks.generation != 0);
}

/*
 * What the nodes' captures say
 */

static bool are_stable(struct set_run *r)
{
    bool all = true;

    pthread_mutex_lock(&r->mu);
    for (uint32_t i = 0; i < r->count; i++)
        all = all && r->nodes[i].progress.phase == CAPTURE_STABLE;
    pthread_mutex_unlock(&r->mu);
    return all;
}

static uint64_t count_sessions(struct set_run *r)
{
    uint64_t sum = 0;

    pthread_mutex_lock(&r->mu);
    for (uint32_t i = 0; i < r->count; i++)
        sum += r->nodes[i].progress.sessions;
    pthread_mutex_unlock(&r->mu);
    return sum;
}

/* Of all flows of the set's newest generation; 0: the nodes are at another one. */
static uint32_t count_flows(const struct set_run *r)
{
    const struct set_generation *g = capture_set_find(r->set, 0);
    uint32_t count = 0;

    if (g == NULL || !r->known || r->clashed)
        return 0;
    for (uint32_t i = 0; i < r->count; i++) {
        struct live_state state;

        live_flows_state(r->nodes[i].live, &state);
        if (g->nodes[i] == 0 || state.generation != g->nodes[i])
            return 0;
        count += state.flow_count;
    }
    return count <= CAPTURE_FLOWS_MAX ? count : 0; /* with more nobody can read it */
}

/* Is all before these LSNs durable? */
static bool is_durable(const struct set_run *r, const uint64_t *lsn)
{
    size_t n = 0;

    for (uint32_t i = 0; i < r->count; i++) {
        struct live_state state;

        live_flows_state(r->nodes[i].live, &state);
        for (uint32_t flow = 0; flow < state.flow_count; flow++) {
            struct live_point point = {0};

            (void)live_flows_point(r->nodes[i].live, LIVE_DURABLE, flow, &point);
            if (point.next_lsn < lsn[n++])
                return false;
        }
    }
    return true;
}

/*
 * Asking
 */

/* What is less than the recorded part is of a server that has taken the node's place. */
static int take_offsets(const struct node_run *n, const redisReply *reply, uint32_t count,
                        uint64_t *ret, struct ft_err *err)
{
    bool fits = reply->type == REDIS_REPLY_ARRAY && reply->elements == count;

    for (uint32_t i = 0; fits && i < count; i++) {
        fits = reply->element[i]->type == REDIS_REPLY_INTEGER && reply->element[i]->integer >= 0;
        if (fits)
            ret[i] = (uint64_t)reply->element[i]->integer;
    }
    if (!fits)
        return err_set(err, FT_ERR_PROTOCOL,
                       "%s does not answer DFLY REPLICAOFFSET with the LSNs of %" PRIu32 " flow%s",
                       n->address, count, plural(count));
    for (uint32_t i = 0; i < count; i++) {
        struct live_point point = {0};

        (void)live_flows_point(n->live, LIVE_DURABLE, i, &point);
        if (ret[i] < point.next_lsn)
            return err_set(err, FT_ERR_NET, "%s is not the server that is captured", n->address);
    }
    return 0;
}

static int ask_node(const struct set_run *r, const struct node_run *n, uint32_t count,
                    uint64_t *ret, struct ft_err *err)
{
    struct redis_pipe *pipe;
    redisReply *reply;
    int rc;

    if (redis_pipe_open_within(&pipe, &n->source, r->o->run.cancel_fd, ASK_TIMEOUT_MS, NULL, NULL,
                               err) != 0)
        return -1;
    rc = redis_pipe_call_text(pipe, &reply, "DFLY REPLICAOFFSET", err);
    redis_pipe_free(pipe);
    if (rc != 0)
        return -1;
    rc = take_offsets(n, reply, count, ret, err);
    reply_free(reply);
    return rc;
}

static int ask_all(const struct set_run *r, uint64_t *ret, struct ft_err *err)
{
    uint32_t first = 0;

    for (uint32_t i = 0; i < r->count; i++) {
        struct live_state state;

        live_flows_state(r->nodes[i].live, &state);
        if (ask_node(r, &r->nodes[i], state.flow_count, ret + first, err) != 0)
            return -1;
        first += state.flow_count;
    }
    return 0;
}

/* Until they answer, what was given up counts as on its way. */
static int not_answered(struct set_run *r, const struct ft_err *cause, struct ft_err *err)
{
    char line[NOTE_SIZE];

    forget_answers(&r->marks);
    if (cause->kind == FT_ERR_NOMEM ||
        (r->o->run.until_caught_up && cause->kind == FT_ERR_PROTOCOL))
        return err_copy(err, cause);
    if (cause->kind == FT_ERR_CANCELLED || r->marks.noted)
        return 0;
    r->marks.noted = true;
    (void)snprintf(line, sizeof(line),
                   "how far the nodes are could not be found out; until it is, slots that were "
                   "given up count as on their way: %s",
                   cause->msg); /* a longer one is cut */
    set_note(r, line);
    return 0;
}

static int ask(struct set_run *r, uint32_t flow_count, struct ft_err *err)
{
    struct set_marks *s = &r->marks;
    struct ft_err cause = FT_ERR_INIT;

    s->ask_ms = clock_mono_ms() + ASK_AGAIN_MS;
    s->sessions = count_sessions(r);
    s->asked_imports = set_imports(r);
    s->flow_count = flow_count;
    s->given_up = calloc(flow_count, sizeof(*s->given_up));
    s->at_rest = calloc(flow_count, sizeof(*s->at_rest));
    if (s->given_up == NULL || s->at_rest == NULL)
        err_nomem(&cause, "the LSNs of a set");
    else if (ask_all(r, s->given_up, &cause) == 0 && ask_all(r, s->at_rest, &cause) == 0)
        return 0;
    return not_answered(r, &cause, err);
}

/*
 * Looks
 */

static int write_down(struct set_run *r, struct ft_err *err)
{
    struct set_marks *s = &r->marks;
    int rc = capture_set_add_mark(r->set, s->flow_count, s->given_up, s->at_rest, err);

    s->imports = s->asked_imports;
    s->unknown = false;
    s->noted = false;
    forget_answers(s);
    return rc;
}

int set_marks_look(struct set_run *r, struct ft_err *err)
{
    struct set_marks *s = &r->marks;
    uint32_t flow_count;

    if (!r->set->keeps_marks || r->o->run.snapshot_only)
        return 0;
    flow_count = count_flows(r);
    if (flow_count == 0 || s->generation != capture_set_find(r->set, 0)->id ||
        s->sessions != count_sessions(r))
        forget_answers(s);
    if (flow_count == 0)
        return 0;
    if (s->generation != capture_set_find(r->set, 0)->id)
        s->unknown = true;
    s->generation = capture_set_find(r->set, 0)->id;
    if (s->at_rest == NULL && (s->unknown || set_imports(r) != s->imports) && are_stable(r) &&
        clock_mono_ms() >= s->ask_ms && ask(r, flow_count, err) != 0)
        return -1;
    if (s->at_rest == NULL || !is_durable(r, s->at_rest))
        return 0;
    if (write_down(r, err) != 0)
        return -1;
    s->ask_ms = 0;
    r->caught_up = r->o->run.until_caught_up && set_imports(r) == s->imports;
    return 0;
}

static bool has_failed(const struct set_run *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->nodes[i].failed)
            return true;
    }
    return false;
}

int set_marks_end(struct set_run *r, struct ft_err *err)
{
    struct set_marks *s = &r->marks;
    uint32_t flow_count = r->set->keeps_marks && !r->o->run.snapshot_only ? count_flows(r) : 0;

    if (flow_count == 0 || s->generation != capture_set_find(r->set, 0)->id)
        return 0;
    if (s->at_rest != NULL && !is_durable(r, s->at_rest))
        forget_answers(s);
    if (s->at_rest == NULL && !r->stopped && !has_failed(r) &&
        (s->unknown || set_imports(r) != s->imports) && ask(r, flow_count, err) != 0)
        return -1;
    return s->at_rest != NULL && is_durable(r, s->at_rest) ? write_down(r, err) : 0;
}
