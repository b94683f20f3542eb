#include "target/lease.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/wake.h"
#include "target/target_eval.h"
#include "target/target_lua.h"
#include "wire/reply_error.h"

#define LEASE_MS 15000u
#define RENEW_MS 3000u
/* Between looks at the lease of somebody of whom nothing else is known. */
#define LOOK_MS 500u
/* How long giving it back may hold up an end. */
#define GIVE_BACK_MS 2000u
#define HOST_SIZE    65
#define TOKEN_SIZE   17
#define LEASE_TEXT   (TOKEN_SIZE + HOST_SIZE + 80)

/* Who holds a lease, and where a process of that number is to be looked for. */
struct holder {
    char token[TOKEN_SIZE];
    uint64_t until_ms; /* by the target's clock */
    char host[HOST_SIZE];
    long pid;
    unsigned long long started; /* of the process, in ticks since the machine was */
    unsigned long long
        place; /* which machine, since its last start, and which of its sets of processes */
};

struct lease {
    struct target_host host;
    struct lease_terms terms;
    struct uri uri; /* of the master that has the hash; owned */
    struct redis_pipe *pipe;
    bool here; /* scripts are run here: target_eval.h */
    int abort_fd;
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t changed;
    bool stop; /* guarded by mu */
    bool give_back;
};

/*
 * This process
 */

/* The state letter and the start of a process; false: there is none. */
static bool look_at_process(long pid, char *ret_state, unsigned long long *ret_started)
{
    char path[40];
    char text[1024];
    const char *at;
    FILE *file;
    size_t n;

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid); /* fits */
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    n = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file); /* opened to read */
    text[n] = '\0';
    at = strrchr(text, ')'); /* the end of the name, which may have blanks */
    /* the state, 18 numbers, and the start */
    return at != NULL &&
           sscanf(
               at + 1,
               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
               ret_state, ret_started) == 2;
}

/* 0: not known. */
static unsigned long long find_place(void)
{
    char text[200] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    size_t n = 0;
    ssize_t more;

    if (file == NULL)
        return 0;
    n = fread(text, 1, 64, file);
    (void)fclose(file); /* opened to read */
    more = readlink("/proc/self/ns/pid", text + n, sizeof(text) - n);
    return n == 0 || more <= 0 ? 0 : XXH3_64bits(text, n + (size_t)more);
}

static int find_own(struct holder *own, struct ft_err *err)
{
    uint64_t token;
    char state;

    if (getrandom(&token, sizeof(token), 0) != sizeof(token))
        return err_errno(err, errno, "could not get random bytes");
    (void)snprintf(own->token, sizeof(own->token), "%016" PRIx64, token); /* fits */
    if (gethostname(own->host, sizeof(own->host) - 1) != 0 || own->host[0] == '\0')
        (void)snprintf(own->host, sizeof(own->host), "unknown");
    for (char *at = own->host; *at != '\0'; at++) {
        if (!isgraph((unsigned char)*at))
            *at = '_';
    }
    own->pid = (long)getpid();
    if (!look_at_process(own->pid, &state, &own->started))
        own->started = 0;
    own->place = own->started == 0 ? 0 : find_place();
    return 0;
}

/* One per process: what follows in it, a replay after another or a look at suspect keys, has the same. */
static int get_own(struct holder *ret, struct ft_err *err)
{
    static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
    static struct holder own;
    int rc = 0;

    pthread_mutex_lock(&mu);
    if (own.token[0] == '\0')
        rc = find_own(&own, err);
    *ret = own;
    pthread_mutex_unlock(&mu);
    return rc;
}

static bool parse_holder(const char *text, struct holder *ret)
{
    return sscanf(text, "%16s %" SCNu64 " %64s %ld %llu %llx", ret->token, &ret->until_ms,
                  ret->host, &ret->pid, &ret->started, &ret->place) == 6;
}

/* Only where a process of that number would be seen can its absence tell anything. */
static bool is_here(const struct holder *own, const struct holder *h)
{
    return own->place != 0 && own->place == h->place;
}

static bool is_alive(const struct holder *h)
{
    unsigned long long started;
    char state;

    return look_at_process(h->pid, &state, &started) && started == h->started && state != 'Z' &&
           state != 'X';
}

