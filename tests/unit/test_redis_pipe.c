/* Pipelined commands against a scripted peer, and the private redis-server itself. */
#include "lib/test_main.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/t_socket.h"
#include "wire/private_redis.h"
#include "wire/reach.h"
#include "wire/redis_pipe.h"

/* A peer that reads until it has seen `wants` bytes and then says `says`, in pieces of `piece`, and waits
 * after each. */
struct peer {
    struct t_socket socket;
    size_t wants;
    const char *says;
    size_t piece;
    unsigned pause_us;
    char got[512];
    size_t got_size;
};

static void talk(int fd, void *context)
{
    struct peer *p = context;
    size_t left = strlen(p->says);

    while (p->got_size < p->wants) {
        ssize_t n = read(fd, p->got + p->got_size, sizeof(p->got) - p->got_size);

        if (n <= 0)
            break;
        p->got_size += (size_t)n;
    }
    for (const char *at = p->says; left > 0;) {
        size_t n = left < p->piece ? left : p->piece;

        if (send(fd, at, n, MSG_NOSIGNAL) != (ssize_t)n)
            break;
        at += n;
        left -= n;
        (void)usleep(p->pause_us);
    }
}

static void peer_start(struct peer *p, size_t wants, const char *says, size_t piece)
{
    *p = (struct peer){.wants = wants, .says = says, .piece = piece, .pause_us = 500};
    t_socket_start(&p->socket, talk, p);
}

struct seen {
    char text[256];
};

static int note_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct seen *seen = context;
    size_t n = strlen(seen->text);

    (void)err;
    (void)snprintf(seen->text + n, sizeof(seen->text) - n, "%u=%s ", (unsigned)tag,
                   reply->type == REDIS_REPLY_INTEGER ? "int" : reply->str);
    return 0;
}

static int put(struct redis_pipe *p, uint64_t tag, const char *name, const char *arg,
               struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(name), bytes_str(arg)};

    return redis_pipe_put(p, tag, args, 2, err);
}

static void test_replies_come_in_order_with_their_tags(void **state)
{
    static const char sent[] = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$4\r\nINCR\r\n$1\r\nb\r\n"
                               "*2\r\n$3\r\nGET\r\n$1\r\nc\r\n";
    struct ft_err err = FT_ERR_INIT;
    struct seen seen = {{0}};
    struct redis_pipe *pipe;
    struct peer peer;

    (void)state;
    peer_start(&peer, sizeof(sent) - 1, "$5\r\nvalue\r\n:7\r\n-ERR no\r\n", 1);
    t_ok(redis_pipe_open(&pipe, &peer.socket.uri, -1, note_reply, &seen, &err), &err);
    t_ok(put(pipe, 11, "GET", "a", &err), &err);
    t_ok(put(pipe, 12, "INCR", "b", &err), &err);
    t_ok(put(pipe, 13, "GET", "c", &err), &err);
    t_ok(redis_pipe_drain(pipe, &err), &err);
    assert_string_equal(seen.text, "11=value 12=int 13=ERR no ");
    redis_pipe_free(pipe);
    t_socket_end(&peer.socket);
    t_bytes(bytes_of(peer.got, peer.got_size), sent);
}

static void fails_with(const char *says, enum ft_err_kind kind, const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct redis_pipe *pipe;
    struct peer peer;

    peer_start(&peer, 20, says, 100);
    t_ok(redis_pipe_open(&pipe, &peer.socket.uri, -1, NULL, NULL, &err), &err);
    t_ok(put(pipe, 0, "GET", "a", &err), &err);
    t_fails(redis_pipe_drain(pipe, &err), &err, kind, text);
    redis_pipe_free(pipe);
    t_socket_end(&peer.socket);
}

static void test_what_goes_wrong_is_said(void **state)
{
    (void)state;
    fails_with("-WRONGTYPE no list\r\n", FT_ERR_PROTOCOL, "WRONGTYPE no list");
    fails_with("", FT_ERR_NET, "closed the connection");
    fails_with("$5\r\nval", FT_ERR_NET, "closed the connection");
    fails_with("hello\r\n", FT_ERR_PROTOCOL, "not a reply");
    fails_with("$-1\r\n+OK\r\n", FT_ERR_PROTOCOL, "nobody asked for");
    fails_with("$17179869184\r\nabc", FT_ERR_PROTOCOL, "in one reply");
    fails_with("*1000000000\r\n:1\r\n", FT_ERR_PROTOCOL, "in one reply");
    fails_with("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", FT_ERR_PROTOCOL, "deep");
    fails_with("-ERR \x1b[2Jgone\r\n", FT_ERR_PROTOCOL, "ERR \\x1b[2Jgone");
}

