#include "lib/t_peer.h"

#include "lib/test_main.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 8u
#define INPUT_MAX   65536u

struct client {
    int fd; /* -1: none */
    char input[INPUT_MAX];
    size_t n;
};

/* The words of the command at the beginning of the input, as text, as much of it as has room; 0: the
 * command has not come whole. */
static size_t take_command(const char *in, size_t n, char *text, size_t size)
{
    const char *end = in + n;
    const char *at = memchr(in, '\n', n);
    long count = strtol(in + 1, NULL, 10);
    size_t length = 0;

    if (at == NULL)
        return 0;
    at++;
    text[0] = '\0';
    for (long i = 0; i < count; i++) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        long bytes = strtol(at + 1, NULL, 10);

        if (line == NULL || end - line - 1 < bytes + 2)
            return 0;
        if (i != 0 && length + 2 < size)
            text[length++] = ' ';
        for (long k = 0; k < bytes && k < (long)T_PEER_ARG && length + 2 < size; k++)
            text[length++] = (char)(isprint((unsigned char)line[1 + k]) ? line[1 + k] : '.');
        text[length] = '\0';
        at = line + 1 + bytes + 2;
    }
    return (size_t)(at - in);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static const char *find_reply(struct t_peer *peer, const char *text)
{
    struct t_peers *p = peer->peers;

    for (size_t i = 0; i < p->rule_count; i++) {
        const struct t_peer_rule *r = &p->rules[i];

        if ((r->node != T_PEER_ANY && r->node != peer->index) || !begins(text, r->command) ||
            (r->times != 0 && p->used[i] == r->times))
            continue;
        p->used[i]++;
        return r->reply;
    }
    return "-ERR unknown command\r\n";
}

static size_t expand(const struct t_peers *p, const char *reply, char *out, size_t size)
{
    char text[4000];
    size_t n = 0;

    for (const char *at = reply; *at != '\0'; at++) {
        if (at[0] == '@' && isdigit((unsigned char)at[1]))
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%u", p->peer[*++at - '0'].port);
        else
            text[n++] = *at;
    }
    text[n] = '\0';
    if (text[0] != '=')
        return (size_t)snprintf(out, size, "%s", text);
    return (size_t)snprintf(out, size, "$%zu\r\n%s\r\n", n - 1, text + 1);
}

/* Returns whether the connection stays. */
static bool answer(struct t_peer *peer, int fd, const char *text)
{
    char out[4096];
    const char *reply;
    size_t n;

    pthread_mutex_lock(&peer->peers->mu);
    n = strlen(peer->log);
    (void)snprintf(peer->log + n, sizeof(peer->log) - n, "%s\n", text);
    reply = find_reply(peer, text);
    pthread_mutex_unlock(&peer->peers->mu);
    n = expand(peer->peers, reply, out, sizeof(out));
    return n != 0 && send(fd, out, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void serve(struct t_peer *peer, struct client *c)
{
    ssize_t n = recv(c->fd, c->input + c->n, sizeof(c->input) - c->n, 0);
    char text[2048];
    bool stays = n > 0;
    size_t at = 0;
    size_t taken;

    c->n += n > 0 ? (size_t)n : 0;
    while (stays && at < c->n &&
           (taken = take_command(c->input + at, c->n - at, text, sizeof(text))) != 0) {
        stays = answer(peer, c->fd, text);
        at += taken;
    }
    c->n -= at;
    memmove(c->input, c->input + at, c->n);
    if (!stays) {
        (void)close(c->fd);
        c->fd = -1;
    }
}

static void *peer_main(void *arg)
{
    struct t_peer *peer = arg;
    struct client *clients = calloc(CLIENTS_MAX, sizeof(*clients));
    struct pollfd fds[CLIENTS_MAX + 2];

    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        clients[i].fd = -1;
    for (;;) {
        fds[0] = (struct pollfd){peer->peers->stop[0], POLLIN, 0};
        fds[1] = (struct pollfd){peer->listener, POLLIN, 0};
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
            fds[i + 2] = (struct pollfd){clients[i].fd, POLLIN, 0};
        if (poll(fds, CLIENTS_MAX + 2, -1) < 0 || fds[0].revents != 0)
            break;
        for (unsigned i = 0; i < CLIENTS_MAX; i++) {
            if (clients[i].fd >= 0 && fds[i + 2].revents != 0)
                serve(peer, &clients[i]);
        }
        for (unsigned i = 0; fds[1].revents != 0 && i < CLIENTS_MAX; i++) {
            if (clients[i].fd >= 0)
                continue;
            clients[i].fd = accept(peer->listener, NULL, NULL);
            clients[i].n = 0;
            break;
        }
    }
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i].fd >= 0)
            (void)close(clients[i].fd);
    }
    free(clients);
    return NULL;
}

static void start_peer(struct t_peers *p, unsigned index)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct t_peer *peer = &p->peer[index];

    peer->peers = p;
    peer->index = (int)index;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(peer->listener, 8), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
    peer->port = ntohs(address.sin_port);
}

