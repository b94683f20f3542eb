#include "wire/redis_pipe.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/item_limit.h"
#include "base/spool.h"
#include "resp/resp_write.h"
#include "wire/pipe_command.h"
#include "wire/pipe_depth.h"
#include "wire/reach.h"
#include "wire/reply_error.h"
#include "wire/reply_kind.h"
#include "wire/reply_reader.h"

#define SEND_BYTES      (128u << 10)
#define CHUNK_SPARE     (32u << 10)
#define IN_FLIGHT_BYTES (1u << 20)
#define IN_FLIGHT_MAX   8192u
#define RING_FIRST      256u
#define READ_BYTES      (64u << 10)
#define ARGS_MAX        16
#define NAME_SIZE       200 /* of a command in a message */
#define QUEUED_LINE     "+QUEUED\r\n"
/* Of one reply, unless it is a value. */
#define REPLY_BYTES ((size_t)32 << 20)
/* So much sent or received shows that the server is there. */
#define PROGRESS_BYTES ((size_t)64 << 10)
/* "+\r\n", and what is waited for at most before any are read */
#define REPLY_LEAST_BYTES 3u
#define LEAST_BYTES_MAX   4096u
/* Less than that is waited for so long. */
#define PATIENCE_MS 20u

/* A command that is in flight. */
struct sent {
    uint64_t tag;
    size_t bytes;
    unsigned kinds;    /* of its reply */
    unsigned values;   /* that its reply may bring */
    bool begins, ends; /* a transaction */
};

/* Whole commands in a row, some of them sent, some of those answered. */
struct chunk {
    struct chunk *next;
    struct buf bytes;
    bool large; /* one command in the spool, and bytes is empty */
    struct spool spool;
};

struct redis_pipe {
    struct conn conn;
    uint64_t timeout_ms; /* how long it may be silent */
    struct reply_reader reader;
    redis_reply_fn *on_reply;
    void *context;
    redis_others_fn *on_others;
    void *others_context;
    struct chunk *oldest;  /* has the oldest command without an answer, at answer_pos */
    struct chunk *sending; /* sent up to send_pos; it or one after it is the newest */
    struct chunk *newest;
    struct chunk *spare;
    size_t answer_pos;
    size_t send_pos;
    size_t unsent_bytes;
    struct pipe_depth depth;
    struct bytes answered; /* the command that a reply is being classified for */
    struct sent *ring;     /* ring_cap of them, up to IN_FLIGHT_MAX */
    size_t ring_cap;
    size_t ring_first;
    size_t ring_count;
    size_t in_flight_bytes;
    uint64_t read_us;         /* when something was read last */
    uint64_t heard_ms;        /* of the last reply or progress, or when nothing was waited for */
    size_t moved_bytes;       /* since then, in both directions */
    redisReply **catch_reply; /* of redis_pipe_call: the next reply goes here */
    bool is_last;             /* of redis_pipe_call_last: what follows that reply is not wanted */
    bool is_queueing;         /* what is sent is part of a transaction */
    uint64_t watch_ends;      /* what was put of EXEC, DISCARD and UNWATCH */
    struct reach *reach;      /* a reference; NULL: no rules */
    struct buf named;         /* with a rule: the command that is answered, by its own name */
    uint8_t *out;             /* a piece of a large command; NULL: none was sent yet */
    uint8_t in[READ_BYTES];
};

static int authenticate(struct redis_pipe *p, const struct uri *u, struct ft_err *err)
{
    struct bytes args[3] = {bytes_str("AUTH")};
    size_t count = 1;
    redisReply *reply;
    int rc = 0;

    if (u->password == NULL)
        return 0;
    if (u->user != NULL)
        args[count++] = bytes_str(u->user);
    args[count++] = bytes_str(u->password);
    if (redis_pipe_call(p, &reply, args, count, err) != 0)
        return -1;
    explicit_bzero(p->oldest->bytes.p, p->oldest->bytes.cap); /* all was answered */
    if (reply->type == REDIS_REPLY_ERROR)
        rc = err_set(err,
                     reply_text_is_passing(bytes_str(reply->str)) ? FT_ERR_NET : FT_ERR_PROTOCOL,
                     "%s refused the password: %s", p->conn.name, reply->str);
    reply_free(reply);
    return rc;
}

