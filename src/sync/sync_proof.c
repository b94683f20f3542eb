#include "sync/sync_proof.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/wake.h"
#include "sync/sync_impl.h"
#include "sync/sync_worker.h"

/* What takes no longer, or is no more, is left for the pause. */
#define SHORT_MS   2000u
#define FEW_KEYS   1000u
#define REFINE_MAX 4
#define STEP_MS    5
#define NAMED      10u

int sync_proof_init(struct sync *s, struct ft_err *err)
{
    struct sync_worker *w = &s->proof.worker;

    w->err = (struct ft_err)FT_ERR_INIT;
    copy_checked_init(&s->result->proof);
    return wake_open(&w->cancel_fd, err);
}

void sync_proof_stop(struct sync *s)
{
    struct sync_proof *p = &s->proof;

    if (p->worker.started) {
        sync_cancel(&p->worker);
        sync_worker_join(&p->worker);
        (void)wake_clear(p->worker.cancel_fd); /* for the next one */
    }
    atomic_store(&s->progress->checking, false);
    copy_check_free(p->check);
    free(p->at);
    p->check = NULL;
    p->at = NULL;
    p->stage = PROOF_NONE;
}

void sync_proof_release(struct sync *s)
{
    if (s->proof.worker.cancel_fd < 0)
        return;
    sync_proof_stop(s);
    (void)close(s->proof.worker.cancel_fd); /* nobody waits for it */
}

/*
 * Positions
 */

/* Where the target is, as --at has it. NULL: it is nowhere that could be compared, or there is no memory. */
static char *applied_at(struct live_flows *live, uint32_t *ret_generation)
{
    struct live_state state;
    struct live_point point;
    struct buf text = {0};
    struct ft_err ignored = FT_ERR_INIT;
    int rc = 0;

    live_flows_state(live, &state);
    if (!state.ready || state.applied_generation != state.generation || state.flow_count == 0)
        return NULL;
    for (uint32_t i = 0; rc == 0 && i < state.flow_count; i++) {
        if (!live_flows_point(live, LIVE_APPLIED, i, &point) || point.next_lsn == 0)
            rc = -1;
        else
            rc = buf_printf(&text, &ignored, "%s%" PRIu64, i == 0 ? "" : ",", point.next_lsn - 1);
    }
    if (rc == 0)
        rc = buf_append(&text, "", 1, &ignored);
    if (rc != 0) {
        buf_release(&text);
        return NULL;
    }
    *ret_generation = state.generation;
    return (char *)text.p;
}

/*
 * In the thread
 */

static int begin(struct sync *s, struct ft_err *err)
{
    struct sync_proof *p = &s->proof;
    const struct replay_options *o = &s->o->replay;
    const struct copy_check_options options = {.input = s->o->capture.directory,
                                               .generation = p->generation,
                                               .target = o->target,
                                               .filter = &o->filter,
                                               .map = &o->map,
                                               .ttl = o->ttl,
                                               .json_as = o->json_as,
                                               .rate_keys = o->rate_keys,
                                               .sample = s->o->check_sample,
                                               .redis_server = s->o->check_redis_server,
                                               .follows = true,
                                               .cancel_fd = p->worker.cancel_fd};

    copy_check_free(p->check);
    p->check = NULL;
    if (copy_check_new(&p->check, &options, err) != 0)
        return -1;
    return copy_check_begin(p->check, p->at, &s->progress->check, err);
}

/* Until it takes no time any more, or is not getting less. */
static int refine(struct sync *s, struct ft_err *err)
{
    uint64_t before = UINT64_MAX;

    for (int i = 0; i < REFINE_MAX; i++) {
        uint64_t began_ms = clock_mono_ms();
        uint32_t generation;
        uint64_t keys;
        char *at = applied_at(s->o->live, &generation);
        int rc = at == NULL || generation != s->proof.generation
                     ? 1
                     : copy_check_refine(s->proof.check, at, &keys, err);

        free(at);
        if (rc != 0)
            return rc < 0 ? -1 : 0; /* the goal shows that it is another generation */
        if (keys <= FEW_KEYS || keys >= before || clock_mono_ms() - began_ms <= SHORT_MS)
            return 0;
        before = keys;
    }
    return 0;
}

static void *begin_main(void *context)
{
    struct sync *s = context;
    struct sync_worker *w = &s->proof.worker;

    w->failed = begin(s, &w->err) != 0 || refine(s, &w->err) != 0;
    atomic_store(&w->done, true);
    return NULL;
}

static void *end_main(void *context)
{
    struct sync *s = context;
    struct sync_proof *p = &s->proof;
    struct sync_worker *w = &p->worker;

    w->failed = (p->check == NULL && begin(s, &w->err) != 0) ||
                copy_check_end(p->check, p->at, &s->check.brought, &s->result->proof, &w->err) != 0;
    atomic_store(&w->done, true);
    return NULL;
}

/*
 * The stages
 */

static int start(struct sync *s, enum sync_proof_stage stage, char *at, struct ft_err *err)
{
    struct sync_proof *p = &s->proof;

    free(p->at);
    p->at = at;
    p->stage = stage;
    atomic_store(&s->progress->checking, true);
    return sync_worker_start(&p->worker, stage == PROOF_BEGINNING ? begin_main : end_main, s, err);
}