/*
 * The field on the target
 */

/* EVAL script with the holder's arguments and up to two more. */
static int run_script(struct redis_pipe *pipe, bool here, redisReply **ret, const char *script,
                      const char *key, const struct holder *own, const char *victim,
                      bool may_create, struct ft_err *err)
{
    char ms[I64_TEXT_SIZE];
    char who[LEASE_TEXT];
    int n = snprintf(who, sizeof(who), "%s %ld %llu %llx", own->host, own->pid, own->started,
                     own->place); /* fits */
    const struct bytes args[] = {
        bytes_str("EVAL"),        bytes_str(script),     bytes_str("1"),
        bytes_str(key),           bytes_str(own->token), bytes_of(ms, i64_to_text(LEASE_MS, ms)),
        bytes_of(who, (size_t)n), bytes_str(victim),     bytes_str(may_create ? "1" : "0"),
    };

    return target_eval(pipe, here, ret, args, 9, err);
}

/*
 * Keeping it
 */

static void lose(struct lease *lease, const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct holder h = {.host = "?"};

    (void)parse_holder(text, &h); /* else it stays unnamed */
    (void)err_set(&err, FT_ERR_STATE,
                  "process %ld on %s has taken over the target: this replay ends", h.pid, h.host);
    lease->terms.lost(lease->terms.context, &err);
}

/* The hash may have moved to another master, and go there again when a slot map says so. */
static void follow_redirect(struct lease *lease, const char *text)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct slot_map_address address = {.port = 0};
    struct reply_error e;
    struct uri uri;

    reply_error_parse(bytes_str(text), &e);
    if ((e.kind != REPLY_ERROR_MOVED && e.kind != REPLY_ERROR_ASK) || e.host[0] == '\0')
        return;
    address.port = e.port;
    memcpy(address.host, e.host, sizeof(address.host));
    if (slot_map_node_uri(&address, &lease->uri, &uri, &ignored) != 0)
        return; /* the next look is where it was */
    uri_release(&lease->uri);
    lease->uri = uri;
}

static int call_anew(struct lease *lease, redisReply **ret, const char *script,
                     const struct holder *own, struct ft_err *err)
{
    if (lease->pipe == NULL && redis_pipe_open_within(&lease->pipe, &lease->uri, lease->abort_fd,
                                                      lease->host.give_up_ms, NULL, NULL, err) != 0)
        return -1;
    if (run_script(lease->pipe, lease->here, ret, script, lease->terms.key, own, "", false, err) ==
        0)
        return 0;
    redis_pipe_free(lease->pipe);
    lease->pipe = NULL;
    return -1;
}

/* A target that is away, or refuses, is for whoever writes to notice. */
static void renew(struct lease *lease, const struct holder *own)
{
    struct ft_err ignored = FT_ERR_INIT;
    redisReply *reply;

    if (call_anew(lease, &reply, lua_lease_renew, own, &ignored) != 0)
        return;
    if (reply->type == REDIS_REPLY_STRING)
        lose(lease, reply->str);
    if (reply->type == REDIS_REPLY_ERROR) {
        follow_redirect(lease, reply->str);
        redis_pipe_free(lease->pipe);
        lease->pipe = NULL;
    }
    reply_free(reply);
}

/* Returns whether it is to go on. */
static bool wait_for_next(struct lease *lease)
{
    struct timespec until;
    bool stop;

    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
    until.tv_sec += RENEW_MS / 1000;
    pthread_mutex_lock(&lease->mu);
    while (!lease->stop && pthread_cond_timedwait(&lease->changed, &lease->mu, &until) == 0)
        ;
    stop = lease->stop;
    pthread_mutex_unlock(&lease->mu);
    return !stop;
}

static void *keep(void *context)
{
    struct lease *lease = context;
    struct ft_err ignored = FT_ERR_INIT;
    redisReply *reply;
    struct holder own;

    if (get_own(&own, &ignored) != 0)
        return NULL;
    while (wait_for_next(lease))
        renew(lease, &own);
    if (lease->give_back && call_anew(lease, &reply, lua_lease_give_back, &own, &ignored) == 0)
        reply_free(reply); /* else it runs out */
    return NULL;
}

