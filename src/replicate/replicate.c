#include "replicate/replicate.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/parse.h"
#include "replay/replay_connect.h"
#include "replay/replay_input.h"
#include "replay/replay_outlook.h"
#include "replay/replay_setup.h"
#include "replicate/replicate_checks.h"
#include "replicate/replicate_service.h"

/* A server that is told to replicate tries it once a second. */
#define REACH_MS 15000u
/* A state that was not loaded is asked for again. */
#define ASKED_MAX 6u
/* A server that was restarted is told again. */
#define RESTARTS_MAX 5u
#define LOOK_MIN_MS  10u
#define LOOK_MAX_MS  250u

struct replication {
    const struct replicate_options *o;
    struct replay_options own; /* of r: nothing is written by commands */
    struct replay r;
    struct replicate_plan plan;
    struct replicate_service service;
    char host[URI_HOST_SIZE]; /* that the target is told */
    uint16_t port;
    bool attached; /* the target was given the order, and is to be given the other one */
    bool loads;    /* it has begun to load a state */
    struct replicate_state seen;
    unsigned restarts;
    uint64_t attached_ms;
    uint64_t moved_ms; /* when anything was last seen to move */
    uint64_t moved;    /* what moves, summed up */
};

/*
 * The target
 */

/* Lost connections are replaced: whether the target is away for too long is known from what has moved. */
static int look_again(struct replication *p, bool *ret_seen, struct ft_err *err)
{
    struct ft_err why = FT_ERR_INIT;
    struct replay *r = &p->r;

    *ret_seen = false;
    if (r->target.node_count == 0)
        (void)replay_connect(r, &why);
    if (why.kind == FT_ERR_NONE && replicate_target_look(&r->target.nodes[0], &p->seen, &why) == 0)
        *ret_seen = true;
    if (*ret_seen)
        return 0;
    replay_disconnect(r);
    if (why.kind == FT_ERR_NET || why.kind == FT_ERR_TIMEOUT)
        return 0;
    return err_copy(err, &why);
}

static void choose_announced(struct replication *p)
{
    const struct uri *named = p->o->announce;
    const char *host = p->plan.listen.host;
    bool any = host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;

    if (named != NULL && named->host[0] != '\0')
        host = named->host;
    else if (any)
        host = p->plan.local[0] != '\0' ? p->plan.local : "127.0.0.1";
    (void)snprintf(p->host, sizeof(p->host), "%s", host); /* as long */
    p->port = named != NULL && named->port != 0 ? named->port : p->service.port;
}

static int attach(struct replication *p, struct ft_err *err)
{
    p->attached = true; /* also if the answer is lost */
    p->attached_ms = p->moved_ms = clock_mono_ms();
    return replicate_target_attach(&p->r.target.nodes[0], p->plan.command, p->host, p->port, err);
}

/*
 * Waiting
 */

static int check_reached(const struct replication *p, uint64_t now_ms, struct ft_err *err)
{
    uint64_t limit_ms = p->own.give_up_ms < REACH_MS ? p->own.give_up_ms : REACH_MS;

    if (atomic_load(&p->service.progress.asked) != 0 || now_ms - p->attached_ms < limit_ms)
        return 0;
    return err_set(err, FT_ERR_NET,
                   "the target has not reached this machine at %s:%u within %" PRIu64
                   " seconds: --listen says where to listen, --announce what the target is told",
                   p->host, p->port, (limit_ms + 999) / 1000);
}

static int check_taken(const struct replication *p, struct ft_err *err)
{
    uint64_t asked = atomic_load(&p->service.progress.asked);

    if (p->seen.link_up || asked <= ASKED_MAX + p->restarts)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL,
                   "the target has asked for data %" PRIu64
                   " times and has not taken it: its log says why",
                   asked);
}

/* Whatever moves is a sign of life: what was sent, what was executed, a load. Who is sent a state has a time limit of its
 * own. */
static int check_moving(struct replication *p, bool seen, uint64_t now_ms, struct ft_err *err)
{
    uint64_t moved = atomic_load(&p->service.progress.sent) +
                     atomic_load(&p->service.progress.records) + p->seen.offset;

    if (moved != p->moved || (seen && p->seen.loading) ||
        atomic_load(&p->service.progress.syncing) != 0)
        p->moved_ms = now_ms;
    p->moved = moved;
    if (now_ms - p->moved_ms <= p->own.give_up_ms)
        return 0;
    return err_set(err, FT_ERR_TIMEOUT,
                   seen ? "the target takes nothing any more"
                        : "the target cannot be reached any more");
}