/* 1: the thread is through. */
static int wait_for(struct sync *s, enum sync_proof_stage next, struct ft_err *err)
{
    struct sync_proof *p = &s->proof;

    if (!atomic_load(&p->worker.done))
        return 0;
    sync_worker_join(&p->worker);
    p->stage = next;
    if (p->worker.failed) {
        (void)err_copy(err, &p->worker.err);
        sync_proof_stop(s);
        return -1;
    }
    return 1;
}

int sync_proof_prepare(struct sync *s, struct ft_err *err)
{
    struct sync_proof *p = &s->proof;
    uint32_t generation = 0;
    char *at;
    int rc;

    if (!s->o->check)
        return 1;
    if (p->stage == PROOF_BEGINNING) {
        rc = wait_for(s, PROOF_BEGUN, err);
        if (rc <= 0)
            return rc;
    }
    at = applied_at(s->o->live, &generation);
    if (at == NULL)
        return 0;
    if (p->stage == PROOF_BEGUN && p->generation == generation) {
        free(at);
        return 1;
    }
    sync_proof_stop(s);
    copy_checked_release(&s->result->proof);
    copy_checked_init(&s->result->proof);
    p->generation = generation;
    sync_note(s, "comparing the target with the capture, while both go on");
    return start(s, PROOF_BEGINNING, at, err);
}

bool sync_proof_is_due(struct sync *s)
{
    const struct sync_proof *p = &s->proof;
    struct live_state state;

    live_flows_state(s->o->live, &state);
    return s->o->check && (p->stage != PROOF_ENDED || state.generation != p->generation);
}

/* The first ones; the report has more of them, with their places. */
static void name_differences(struct sync *s)
{
    const struct diff_examples *examples = &s->result->proof.examples;
    char key[100];

    for (size_t i = 0; i < examples->count && i < NAMED; i++) {
        const struct diff_found *f = &examples->list[i]->found;

        bytes_escape(f->key, key, sizeof(key));
        if (f->function)
            sync_note(s, "  %s: library \"%s\"", difference_name(f->kind), key);
        else
            sync_note(s, "  %s: key \"%s\" of database %" PRIu32, difference_name(f->kind), key,
                      f->db);
    }
}

static uint64_t count_differences(const struct diff_result *r)
{
    uint64_t n = r->functions + r->changing;

    for (int kind = DIFFERENCE_NONE + 1; kind < DIFFERENCE_COUNT; kind++)
        n += r->kinds[kind];
    return n;
}

static int conclude(struct sync *s, struct ft_err *err)
{
    const struct copy_checked *c = &s->result->proof;
    const char *dir = s->o->capture.directory;

    atomic_store(&s->progress->checking, false);
    if (copy_checked_is_equal(c)) {
        sync_note(s, "the target is what the capture says: %" PRIu64 " key%s compared",
                  c->result.keys[DIFF_B], plural(c->result.keys[DIFF_B]));
        return 0;
    }
    name_differences(s);
    return err_set(
        err, FT_ERR_LOSS,
        "the target is not what the capture says: %" PRIu64
        " differ (A is the capture, B the target). To bring them to what they should be, end this "
        "sync, then \"flowtape replay %s TARGET\" to its end, \"flowtape diff %s TARGET "
        "--like-replay --keys-to FILE\", \"flowtape replay %s TARGET --only-keys FILE\"; "
        "then start it again",
        count_differences(&c->result), dir, dir, dir);
}

int sync_proof_step(struct sync *s, struct ft_err *err)
{
    struct sync_proof *p = &s->proof;
    uint32_t generation = 0;
    char *at;
    int rc;

    if (p->stage == PROOF_ENDING) {
        (void)poll(NULL, 0, STEP_MS); /* only to let time pass */
        rc = wait_for(s, PROOF_ENDED, err);
        return rc <= 0 ? rc : conclude(s, err);
    }
    if (p->stage == PROOF_BEGINNING) /* the cut-over did not wait for it */
        sync_proof_stop(s);
    at = applied_at(s->o->live, &generation);
    if (at == NULL)
        return err_set(err, FT_ERR_STATE, "--check: it is not known where the target is");
    if (generation != p->generation)
        sync_proof_stop(s);
    p->generation = generation;
    return start(s, PROOF_ENDING, at, err);
}

int sync_proof_finish(struct sync *s, struct ft_err *err)
{
    struct sync_proof *p = &s->proof;
    uint32_t generation = 0;
    char *at;
    int rc;

    if (p->stage != PROOF_ENDED)
        return 0;
    at = applied_at(s->o->live, &generation);
    if (at == NULL || generation != p->generation)
        rc = err_set(err, FT_ERR_STATE, "--check: it is not known where the target is");
    else
        rc = strcmp(at, p->at) == 0 ? 1 : 0;
    if (rc != 0) {
        free(at);
        return rc < 0 ? -1 : 0;
    }
    if (start(s, PROOF_ENDING, at, err) != 0)
        return -1;
    sync_worker_join(&p->worker);
    if (wait_for(s, PROOF_ENDED, err) < 0)
        return -1;
    return conclude(s, err);
}

int sync_proof_run(struct sync *s, const char *at, struct ft_err *err)
{
    char *copy = strdup(at);

    if (copy == NULL)
        return err_nomem(err, "a check");
    sync_proof_stop(s);
    s->proof.generation = 0;
    if (start(s, PROOF_ENDING, copy, err) != 0)
        return -1;
    sync_worker_join(&s->proof.worker);
    atomic_store(&s->progress->checking, false);
    return s->proof.worker.failed ? err_copy(err, &s->proof.worker.err) : 0;
}