static int start_thread(struct lease *lease, struct ft_err *err)
{
    pthread_condattr_t attr;
    int rc;

    (void)pthread_mutex_init(&lease->mu, NULL); /* default attributes: cannot fail on Linux */
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&lease->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    rc = pthread_create(&lease->thread, NULL, keep, lease);
    if (rc == 0)
        return 0;
    (void)pthread_mutex_destroy(&lease->mu);
    (void)pthread_cond_destroy(&lease->changed);
    return err_errno(err, rc, "could not start a thread");
}

static void lease_free(struct lease *lease)
{
    redis_pipe_free(lease->pipe);
    uri_release(&lease->uri);
    if (lease->abort_fd >= 0)
        (void)close(lease->abort_fd); /* nothing was written to it */
    free(lease);
}

static int keep_lease(struct lease **ret, struct target_client *t, const struct lease_terms *terms,
                      const struct target_node *node, struct ft_err *err)
{
    struct lease *lease = calloc(1, sizeof(*lease));

    if (lease == NULL)
        return err_nomem(err, "a lease");
    lease->host = t->host;
    lease->terms = *terms;
    lease->here = atomic_load(&t->no_eval);
    if (wake_open(&lease->abort_fd, err) == 0 && uri_copy(&lease->uri, &node->uri, err) == 0 &&
        start_thread(lease, err) == 0) {
        *ret = lease;
        return 0;
    }
    lease_free(lease);
    return -1;
}

void lease_end(struct lease *lease, bool give_back)
{
    struct timespec until;

    if (lease == NULL)
        return;
    pthread_mutex_lock(&lease->mu);
    lease->stop = true;
    lease->give_back = give_back;
    pthread_cond_signal(&lease->changed);
    pthread_mutex_unlock(&lease->mu);
    (void)clock_gettime(CLOCK_REALTIME, &until); /* cannot fail */
    until.tv_sec += GIVE_BACK_MS / 1000;
    if (pthread_timedjoin_np(lease->thread, NULL, &until) != 0) {
        (void)wake_set(lease->abort_fd);
        (void)pthread_join(lease->thread, NULL);
    }
    (void)pthread_mutex_destroy(&lease->mu);
    (void)pthread_cond_destroy(&lease->changed);
    lease_free(lease);
}

/*
 * Taking it
 */

static int refuse(const struct holder *h, struct ft_err *err)
{
    return err_set(err, FT_ERR_STATE,
                   "another replay is at work on this target: process %ld on %s; end it first, or "
                   "take its place by --take-over",
                   h->pid, h->host);
}

/* Whoever may use neither scripts nor transactions continues without a lease, and a note says so. */
static bool may_do_without(const struct target_client *t, const struct lease_terms *terms,
                           const struct target_node *node, const char *text)
{
    if (!reply_error_denies_command(text))
        return false;
    if (!terms->quiet)
        target_host_note(
            &t->host,
            "%s allows neither EVAL nor WATCH and MULTI: a second replay into it at the "
            "same time is not kept away (%s)",
            node->name, text);
    return true;
}

/* One attempt: 1 has it, 0 there is no hash, 2 somebody else has it. */
static int try_take(struct target_client *t, const struct lease_terms *terms,
                    struct target_node *node, const struct holder *own, const char *victim,
                    struct holder *ret, struct ft_err *err)
{
    bool here = atomic_load(&t->no_eval);
    redisReply *reply;
    int rc = -1;

    if (run_script(node->pipe, here, &reply, lua_lease_take, terms->key, own, victim,
                   terms->may_create, err) != 0)
        return -1;
    if (!here && reply->type == REDIS_REPLY_ERROR && reply_error_denies_command(reply->str)) {
        reply_free(reply);
        atomic_store(&t->no_eval, true);
        return try_take(t, terms, node, own, victim, ret, err);
    }
    if (reply->type == REDIS_REPLY_ERROR && may_do_without(t, terms, node, reply->str))
        rc = 1;
    else if (reply->type == REDIS_REPLY_ERROR)
        (void)target_node_refused(node, reply->str, err);
    else if (reply->type == REDIS_REPLY_INTEGER)
        rc = reply->integer != 0;
    else if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
             reply->element[0]->type == REDIS_REPLY_STRING &&
             parse_holder(reply->element[0]->str, ret))
        rc = 2;
    else
        (void)err_set(err, FT_ERR_PROTOCOL, "%s: the lease in the state of the replay is damaged",
                      node->name);
    reply_free(reply);
    return rc;
}

