/*
 * bench_psync.c - a Redis that replicates as fast as it can, and the plain program that capture is measured against with it.
 *
 *   bench-psync serve RECORDS [RDB]     prints its port; a full sync, of this file or empty, then so many SETs of 100 bytes
 *   bench-psync receive PORT FILE       all that comes, into a file, and fdatasync
 *
 * The receiver looks at nothing but the number of bytes, which INFO tells.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID           "0123456789abcdef0123456789abcdef01234567"
#define RDB          "REDIS0011\xFF\0\0\0\0\0\0\0\0"
#define RECORD       "*3\r\n$3\r\nSET\r\n$14\r\nkey:%010u\r\n$100\r\n%0100u\r\n"
#define RECORD_SIZE  142u
#define CHUNK        8192u /* records */
#define RECEIVE_SIZE (256u << 10)
#define RDB_PIECE    (1u << 20)

static uint64_t records;
static const char *rdb_path; /* NULL: an empty one */
static uint64_t rdb_bytes;

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static int send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return -1;
        p += sent;
        n -= (size_t)sent;
    }
    return 0;
}

/* ---- serve ---- */

static int send_rdb(int fd)
{
    static const char empty[] = "$EOF:" ID "\r\n" RDB ID;
    char length[32];
    off_t at = 0;
    int file;

    if (rdb_path == NULL)
        return send_all(fd, empty, sizeof(empty) - 1);
    file = open(rdb_path, O_RDONLY);
    snprintf(length, sizeof(length), "$%llu\r\n", (unsigned long long)rdb_bytes);
    if (file < 0 || send_all(fd, length, strlen(length)) != 0)
        return -1;
    while ((uint64_t)at < rdb_bytes) {
        if (sendfile(fd, file, &at, RDB_PIECE) <= 0) {
            close(file);
            return -1;
        }
    }
    close(file);
    return 0;
}

static void replicate(int fd)
{
    static const char head[] = "+FULLRESYNC " ID " 0\r\n";
    char *chunk = malloc(CHUNK * RECORD_SIZE + 1);

    if (chunk == NULL)
        fail("out of memory");
    for (unsigned i = 0; i < CHUNK; i++)
        snprintf(chunk + (size_t)i * RECORD_SIZE, RECORD_SIZE + 1, RECORD, i, i);
    if (send_all(fd, head, sizeof(head) - 1) == 0 && send_rdb(fd) == 0) {
        for (uint64_t left = records; left > 0;) {
            uint64_t n = left < CHUNK ? left : CHUNK;

            if (send_all(fd, chunk, n * RECORD_SIZE) != 0)
                break;
            left -= n;
        }
    }
    free(chunk);
}

static void answer(int fd, const char *asked)
{
    char info[300];
    char reply[400];

    if (strcasestr(asked, "PSYNC") != NULL && strcasestr(asked, "REPLCONF") == NULL) {
        replicate(fd);
        return;
    }
    if (strcasestr(asked, "INFO") != NULL) {
        snprintf(info, sizeof(info),
                 "redis_version:7.2.6\r\nrole:master\r\nmaster_replid:" ID
                 "\r\nmaster_repl_offset:%llu\r\nall_bytes:%llu\r\n",
                 (unsigned long long)(records * RECORD_SIZE),
                 (unsigned long long)(rdb_bytes + records * RECORD_SIZE));
        snprintf(reply, sizeof(reply), "$%zu\r\n%s\r\n", strlen(info), info);
    } else if (strcasestr(asked, "PING") != NULL) {
        strcpy(reply, "+PONG\r\n");
    } else {
        strcpy(reply, "+OK\r\n");
    }
    if (strcasestr(asked, "ACK") == NULL)
        (void)send_all(fd, reply, strlen(reply));
}

/* Each request comes in one piece: who asks waits for the answer. */
static void *converse(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char asked[4096];
    ssize_t n;

    while ((n = recv(fd, asked, sizeof(asked) - 1, 0)) > 0) {
        asked[n] = '\0';
        answer(fd, asked);
    }
    close(fd);
    return NULL;
}

static void serve(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 8) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        fail("could not listen: %s", strerror(errno));
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);

        if (fd < 0 || pthread_create(&thread, NULL, converse, (void *)(intptr_t)fd) != 0)
            fail("could not take a connection: %s", strerror(errno));
        pthread_detach(thread);
    }
}

/* ---- receive ---- */

static int connect_to(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail("could not connect: %s", strerror(errno));
    return fd;
}

static uint64_t ask_bytes(int fd)
{
    char reply[1024];
    const char *at;
    ssize_t n;

    if (send_all(fd, "INFO\r\n", 6) != 0 || (n = recv(fd, reply, sizeof(reply) - 1, 0)) <= 0)
        fail("no answer");
    reply[n] = '\0';
    at = strstr(reply, "all_bytes:");
    if (at == NULL)
        fail("it does not say how much comes");
    return strtoull(at + strlen("all_bytes:"), NULL, 10);
}

static void receive(unsigned port, const char *path)
{
    int sock = connect_to(port);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    char *buf = malloc(RECEIVE_SIZE);
    uint64_t left = ask_bytes(sock); /* and a little more comes in front of it */

    if (fd < 0 || buf == NULL)
        fail("could not begin: %s", strerror(errno));
    if (send_all(sock, "PSYNC ? -1\r\n", 12) != 0)
        fail("could not ask");
    while (left > 0) {
        ssize_t n = recv(sock, buf, RECEIVE_SIZE, 0);

        if (n <= 0 || write(fd, buf, (size_t)n) != n)
            fail("could not receive or write: %s", strerror(errno));
        left -= (uint64_t)n < left ? (uint64_t)n : left;
    }
    if (fdatasync(fd) != 0)
        fail("could not sync: %s", strerror(errno));
    free(buf);
    close(fd);
    close(sock);
}

int main(int argc, char **argv)
{
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "serve") == 0) {
        struct stat st = {0};

        records = strtoull(argv[2], NULL, 10);
        rdb_path = argv[3];
        if (rdb_path != NULL && stat(rdb_path, &st) != 0)
            fail("%s: %s", rdb_path, strerror(errno));
        rdb_bytes = (uint64_t)st.st_size;
        serve();
    } else if (argc == 4 && strcmp(argv[1], "receive") == 0) {
        receive((unsigned)atoi(argv[2]), argv[3]);
    } else {
        fail("usage: bench-psync serve RECORDS [RDB] | receive PORT FILE");
    }
    return 0;
}
