#include "archive/archive_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define POLL_NS       (20L * 1000 * 1000)
#define KILL_AFTER_MS 2000

int archive_command_check(const char *command, struct ft_err *err)
{
    bool names_file = false;

    for (const char *p = strchr(command, '%'); p != NULL; p = strchr(p + 2, '%')) {
        if (p[1] != 'p' && p[1] != 'f' && p[1] != '%')
            return err_set(err, FT_ERR_USAGE, "a command has %%p, %%f or %%%%, not \"%.2s\"", p);
        names_file |= p[1] != '%';
    }
    return names_file
               ? 0
               : err_set(err, FT_ERR_USAGE,
                         "the command has neither %%p (the path of the file) nor %%f (its name)");
}

static int expand(struct buf *ret, const char *command, const char *path, const char *name,
                  struct ft_err *err)
{
    for (const char *p = command; *p != '\0'; p++) {
        const char *piece = *p != '%' ? NULL : p[1] == 'p' ? path : p[1] == 'f' ? name : "%";
        int rc = piece == NULL ? buf_append(ret, p, 1, err) : buf_append_str(ret, piece, err);

        if (rc != 0)
            return -1;
        p += piece != NULL;
    }
    return buf_append(ret, "", 1, err);
}

/* In the child: nothing but async-signal-safe calls. */
static void run_shell(const char *text, pid_t parent)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    int null = open("/dev/null", O_RDONLY);

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)sigaction(SIGPIPE, &usual, NULL); /* valid numbers */
    (void)sigaction(SIGXFSZ, &usual, NULL);
    if (getppid() != parent || null < 0 || dup2(null, 0) < 0 || dup2(2, 1) < 0 ||
        setpgid(0, 0) != 0)
        _exit(127);
    (void)execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
}

/* The whole group: a shell that is ended does not end what it has started. */
static void end_group(pid_t pid)
{
    const struct timespec nap = {.tv_nsec = POLL_NS};
    uint64_t until_ms = clock_mono_ms() + KILL_AFTER_MS;
    int status;

    (void)kill(-pid, SIGTERM);
    while (waitpid(pid, &status, WNOHANG) == 0 && clock_mono_ms() < until_ms)
        (void)nanosleep(&nap, NULL); /* a shorter one does no harm */
    (void)kill(-pid, SIGKILL);
    (void)waitpid(pid, &status, 0); /* may be done already */
}

static int wait_for(pid_t pid, uint64_t timeout_ms, bool (*cancelled)(void *context), void *context,
                    int *ret_status, struct ft_err *err)
{
    const struct timespec nap = {.tv_nsec = POLL_NS};
    uint64_t began_ms = clock_mono_ms();

    for (;;) {
        pid_t done = waitpid(pid, ret_status, WNOHANG);

        if (done == pid)
            return 0;
        if (done < 0 && errno != EINTR)
            return err_errno(err, errno, "could not wait for a command");
        if (cancelled(context)) {
            end_group(pid);
            return err_set(err, FT_ERR_CANCELLED, "stopped");
        }
        if (timeout_ms != 0 && clock_mono_ms() - began_ms >= timeout_ms) {
            end_group(pid);
            return err_set(err, FT_ERR_TIMEOUT, "the command took too long and was ended");
        }
        (void)nanosleep(&nap, NULL); /* a shorter one does no harm */
    }
}

static int take_status(int status, struct ft_err *err)
{
    if (WIFSIGNALED(status)) {
        return err_set(err, FT_ERR_NET, "the command was ended by signal %d", WTERMSIG(status));
    }
    if (WEXITSTATUS(status) == 0)
        return 0;
    return err_set(err, FT_ERR_NET, "the command ended with status %d", WEXITSTATUS(status));
}

int archive_command_run(const char *command, const char *path, const char *name,
                        uint64_t timeout_ms, bool (*cancelled)(void *context), void *context,
                        struct ft_err *err)
{
    struct buf text = {0};
    pid_t parent = getpid();
    int status = 0;
    pid_t pid;
    int rc;

    if (expand(&text, command, path, name, err) != 0) {
        buf_release(&text);
        return -1;
    }
    pid = fork();
    if (pid == 0)
        run_shell((const char *)text.p, parent);
    buf_release(&text);
    if (pid < 0)
        return err_errno(err, errno, "could not start a command");
    (void)setpgid(pid, pid); /* whoever of the two comes first; fails when the child was */
    rc = wait_for(pid, timeout_ms, cancelled, context, &status, err);
    return rc == 0 ? take_status(status, err) : rc;
}