/* Whoever has had it and lost it does not take it back: that would go on for ever. */
static atomic_bool was_held;

/* Of a holder elsewhere only time tells whether it is alive. */
static int await_holder(const struct target_client *t, const struct holder *first,
                        const struct holder *now, struct ft_err *err)
{
    bool renewed = strcmp(first->token, now->token) != 0 || first->until_ms != now->until_ms;

    if (renewed)
        return refuse(now, err);
    return target_host_sleep(&t->host, LOOK_MS, err);
}

static int take(struct target_client *t, const struct lease_terms *terms, struct target_node *node,
                const struct holder *own, struct ft_err *err)
{
    bool take_over = terms->take_over && !atomic_load(&was_held);
    struct holder first = {.token = ""};
    char victim[TOKEN_SIZE] = "";
    struct holder h = {.host = ""};
    int rc;

    while ((rc = try_take(t, terms, node, own, victim, &h, err)) == 2) {
        if (take_over || (is_here(own, &h) && !is_alive(&h))) {
            memcpy(victim, h.token, sizeof(victim));
            continue;
        }
        if (is_here(own, &h))
            return refuse(&h, err);
        if (first.token[0] == '\0') {
            first = h;
            target_host_note(
                &t->host,
                "process %ld on %s was at work on this target; waiting until it is clear "
                "that it has ended (%u s at most, or --take-over)",
                h.pid, h.host, LEASE_MS / 1000);
        }
        if (await_holder(t, &first, &h, err) != 0)
            return -1;
    }
    if (rc == 1 && victim[0] != '\0' && take_over)
        target_host_note(&t->host, "taken over from process %ld on %s", h.pid, h.host);
    if (rc == 1)
        atomic_store(&was_held, true);
    return rc;
}

int lease_take(struct lease **lease, struct target_client *t, const struct lease_terms *terms,
               struct ft_err *err)
{
    struct target_node *node = target_client_node(t, bytes_str(terms->key));
    struct holder own;
    int rc;

    if (get_own(&own, err) != 0)
        return -1;
    rc = take(t, terms, node, &own, err);
    if (rc < 0)
        return -1;
    return rc == 0 || *lease != NULL ? 0 : keep_lease(lease, t, terms, node, err);
}

/* The time of the server, in ms; 0: it does not say. */
static int ask_time(struct target_node *node, uint64_t *ret_ms, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("TIME")};
    redisReply *reply;
    uint64_t seconds;

    if (target_node_ask(node, &reply, args, 1, err) != 0)
        return -1;
    *ret_ms = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                      reply->element[0]->type == REDIS_REPLY_STRING &&
                      bytes_to_u64(bytes_str(reply->element[0]->str), &seconds)
                  ? seconds * 1000
                  : 0;
    reply_free(reply);
    return 0;
}

int lease_look(struct target_client *t, const struct lease_terms *terms, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HGET"), bytes_str(terms->key), bytes_str("lease")};
    struct target_node *node = target_client_node(t, args[1]);
    struct holder h = {.host = ""};
    struct holder own;
    redisReply *reply;
    uint64_t now_ms;
    bool held;

    if (get_own(&own, err) != 0 || target_node_ask(node, &reply, args, 3, err) != 0)
        return -1;
    held = reply->type == REDIS_REPLY_STRING && parse_holder(reply->str, &h);
    reply_free(reply);
    if (!held || strcmp(h.token, own.token) == 0)
        return 0;
    if (ask_time(node, &now_ms, err) != 0)
        return -1;
    if (h.until_ms <= now_ms || (is_here(&own, &h) && !is_alive(&h)))
        return 0;
    if (!terms->take_over)
        return refuse(&h, err);
    target_host_note(&t->host, "process %ld on %s is at work on this target: its place is taken",
                     h.pid, h.host);
    return 0;
}
