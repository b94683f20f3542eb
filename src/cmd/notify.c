#include "cmd/notify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

static struct {
    struct sockaddr_un address;
    socklen_t address_size; /* 0: nobody listens */
    uint64_t feed_every_ms; /* 0: there is no watchdog */
    uint64_t fed_ms;
    const atomic_uint_fast64_t *beats; /* NULL: whoever calls is alive */
    uint_fast64_t beats_seen;
} manager;

/* "/path", or "@name" of an abstract socket. */
static void find_socket(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path == NULL ? 0 : strlen(path);

    if (n < 2 || n >= sizeof(manager.address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    manager.address.sun_family = AF_UNIX;
    memcpy(manager.address.sun_path, path, n);
    if (path[0] == '@')
        manager.address.sun_path[0] = '\0';
    manager.address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static void find_watchdog(void)
{
    const char *us = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (us != NULL && (pid == NULL || strtol(pid, NULL, 10) == (long)getpid()))
        manager.feed_every_ms = strtoull(us, NULL, 10) / 1000 / 2;
}

/* What cannot be sent is as if nobody listened. */
static void send_text(const char *text)
{
    int fd;

    if (manager.address_size == 0)
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&manager.address,
                 manager.address_size);
    (void)close(fd);
}

void notify_watch(const atomic_uint_fast64_t *beats)
{
    manager.beats = beats;
}

void notify_ready(void)
{
    find_socket();
    find_watchdog();
    (void)unsetenv("NOTIFY_SOCKET"); /* fails for impossible names only */
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    manager.fed_ms = clock_mono_ms();
    send_text("READY=1");
}

void notify_alive(void)
{
    uint_fast64_t beats = manager.beats == NULL ? 0 : atomic_load(manager.beats);

    if (manager.feed_every_ms == 0 || clock_mono_ms() - manager.fed_ms < manager.feed_every_ms)
        return;
    if (beats != 0 && beats == manager.beats_seen)
        return; /* it hangs: not fed until it moves */
    manager.beats_seen = beats;
    manager.fed_ms = clock_mono_ms();
    send_text("WATCHDOG=1");
}

void notify_stopping(void)
{
    send_text("STOPPING=1");
}
