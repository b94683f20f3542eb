#include "wire/wrong_port.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_MS 2000u

/* The least that a server of TLS answers: a ClientHello of TLS 1.2 with two ciphers that everybody has. It is not
 * meant to lead to a session, and an alert is an answer too. */
static const uint8_t client_hello[] = {
    0x16, 0x03, 0x01, 0x00, 0x2f, /* a record of 47 bytes: handshake */
    0x01, 0x00, 0x00, 0x2b,       /* ClientHello, 43 bytes */
    0x03, 0x03,                   /* TLS 1.2 */
    0x66, 0x6c, 0x6f, 0x77, 0x74, 0x61, 0x70, 0x65, 0x66, 0x6c, 0x6f,
    0x77, 0x74, 0x61, 0x70, 0x65, 0x66, 0x6c, 0x6f, 0x77, 0x74, 0x61,
    0x70, 0x65, 0x66, 0x6c, 0x6f, 0x77, 0x74, 0x61, 0x70, 0x65, 0x00, /* no session */
    0x00, 0x04, 0xc0, 0x2f, 0x00, 0x9c,                               /* ciphers */
    0x01, 0x00,                                                       /* no compression */
};

#define RECORD_HANDSHAKE 0x16
#define RECORD_ALERT     0x15

static bool wait_for(int fd, short events, int cancel_fd, uint64_t deadline_ms)
{
    struct pollfd fds[2] = {{fd, events, 0}, {cancel_fd, POLLIN, 0}};
    uint64_t now = clock_mono_ms();
    int n = poll(fds, 2, now < deadline_ms ? (int)(deadline_ms - now) : 0);

    return n > 0 && fds[1].revents == 0;
}

/* The first byte of the answer; -1: there is none. */
static int first_of_answer(const void *address, uint32_t size, int cancel_fd, const void *question,
                           size_t n)
{
    uint64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;
    int fd = socket(((const struct sockaddr *)address)->sa_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    uint8_t first;
    int ret = -1;

    if (fd < 0)
        return -1;
    if ((connect(fd, address, size) == 0 || errno == EINPROGRESS) &&
        wait_for(fd, POLLOUT, cancel_fd, deadline_ms) &&
        send(fd, question, n, MSG_NOSIGNAL) == (ssize_t)n &&
        wait_for(fd, POLLIN, cancel_fd, deadline_ms) && recv(fd, &first, 1, 0) == 1)
        ret = first;
    (void)close(fd); /* nothing is written that the peer must have */
    return ret;
}

bool wrong_port_speaks_tls(const void *address, uint32_t size, int cancel_fd)
{
    int first = first_of_answer(address, size, cancel_fd, client_hello, sizeof(client_hello));

    return first == RECORD_HANDSHAKE || first == RECORD_ALERT;
}

bool wrong_port_speaks_resp(const void *address, uint32_t size, int cancel_fd)
{
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    int first = first_of_answer(address, size, cancel_fd, ping, strlen(ping));

    return first == '+' || first == '-';
}
