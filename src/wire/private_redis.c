#include "wire/private_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsutil.h"

#define START_TIMEOUT_MS 20000u
#define POLL_MS          2
#define LOG_SHOWN        300
/* The status of a child that could not begin; 127 is the one of a program that is not there. */
#define NO_OUTPUT 126

struct private_redis {
    pid_t pid; /* 0: not running */
    char dir[64];
    char socket[96];
    char log[96];
    char *program;
    int cancel_fd;
    bool up;
    bool hidden;
};

static int make_dir(struct private_redis *s, struct ft_err *err)
{
    const char *parent = fs_temporary_dir();

    /* a socket's path may have about 100 characters, which $TMPDIR may exceed */
    if (strlen(parent) > sizeof(s->dir) - sizeof("/flowtape-XXXXXX"))
        parent = "/tmp";
    (void)snprintf(s->dir, sizeof(s->dir), "%s/flowtape-XXXXXX", parent); /* fits */
    if (mkdtemp(s->dir) == NULL) {
        s->dir[0] = '\0';
        return err_errno(err, errno, "could not create a directory in \"%s\"", parent);
    }
    (void)snprintf(s->socket, sizeof(s->socket), "%s/redis.sock", s->dir); /* both fit */
    (void)snprintf(s->log, sizeof(s->log), "%s/redis.log", s->dir);
    return 0;
}

/* In the child: nothing but async-signal-safe calls. */
static void run_server(const struct private_redis *s, const char *program, const char *databases,
                       pid_t parent)
{
    int null = open("/dev/null", O_RDWR);
    int log = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
        dup2(log, 2) < 0)
        _exit(NO_OUTPUT);
    (void)setsid(); /* so that a Ctrl-C is the parent's business alone */
    (void)execlp(program, program, "--port", "0", "--unixsocket", s->socket, "--unixsocketperm",
                 "700", "--dir", s->dir, "--save", "", "--appendonly", "no", "--databases",
                 databases, "--daemonize", "no", "--loglevel", "warning", "--logfile", "",
                 "--maxmemory", "0", "--timeout", "0", "--maxclients", "2000", (char *)NULL);
    _exit(127);
}

/* The last words of the server, to show why it did not come up. */
static void add_log(const struct private_redis *s, struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;
    char shown[LOG_SHOWN];
    struct buf log = {0};

    if (fs_read_file(AT_FDCWD, s->log, 1u << 20, &log, &ignored) == 0 && log.n > 0) {
        size_t n = log.n < LOG_SHOWN / 2 ? log.n : LOG_SHOWN / 2;

        (void)err_set(err, FT_ERR_IO, "the private redis-server did not start: %s",
                      bytes_escape(bytes_of(log.p + log.n - n, n), shown, sizeof(shown)));
    }
    buf_release(&log);
}

/* The socket's name is there a moment before the server listens on it. *ret_errno: no socket could be made; else 0. */
static bool answers(const struct private_redis *s, int *ret_errno)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool up;

    *ret_errno = fd < 0 ? errno : 0;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->socket); /* fits */
    up = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        (void)close(fd); /* nothing was sent */
    return up;
}

static int wait_until_up(struct private_redis *s, struct ft_err *err)
{
    struct pollfd cancel = {.fd = s->cancel_fd, .events = POLLIN}; /* one of -1 is passed over */
    uint64_t began_ms = clock_mono_ms();
    int no_socket;

    while (!answers(s, &no_socket)) {
        int status;

        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            s->pid = 0;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
                return err_set(err, FT_ERR_STATE,
                               "could not run \"%s\"; this conversion needs a redis-server, "
                               "--redis-server PATH names it",
                               s->program);
            }
            if (WIFEXITED(status) && WEXITSTATUS(status) == NO_OUTPUT)
                return err_set(err, FT_ERR_IO,
                               "could not open \"%s\": the private redis-server's output", s->log);
            add_log(s, err);
            return err_set(err, FT_ERR_IO, "the private redis-server ended at once");
        }
        if (clock_mono_ms() - began_ms > START_TIMEOUT_MS && no_socket != 0)
            return err_errno(err, no_socket, "could not connect to the private redis-server");
        if (clock_mono_ms() - began_ms > START_TIMEOUT_MS) {
            add_log(s, err);
            return err_set(err, FT_ERR_IO, "the private redis-server did not come up in %u s",
                           START_TIMEOUT_MS / 1000);
        }
        if (poll(&cancel, 1, POLL_MS) > 0)
            return err_set(err, FT_ERR_CANCELLED, "stopped");
    }
    s->up = true;
    return 0;
}

int private_redis_start(struct private_redis **ret, const char *program, int cancel_fd,
                        struct ft_err *err)
{
    struct private_redis *s = calloc(1, sizeof(*s));
    char databases[I64_TEXT_SIZE + 1] = "";
    pid_t parent = getpid();

    if (s == NULL)
        return err_nomem(err, "a private redis-server");
    s->cancel_fd = cancel_fd;
    databases[i64_to_text(PRIVATE_REDIS_DATABASES, databases)] = '\0';
    s->program = strdup(program);
    if (s->program == NULL) {
        err_nomem(err, "a private redis-server");
        goto fail;
    }
    if (make_dir(s, err) != 0)
        goto fail;
    s->pid = fork();
    if (s->pid == 0)
        run_server(s, program, databases, parent);
    if (s->pid < 0) {
        s->pid = 0;
        err_errno(err, errno, "could not start \"%s\"", program);
        goto fail;
    }
    *ret = s;
    return 0;
fail:
    private_redis_free(s);
    return -1;
}

int private_redis_connect(struct private_redis *s, struct redis_pipe **ret,
                          redis_reply_fn *on_reply, void *context, struct ft_err *err)
{
    struct uri uri = {.scheme = URI_UNIX};

    if (!s->up && wait_until_up(s, err) != 0)
        return -1;
    (void)snprintf(uri.host, sizeof(uri.host), "%s", s->socket); /* fits */
    return redis_pipe_open(ret, &uri, s->cancel_fd, on_reply, context, err);
}

void private_redis_hide(struct private_redis *s)
{
    if (s->hidden || s->dir[0] == '\0')
        return;
    (void)unlink(s->socket); /* the directory may not be empty for rmdir otherwise */
    (void)unlink(s->log);
    (void)rmdir(s->dir);
    s->hidden = true;
}

void private_redis_free(struct private_redis *s)
{
    if (s == NULL)
        return;
    if (s->pid > 0) {
        (void)kill(s->pid, SIGKILL); /* it is ours and was not waited for yet */
        (void)waitpid(s->pid, NULL, 0);
    }
    private_redis_hide(s);
    free(s->program);
    free(s);
}
