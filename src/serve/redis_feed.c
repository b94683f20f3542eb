#include "serve/redis_feed.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wake.h"

#define PIECE_BYTES (64u << 10)
#define TICK_MS     1000

struct feed {
    struct redis_peer *s;
    int grown_fd; /* readable: the stream has grown */
    uint64_t position;
    uint8_t *piece; /* being sent */
    size_t piece_n;
    size_t piece_sent;
    uint64_t heard_ms;
    bool online;
};

/* Replicas acknowledge every second; whoever came by SYNC need not. */
static int check_silence(const struct feed *f, struct ft_err *err)
{
    if (f->s->old || clock_mono_ms() - f->heard_ms < SESSION_TIMEOUT_MS)
        return 0;
    return err_set(err, FT_ERR_TIMEOUT, "%s has said nothing for %u seconds", f->s->conn.name,
                   SESSION_TIMEOUT_MS / 1000);
}

static void go_online(struct feed *f)
{
    if (f->online)
        return;
    f->online = true;
    atomic_fetch_add(&f->s->master->progress->replicas, 1);
    replica_list_set_state(&f->s->master->replicas, &f->s->replica, REPLICA_ONLINE);
}

/* Acknowledgements are all that counts; replies would be taken for commands. */
static int take_commands(struct feed *f, struct ft_err *err)
{
    struct command_reader *r = &f->s->reader;
    uint64_t offset;
    enum step step;

    while ((step = command_reader_next(r, err)) == STEP_ITEM) {
        if (r->count < 3 || !bytes_is_word(r->args[0], "REPLCONF") ||
            !bytes_is_word(r->args[1], "ACK") || !bytes_to_u64(r->args[2], &offset))
            continue;
        go_online(f);
        replica_list_acknowledged(&f->s->master->replicas, &f->s->replica, offset);
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int hear(struct feed *f, struct ft_err *err)
{
    if (redis_peer_read(f->s, SESSION_TIMEOUT_MS, err) != 0)
        return -1;
    f->heard_ms = clock_mono_ms();
    replica_list_heard(&f->s->master->replicas, &f->s->replica);
    return take_commands(f, err);
}

/* The next piece, if the last one is out. */
static int want_piece(struct feed *f, struct ft_err *err)
{
    if (!f->online || f->piece_sent < f->piece_n ||
        f->position >= stream_log_end(f->s->master->log))
        return 0;
    f->piece_sent = 0;
    if (stream_log_read(f->s->master->log, f->position, f->piece, PIECE_BYTES, &f->piece_n, err) !=
        0)
        return -1;
    f->position += f->piece_n;
    return 0;
}

/* As much as the socket takes now. */
static int send_some(struct feed *f, struct ft_err *err)
{
    for (;;) {
        ssize_t n;

        if (want_piece(f, err) != 0)
            return -1;
        if (f->piece_sent == f->piece_n)
            return 0;
        n = conn_send(&f->s->conn, f->piece + f->piece_sent, f->piece_n - f->piece_sent);
        if (n > 0) {
            f->piece_sent += (size_t)n;
            atomic_fetch_add(&f->s->master->progress->sent, (uint64_t)n);
            continue;
        }
        if (errno == EAGAIN)
            return 0;
        if (errno != EINTR)
            return conn_lost(&f->s->conn, errno, err);
    }
}

static int wait_for_any(struct feed *f, bool *ret_heard, struct ft_err *err)
{
    bool pending = f->piece_sent < f->piece_n;
    bool more = conn_has_more(&f->s->conn);
    short events = (short)(POLLIN | (pending ? POLLOUT : 0));
    struct pollfd fds[] = {
        {f->s->conn.fd, conn_events(&f->s->conn, events), 0},
        {pending ? -1 : f->grown_fd, POLLIN, 0},
        {f->s->master->stop_fd, POLLIN, 0},
    };

    if (poll(fds, 3, more ? 0 : TICK_MS) < 0 && errno != EINTR)
        return err_errno(err, errno, "could not wait for %s", f->s->conn.name);
    if (fds[2].revents != 0)
        return err_set(err, FT_ERR_CANCELLED, "stopped");
    if (fds[1].revents != 0)
        (void)wake_clear(f->grown_fd);
    *ret_heard = more || (fds[0].revents & ~POLLOUT) != 0;
    return 0;
}

static int run(struct feed *f, struct ft_err *err)
{
    bool heard;

    if (take_commands(f, err) != 0) /* what came before it was a replica */
        return -1;
    for (;;) {
        if (send_some(f, err) != 0 || wait_for_any(f, &heard, err) != 0)
            return -1;
        if (heard ? hear(f, err) != 0 : check_silence(f, err) != 0)
            return -1;
    }
}

int redis_feed_run(struct redis_peer *s, uint64_t position, struct ft_err *err)
{
    struct feed f = {.s = s,
                     .grown_fd = -1,
                     .position = position,
                     .piece = malloc(PIECE_BYTES),
                     .heard_ms = clock_mono_ms()};

    if (f.piece == NULL)
        err_nomem(err, "a piece of the replication stream");
    else if (wake_open(&f.grown_fd, err) == 0 &&
             stream_log_watch(s->master->log, f.grown_fd, err) == 0) {
        if (!s->marked)
            go_online(&f);
        (void)run(&f, err); /* err says why it ended */
        stream_log_unwatch(s->master->log, f.grown_fd);
    }
    if (f.online)
        atomic_fetch_sub(&s->master->progress->replicas, 1);
    if (f.grown_fd >= 0)
        (void)close(f.grown_fd); /* holds nothing */
    free(f.piece);
    return -1;
}
