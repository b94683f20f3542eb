#include "input/source_digest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xxh3.h"

#define READ_BYTES ((size_t)1 << 20)

struct digester {
    XXH3_state_t *state;
    uint8_t *buffer;
    int cancel_fd;
};

static bool is_cancelled(const struct digester *d)
{
    struct pollfd fd = {.fd = d->cancel_fd, .events = POLLIN};

    return d->cancel_fd >= 0 && poll(&fd, 1, 0) > 0;
}

static int add_file(struct digester *d, const char *file, struct ft_err *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    uint64_t size = 0;
    ssize_t n = 1;
    int rc = 0;

    if (fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", file);
    while (rc == 0 && n != 0) {
        n = read(fd, d->buffer, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = err_errno(err, errno, "could not read \"%s\"", file);
        else if (is_cancelled(d))
            rc = err_set(err, FT_ERR_CANCELLED, "stopped");
        else
            (void)XXH3_128bits_update(d->state, d->buffer, (size_t)n); /* valid arguments */
        size += n > 0 ? (uint64_t)n : 0;
    }
    (void)close(fd); /* opened to read */
    /* so that bytes cannot move from one file of a set to the next */
    (void)XXH3_128bits_update(d->state, &size, sizeof(size));
    return rc;
}

int source_digest(char *const *files, uint32_t count, int cancel_fd,
                  uint8_t ret[SOURCE_DIGEST_SIZE], struct ft_err *err)
{
    struct digester d = {
        .state = XXH3_createState(), .buffer = malloc(READ_BYTES), .cancel_fd = cancel_fd};
    XXH128_canonical_t digest;
    int rc = 0;

    if (d.state == NULL || d.buffer == NULL || XXH3_128bits_reset(d.state) != XXH_OK)
        rc = err_nomem(err, "a digest");
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = add_file(&d, files[i], err);
    if (rc == 0) {
        XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(d.state));
        memcpy(ret, digest.digest, SOURCE_DIGEST_SIZE);
    }
    (void)XXH3_freeState(d.state); /* takes NULL */
    free(d.buffer);
    return rc;
}