/* says: replies to commands, whose words are separated by blanks; text: what is wrong with them, or NULL. */
static void misses(const char *const *commands, size_t count, const char *says, const char *text)
{
    struct ft_err err = FT_ERR_INIT;
    struct seen seen = {{0}};
    struct redis_pipe *pipe;
    struct peer peer;

    peer_start(&peer, 20, says, 100);
    t_ok(redis_pipe_open(&pipe, &peer.socket.uri, -1, note_reply, &seen, &err), &err);
    for (size_t i = 0; i < count; i++) {
        struct bytes args[4];
        size_t n = 0;

        for (const char *at = commands[i]; *at != '\0'; at += *at == ' ') {
            args[n++] = bytes_of(at, strcspn(at, " "));
            at += args[n - 1].n;
        }
        t_ok(redis_pipe_put(pipe, i, args, n, &err), &err);
    }
    if (text == NULL)
        t_ok(redis_pipe_drain(pipe, &err), &err);
    else
        t_fails(redis_pipe_drain(pipe, &err), &err, FT_ERR_PROTOCOL, text);
    redis_pipe_free(pipe);
    t_socket_end(&peer.socket);
}

static void test_a_reply_of_another_kind_is_none(void **state)
{
    static const char *const set[] = {"SET key value"};
    static const char *const two[] = {"SADD a b", "RESTORE key 0 payload"};
    static const char *const auth[] = {"AUTH sesame-sesame"};
    static const char *const transaction[] = {"MULTI", "SADD a b", "EXEC", "SADD a b"};

    (void)state;
    misses(set, 1, "+OK\r\n", NULL);
    misses(set, 1, ":1\r\n", "/s answered SET \"key\" with an integer, which is not a reply to it");
    misses(set, 1, "+QUEUED\r\n", "with QUEUED");
    misses(set, 1, "$-1\r\n", "with nothing");
    misses(set, 1, "*0\r\n", "with an array");
    misses(two, 2, ":1\r\n:1\r\n", "answered RESTORE \"key\" with an integer");
    misses(two, 2, "+OK\r\n:1\r\n", "answered SADD \"a\" with OK");
    misses(auth, 1, ":1\r\n", "answered AUTH with an integer");
    misses(transaction, 4, "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n:0\r\n", NULL);
    misses(transaction, 4, "+OK\r\n:1\r\n", "answered SADD \"a\" with an integer");
    misses(transaction, 4, "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n+QUEUED\r\n", "with QUEUED");
}

