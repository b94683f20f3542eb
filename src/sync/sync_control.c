#include "sync/sync_control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REPORT_MAX   (16u << 20)
#define NOTE_SIZE    900
#define SEND_WAIT_MS 500

/* A path of any length fits when it is reached through the directory's descriptor. */
static void address_of(int dirfd, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/" SYNC_CONTROL_SOCKET,
                   dirfd); /* fits */
}

static void close_all(struct sync_control *c)
{
    c->dirfd = -1;
    c->fd = -1;
    for (size_t i = 0; i < SYNC_CONTROL_CLIENTS; i++)
        c->clients[i] = (struct sync_control_client){.fd = -1};
}

void sync_control_init(struct sync_control *c)
{
    *c = (struct sync_control){0};
    close_all(c);
    (void)pthread_mutex_init(&c->mu, NULL); /* default attributes: cannot fail on Linux */
    (void)pthread_mutex_init(&c->clients_mu, NULL);
}

void sync_control_release(struct sync_control *c)
{
    sync_control_close(c);
    (void)pthread_mutex_destroy(&c->mu); /* nobody holds it any more */
    (void)pthread_mutex_destroy(&c->clients_mu);
}

int sync_control_open(struct sync_control *c, const char *dir, struct ft_err *err)
{
    struct sockaddr_un address;
    int rc;

    c->dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (c->dirfd < 0)
        return err_errno(err, errno, "could not open \"%s\"", dir);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address_of(c->dirfd, &address);
    (void)unlinkat(c->dirfd, SYNC_CONTROL_SOCKET, 0); /* of a run that was killed; or none */
    rc = c->fd < 0 ? -1 : bind(c->fd, (struct sockaddr *)&address, sizeof(address));
    /* nobody can connect before listen */
    if (rc != 0 || fchmodat(c->dirfd, SYNC_CONTROL_SOCKET, S_IRUSR | S_IWUSR, 0) != 0 ||
        listen(c->fd, SYNC_CONTROL_CLIENTS) != 0) {
        rc = err_errno(err, errno, "could not make the socket \"%s/" SYNC_CONTROL_SOCKET "\"", dir);
        sync_control_close(c);
        return rc;
    }
    return 0;
}

static void client_close(struct sync_control_client *client)
{
    (void)close(client->fd);
    *client = (struct sync_control_client){.fd = -1};
}

static void accept_clients(struct sync_control *c)
{
    for (size_t i = 0; i < SYNC_CONTROL_CLIENTS; i++) {
        if (c->clients[i].fd >= 0)
            continue;
        c->clients[i].fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (c->clients[i].fd < 0)
            return;
    }
}

/* A line that is complete ends up in ret_line. */
static bool client_read(struct sync_control_client *client, char ret_line[SYNC_CONTROL_LINE])
{
    ssize_t n = recv(client->fd, client->line + client->n, SYNC_CONTROL_LINE - 1 - client->n, 0);
    char *end;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        client_close(client);
        return false;
    }
    client->n += (size_t)n;
    client->line[client->n] = '\0';
    end = strchr(client->line, '\n');
    if (end == NULL)
        return false;
    *end = '\0';
    (void)snprintf(ret_line, SYNC_CONTROL_LINE, "%s", client->line);
    client->n = 0;
    client->asked = true;
    return true;
}

bool sync_control_post(struct sync_control *c, const char *line)
{
    bool free;

    pthread_mutex_lock(&c->mu);
    free = c->posted[0] == '\0';
    if (free)
        (void)snprintf(c->posted, sizeof(c->posted), "%s", line); /* those that are known fit */
    pthread_mutex_unlock(&c->mu);
    return free;
}

static bool take_posted(struct sync_control *c, char ret_line[SYNC_CONTROL_LINE])
{
    bool some;

    pthread_mutex_lock(&c->mu);
    some = c->posted[0] != '\0';
    if (some)
        memcpy(ret_line, c->posted, sizeof(c->posted));
    c->posted[0] = '\0';
    pthread_mutex_unlock(&c->mu);
    return some;
}

bool sync_control_next(struct sync_control *c, char ret_line[SYNC_CONTROL_LINE])
{
    bool some = false;

    if (take_posted(c, ret_line)) {
        c->last = SYNC_CONTROL_CLIENTS;
        return true;
    }
    if (c->fd < 0)
        return false;
    pthread_mutex_lock(&c->clients_mu);
    accept_clients(c);
    for (size_t i = 0; !some && i < SYNC_CONTROL_CLIENTS; i++) {
        some = c->clients[i].fd >= 0 && client_read(&c->clients[i], ret_line);
        if (some)
            c->last = i;
    }
    pthread_mutex_unlock(&c->clients_mu);
    return some;
}

/* Who does not read is let go. */
static void client_send(struct sync_control_client *client, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(client->fd, p, n, MSG_NOSIGNAL);
        struct pollfd wait = {client->fd, POLLOUT, 0};

        if (k < 0 && errno == EAGAIN && poll(&wait, 1, SEND_WAIT_MS) > 0)
            continue;
        if (k <= 0) {
            client_close(client);
            return;
        }
        p += k;
        n -= (size_t)k;
    }
}

