#include "replay/replay_cancel.h"

#include <poll.h>

#include "wire/conn.h"

int replay_cancelled(struct ft_err *err)
{
    return err_set(err, FT_ERR_CANCELLED, "stopped; the next start resumes from here");
}

int replay_cancel_check(int fd, struct ft_err *err)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&p, 1, 0) > 0 ? replay_cancelled(err) : 0;
}

int replay_cancel_sleep(int fd, uint64_t ms, struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct conn nobody = CONN_INIT;

    nobody.cancel_fd = fd;
    return conn_sleep(&nobody, ms, &ignored) == 0 ? 0 : replay_cancelled(err);
}