/* Somebody has made it a master; a restart may have too. */
static int check_replica(struct replication *p, const char *run_id, struct ft_err *err)
{
    if (p->seen.replica && strcmp(p->seen.master, p->host) == 0 && p->seen.master_port == p->port)
        return 0;
    if (strcmp(p->seen.run_id, run_id) != 0 && !p->seen.replica && p->restarts++ < RESTARTS_MAX) {
        replay_report_note(&p->r.report, "the target was restarted, and is made a replica again");
        return attach(p, err);
    }
    p->attached = false; /* whoever it was knows why */
    return err_set(
        err, FT_ERR_STATE,
        "the target does not replicate from here any more: somebody has given it another "
        "order");
}

static void publish(struct replication *p)
{
    const struct serve_progress *from = &p->service.progress;
    struct replay_progress *to = p->r.report.progress;
    uint64_t lag = atomic_load(&from->lag_records);
    uint64_t all = atomic_load(&from->stream_records);
    bool counted = lag != STREAM_UNCOUNTED;

    atomic_store(&to->bytes, atomic_load(&from->sent));
    atomic_store(&to->in_journal, p->seen.link_up);
    if (p->seen.link_up) {
        atomic_store(&to->records, !counted    ? atomic_load(&from->records)
                                   : all > lag ? all - lag
                                               : 0);
        atomic_store(&to->lag, counted ? lag : atomic_load(&from->lag));
        atomic_store(&to->lag_is_bytes, !counted);
    }
    p->loads |= p->seen.loading;
}

/* Does the target have all of it? What follows the end are PINGs. */
static bool has_all(struct replication *p, bool seen)
{
    uint64_t complete = atomic_load(&p->service.progress.complete);
    char id[REPLICATE_ID_SIZE];

    replicate_service_id(&p->service, id);
    return seen && complete != 0 && p->seen.link_up && strcmp(p->seen.id, id) == 0 &&
           p->seen.offset >= complete;
}

static int wait_for_target(struct replication *p, struct ft_err *err)
{
    uint64_t wait_ms = LOOK_MIN_MS;
    char run_id[REPLICATE_ID_SIZE];

    memcpy(run_id, p->plan.target.run_id, sizeof(run_id));
    for (;;) {
        uint64_t now_ms;
        bool seen;

        if (replay_check_cancelled(&p->r, err) != 0 ||
            replicate_service_check(&p->service, err) != 0 || look_again(p, &seen, err) != 0)
            return -1;
        now_ms = clock_mono_ms();
        if (seen && check_replica(p, run_id, err) != 0)
            return -1;
        if (seen)
            memcpy(run_id, p->seen.run_id, sizeof(run_id));
        publish(p);
        if (has_all(p, seen))
            return 0;
        if (check_reached(p, now_ms, err) != 0 || check_taken(p, err) != 0 ||
            check_moving(p, seen, now_ms, err) != 0 || replay_sleep(&p->r, wait_ms, err) != 0)
            return -1;
        wait_ms = 2 * wait_ms < LOOK_MAX_MS ? 2 * wait_ms : LOOK_MAX_MS;
    }
}

/*
 * The end
 */

/* A master again, and with all of it: a server that is made one keeps its offset. */
static int promote(struct replication *p, struct ft_err *err)
{
    struct target_node *node = &p->r.target.nodes[0];
    uint64_t complete = atomic_load(&p->service.progress.complete);
    char id[REPLICATE_ID_SIZE];

    replicate_service_id(&p->service, id);
    if (replicate_target_detach(node, p->plan.command, err) != 0 ||
        replicate_target_look(node, &p->seen, err) != 0)
        return -1;
    p->attached = false;
    if (p->seen.replica || strcmp(p->seen.before, id) != 0 || p->seen.offset < complete)
        return err_set(err, FT_ERR_STATE,
                       "the target is a master again, at offset %" PRIu64
                       ", but the input ends at offset %" PRIu64
                       ": somebody else has given it orders meanwhile",
                       p->seen.offset, complete);
    return 0;
}

