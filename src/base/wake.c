#include "base/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * An eventfd counts what is written to it, and a read takes all of it at once: however often it was set,
 * it has to be cleared once.
 */

int wake_open(int *ret_fd, struct ft_err *err)
{
    *ret_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return *ret_fd < 0 ? err_errno(err, errno, "could not make an eventfd") : 0;
}

bool wake_set(int fd)
{
    const uint64_t one = 1;

    /* EAGAIN: the counter is full, which is as readable as it gets */
    return fd < 0 || write(fd, &one, sizeof(one)) == (ssize_t)sizeof(one) || errno == EAGAIN;
}

bool wake_clear(int fd)
{
    uint64_t count;

    return read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count);
}