int redis_pipe_open(struct redis_pipe **ret, const struct uri *u, int cancel_fd,
                    redis_reply_fn *on_reply, void *context, struct ft_err *err)
{
    return redis_pipe_open_within(ret, u, cancel_fd, REDIS_PIPE_TIMEOUT_MS, on_reply, context, err);
}

int redis_pipe_open_within(struct redis_pipe **ret, const struct uri *u, int cancel_fd,
                           uint64_t timeout_ms, redis_reply_fn *on_reply, void *context,
                           struct ft_err *err)
{
    struct redis_pipe *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_nomem(err, "a connection");
    p->conn = (struct conn)CONN_INIT;
    p->timeout_ms = timeout_ms < REDIS_PIPE_TIMEOUT_MS ? timeout_ms : REDIS_PIPE_TIMEOUT_MS;
    p->on_reply = on_reply;
    p->context = context;
    p->reach = reach_ref(u->reach);
    reply_reader_init(&p->reader, REPLY_BYTES);
    p->ring_cap = RING_FIRST;
    p->ring = calloc(p->ring_cap, sizeof(*p->ring));
    p->oldest = calloc(1, sizeof(*p->oldest));
    p->sending = p->oldest;
    p->newest = p->oldest;
    pipe_depth_fix(&p->depth, IN_FLIGHT_BYTES);
    if (p->ring == NULL || p->oldest == NULL) {
        redis_pipe_free(p);
        return err_nomem(err, "a connection");
    }
    if (conn_open(&p->conn, u, cancel_fd, p->timeout_ms, err) != 0 ||
        authenticate(p, u, err) != 0) {
        redis_pipe_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void redis_pipe_on_reply(struct redis_pipe *p, redis_reply_fn *on_reply, void *context)
{
    assert(p->ring_count == 0);
    p->on_reply = on_reply;
    p->context = context;
}

void redis_pipe_on_others(struct redis_pipe *p, redis_others_fn *on_others, void *context)
{
    p->on_others = on_others;
    p->others_context = context;
}

static int classify(struct redis_pipe *p, uint64_t tag, redisReply *reply, struct ft_err *err)
{
    int rc = 0;

    if (p->on_reply != NULL)
        rc = p->on_reply(p->context, tag, reply, err);
    else if (reply->type == REDIS_REPLY_ERROR)
        rc = err_set(err, FT_ERR_PROTOCOL, "%s answered: %s", p->conn.name, reply->str);
    reply_free(reply);
    return rc;
}

/*
 * Commands in flight
 */

static void chunk_free(struct chunk *c)
{
    while (c != NULL) {
        struct chunk *next = c->next;

        buf_release(&c->bytes);
        spool_release(&c->spool);
        free(c);
        c = next;
    }
}

static size_t chunk_size(const struct chunk *c)
{
    return c->large ? (size_t)spool_size(&c->spool) : c->bytes.n;
}

/* A chunk with room for one more command; a large one has its chunk for itself. */
static int take_chunk(struct redis_pipe *p, bool large, struct ft_err *err)
{
    struct chunk *c = p->spare;

    if (!p->newest->large && p->newest->bytes.n < (large ? 1 : SEND_BYTES))
        return 0;
    if (c != NULL)
        p->spare = c->next;
    else
        c = calloc(1, sizeof(*c));
    if (c == NULL)
        return err_nomem(err, "commands in flight");
    c->next = NULL;
    p->newest->next = c;
    p->newest = c;
    return large ? 0 : buf_reserve(&c->bytes, SEND_BYTES + CHUNK_SPARE, err);
}

/* All commands of the oldest chunk have been answered. */
static void drop_chunk(struct redis_pipe *p)
{
    struct chunk *c = p->oldest;

    buf_clear(&c->bytes);
    buf_trim(&c->bytes, 4 * SEND_BYTES);
    spool_release(&c->spool);
    c->large = false;
    p->answer_pos = 0;
    if (p->sending == c)
        p->send_pos = 0;
    if (p->newest == c)
        return;
    if (p->sending == c)
        p->sending = c->next;
    p->oldest = c->next;
    c->next = p->spare;
    p->spare = c;
}

/* Has the command that ends at this place of the oldest chunk been sent? */
static bool is_sent(const struct redis_pipe *p, size_t end)
{
    return p->oldest != p->sending || end <= p->send_pos;
}

/* The oldest command has had its reply. */
static void pass_oldest(struct redis_pipe *p)
{
    const size_t bytes = p->ring[p->ring_first].bytes;

    p->heard_ms = p->read_us / 1000;
    pipe_depth_answered(&p->depth, p->read_us);
    p->ring_first = (p->ring_first + 1) % p->ring_cap;
    p->ring_count--;
    p->in_flight_bytes -= bytes;
    p->answer_pos += bytes;
    if (p->answer_pos == chunk_size(p->oldest))
        drop_chunk(p);
}

static int take_next(struct redis_pipe *p, redisReply *reply, struct ft_err *err)
{
    const struct sent *sent = &p->ring[p->ring_first];
    int rc;

    if (!p->oldest->large) {
        p->answered = bytes_of(p->oldest->bytes.p + p->answer_pos, sent->bytes);
    } else if (spool_view(&p->oldest->spool, &p->answered, err) != 0) {
        reply_free(reply);
        return -1;
    }
    rc = classify(p, sent->tag, reply, err);
    p->answered = bytes_of(NULL, 0);
    return rc;
}

/* "$4\r\nargs\r\n" in front of what is left; an argument that does not end there is cut. */
static struct bytes take_bulk(struct bytes *in)
{
    const uint8_t *end = in->n == 0 ? NULL : memchr(in->p, '\n', in->n);
    size_t head = end == NULL ? in->n : (size_t)(end + 1 - in->p);
    uint64_t size;
    struct bytes arg;

    if (head < 4 || !bytes_to_u64(bytes_of(in->p + 1, head - 3), &size))
        return bytes_of(NULL, 0);
    arg = bytes_of(in->p + head, size < in->n - head ? (size_t)size : in->n - head);
    head += arg.n + 2 < in->n - head ? arg.n + 2 : in->n - head;
    *in = bytes_of(in->p + head, in->n - head);
    return arg;
}

/* The oldest command without an answer, by its own name and its first argument: `SET "key"`. */
static const char *name_oldest(struct redis_pipe *p, char out[NAME_SIZE])
{
    struct ft_err ignored = FT_ERR_INIT;
    size_t left = chunk_size(p->oldest) - p->answer_pos;
    uint8_t head[NAME_SIZE];
    char name[NAME_SIZE / 4];
    char key[NAME_SIZE / 2];
    struct bytes in = bytes_of(head, left < sizeof(head) ? left : sizeof(head));
    struct bytes command;

    if (!p->oldest->large)
        memcpy(head, p->oldest->bytes.p + p->answer_pos, in.n);
    else if (spool_read(&p->oldest->spool, p->answer_pos, head, in.n, &ignored) != 0)
        in.n = 0;
    while (in.n != 0 && in.p[0] != '\n')
        in = bytes_of(in.p + 1, in.n - 1);
    if (in.n != 0)
        in = bytes_of(in.p + 1, in.n - 1);
    command = reach_command_of(p->reach, take_bulk(&in));
    (void)bytes_escape(command, name, sizeof(name));
    (void)bytes_escape(take_bulk(&in), key, sizeof(key));
    if (key[0] == '\0' || bytes_is_word(command, "AUTH")) /* a password is not shown */
        (void)snprintf(out, NAME_SIZE, "%s", name);
    else
        (void)snprintf(out, NAME_SIZE, "%s \"%s\"", name, key); /* all of these fit */
    return out;
}

/* Something was said before it was asked for: a server that has no room for us, say. */
static int take_early(struct redis_pipe *p, redisReply *reply, struct ft_err *err)
{
    static const char too_long[] = "ERR Protocol error: invalid bulk length";

    if (reply->type == REDIS_REPLY_ERROR && strcmp(reply->str, too_long) == 0) {
        char name[NAME_SIZE];

        (void)err_set(err, FT_ERR_PROTOCOL,
                      "%s takes no argument as long as one of %s (proto-max-bulk-len): %s",
                      p->conn.name, p->ring_count == 0 ? "this command" : name_oldest(p, name),
                      reply->str);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        (void)err_set(err, FT_ERR_NET, "%s answered: %s", p->conn.name, reply->str);
    } else {
        (void)err_set(err, FT_ERR_PROTOCOL, "%s sent a reply nobody asked for", p->conn.name);
    }
    reply_free(reply);
    return -1;
}

/* A transaction that was refused has not begun: what was sent to be queued is executed, or refused, one by one. */
static void forget_transaction(struct redis_pipe *p)
{
    for (size_t i = 1; i < p->ring_count; i++) {
        struct sent *sent = &p->ring[(p->ring_first + i) % p->ring_cap];

        if (sent->ends)
            return;
        sent->kinds = REPLY_KIND_ANY;
        sent->values = 1;
    }
    p->is_queueing = false;
}

/* What is no answer to the command must not pass for one. */
static int check_kind(struct redis_pipe *p, const redisReply *reply, struct ft_err *err)
{
    const struct sent *sent = &p->ring[p->ring_first];
    char name[NAME_SIZE];

    if (reply->type == REDIS_REPLY_ERROR && sent->begins)
        forget_transaction(p);
    if (reply->type == REDIS_REPLY_ERROR || reply_is_of(reply, sent->kinds))
        return 0;
    return reply_not_of(reply, p->conn.name, name_oldest(p, name), err);
}

static int take_reply(struct redis_pipe *p, redisReply *reply, struct ft_err *err)
{
    size_t bytes = p->ring_count == 0 ? 0 : p->ring[p->ring_first].bytes;
    int rc = 0;

    if (p->ring_count == 0 || !is_sent(p, p->answer_pos + bytes))
        return take_early(p, reply, err);
    if (check_kind(p, reply, err) != 0) {
        reply_free(reply);
        return -1;
    }
    if (p->catch_reply != NULL && p->ring_count == 1) {
        *p->catch_reply = reply;
        p->catch_reply = NULL;
    } else {
        rc = take_next(p, reply, err);
    }
    pass_oldest(p);
    return rc;
}

/* Most replies within a transaction, for which no reply has to be made: is it one, as it was expected? */
static bool is_queued_line(const struct redis_pipe *p, struct bytes in)
{
    const struct sent *sent = &p->ring[p->ring_first];

    return in.n >= strlen(QUEUED_LINE) && memcmp(in.p, QUEUED_LINE, strlen(QUEUED_LINE)) == 0 &&
           p->ring_count != 0 && sent->kinds == REPLY_KIND_QUEUED && p->catch_reply == NULL &&
           !p->oldest->large && is_sent(p, p->answer_pos + sent->bytes);
}

static int take_queued_line(struct redis_pipe *p, struct ft_err *err)
{
    static char text[] = "QUEUED";
    static const redisReply reply = {
        .type = REDIS_REPLY_STATUS, .str = text, .len = sizeof(text) - 1};
    const struct sent *sent = &p->ring[p->ring_first];
    int rc = 0;

    p->answered = bytes_of(p->oldest->bytes.p + p->answer_pos, sent->bytes);
    if (p->on_reply != NULL)
        rc = p->on_reply(p->context, sent->tag, &reply, err);
    p->answered = bytes_of(NULL, 0);
    pass_oldest(p);
    return rc;
}

/* Values are only sent where one was asked for; a script says which commands were refused, a transaction may have a script of
 * the source. */
static unsigned values_answered(struct bytes command, size_t args)
{
    static const char *const names[] = {"DUMP",   "GET",    "LINDEX",  "EVAL",  "EVALSHA",
                                        "EXEC",   "LRANGE", "SSCAN",   "HSCAN", "ZRANGE",
                                        "XRANGE", "XINFO",  "JSON.GET"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (bytes_is_word(command, names[i]))
            return 1;
    }
    return bytes_is_word(command, "MGET") ? (unsigned)args - 1 : 0;
}

/* What the reply that comes next may occupy. */
static size_t reply_limit(const struct redis_pipe *p)
{
    size_t values = p->ring_count == 0 ? 0 : p->ring[p->ring_first].values;

    if (values != 0 && item_limit() > (SIZE_MAX - REPLY_BYTES) / values)
        return SIZE_MAX;
    return REPLY_BYTES + values * item_limit();
}

/* A large command or reply may take its time, but must get on. */
static void count_progress(struct redis_pipe *p, size_t bytes)
{
    p->moved_bytes += bytes;
    if (p->moved_bytes < PROGRESS_BYTES)
        return;
    p->moved_bytes = 0;
    p->heard_ms = clock_mono_ms();
}

/* Reads a piece of what is there; does not wait. */
static int read_some(struct redis_pipe *p, struct ft_err *err)
{
    ssize_t n = conn_recv(&p->conn, p->in, sizeof(p->in));
    redisReply *reply;
    struct bytes in;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        return conn_lost(&p->conn, n < 0 ? errno : 0, err);
    count_progress(p, (size_t)n);
    p->read_us = clock_mono_us();
    in = bytes_of(p->in, (size_t)n);
    while (in.n != 0) {
        if (reply_reader_is_idle(&p->reader)) {
            if (is_queued_line(p, in)) {
                if (take_queued_line(p, err) != 0)
                    return -1;
                in = bytes_of(in.p + strlen(QUEUED_LINE), in.n - strlen(QUEUED_LINE));
                continue;
            }
            p->reader.limit_bytes = reply_limit(p);
        }
        if (reply_reader_feed(&p->reader, &in, &reply, err) != 0)
            return reply_reader_failed(p->conn.name, err);
        if (reply != NULL && take_reply(p, reply, err) != 0)
            return -1;
        if (p->is_last && p->ring_count == 0)
            return 0;
    }
    return 0;
}

/* What poll would not wake us for is read too. */
static int read_replies(struct redis_pipe *p, struct ft_err *err)
{
    do {
        if (read_some(p, err) != 0)
            return -1;
    } while (conn_has_more(&p->conn) && !(p->is_last && p->ring_count == 0));
    return 0;
}

/* What is to be sent next of this chunk. */
static int piece_of(struct redis_pipe *p, const struct chunk *c, struct bytes *ret,
                    struct ft_err *err)
{
    size_t left = chunk_size(c) - p->send_pos;

    if (!c->large) {
        *ret = bytes_of(c->bytes.p + p->send_pos, left);
        return 0;
    }
    if (left > SEND_BYTES)
        left = SEND_BYTES;
    if (p->out == NULL && (p->out = malloc(SEND_BYTES)) == NULL)
        return err_nomem(err, "a piece of a command");
    *ret = bytes_of(p->out, left);
    return spool_read(&c->spool, p->send_pos, p->out, left, err);
}

static int write_out(struct redis_pipe *p, struct ft_err *err)
{
    struct chunk *c = p->sending;
    struct bytes piece;
    ssize_t n;

    if (p->send_pos == chunk_size(c) && c->next != NULL) {
        c = p->sending = c->next;
        p->send_pos = 0;
    }
    if (piece_of(p, c, &piece, err) != 0)
        return -1;
    n = conn_send(&p->conn, piece.p, piece.n);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0) {
        int error = errno;

        /* who closes the connection may have said why */
        return read_replies(p, err) != 0 ? -1 : conn_lost(&p->conn, error, err);
    }
    p->send_pos += (size_t)n;
    p->unsent_bytes -= (size_t)n;
    count_progress(p, (size_t)n);
    return 0;
}

static int no_answer(const struct redis_pipe *p, struct ft_err *err)
{
    return err_set(err, FT_ERR_TIMEOUT, "%s did not answer within %g s", p->conn.name,
                   (double)p->timeout_ms / 1000);
}

/* Also of a server that says a byte now and then. Who has waited since then only knows of that time:
 * before it nobody may have looked. */
static bool is_late(const struct redis_pipe *p, uint64_t since_ms)
{
    uint64_t from_ms = p->heard_ms > since_ms ? p->heard_ms : since_ms;

    return p->ring_count != 0 && clock_mono_ms() - from_ms >= p->timeout_ms;
}

/* How many were woken for, or 0: neither within this time. */
static int wait_for(struct redis_pipe *p, short events, uint64_t timeout_ms, struct ft_err *err)
{
    struct pollfd fds[2] = {
        {.fd = p->conn.fd, .events = conn_events(&p->conn, events)},
        {.fd = p->conn.cancel_fd, .events = POLLIN},
    };
    int n;

    do
        n = poll(fds, 2, (int)timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_errno(err, errno, "could not wait for %s", p->conn.name);
    if (fds[1].revents != 0)
        return err_set(err, FT_ERR_CANCELLED, "cancelled");
    return n;
}

/* Not to be woken for less. Unix sockets do not know that, which does no harm. */
static void set_least(const struct redis_pipe *p, size_t bytes)
{
    int least = (int)(bytes > LEAST_BYTES_MAX ? LEAST_BYTES_MAX : bytes);

    (void)setsockopt(p->conn.fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
}

/*
 * Waits until so many replies are there or, before that, while there is something to send, until there
 * is room for it, which comes in larger steps than replies do. Each time that we are woken costs the
 * server's time too, if it runs here. A server that makes neither for a while is not left waiting.
 */
static int wait_long(struct redis_pipe *p, size_t replies, struct ft_err *err)
{
    bool sending = p->unsent_bytes != 0;
    bool many = !sending && replies > 1;
    int n;

    if (many)
        set_least(p, replies * REPLY_LEAST_BYTES);
    n = wait_for(p, sending ? POLLOUT : POLLIN, PATIENCE_MS, err);
    if (many)
        set_least(p, 1); /* of a reply no more than its end may be left to come */
    return n == 0 ? wait_for(p, redis_pipe_events(p), p->timeout_ms, err) : n;
}

/* One round of sending and receiving, waiting for the socket if nothing can be done. */
static int turn(struct redis_pipe *p, size_t replies, uint64_t since_ms, struct ft_err *err)
{
    int n = wait_long(p, replies, err);

    if (n < 0)
        return -1;
    if (n == 0)
        return no_answer(p, err);
    if (read_replies(p, err) != 0 || (p->unsent_bytes != 0 && write_out(p, err) != 0))
        return -1;
    return is_late(p, since_ms) ? no_answer(p, err) : 0;
}

static bool is_full(const struct redis_pipe *p)
{
    return p->ring_count == IN_FLIGHT_MAX || p->in_flight_bytes > p->depth.limit_bytes;
}

bool redis_pipe_has_room(const struct redis_pipe *p, size_t commands, size_t bytes)
{
    return p->ring_count + commands < IN_FLIGHT_MAX &&
           p->in_flight_bytes + bytes <= p->depth.limit_bytes;
}

/* Between MULTI and EXEC commands are only queued. */
static struct sent what_is_sent(struct redis_pipe *p, const struct pipe_command *command)
{
    struct bytes name = command->args[0];
    struct sent sent = {.ends = bytes_is_word(name, "EXEC") || bytes_is_word(name, "DISCARD")};

    if (p->is_queueing && !sent.ends) {
        sent.kinds = REPLY_KIND_QUEUED;
        return sent;
    }
    sent.begins = bytes_is_word(name, "MULTI");
    sent.values = values_answered(name, command->count);
    sent.kinds = reply_kinds_of(command->args, command->count);
    if (sent.begins || sent.ends)
        p->is_queueing = sent.begins;
    p->watch_ends += sent.ends || bytes_is_word(name, "UNWATCH");
    return sent;
}

/* One connection of many has few commands in flight, and is not to have room for the most there may be. */
static int make_room(struct redis_pipe *p, struct ft_err *err)
{
    size_t part = p->ring_cap - p->ring_first;
    struct sent *ring;

    if (p->ring_count < p->ring_cap)
        return 0;
    ring = calloc(2 * p->ring_cap, sizeof(*ring));
    if (ring == NULL)
        return err_nomem(err, "commands in flight");
    memcpy(ring, p->ring + p->ring_first, part * sizeof(*ring));
    memcpy(ring + part, p->ring, p->ring_first * sizeof(*ring));
    free(p->ring);
    p->ring = ring;
    p->ring_cap *= 2;
    p->ring_first = 0;
    return 0;
}

/* named: the same by the name that is known here. */
static int append(struct redis_pipe *p, uint64_t tag, const struct pipe_command *command,
                  const struct pipe_command *named, struct ft_err *err)
{
    bool large = pipe_command_is_large(command);
    struct sent *sent;
    size_t before;
    size_t bytes;

    if (pipe_command_check_limit(command, p->reach, p->conn.name, err) != 0)
        return -1;
    assert(p->ring_count < IN_FLIGHT_MAX); /* the caller keeps up */
    if (make_room(p, err) != 0 || take_chunk(p, large, err) != 0)
        return -1;
    before = chunk_size(p->newest);
    p->newest->large = large;
    if ((large ? pipe_command_spool(command, &p->newest->spool, err)
               : pipe_command_put(command, &p->newest->bytes, err)) != 0)
        return -1;
    bytes = chunk_size(p->newest) - before;
    if (p->ring_count == 0)
        p->heard_ms = clock_mono_ms();
    sent = &p->ring[(p->ring_first + p->ring_count++) % p->ring_cap];
    *sent = what_is_sent(p, named);
    /* one function of the server serves both, and tells them apart by the second letter of what it is called */
    if (command != named && sent->kinds != REPLY_KIND_QUEUED &&
        (bytes_is_word(named->args[0], "HSET") || bytes_is_word(named->args[0], "HMSET")))
        sent->kinds |= REPLY_KIND_OK | REPLY_KIND_INTEGER;
    sent->tag = tag;
    sent->bytes = bytes;
    if (pipe_depth_wants(&p->depth))
        pipe_depth_put(&p->depth, p->ring_count, clock_mono_us());
    p->in_flight_bytes += bytes;
    p->unsent_bytes += bytes;
    return 0;
}

static int append_renamed(struct redis_pipe *p, uint64_t tag, struct pipe_command command,
                          struct ft_err *err)
{
    struct pipe_command renamed = command;
    struct buf script = {0};
    struct bytes *args;
    int rc;

    if (!reach_renames(p->reach))
        return append(p, tag, &command, &command, err);
    args = malloc(command.count * sizeof(*args)); /* fits: the caller has as many */
    if (args == NULL)
        return err_nomem(err, "a renamed command");
    memcpy(args, command.args, command.count * sizeof(*args));
    renamed.args = args;
    rc = pipe_command_rename(p->reach, args, command.count, &script, err);
    if (rc == 0)
        rc = append(p, tag, &renamed, &command, err);
    free(args);
    buf_release(&script);
    return rc;
}

int redis_pipe_append(struct redis_pipe *p, uint64_t tag, const struct bytes *args, size_t count,
                      struct ft_err *err)
{
    return append_renamed(p, tag, (struct pipe_command){.args = args, .count = count}, err);
}

int redis_pipe_append_more(struct redis_pipe *p, uint64_t tag, const struct bytes *args,
                           size_t count, size_t more_count, const struct spool *more,
                           struct ft_err *err)
{
    return append_renamed(p, tag, (struct pipe_command){args, count, more_count, more}, err);
}

int redis_pipe_keep_up(struct redis_pipe *p, struct ft_err *err)
{
    const uint64_t since_ms = clock_mono_ms();

    while (is_full(p)) {
        if (turn(p, p->ring_count / 4, since_ms, err) != 0)
            return -1;
    }
    return p->unsent_bytes >= SEND_BYTES ? turn(p, 1, since_ms, err) : 0;
}

static int make_way(struct redis_pipe *p, struct ft_err *err)
{
    return p->on_others != NULL ? p->on_others(p->others_context, err) : 0;
}

int redis_pipe_put(struct redis_pipe *p, uint64_t tag, const struct bytes *args, size_t count,
                   struct ft_err *err)
{
    if (make_way(p, err) != 0)
        return -1;
    return redis_pipe_append(p, tag, args, count, err) == 0 ? redis_pipe_keep_up(p, err) : -1;
}

int redis_pipe_fd(const struct redis_pipe *p)
{
    return p->conn.fd;
}

short redis_pipe_events(const struct redis_pipe *p)
{
    return conn_events(&p->conn, (short)(POLLIN | (p->unsent_bytes != 0 ? POLLOUT : 0)));
}

uint64_t redis_pipe_watch_ends(const struct redis_pipe *p)
{
    return p->watch_ends;
}

size_t redis_pipe_in_flight(const struct redis_pipe *p)
{
    return p->ring_count;
}

int redis_pipe_work(struct redis_pipe *p, struct ft_err *err)
{
    if ((p->unsent_bytes != 0 && write_out(p, err) != 0) || read_replies(p, err) != 0)
        return -1;
    return is_late(p, 0) ? no_answer(p, err) : 0;
}

int redis_pipe_push(struct redis_pipe *p, struct ft_err *err)
{
    size_t before;

    do {
        before = p->unsent_bytes;
        if (before != 0 && write_out(p, err) != 0)
            return -1;
    } while (p->unsent_bytes != before);
    return 0;
}

int redis_pipe_await(struct redis_pipe *p, size_t in_flight, struct ft_err *err)
{
    const uint64_t since_ms = clock_mono_ms();

    while (p->ring_count > in_flight) {
        if (turn(p, p->ring_count - in_flight, since_ms, err) != 0)
            return -1;
    }
    return 0;
}

int redis_pipe_drain(struct redis_pipe *p, struct ft_err *err)
{
    return redis_pipe_await(p, 0, err);
}

void redis_pipe_limit(struct redis_pipe *p, size_t in_flight_bytes)
{
    pipe_depth_set(&p->depth, in_flight_bytes);
}

struct bytes redis_pipe_answered(struct redis_pipe *p)
{
    struct ft_err ignored =
        FT_ERR_INIT; /* what was made here can be taken apart; without memory it has the other name */
    struct bytes *args = NULL;
    size_t count;

    if (!reach_renames(p->reach) || resp_take_command(p->answered, &args, &count, &ignored) != 0)
        return p->answered;
    args[0] = reach_command_of(p->reach, args[0]);
    buf_clear(&p->named);
    if (resp_put_command(&p->named, args, count, &ignored) == 0)
        p->answered = buf_bytes(&p->named);
    free(args);
    return p->answered;
}

int redis_pipe_call(struct redis_pipe *p, redisReply **ret_reply, const struct bytes *args,
                    size_t count, struct ft_err *err)
{
    redisReply *reply = NULL;

    if (make_way(p, err) != 0 || redis_pipe_drain(p, err) != 0 ||
        redis_pipe_append(p, 0, args, count, err) != 0)
        return -1;
    p->catch_reply = &reply;
    if (redis_pipe_drain(p, err) != 0) {
        p->catch_reply = NULL;
        if (reply != NULL)
            reply_free(reply);
        return -1;
    }
    *ret_reply = reply;
    return 0;
}

int redis_pipe_call_last(struct redis_pipe *p, redisReply **ret_reply, const struct bytes *args,
                         size_t count, struct ft_err *err)
{
    if (redis_pipe_drain(p, err) != 0)
        return -1;
    p->is_last = true;
    return redis_pipe_call(p, ret_reply, args, count, err);
}

int redis_pipe_call_text(struct redis_pipe *p, redisReply **ret_reply, const char *command,
                         struct ft_err *err)
{
    struct bytes args[ARGS_MAX];
    size_t count = 0;

    while (*command != '\0' && count < ARGS_MAX) {
        size_t n = strcspn(command, " ");

        args[count++] = bytes_of(command, n);
        command += n;
        command += *command == ' ';
    }
    return redis_pipe_call(p, ret_reply, args, count, err);
}

void redis_pipe_free(struct redis_pipe *p)
{
    if (p == NULL)
        return;
    conn_close(&p->conn);
    reach_unref(p->reach);
    buf_release(&p->named);
    reply_reader_release(&p->reader);
    chunk_free(p->oldest);
    chunk_free(p->spare);
    free(p->ring);
    free(p->out);
    free(p);
}