static int detach_once(struct replication *p, struct ft_err *err)
{
    struct target_node *node;

    if (p->r.target.node_count == 0 && replay_connect(&p->r, err) != 0)
        return -1;
    node = &p->r.target.nodes[0];
    if (replicate_target_look(node, &p->seen, err) != 0)
        return -1;
    if (!p->seen.replica || strcmp(p->seen.master, p->host) != 0 || p->seen.master_port != p->port)
        return 0;
    return replicate_target_detach(node, p->plan.command, err);
}

/* What to say of the data: it is not known when exactly a server lets go of its own. */
static const char *what_is_left(struct replication *p)
{
    char id[REPLICATE_ID_SIZE];

    replicate_service_id(&p->service, id);
    if (strcmp(p->seen.id, id) == 0 || strcmp(p->seen.before, id) == 0)
        return "a part of the input";
    return p->loads || atomic_load(&p->service.progress.sent) != 0
               ? "what it had before, or, if it had begun to load, less"
               : "what it had before";
}

/* Nothing cuts this short: a target that is left a replica of nobody is of no use. */
static void give_back(struct replication *p)
{
    uint64_t began_ms = clock_mono_ms();
    struct ft_err why;

    replay_disconnect(&p->r);
    p->own.cancel_fd = -1;
    p->r.target.host.cancel_fd = -1;
    do {
        err_clear(&why);
        if (detach_once(p, &why) == 0) {
            replay_report_note(&p->r.report, "the target is a master again, with %s",
                               what_is_left(p));
            return;
        }
        replay_disconnect(&p->r);
        (void)replay_sleep(&p->r, LOOK_MAX_MS, &why); /* nobody cancels it */
    } while (clock_mono_ms() - began_ms < p->own.give_up_ms);
    replay_report_note(&p->r.report,
                       "the target could not be made a master again, which is left to you (%s NO "
                       "ONE): %s",
                       p->plan.command, why.msg);
}

/*
 * The run
 */

static int start_service(struct replication *p, struct ft_err *err)
{
    const struct replay_options *o = p->o->replay;
    const struct serve_options options = {.input = o->input,
                                          .generation = o->generation,
                                          .target = p->r.target.kind,
                                          .json_as = o->json_as,
                                          .fail_on_loss = o->fail_on_loss,
                                          .known = &p->plan.survey.losses,
                                          .keys = p->plan.survey.keys,
                                          .databases = p->plan.databases,
                                          .redis_server = p->o->redis_server,
                                          .follow = o->follow,
                                          .listen = p->plan.listen,
                                          .replicas_max = 1,
                                          .on_note = o->on_note,
                                          .context = o->context};
    char id[REPLICATE_ID_SIZE];

    if (replicate_service_start(&p->service, &options, err) != 0)
        return -1;
    replicate_service_id(&p->service, id);
    return p->plan.leftover ? replicate_checks_leftover(&p->plan, id, err) : 0;
}

/* One that is there, but not ready yet, is waited for. */
static int connect_first(struct replication *p, struct ft_err *err)
{
    uint64_t began_ms = clock_mono_ms();

    for (;;) {
        struct ft_err why = FT_ERR_INIT;

        if (replay_connect(&p->r, &why) == 0)
            return 0;
        replay_disconnect(&p->r);
        if (why.kind != FT_ERR_NET || !p->r.target.was_reached ||
            clock_mono_ms() - began_ms > p->own.give_up_ms)
            return err_copy(err, &why);
        if (replay_sleep(&p->r, LOOK_MAX_MS, err) != 0)
            return -1;
    }
}

static int replicate(struct replication *p, struct ft_err *err)
{
    struct replay_checks checks = {0};

    if (replay_input_open(&p->r, err) != 0 || connect_first(p, err) != 0 ||
        replicate_checks_run(&checks, &p->plan, &p->r, p->o, err) != 0 ||
        start_service(p, err) != 0)
        return -1;
    choose_announced(p);
    if (p->plan.target.keys != 0 && !p->plan.leftover)
        replay_report_note(&p->r.report, "the target's own data goes: %" PRIu64 " key%s",
                           p->plan.target.keys, plural(p->plan.target.keys));
    replay_report_note(&p->r.report, "the target is made a replica of %s:%u", p->host, p->port);
    if (attach(p, err) != 0 || wait_for_target(p, err) != 0)
        return -1;
    return promote(p, err);
}

