#include "archive/pack_select.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/segment_copy.h"
#include "base/fsutil.h"
#include "store/archived_list.h"

struct selecting {
    struct pack_selection *selection;
    const struct capture *capture;
    const struct pack_options *options;
};

static int make_copies_dir(struct pack_selection *s, const char *segment, struct ft_err *err)
{
    char dir[SEGMENT_NAME_MAX];

    if (s->copies.path == NULL && temp_dir_make(&s->copies, err) != 0)
        return -1;
    (void)snprintf(dir, sizeof(dir), "%s", segment); /* fits */
    dir[strcspn(dir, "/")] = '\0';
    if (mkdirat(s->copies.fd, dir, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s/%s\"", s->copies.path, dir);
    return 0;
}

/* What has been written so far is to outlive a crash of this machine before it leaves it. */
static int make_durable(const struct capture *c, const struct segment_info *info,
                        struct ft_err *err)
{
    char partial[SEGMENT_NAME_MAX + sizeof(SEGMENT_PARTIAL_SUFFIX)];
    int fd;
    int rc;

    (void)snprintf(partial, sizeof(partial), "%s" SEGMENT_PARTIAL_SUFFIX, info->name); /* fits */
    fd = openat(c->dirfd, partial, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0; /* sealed meanwhile, which is durable */
    rc = fs_sync(fd, partial, err);
    (void)close(fd); /* opened to read */
    return rc;
}

static int copy_segment(struct selecting *s, const struct segment_info *info, uint64_t stop_lsn,
                        struct segment_info *ret, struct ft_err *err)
{
    if (make_copies_dir(s->selection, info->name, err) != 0 ||
        (!info->sealed && make_durable(s->capture, info, err) != 0) ||
        segment_copy_until(s->selection->copies.fd, s->capture, info, stop_lsn, ret, err) != 0)
        return -1;
    s->selection->copied += ret->sealed;
    return 0;
}

/* Of capture_choose_fn: what is open or is to be cut becomes a sealed copy. */
static int choose(void *context, uint32_t flow, struct segment_info *info, struct ft_err *err)
{
    struct selecting *s = context;
    const struct pack_options *o = s->options;
    const struct segment_info original = *info;
    struct pollfd stop_fd = {.fd = o->cancel_fd, .events = POLLIN};
    uint64_t stop = o->stop_lsn == NULL ? 0 : o->stop_lsn[flow];
    bool is_snapshot = info->kind == SEGMENT_SNAPSHOT;
    bool is_cut = !is_snapshot && stop != 0 && info->next_lsn > stop;

    if (!is_snapshot && (o->snapshot_only || (stop != 0 && info->start_lsn >= stop)))
        return 0;
    if (info->sealed && !is_cut)
        return 1;
    if (o->cancel_fd >= 0 && poll(&stop_fd, 1, 0) > 0)
        return err_set(err, FT_ERR_CANCELLED, "stopped");
    if (copy_segment(s, &original, is_cut ? stop : 0, info, err) != 0)
        return -1;
    return info->sealed ? 1 : 0;
}

int pack_select(struct pack_selection *ret, struct capture *c, const struct pack_options *o,
                struct ft_err *err)
{
    struct selecting s = {.selection = ret, .capture = c, .options = o};

    *ret = (struct pack_selection){.copies = {.fd = -1}};
    if (o->generation != 0)
        capture_keep_generation(c, o->generation);
    for (size_t i = 0; i < c->generation_count; i++) {
        if (capture_choose_segments(&c->generations[i], choose, &s, err) != 0) {
            pack_selection_release(ret);
            return -1;
        }
    }
    return 0;
}

int pack_selection_open(const struct pack_selection *s, const struct capture *c,
                        const struct segment_info *info, struct ft_err *err)
{
    int fd = s->copies.path == NULL ? -1 : openat(s->copies.fd, info->name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        fd = openat(c->dirfd, info->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT && archived_list_names(c->dirfd, info->name, info->digest))
        return err_set(err, FT_ERR_STATE, ARCHIVED_AND_GONE, info->name);
    return err_errno(err, errno, "could not open \"%s/%s\"", c->path, info->name);
}

void pack_selection_release(struct pack_selection *s)
{
    temp_dir_release(&s->copies);
}
