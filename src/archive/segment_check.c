#include "archive/segment_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/segment_feed.h"
#include "store/segment_reader_open.h"
#include "store/segment_reader_seek.h"

#define READ_BYTES (256u << 10)

static bool is_listed(const struct segment_info *seen, const struct segment_info *listed)
{
    return seen->digest == listed->digest && seen->raw_bytes == listed->raw_bytes &&
           seen->file_bytes == listed->file_bytes && seen->block_count == listed->block_count &&
           seen->next_lsn == listed->next_lsn && seen->ended == listed->ended;
}

int segment_check_ends(int dirfd, const char *name, const struct segment_info *listed,
                       const struct segment_id *id, struct ft_err *err)
{
    struct segment_reader *r;
    struct segment_info seen;
    int rc;

    if (segment_reader_open(&r, dirfd, name, id, err) != 0)
        return -1;
    rc = segment_reader_info(r, &seen, err);
    if (rc == 0 && (!seen.sealed || !is_listed(&seen, listed)))
        rc = err_set(err, FT_ERR_CORRUPT, "it is not the segment that the manifest names");
    segment_reader_free(r);
    return rc;
}

static int check_bytes(int fd, uint8_t *buffer, const struct segment_info *listed,
                       const struct segment_id *id, struct ft_err *err)
{
    struct segment_feed feed;
    ssize_t n = 1;
    int rc = segment_feed_init(&feed, id, listed, err);

    while (rc == 0 && n != 0) {
        n = read(fd, buffer, READ_BYTES);
        if (n < 0 && errno != EINTR)
            rc = err_errno(err, errno, "could not read \"%s\"", listed->name);
        else if (n > 0)
            rc = segment_feed_push(&feed, bytes_of(buffer, (size_t)n), err);
    }
    if (rc == 0)
        rc = segment_feed_finish(&feed, err);
    segment_feed_release(&feed);
    return rc;
}

int segment_check(int dirfd, const char *name, const struct segment_info *listed,
                  const struct segment_id *id, struct ft_err *err)
{
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    uint8_t *buffer = malloc(READ_BYTES);
    int rc = -1;

    if (fd < 0)
        err_errno(err, errno, "could not open \"%s\"", name);
    else if (buffer == NULL)
        err_nomem(err, "a read buffer");
    else if (check_bytes(fd, buffer, listed, id, err) == 0)
        rc = segment_check_ends(dirfd, name, listed, id, err);
    free(buffer);
    if (fd >= 0)
        (void)close(fd); /* opened to read */
    return rc;
}
