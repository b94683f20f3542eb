/* One request at a time to a peer that says what it likes, as slowly as it likes. */
#include "lib/test_main.h"

#include <sys/socket.h>
#include <unistd.h>

#include "lib/t_socket.h"
#include "wire/resp_client.h"

#define TIMEOUT_MS 300u

struct peer {
    struct t_socket socket;
    const char *head; /* once */
    const char *text; /* again and again, until nobody is there any more */
    unsigned pause_us;
    size_t sent_bytes;
};

static void say(int fd, void *context)
{
    struct peer *p = context;
    ssize_t n = send(fd, p->head, strlen(p->head), MSG_NOSIGNAL);

    while (n >= 0) {
        n = send(fd, p->text, strlen(p->text), MSG_NOSIGNAL);
        p->sent_bytes += n > 0 ? (size_t)n : 0;
        (void)usleep(p->pause_us);
    }
}

/* Asks once; what must fail. Returns how much the peer got rid of. */
static size_t ask(const char *head, const char *text, unsigned pause_us, enum ft_err_kind kind,
                  const char *part)
{
    static const char *const args[] = {"PING", NULL};
    struct peer peer = {.head = head, .text = text, .pause_us = pause_us};
    struct ft_err err = FT_ERR_INIT;
    struct resp_client client;
    redisReply *reply;

    t_socket_start(&peer.socket, say, &peer);
    t_ok(resp_client_open(&client, &peer.socket.uri, -1, TIMEOUT_MS, &err), &err);
    t_fails(resp_client_call(&client, &reply, args, TIMEOUT_MS, &err), &err, kind, part);
    resp_client_close(&client);
    t_socket_end(&peer.socket);
    return peer.sent_bytes;
}

static void test_a_byte_now_and_then_does_not_keep_it(void **state)
{
    (void)state;
    ask("+", "a", 20000, FT_ERR_TIMEOUT, "did not end its reply within 300 ms");
    ask("*1000\r\n", ":1\r\n", 20000, FT_ERR_TIMEOUT, "did not end its reply within 300 ms");
    ask("$100000\r\n", "x", 20000, FT_ERR_TIMEOUT, "did not end its reply within 300 ms");
}

static void test_a_flood_is_not_taken_in(void **state)
{
    static char text[8192];
    size_t sent;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    sent = ask("-", text, 0, FT_ERR_PROTOCOL, "a line of more than");
    assert_true(sent < 8u << 20);
    sent = ask("$17179869184\r\n", text, 0, FT_ERR_PROTOCOL, "in one reply");
    assert_true(sent < 8u << 20);
    sent = ask("*8000\r\n", "*8000\r\n*8000\r\n", 0, FT_ERR_PROTOCOL, "deep");
    assert_true(sent < 8u << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_byte_now_and_then_does_not_keep_it),
        cmocka_unit_test(test_a_flood_is_not_taken_in),
    };

    return T_RUN("resp_client", tests);
}