/* Whatever the server calls it: a message has the command's own name, and no password. */
static void test_a_renamed_command_has_its_own_name_in_messages(void **state)
{
    const struct {
        const char *command, *text;
    } cases[] = {{"AUTH", "answered AUTH with an integer"},
                 {"SET", "answered SET \"sesame\" with an integer"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct reach *reach = NULL;
        struct redis_pipe *pipe;
        struct peer peer;

        t_ok(reach_of(&reach, &err), &err);
        t_ok(reach_add_command(reach, "AUTH=let-in", &err), &err);
        t_ok(reach_add_command(reach, "SET=put", &err), &err);
        peer_start(&peer, 20, ":1\r\n", 100);
        peer.socket.uri.reach = reach;
        t_ok(redis_pipe_open(&pipe, &peer.socket.uri, -1, NULL, NULL, &err), &err);
        t_ok(put(pipe, 0, cases[i].command, "sesame", &err), &err);
        assert_int_equal(redis_pipe_drain(pipe, &err), -1);
        assert_int_equal(strstr(err.msg, "sesame") != NULL, i == 1);
        t_fails(-1, &err, FT_ERR_PROTOCOL, cases[i].text);
        redis_pipe_free(pipe);
        reach_unref(reach);
        peer.socket.uri.reach = NULL;
        t_socket_end(&peer.socket);
    }
}

/* Who calls gets no reply to mistake for one either. */
static void test_a_call_gets_no_reply_of_another_kind(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct redis_pipe *pipe;
    redisReply *reply = NULL;
    struct peer peer;

    (void)state;
    peer_start(&peer, 20, "+OK\r\n", 100);
    t_ok(redis_pipe_open(&pipe, &peer.socket.uri, -1, NULL, NULL, &err), &err);
    t_fails(redis_pipe_call_text(pipe, &reply, "HSET key field value", &err), &err, FT_ERR_PROTOCOL,
            "answered HSET \"key\" with OK");
    assert_null(reply);
    redis_pipe_free(pipe);
    t_socket_end(&peer.socket);
}

static bool have_redis_server(void)
{
    return system("command -v redis-server >/dev/null") == 0;
}

static void test_the_private_server_serves_and_leaves_nothing(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct private_redis *server;
    struct redis_pipe *pipe;
    redisReply *reply;

    (void)state;
    if (!have_redis_server())
        skip();
    t_ok(private_redis_start(&server, "redis-server", -1, &err), &err);
    t_ok(private_redis_connect(server, &pipe, NULL, NULL, &err), &err);
    t_ok(redis_pipe_call_text(pipe, &reply, "CONFIG GET dir", &err), &err);
    assert_int_equal(access(reply->element[1]->str, F_OK), 0);
    private_redis_hide(server);
    assert_int_not_equal(access(reply->element[1]->str, F_OK), 0);
    freeReplyObject(reply);
    t_ok(redis_pipe_call_text(pipe, &reply, "SELECT 1023", &err), &err);
    assert_string_equal(reply->str, "OK");
    freeReplyObject(reply);
    t_ok(put(pipe, 0, "SADD", "k", &err), &err); /* too few words */
    t_fails(redis_pipe_drain(pipe, &err), &err, FT_ERR_PROTOCOL, "wrong number of arguments");
    redis_pipe_free(pipe);
    private_redis_free(server);
}

#define MANY 20000u

/* Each reply comes with the command it answers. */
static int check_answered(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct redis_pipe **pipe = context;
    const struct bytes command = redis_pipe_answered(*pipe);
    char number[I64_TEXT_SIZE];
    size_t n = i64_to_text((int64_t)tag, number);

    (void)err;
    assert_int_equal(reply->type, tag % 1000 == 0 ? REDIS_REPLY_ERROR : REDIS_REPLY_STRING);
    assert_true(command.n > n + 2);
    assert_memory_equal(command.p + command.n - n - 2, number, n);
    return 0;
}

static void test_commands_are_kept_until_they_are_answered(void **state)
{
    static char filler[3000];
    struct ft_err err = FT_ERR_INIT;
    struct private_redis *server;
    struct redis_pipe *pipe;

    (void)state;
    if (!have_redis_server())
        skip();
    memset(filler, '0', sizeof(filler));
    t_ok(private_redis_start(&server, "redis-server", -1, &err), &err);
    t_ok(private_redis_connect(server, &pipe, check_answered, &pipe, &err), &err);
    for (unsigned i = 0; i < MANY; i++) {
        char number[sizeof(filler) + I64_TEXT_SIZE];
        size_t zeros = i % 7 == 0 ? i % sizeof(filler) : 0;
        const struct bytes args[] = {
            bytes_str(i % 1000 == 0 ? "NONSENSE" : "ECHO"),
            bytes_of(number, zeros + i64_to_text(i, number + zeros)),
        };

        memcpy(number, filler, zeros);
        redis_pipe_limit(pipe, i < MANY / 2 ? 10000 : 700000);
        t_ok(redis_pipe_put(pipe, i, args, 2, &err), &err);
    }
    t_ok(redis_pipe_drain(pipe, &err), &err);
    redis_pipe_free(pipe);
    private_redis_free(server);
}

/* What commands are made of, and each reply moves. */
struct moving {
    struct redis_pipe *pipe;
    struct buf text;
    unsigned replies;
};

static int move_text(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct moving *m = context;
    struct buf moved = {0};
    char number[I64_TEXT_SIZE];
    size_t n = i64_to_text((int64_t)tag, number);

    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    assert_true(reply->len > n);
    assert_memory_equal(reply->str, number, n);
    t_ok(buf_append(&moved, m->text.p, m->text.n, err), err);
    memset(m->text.p, 'x', m->text.n);
    buf_release(&m->text);
    m->text = moved;
    m->replies++;
    return 0;
}

/* The pipe is full all the time: each put takes replies. */
static void test_args_may_lie_where_replies_change_them(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct private_redis *server;
    struct moving m = {0};

    (void)state;
    if (!have_redis_server())
        skip();
    t_ok(private_redis_start(&server, "redis-server", -1, &err), &err);
    t_ok(private_redis_connect(server, &m.pipe, move_text, &m, &err), &err);
    redis_pipe_limit(m.pipe, 10000);
    for (unsigned i = 0; i < 3000; i++) {
        struct bytes args[] = {bytes_str("ECHO"), {NULL, 0}};

        buf_clear(&m.text);
        t_ok(buf_printf(&m.text, &err, "%u-%0*u", i, (int)(i % 900 + 1), 7u), &err);
        args[1] = buf_bytes(&m.text);
        t_ok(redis_pipe_put(m.pipe, i, args, 2, &err), &err);
    }
    t_ok(redis_pipe_drain(m.pipe, &err), &err);
    assert_int_equal(m.replies, 3000);
    redis_pipe_free(m.pipe);
    buf_release(&m.text);
    private_redis_free(server);
}

static void test_what_follows_the_last_reply_is_not_looked_at(void **state)
{
    const struct bytes args[] = {bytes_str("DFLY"), bytes_str("TAKEOVER")};
    struct ft_err err = FT_ERR_INIT;
    struct redis_pipe *pipe;
    redisReply *reply;
    struct peer peer;

    (void)state;
    peer_start(&peer, 20, "+OK\r\n+OK\r\n", 100);
    t_ok(redis_pipe_open(&pipe, &peer.socket.uri, -1, NULL, NULL, &err), &err);
    t_ok(redis_pipe_call_last(pipe, &reply, args, 2, &err), &err);
    assert_string_equal(reply->str, "OK");
    freeReplyObject(reply);
    redis_pipe_free(pipe);
    t_socket_end(&peer.socket);
}

static void talk_and_stay(int fd, void *context)
{
    struct peer *p = context;
    char rest;

    talk(fd, p);
    while (read(fd, &rest, 1) > 0)
        continue;
}

/* The end of the last reply comes by itself, later than many replies are waited for at once. */
static void test_the_end_of_a_reply_may_come_by_itself(void **state)
{
    static const char sent[] = "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*2\r\n$4\r\nINCR\r\n$1\r\nb\r\n";
    struct peer peer = {
        .wants = sizeof(sent) - 1, .says = ":1\r\n:123\r\n", .piece = 8, .pause_us = 100000};
    struct ft_err err = FT_ERR_INIT;
    struct seen seen = {{0}};
    struct redis_pipe *pipe;

    (void)state;
    t_socket_start_tcp(&peer.socket, talk_and_stay, &peer);
    t_ok(redis_pipe_open(&pipe, &peer.socket.uri, -1, note_reply, &seen, &err), &err);
    t_ok(put(pipe, 1, "INCR", "a", &err), &err);
    t_ok(put(pipe, 2, "INCR", "b", &err), &err);
    t_ok(redis_pipe_drain(pipe, &err), &err);
    assert_string_equal(seen.text, "1=int 2=int ");
    redis_pipe_free(pipe);
    t_socket_end(&peer.socket);
}

static void test_a_server_that_cannot_be_run_is_said(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct private_redis *server;
    struct redis_pipe *pipe;

    (void)state;
    t_ok(private_redis_start(&server, "/nowhere/redis-server", -1, &err), &err);
    t_fails(private_redis_connect(server, &pipe, NULL, NULL, &err), &err, FT_ERR_STATE,
            "--redis-server PATH");
    private_redis_free(server);
    t_ok(private_redis_start(&server, "true", -1, &err), &err);
    t_fails(private_redis_connect(server, &pipe, NULL, NULL, &err), &err, FT_ERR_IO,
            "ended at once");
    private_redis_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_come_in_order_with_their_tags),
        cmocka_unit_test(test_what_goes_wrong_is_said),
        cmocka_unit_test(test_a_reply_of_another_kind_is_none),
        cmocka_unit_test(test_a_renamed_command_has_its_own_name_in_messages),
        cmocka_unit_test(test_a_call_gets_no_reply_of_another_kind),
        cmocka_unit_test(test_the_private_server_serves_and_leaves_nothing),
        cmocka_unit_test(test_commands_are_kept_until_they_are_answered),
        cmocka_unit_test(test_args_may_lie_where_replies_change_them),
        cmocka_unit_test(test_what_follows_the_last_reply_is_not_looked_at),
        cmocka_unit_test(test_the_end_of_a_reply_may_come_by_itself),
        cmocka_unit_test(test_a_server_that_cannot_be_run_is_said),
    };

    return T_RUN("wire/redis_pipe", tests);
}
