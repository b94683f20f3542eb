#include "status/status_socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "base/json_tree.h"

#define CLIENTS_WAITING 8
#define CLIENT_WAIT_MS  500
#define STATUS_MAX      (16u << 20)

/* A path of any length fits when it is reached through the directory's descriptor. false: the name, which is not
 * one of ours, does not. */
static bool address_of(int dirfd, const char *name, struct sockaddr_un *ret)
{
    int n;

    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dirfd, name);
    return n > 0 && (size_t)n < sizeof(ret->sun_path);
}

void status_socket_init(struct status_socket *s)
{
    *s = (struct status_socket){.dirfd = -1, .fd = -1};
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name);

    return n > strlen(end) && strcmp(name + n - strlen(end), end) == 0;
}

static bool is_socket_name(const char *name)
{
    return strncmp(name, STATUS_SOCKET, strlen(STATUS_SOCKET)) == 0 &&
           ends_with(name, STATUS_SOCKET_END);
}

/* list_dir - NULL: it cannot be read, with errno. The descriptor stays the caller's. */
static DIR *list_dir(int dirfd)
{
    int fd = openat(dirfd, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL && fd >= 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
    }
    return dir;
}

static int connect_to(int dirfd, const char *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;

    if (fd >= 0 && address_of(dirfd, name, &address) &&
        connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd); /* was not used */
    return -1;
}

/* Of runs that were killed. One whose process is not seen here may be at work elsewhere on this directory, and then it
 * answers; one that has its name, but does not listen yet, is seen. */
static void remove_left(int dirfd)
{
    DIR *dir = list_dir(dirfd);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        long pid = is_socket_name(entry->d_name)
                       ? strtol(entry->d_name + strlen(STATUS_SOCKET), NULL, 10)
                       : 0;
        int fd;

        if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
            continue;
        fd = connect_to(dirfd, entry->d_name);
        if (fd >= 0)
            (void)close(fd); /* somebody is there, who is not asked */
        else
            (void)unlinkat(dirfd, entry->d_name, 0);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

void status_socket_open(struct status_socket *s, const char *dir, const char *name)
{
    struct sockaddr_un address;

    s->dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (s->dirfd < 0)
        return;
    (void)snprintf(s->name, sizeof(s->name), STATUS_SOCKET "%ld" STATUS_SOCKET_END,
                   (long)getpid()); /* fits */
    (void)snprintf(s->file, sizeof(s->file), "%.40s" STATUS_FILE_END, name);
    remove_left(s->dirfd);
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlinkat(s->dirfd, s->name, 0); /* of a run that was killed and had this number */
    /* nobody can connect before listen */
    if (s->fd >= 0 && address_of(s->dirfd, s->name, &address) &&
        bind(s->fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        fchmodat(s->dirfd, s->name, S_IRUSR | S_IWUSR, 0) == 0 &&
        listen(s->fd, CLIENTS_WAITING) == 0)
        return;
    status_socket_close(s);
}

/* Who does not read is let go. */
static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        struct pollfd wait = {fd, POLLOUT, 0};

        if (k < 0 && errno == EAGAIN && poll(&wait, 1, CLIENT_WAIT_MS) > 0)
            continue;
        if (k <= 0)
            return;
        p += k;
        n -= (size_t)k;
    }
}

void status_socket_serve(struct status_socket *s, const char *json, size_t n)
{
    int fd;

    while (s->fd >= 0 && (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        send_all(fd, json, n);
        (void)close(fd); /* what was sent is on its way */
    }
}

/* It tells of a run and is no part of the capture: one that is not durable, or not written, harms nobody. */
void status_socket_save(struct status_socket *s, const char *json, size_t n)
{
    char temporary[96];
    int fd;

    if (s->dirfd < 0)
        return;
    (void)snprintf(temporary, sizeof(temporary), "%s.%ld.tmp", s->file, (long)getpid()); /* fits */
    fd = openat(s->dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (write(fd, json, n) == (ssize_t)n)
        (void)renameat(s->dirfd, temporary, s->dirfd, s->file);
    (void)close(fd);
    (void)unlinkat(s->dirfd, temporary, 0); /* of one that could not be written */
}

void status_socket_forget(struct status_socket *s)
{
    if (s->dirfd >= 0)
        (void)unlinkat(s->dirfd, s->file, 0); /* what is left of it does no harm */
}

void status_socket_close(struct status_socket *s)
{
    if (s->fd >= 0) {
        (void)close(s->fd); /* holds nothing */
        (void)unlinkat(s->dirfd, s->name, 0);
    }
    if (s->dirfd >= 0)
        (void)close(s->dirfd);
    status_socket_init(s);
}

/*
 * The client
 */

/* ask - what a socket says; false: nobody is there. */
static bool ask(int dirfd, const char *name, struct buf *ret)
{
    int fd = connect_to(dirfd, name);
    struct ft_err err = FT_ERR_INIT;
    ssize_t n = -1;

    if (fd < 0)
        return false;
    while (ret->n < STATUS_MAX && buf_reserve(ret, 4096, &err) == 0 &&
           (n = recv(fd, ret->p + ret->n, 4096, 0)) > 0)
        ret->n += (size_t)n;
    (void)close(fd); /* was read from */
    return n == 0 && ret->n != 0;
}

/* take_json - into the list, unless the same run is there already. */
static void take_json(json_t *list, struct bytes text, bool running)
{
    struct ft_err err = FT_ERR_INIT;
    json_t *other;
    json_t *json;
    size_t i;

    if (json_tree_load(&json, text, 0, &err) != 0)
        return; /* not one of ours */
    json_array_foreach(list, i, other)
    {
        if (json_equal(json_object_get(other, "pid"), json_object_get(json, "pid")) &&
            json_equal(json_object_get(other, "began"), json_object_get(json, "began"))) {
            json_decref(json);
            return;
        }
    }
    if (!running && json_is_true(json_object_get(json, "running"))) {
        json_object_set_new(json, "running", json_false());
        json_object_set_new(json, "ended", json_string("gone"));
    }
    json_array_append_new(list, json);
}

/* First who answers, then what is written down. */
static int read_all(json_t *list, int dirfd, bool sockets, struct ft_err *err)
{
    DIR *dir = list_dir(dirfd);
    struct dirent *entry;

    if (dir == NULL)
        return err_errno(err, errno, "could not read the directory");
    while ((entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        struct ft_err none = FT_ERR_INIT;
        struct buf text = {0};

        if (sockets && is_socket_name(name) && ask(dirfd, name, &text))
            take_json(list, buf_bytes(&text), true);
        if (!sockets && ends_with(name, STATUS_FILE_END) &&
            fs_read_file(dirfd, name, STATUS_MAX, &text, &none) == 0)
            take_json(list, buf_bytes(&text), false);
        buf_release(&text);
    }
    (void)closedir(dir);
    return 0;
}

int status_socket_read(json_t **ret, const char *dir, struct ft_err *err)
{
    int dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    json_t *list;
    int rc;

    if (dirfd < 0)
        return err_errno(err, errno, "could not open \"%s\"", dir);
    list = json_array();
    rc = list == NULL ? err_nomem(err, "a status") : read_all(list, dirfd, true, err);
    if (rc == 0)
        rc = read_all(list, dirfd, false, err);
    (void)close(dirfd);
    if (rc == 0)
        *ret = list;
    else
        json_decref(list);
    return rc;
}