void t_peers_start(struct t_peers *p, unsigned count, const struct t_peer_rule *rules,
                   size_t rule_count)
{
    assert_true(count <= T_PEERS_MAX);
    memset(p, 0, sizeof(*p));
    p->count = count;
    assert_int_equal(pipe(p->stop), 0);
    (void)pthread_mutex_init(&p->mu, NULL);
    t_peers_rules(p, rules, rule_count);
    for (unsigned i = 0; i < count; i++)
        start_peer(p, i);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_create(&p->peer[i].thread, NULL, peer_main, &p->peer[i]), 0);
}

void t_peers_rules(struct t_peers *p, const struct t_peer_rule *rules, size_t rule_count)
{
    pthread_mutex_lock(&p->mu);
    assert_true(p->rule_count + rule_count <= T_PEER_RULES);
    for (size_t i = 0; i < rule_count; i++)
        p->rules[p->rule_count + i] = rules[i];
    p->rule_count += rule_count;
    pthread_mutex_unlock(&p->mu);
}

void t_peers_end(struct t_peers *p)
{
    (void)close(p->stop[1]);
    for (unsigned i = 0; i < p->count; i++) {
        assert_int_equal(pthread_join(p->peer[i].thread, NULL), 0);
        (void)close(p->peer[i].listener);
    }
    (void)close(p->stop[0]);
    (void)pthread_mutex_destroy(&p->mu);
}

struct uri t_peers_uri(const struct t_peers *p, unsigned node)
{
    struct uri u = {.scheme = URI_REDIS, .port = p->peer[node].port};

    (void)snprintf(u.host, sizeof(u.host), "127.0.0.1");
    return u;
}

unsigned t_peers_count(const struct t_peers *p, unsigned node, const char *command)
{
    unsigned count = 0;

    for (const char *line = p->peer[node].log; *line != '\0'; line = strchr(line, '\n') + 1)
        count += begins(line, command);
    return count;
}

#define SERVER "redis_version:7.0.15\r\nrun_id:0123456789\r\nrole:master\r\nloading:0\r\n"

const struct t_peer_rule t_peer_single[] = {
    {T_PEER_ANY, "INFO replication", "=role:master\r\nconnected_slaves:0\r\n", 0},
    {T_PEER_ANY, "INFO", "=" SERVER "cluster_enabled:0\r\n", 0},
    {T_PEER_ANY, "CLUSTER", "-ERR This instance has cluster support disabled\r\n", 0},
    {T_PEER_ANY, "CONFIG GET", "*2\r\n$18\r\nproto-max-bulk-len\r\n$9\r\n536870912\r\n", 0},
    {T_PEER_ANY, "CLIENT SETNAME", "+OK\r\n", 0},
    {T_PEER_ANY, "SELECT", "+OK\r\n", 0},
    {T_PEER_ANY, "SET", "+OK\r\n", 0},
};
const size_t t_peer_single_count = sizeof(t_peer_single) / sizeof(t_peer_single[0]);

const struct t_peer_rule t_peer_cluster[] = {
    {T_PEER_ANY, "INFO replication", "=role:master\r\nconnected_slaves:0\r\n", 0},
    {T_PEER_ANY, "INFO", "=" SERVER "cluster_enabled:1\r\n", 0},
    {T_PEER_ANY, "CLUSTER INFO",
     "=cluster_state:ok\r\ncluster_slots_ok:16384\r\ncluster_current_epoch:2\r\n", 0},
    {T_PEER_ANY, "CLUSTER SLOTS",
     "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:@0\r\n"
     "*3\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:@1\r\n",
     0},
    {T_PEER_ANY, "CONFIG GET", "-NOPERM no\r\n", 0},
    {T_PEER_ANY, "CLIENT SETNAME", "+OK\r\n", 0},
    {T_PEER_ANY, "ASKING", "+OK\r\n", 0},
    {T_PEER_ANY, "SET", "+OK\r\n", 0},
};
const size_t t_peer_cluster_count = sizeof(t_peer_cluster) / sizeof(t_peer_cluster[0]);

static void take_note(void *context, const char *text)
{
    struct t_told *told = context;
    size_t n = strlen(told->notes);

    (void)snprintf(told->notes + n, sizeof(told->notes) - n, "%s\n", text);
    told->note_count++;
}

static int sleep_little(void *context, uint64_t ms, struct ft_err *err)
{
    struct t_told *told = context;

    (void)ms;
    (void)err;
    (void)usleep(1000);
    told->sleeps++;
    return 0;
}

static void take_count(void *context, const char *name, uint64_t commands, uint64_t bytes)
{
    struct t_told *told = context;

    (void)name;
    told->commands += commands;
    told->bytes += bytes;
}

struct target_host t_told_host(struct t_told *told, uint64_t give_up_ms)
{
    return (struct target_host){
        .cancel_fd = -1,
        .give_up_ms = give_up_ms,
        .sent_bytes = &told->sent_bytes,
        .note = take_note,
        .sleep = sleep_little,
        .count = take_count,
        .context = told,
    };
}
