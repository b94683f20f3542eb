#include "replicate/replicate_checks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/parse.h"
#include "replay/replay_connect.h"
#include "replay/replay_content.h"
#include "state/fold.h"
#include "target/rights.h"

struct look {
    struct replay_checks *ret;
    struct replicate_plan *plan;
    struct replay *r;
    const struct replicate_options *options;
    struct target_node *node;
};

typedef int step_fn(struct look *l, struct ft_err *err);

/*
 * What the target is
 */

static int check_kind(struct look *l, struct ft_err *err)
{
    if (l->r->target.cluster) {
        err_set(err, FT_ERR_STATE,
                "the target is a cluster, of which no node becomes a replica of another server; "
                "replay without --via replication");
        return replay_checks_fail(l->ret, "target", err);
    }
    return 0;
}

static int say_replica(const struct replicate_plan *p, struct ft_err *err)
{
    return err_set(err, FT_ERR_STATE,
                   "the target is a replica of %s:%u: name its master, or make it one first "
                   "(REPLICAOF NO ONE)",
                   p->target.master, p->target.master_port);
}

static int check_role(struct look *l, struct ft_err *err)
{
    struct replicate_plan *p = l->plan;

    if (replicate_target_look(l->node, &p->target, err) != 0)
        return replay_checks_fail(l->ret, "role", err);
    p->leftover = p->target.replica && !p->target.link_up;
    if (p->target.replica && !p->leftover) {
        say_replica(p, err);
        return replay_checks_fail(l->ret, "role", err);
    }
    if (p->target.replicas != 0) {
        err_set(err, FT_ERR_STATE,
                "the target has %" PRIu64
                " replica%s, which would lose what is there too: detach %s "
                "first",
                p->target.replicas, plural(p->target.replicas),
                p->target.replicas == 1 ? "it" : "them");
        return replay_checks_fail(l->ret, "role", err);
    }
    if (p->leftover)
        replay_checks_add(l->ret, "role", REPLAY_CHECK_NOTED,
                          "the target is a replica of %s:%u, which it does not reach: this will do "
                          "if a run with this input was killed",
                          p->target.master, p->target.master_port);
    else
        replay_checks_add(l->ret, "role", REPLAY_CHECK_PASSED, "the target is a master");
    return 0;
}

int replicate_checks_leftover(const struct replicate_plan *plan, const char *id, struct ft_err *err)
{
    return strcmp(plan->target.id, id) == 0 ? 0 : say_replica(plan, err);
}

static int check_permission(struct look *l, struct ft_err *err)
{
    static const char *const names[] = {"REPLICAOF", "SLAVEOF"};
    bool allowed = false;

    for (size_t i = 0; !allowed && i < sizeof(names) / sizeof(names[0]); i++) {
        l->plan->command = names[i];
        if (rights_ask_command(&l->r->target, names[i], &allowed, err) != 0)
            return replay_checks_fail(l->ret, "permissions", err);
    }
    if (!allowed) {
        err_set(
            err, FT_ERR_PROTOCOL,
            "the target has no REPLICAOF for this user: it was renamed, is not allowed (ACL), or "
            "is not offered; replay without --via replication");
        return replay_checks_fail(l->ret, "permissions", err);
    }
    replay_checks_add(l->ret, "permissions", REPLAY_CHECK_PASSED, "the user may run %s",
                      l->plan->command);
    return 0;
}

static int check_writer(struct look *l, struct ft_err *err)
{
    if (replay_take_lease(l->r, err) != 0) /* a look alone, as nothing is written */
        return replay_checks_fail(l->ret, "writer", err);
    replay_checks_add(l->ret, "writer", REPLAY_CHECK_PASSED, "no replay is at work");
    return 0;
}

/*
 * The way back
 */

/* This machine's end of the connection, without a port. */
static int find_local(struct look *l, bool *ret_loopback, struct ft_err *err)
{
    struct sockaddr_storage address = {0};
    const struct sockaddr_in *v4 = (const void *)&address;
    const struct sockaddr_in6 *v6 = (const void *)&address;
    socklen_t n = sizeof(address);

    *ret_loopback = true;
    if (getsockname(redis_pipe_fd(l->node->pipe), (struct sockaddr *)&address, &n) != 0)
        return err_errno(err, errno, "could not find out this machine's address");
    if (address.ss_family == AF_INET) {
        *ret_loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
        (void)inet_ntop(AF_INET, &v4->sin_addr, l->plan->local, sizeof(l->plan->local)); /* fits */
    } else if (address.ss_family == AF_INET6) {
        *ret_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
                        (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, l->plan->local,
                        sizeof(l->plan->local)); /* likewise */
    }
    return 0;
}

/* "yes", "no", or "" where it is not to be had. */
static int ask_setting(struct target_node *node, const char *name, char out[16], struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("CONFIG"), bytes_str("GET"), bytes_str(name)};
    redisReply *reply;

    out[0] = '\0';
    if (target_node_ask(node, &reply, args, 3, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING)
        (void)snprintf(out, 16, "%s", reply->element[1]->str); /* a longer one is not looked for */
    reply_free(reply);
    return 0;
}

