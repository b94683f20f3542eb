#include "base/shell_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* Between two looks at it: from the first on ever longer. */
#define POLL_FIRST_NS (1L * 1000 * 1000)
#define POLL_NS       (20L * 1000 * 1000)
#define KILL_AFTER_MS 2000

/* In the child: nothing but async-signal-safe calls. */
static void run_shell(const struct shell_command *c, pid_t parent)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    int null = open("/dev/null", O_RDWR);

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)sigaction(SIGPIPE, &usual, NULL); /* valid numbers */
    (void)sigaction(SIGXFSZ, &usual, NULL);
    if (getppid() != parent || null < 0 || dup2(null, 0) < 0 || (c->silent && dup2(null, 2) < 0) ||
        dup2(2, 1) < 0 || setpgid(0, 0) != 0)
        _exit(127);
    (void)execl("/bin/sh", "sh", "-c", c->text, (char *)NULL);
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

static int wait_for(const struct shell_command *c, pid_t pid, int *ret_status, struct ft_err *err)
{
    struct timespec nap = {.tv_nsec = POLL_FIRST_NS};
    uint64_t began_ms = clock_mono_ms();

    for (;;) {
        pid_t done = waitpid(pid, ret_status, WNOHANG);

        if (done == pid)
            return 0;
        if (done < 0 && errno != EINTR)
            return err_errno(err, errno, "could not wait for a command");
        if (c->cancelled(c->context)) {
            end_group(pid);
            return err_set(err, FT_ERR_CANCELLED, "stopped");
        }
        if (c->timeout_ms != 0 && clock_mono_ms() - began_ms >= c->timeout_ms) {
            end_group(pid);
            return err_set(err, FT_ERR_TIMEOUT, "the command took too long and was ended");
        }
        (void)nanosleep(&nap, NULL); /* a shorter one does no harm */
        nap.tv_nsec = nap.tv_nsec * 2 < POLL_NS ? nap.tv_nsec * 2 : POLL_NS;
    }
}

int shell_command_run(const struct shell_command *c, int *ret_status, struct ft_err *err)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        run_shell(c, parent);
    if (pid < 0)
        return err_errno(err, errno, "could not start a command");
    (void)setpgid(pid, pid); /* whoever of the two comes first; fails when the child was */
    return wait_for(c, pid, ret_status, err);
}