static void send_to_all(struct sync_control *c, const char *p, size_t n)
{
    for (size_t i = 0; i < SYNC_CONTROL_CLIENTS; i++) {
        if (c->clients[i].fd >= 0 && c->clients[i].asked)
            client_send(&c->clients[i], p, n);
    }
}

void sync_control_note(struct sync_control *c, const char *text)
{
    char line[NOTE_SIZE];

    (void)snprintf(line, sizeof(line), "note %.*s\n", NOTE_SIZE - 8,
                   text); /* a longer one is cut */
    pthread_mutex_lock(&c->clients_mu);
    send_to_all(c, line, strlen(line));
    pthread_mutex_unlock(&c->clients_mu);
}

void sync_control_reply(struct sync_control *c, int status, const char *json)
{
    struct sync_control_client *client;
    char line[64];

    if (c->last == SYNC_CONTROL_CLIENTS)
        return;
    client = &c->clients[c->last];
    (void)snprintf(line, sizeof(line), "end %d %zu\n", status, strlen(json)); /* fits */
    pthread_mutex_lock(&c->clients_mu);
    if (client->fd >= 0)
        client_send(client, line, strlen(line));
    if (client->fd >= 0)
        client_send(client, json, strlen(json));
    if (client->fd >= 0)
        client_close(client);
    pthread_mutex_unlock(&c->clients_mu);
}

void sync_control_answer(struct sync_control *c, int status, const char *json)
{
    char line[64];

    (void)snprintf(line, sizeof(line), "end %d %zu\n", status, strlen(json)); /* fits */
    pthread_mutex_lock(&c->clients_mu);
    send_to_all(c, line, strlen(line));
    send_to_all(c, json, strlen(json));
    for (size_t i = 0; i < SYNC_CONTROL_CLIENTS; i++) {
        if (c->clients[i].fd >= 0 && c->clients[i].asked)
            client_close(&c->clients[i]);
    }
    pthread_mutex_unlock(&c->clients_mu);
}

void sync_control_close(struct sync_control *c)
{
    pthread_mutex_lock(&c->clients_mu);
    for (size_t i = 0; i < SYNC_CONTROL_CLIENTS; i++) {
        if (c->clients[i].fd >= 0)
            client_close(&c->clients[i]);
    }
    pthread_mutex_unlock(&c->clients_mu);
    if (c->fd >= 0) {
        (void)close(c->fd); /* holds nothing */
        (void)unlinkat(c->dirfd, SYNC_CONTROL_SOCKET, 0);
    }
    if (c->dirfd >= 0)
        (void)close(c->dirfd);
    c->dirfd = -1;
    c->fd = -1;
}

/*
 * The client
 */

static FILE *reach(const char *dir, struct ft_err *err)
{
    int dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    struct sockaddr_un address;
    FILE *file = NULL;
    int fd;

    if (dirfd < 0)
        return err_errno(err, errno, "could not open \"%s\"", dir), NULL;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_of(dirfd, &address);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            (void)err_set(err, FT_ERR_NET, "no flowtape sync is running with \"%s\"", dir);
        else
            (void)err_errno(err, errno, "could not reach \"%s/" SYNC_CONTROL_SOCKET "\"", dir);
    } else {
        file = fdopen(fd, "r+");
        if (file == NULL)
            (void)err_nomem(err, "a connection");
    }
    if (file == NULL && fd >= 0)
        (void)close(fd);
    (void)close(dirfd);
    return file;
}

static int read_report(FILE *file, size_t n, struct buf *ret, struct ft_err *err)
{
    if (n > REPORT_MAX || buf_reserve(ret, n + 1, err) != 0)
        return err_set(err, FT_ERR_PROTOCOL, "a report of %zu bytes", n);
    ret->n = fread(ret->p, 1, n, file);
    return ret->n == n ? 0 : err_set(err, FT_ERR_NET, "flowtape sync has gone away");
}

int sync_control_ask(const char *dir, const char *line, void (*on_note)(const char *text),
                     int *ret_status, struct buf *ret_json, struct ft_err *err)
{
    FILE *file = reach(dir, err);
    char text[NOTE_SIZE + 8];
    size_t bytes;
    int rc = -1;

    if (file == NULL)
        return -1;
    (void)fprintf(file, "%s\n", line); /* a failure shows in what is read */
    (void)fflush(file);
    while (rc != 0 && fgets(text, sizeof(text), file) != NULL) {
        text[strcspn(text, "\n")] = '\0';
        if (strncmp(text, "note ", 5) == 0)
            on_note(text + 5);
        else if (sscanf(text, "end %d %zu", ret_status, &bytes) != 2 ||
                 (rc = read_report(file, bytes, ret_json, err)) != 0)
            break;
    }
    (void)fclose(file); /* was read from */
    if (rc != 0)        /* unless a reason is there already, which is kept */
        (void)err_set(err, FT_ERR_NET, "flowtape sync has ended without an answer");
    return rc;
}
