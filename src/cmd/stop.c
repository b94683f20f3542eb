#include "cmd/stop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/wake.h"
#include "cmd/notify.h"

#define NAP_MS 20
/* Of a service manager or an impatient hand: signals so close to each other are meant as one. */
#define ONE_SIGNAL_MS 1000

/* Set before the handlers are. */
static volatile sig_atomic_t stop_fd = -1;
/* Any thread may get a signal, so two handlers may run at once. */
static atomic_int_fast64_t first_signal_ms = -1;

/* is_another - the signal comes so long after the first one that it is not the same. */
static bool is_another(void)
{
    struct timespec now;
    int_fast64_t now_ms;
    int_fast64_t first_ms = -1;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    now_ms = (int_fast64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (atomic_compare_exchange_strong(&first_signal_ms, &first_ms, now_ms))
        return false;
    return now_ms - first_ms >= ONE_SIGNAL_MS;
}

static void on_stop_signal(int number)
{
    int saved = errno;

    (void)number;
    if (is_another() || !wake_set(stop_fd))
        _exit(EXIT_EARLY); /* what was stored stays valid as it is */
    errno = saved;
}

/* The terminal is gone. Who began it with nohup means it to stay. */
static int catch_hangup(const struct sigaction *stop)
{
    struct sigaction was;

    if (sigaction(SIGHUP, NULL, &was) != 0)
        return -1;
    return was.sa_handler == SIG_IGN ? 0 : sigaction(SIGHUP, stop, NULL);
}

int stop_catch_signals(int *ret_fd, struct ft_err *err)
{
    struct sigaction stop = {.sa_handler = on_stop_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int fd;

    if (wake_open(&fd, err) != 0)
        return -1;
    stop_fd = fd;
    *ret_fd = fd;
    (void)sigaddset(&stop.sa_mask, SIGINT); /* valid numbers */
    (void)sigaddset(&stop.sa_mask, SIGTERM);
    (void)sigaddset(&stop.sa_mask, SIGHUP);
    if (catch_hangup(&stop) != 0 || sigaction(SIGINT, &stop, NULL) != 0 ||
        sigaction(SIGTERM, &stop, NULL) != 0 || sigaction(SIGPIPE, &ignore, NULL) != 0)
        return err_errno(err, errno, "could not set up signals");
    return 0;
}

static volatile sig_atomic_t told_fd = -1;

static void on_told_signal(int number)
{
    int saved = errno;

    (void)number;
    if (!wake_set(told_fd))
        _exit(EXIT_FAILED); /* cannot be: it is read in time */
    errno = saved;
}

int stop_catch_told(int *ret_fd, struct ft_err *err)
{
    struct sigaction told = {.sa_handler = on_told_signal, .sa_flags = SA_RESTART};
    int fd;

    if (wake_open(&fd, err) != 0)
        return -1;
    told_fd = fd;
    *ret_fd = fd;
    if (sigaction(SIGUSR1, &told, NULL) != 0)
        return err_errno(err, errno, "could not set up signals");
    return 0;
}

struct work {
    int (*run)(void *context, struct ft_err *err);
    void *context;
    struct ft_err *err;
    int rc;
    int done_fd; /* readable when it is */
    atomic_bool done;
};

static void *work_main(void *arg)
{
    struct work *w = arg;

    w->rc = w->run(w->context, w->err);
    atomic_store(&w->done, true);
    (void)wake_set(w->done_fd); /* else it is noticed a nap later */
    return NULL;
}

int work_run(const char *command, bool quiet, int (*work)(void *context, struct ft_err *err),
             void (*show)(struct progress *progress, void *context), void *context,
             struct ft_err *err)
{
    struct work w = {.run = work, .context = context, .err = err};
    struct pollfd done = {.events = POLLIN};
    struct progress p;
    pthread_t thread;
    int rc;

    notify_ready(); /* changes the environment, so before there are threads */
    if (wake_open(&w.done_fd, err) != 0)
        return -1;
    rc = pthread_create(&thread, NULL, work_main, &w);
    if (rc != 0) {
        (void)close(w.done_fd); /* which holds nothing */
        return err_errno(err, rc, "could not start a thread");
    }
    done.fd = w.done_fd;
    progress_init(&p, command, quiet);
    while (!atomic_load(&w.done)) {
        (void)poll(&done, 1, NAP_MS); /* a shorter nap does no harm */
        notify_alive();
        if (progress_due(&p))
            show(&p, context);
    }
    (void)pthread_join(thread, NULL); /* started, and joined only here */
    (void)close(w.done_fd);           /* which holds nothing */
    notify_stopping();
    progress_end(&p);
    return w.rc;
}