/* What the service has counted, in the report of a replay. */
static int take_result(struct replication *p, struct loss_report *losses,
                       struct replay_result *result, bool complete, struct ft_err *err)
{
    struct serve_result *from = &p->service.result;
    uint64_t all = atomic_load(&p->service.progress.stream_records);

    if (loss_add_report(losses, &from->state_losses, err) != 0 ||
        loss_add_report(losses, &from->losses, err) != 0 ||
        suspect_add_report(&result->suspects, &from->suspects, err) != 0)
        return -1;
    result->resumed = p->plan.leftover && p->attached_ms != 0;
    result->keys = from->state_keys;
    result->journal = from->journal;
    if (!complete)
        result->records = atomic_load(&p->r.report.progress->records);
    else
        result->records = all != STREAM_UNCOUNTED ? all : from->journal.records;
    return 0;
}

static void begin(struct replication *p, const struct replicate_options *options,
                  struct replay_progress *progress, struct loss_report *losses,
                  struct replay_result *result)
{
    *p = (struct replication){.o = options, .own = *options->replay, .service.stop_fd = -1};
    p->own.dry_run = true;
    replay_setup(&p->r, &p->own, progress, losses, result);
    p->r.target.takes_replica = true;
    loss_init(&p->plan.survey.losses);
}

static void end(struct replication *p)
{
    replay_disconnect(&p->r);
    replay_teardown(&p->r);
    replicate_plan_release(&p->plan);
}

int replicate_run(const struct replicate_options *options, struct replay_progress *progress,
                  struct loss_report *losses, struct replay_result *ret, struct ft_err *err)
{
    uint64_t began_ms = clock_mono_ms();
    struct replication p;
    int rc;

    begin(&p, options, progress, losses, ret);
    rc = replicate(&p, err);
    if (rc != 0 && p.attached)
        give_back(&p);
    if (p.service.stop_fd >= 0) {
        replicate_service_stop(&p.service);
        if (take_result(&p, losses, ret, rc == 0, err) != 0)
            rc = -1;
        replicate_service_release(&p.service);
    }
    replay_report_end(&p.r.report, rc == 0, p.r.source != NULL && owner_guard_is_off(&p.r.guard),
                      clock_mono_ms() - began_ms);
    end(&p);
    return rc;
}

/*
 * The rehearsal
 */

static int look_around(struct replay_rehearsal *ret, struct replication *p, struct ft_err *err)
{
    struct target_client *target = &p->r.target;
    struct replay_load load = {.source_memory = p->r.source->info.used_mem, .flush = true};
    int rc;

    if (replay_outlook_target(&ret->checks, target, err) != 0)
        return -1;
    rc = replicate_checks_run(&ret->checks, &p->plan, &p->r, p->o, err);
    ret->resumes = p->plan.leftover;
    ret->keys = load.keys = p->plan.survey.keys;
    ret->records = load.records = p->plan.survey.records;
    ret->bytes = load.bytes = p->plan.survey.bytes;
    if (rc == 0)
        rc = replay_outlook_memory(&ret->checks, target, &load, err);
    return rc == 0 ? replay_outlook_clocks(&ret->checks, target, err) : -1;
}

int replicate_rehearse(struct replay_rehearsal *ret, const struct replicate_options *options,
                       struct loss_report *losses, struct ft_err *err)
{
    struct replay_progress progress = {0};
    struct replay_result result;
    struct ft_err why = FT_ERR_INIT;
    struct replication p;
    int rc;

    *ret = (struct replay_rehearsal){0};
    begin(&p, options, &progress, losses, &result);
    rc = replay_input_open(&p.r, err);
    if (rc == 0 && replay_connect(&p.r, &why) != 0) {
        if (why.kind == FT_ERR_CANCELLED)
            rc = err_copy(err, &why);
        else
            (void)replay_checks_fail(&ret->checks, "target", &why);
    } else if (rc == 0) {
        ret->target_version = p.r.target.version;
        ret->masters = p.r.target.node_count;
        ret->cluster = p.r.target.cluster;
        rc = look_around(ret, &p, err);
    }
    end(&p);
    replay_result_release(&result);
    return rc;
}
