#include "lib/test_main.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/notify.h"

/* The manager: a socket of an abstract name. */
static int listen_as_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int n = snprintf(name, sizeof(name), "@flowtape-test-notify-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, name, (size_t)n);
    address.sun_path[0] = '\0';
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

/* heard - the next datagram, or "" if none has come. */
static const char *heard(int fd)
{
    static char text[64];
    ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

    text[n < 0 ? 0 : n] = '\0';
    return text;
}

/* hears_alive - for so long that a watchdog of 20 ms would have been fed often. */
static bool hears_alive(int fd)
{
    for (int i = 0; i < 100; i++) {
        (void)poll(NULL, 0, 1);
        notify_alive();
        if (strcmp(heard(fd), "WATCHDOG=1") == 0)
            return true;
    }
    return false;
}

static void test_a_manager_is_told(void **state)
{
    static atomic_uint_fast64_t beats;
    char pid[16];
    int fd = listen_as_manager();

    (void)state;
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_USEC", "20000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    notify_ready();
    assert_string_equal(heard(fd), "READY=1");
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_true(hears_alive(fd));
    notify_watch(&beats);
    assert_true(hears_alive(fd)); /* not at work yet */
    atomic_fetch_add(&beats, 1);
    assert_true(hears_alive(fd));
    assert_false(hears_alive(fd)); /* nothing has moved since */
    atomic_fetch_add(&beats, 1);
    assert_true(hears_alive(fd));
    notify_stopping();
    assert_string_equal(heard(fd), "STOPPING=1");
    assert_int_equal(close(fd), 0);
    notify_stopping(); /* nobody is there: nothing happens */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_manager_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