static int check_address(struct look *l, struct ft_err *err)
{
    struct replicate_plan *p = l->plan;
    char tls[16];
    bool loopback;

    if (find_local(l, &loopback, err) != 0 ||
        ask_setting(l->node, "tls-replication", tls, err) != 0)
        return replay_checks_fail(l->ret, "address", err);
    p->listen = (struct uri){.scheme = URI_REDIS, .host = "127.0.0.1"};
    if (strchr(p->local, ':') != NULL && loopback)
        memcpy(p->listen.host, p->local, sizeof(p->local));
    if (l->options->listen != NULL)
        p->listen = *l->options->listen;
    if (strcmp(tls, "yes") == 0)
        err_set(err, FT_ERR_STATE,
                "the target wants TLS of its master (tls-replication), which is not served");
    else if (!loopback && l->options->listen == NULL)
        err_set(err, FT_ERR_USAGE,
                "the target has to connect to this machine, and then reads all of the input: "
                "--listen says at which address, for example --listen %s:7000",
                p->local);
    else {
        replay_checks_add(l->ret, "address", REPLAY_CHECK_PASSED,
                          "the target is going to connect to this machine");
        return 0;
    }
    return replay_checks_fail(l->ret, "address", err);
}

/*
 * What it has, and what it gets
 */

static int check_content(struct look *l, struct ft_err *err)
{
    const struct replicate_plan *p = l->plan;
    bool empty;

    if (p->leftover)
        return 0;
    if (replay_content_is_empty(l->r, &empty, err) != 0)
        return replay_checks_fail(l->ret, "content", err);
    if (!empty && !l->r->o->flush) {
        err_set(err, FT_ERR_STATE,
                "the target has %" PRIu64 " key%s, which would go: replication replaces what is "
                "there; --flush says that it may; nothing was changed",
                p->target.keys, plural(p->target.keys));
        return replay_checks_fail(l->ret, "content", err);
    }
    if (empty)
        replay_checks_add(l->ret, "content", REPLAY_CHECK_PASSED, "the target is empty");
    else
        replay_checks_add(l->ret, "content", REPLAY_CHECK_NOTED,
                          "the target's own data will go: %" PRIu64 " key%s", p->target.keys,
                          plural(p->target.keys));
    return 0;
}

static int check_databases(struct look *l, struct ft_err *err)
{
    uint32_t db = l->plan->survey.db_max;
    char text[16];
    uint64_t count;
    bool there = true;

    if (db != 0 && target_node_has_db(l->node, db, &there, err) != 0)
        return replay_checks_fail(l->ret, "databases", err);
    if (!there) {
        err_set(err, FT_ERR_STATE,
                "there are keys for database %" PRIu32 ", and the target has fewer databases "
                "(databases in its configuration); nothing was changed",
                db);
        return replay_checks_fail(l->ret, "databases", err);
    }
    if (ask_setting(l->node, "databases", text, err) != 0)
        return replay_checks_fail(l->ret, "databases", err);
    l->plan->databases = bytes_to_u64(bytes_str(text), &count) && count > db && count <= INT32_MAX
                             ? (uint32_t)count
                             : db + 1;
    replay_checks_add(l->ret, "databases", REPLAY_CHECK_PASSED, "the target has database %" PRIu32,
                      db);
    return 0;
}

static int survey_input(struct look *l, struct ft_err *err)
{
    return replay_survey_run(&l->plan->survey, l->r, err);
}

/* Only records inside the full sync have to be applied for the state that a replica gets. */
static int check_engine(struct look *l, struct ft_err *err)
{
    const char *program = l->options->redis_server;

    if (l->plan->survey.in_sync == 0)
        return 0;
    if (fold_check_server(program, l->r->o->cancel_fd, err) != 0)
        return err->kind == FT_ERR_CANCELLED ? -1 : replay_checks_fail(l->ret, "state", err);
    replay_checks_add(l->ret, "state", REPLAY_CHECK_PASSED, "\"%s\" can make it", program);
    return 0;
}

static int check_losses(struct look *l, struct ft_err *err)
{
    return replay_checks_losses(l->ret, &l->r->report, &l->plan->survey.losses,
                                l->r->target.kind->name, l->options->replay->dry_run, err);
}

/* A rehearsal makes the checks after one that failed, too; but not if it could not find out. */
static int run_steps(struct look *l, struct ft_err *err)
{
    static step_fn *const steps[] = {check_role,      check_permission, check_writer,
                                     check_address,   check_content,    survey_input,
                                     check_databases, check_engine,     check_losses};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        size_t failed = replay_checks_count(l->ret, REPLAY_CHECK_FAILED);

        if (steps[i](l, err) == 0)
            continue;
        if (!l->options->replay->dry_run ||
            replay_checks_count(l->ret, REPLAY_CHECK_FAILED) == failed)
            return -1;
        err_clear(err);
    }
    return 0;
}

int replicate_checks_run(struct replay_checks *ret, struct replicate_plan *ret_plan,
                         struct replay *r, const struct replicate_options *options,
                         struct ft_err *err)
{
    struct look l = {
        .ret = ret, .plan = ret_plan, .r = r, .options = options, .node = &r->target.nodes[0]};

    *ret_plan = (struct replicate_plan){0};
    loss_init(&ret_plan->survey.losses);
    if (check_kind(&l, err) != 0) {
        if (!options->replay->dry_run)
            return -1;
        err_clear(err);
        return 0;
    }
    return run_steps(&l, err);
}

void replicate_plan_release(struct replicate_plan *plan)
{
    replay_survey_release(&plan->survey);
}
