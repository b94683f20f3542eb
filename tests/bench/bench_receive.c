/*
 * bench_receive.c - the peer that capture is measured against: what a plain program needs to get
 * the same bytes from the same master onto the same disk.
 *
 *   bench-receive HOST PORT RECORDING OUTDIR
 *
 * The smallest conversation that makes the master send, then one thread per flow that only calls
 * recv and write, and fdatasync at the end. It looks at nothing it receives: how many bytes a flow
 * has, and when its full sync is over, it reads from the recording's meta.json.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECEIVE_SIZE (256u << 10)
#define FLOWS_MAX    64

struct flow {
    pthread_t thread;
    int sock;
    int fd;
    uint64_t fullsync_bytes;
    uint64_t total_bytes;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned full_syncs_done;

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fprintf(stderr, "bench-receive: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

static int connect_to(const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int sock;

    if (getaddrinfo(host, port, &hints, &found) != 0)
        fail("cannot resolve %s", host);
    sock = socket(found->ai_family, SOCK_STREAM, 0);
    if (sock < 0 || connect(sock, found->ai_addr, found->ai_addrlen) != 0)
        fail("could not connect to %s:%s: %s", host, port, strerror(errno));
    freeaddrinfo(found);
    return sock;
}

/* read_line - byte by byte, so that nothing of the stream behind the reply is taken. */
static void read_line(int sock, char *line, size_t size)
{
    size_t n = 0;

    do {
        if (n + 1 == size || recv(sock, line + n, 1, 0) != 1)
            fail("the master went away or sent a long line");
    } while (line[n++] != '\n');
    line[n - 2] = '\0';
    if (line[0] == '-')
        fail("the master said: %s", line);
}

static void ask(int sock, char *line, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void ask(int sock, char *line, size_t size, const char *fmt, ...)
{
    char command[512];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);
    if (send(sock, command, (size_t)n, MSG_NOSIGNAL) != n)
        fail("could not send to the master");
    read_line(sock, line, size);
}

/* load_flows - what meta.json says of each flow; returns their number. */
static unsigned load_flows(const char *recording, struct flow *flows)
{
    char path[4096];
    json_error_t why;
    json_t *meta, *list, *item;
    size_t i;

    snprintf(path, sizeof(path), "%s/meta.json", recording);
    meta = json_load_file(path, 0, &why);
    list = json_object_get(meta, "flows");
    if (json_array_size(list) == 0 || json_array_size(list) > FLOWS_MAX)
        fail("%s: not a recording", path);
    json_array_foreach(list, i, item)
    {
        flows[i].fullsync_bytes =
            (uint64_t)json_integer_value(json_object_get(item, "fullsync_bytes"));
        flows[i].total_bytes = (uint64_t)json_integer_value(json_object_get(item, "total_bytes"));
    }
    i = json_array_size(list);
    json_decref(meta);
    return (unsigned)i;
}

static void *receive(void *arg)
{
    struct flow *flow = arg;
    char *buf = malloc(RECEIVE_SIZE);
    uint64_t got = 0;
    bool full_sync = true;

    if (buf == NULL)
        fail("out of memory");
    while (got < flow->total_bytes) {
        ssize_t n = recv(flow->sock, buf, RECEIVE_SIZE, 0);

        if (n <= 0 || write(flow->fd, buf, (size_t)n) != n)
            fail("could not receive or write: %s", strerror(errno));
        got += (uint64_t)n;
        if (full_sync && got >= flow->fullsync_bytes) {
            full_sync = false;
            pthread_mutex_lock(&mutex);
            full_syncs_done++;
            pthread_cond_signal(&changed);
            pthread_mutex_unlock(&mutex);
        }
    }
    if (fdatasync(flow->fd) != 0)
        fail("could not sync: %s", strerror(errno));
    free(buf);
    return NULL;
}

static void flow_open(struct flow *flow, unsigned i, char **argv, const char *replid,
                      const char *syncid)
{
    char path[4096], line[256];

    snprintf(path, sizeof(path), "%s/flow-%u.bin", argv[4], i);
    flow->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (flow->fd < 0)
        fail("could not create %s: %s", path, strerror(errno));
    flow->sock = connect_to(argv[1], argv[2]);
    ask(flow->sock, line, sizeof(line), "DFLY FLOW %s %s %u\r\n", replid, syncid, i);
    read_line(flow->sock, line, sizeof(line)); /* +FULL */
    read_line(flow->sock, line, sizeof(line)); /* the token */
}

static void run(unsigned count, struct flow *flows, char **argv)
{
    char line[256], replid[256], syncid[256];
    int control = connect_to(argv[1], argv[2]);
    int elements;

    ask(control, line, sizeof(line), "REPLCONF capa dragonfly\r\n");
    elements = atoi(line + 1);
    read_line(control, replid, sizeof(replid));
    read_line(control, syncid, sizeof(syncid));
    for (int i = 2; i < elements; i++)
        read_line(control, line, sizeof(line));
    ask(control, line, sizeof(line), "REPLCONF CLIENT-VERSION 4\r\n");
    for (unsigned i = 0; i < count; i++)
        flow_open(&flows[i], i, argv, replid + 1, syncid + 1);
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&flows[i].thread, NULL, receive, &flows[i]) != 0)
            fail("could not start a thread");

    ask(control, line, sizeof(line), "DFLY SYNC %s\r\n", syncid + 1);
    pthread_mutex_lock(&mutex);
    while (full_syncs_done < count)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    ask(control, line, sizeof(line), "DFLY STARTSTABLE %s\r\n", syncid + 1);
    for (unsigned i = 0; i < count; i++)
        pthread_join(flows[i].thread, NULL);
}

int main(int argc, char **argv)
{
    static struct flow flows[FLOWS_MAX];

    if (argc != 5) {
        fprintf(stderr, "usage: bench-receive HOST PORT RECORDING OUTDIR\n");
        return 2;
    }
    if (mkdir(argv[4], 0755) != 0 && errno != EEXIST)
        fail("could not create %s: %s", argv[4], strerror(errno));
    run(load_flows(argv[3], flows), flows, argv);
    return 0;
}
