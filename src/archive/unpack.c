#include "archive/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/packed_reader.h"
#include "archive/segment_check.h"
#include "archive/work_dir.h"
#include "base/fsutil.h"

#define TMP_SUFFIX ".tmp"
#define READ_BYTES (256u << 10)

struct unpacking {
    const struct unpack_options *options;
    struct unpack_result *result;
    struct packed_reader *archive;
    struct work_dir work;
    uint8_t *buffer;
};

static int read_segment(struct unpacking *u, int fd, const char *name, struct ft_err *err)
{
    size_t n;

    do {
        if (packed_read(u->archive, u->buffer, READ_BYTES, &n, err) != 0 ||
            (fd >= 0 && fs_write_all(fd, u->buffer, n, name, err) != 0))
            return -1;
        atomic_fetch_add(&u->options->progress->bytes, n);
    } while (n != 0);
    return 0;
}

/* As a file of this name it is there only when all of it is right and durable. */
static int write_segment(struct unpacking *u, const struct segment_info *info,
                         const struct segment_id *id, struct ft_err *err)
{
    char tmp[SEGMENT_NAME_MAX + sizeof(TMP_SUFFIX)];
    int fd;
    int rc;

    (void)snprintf(tmp, sizeof(tmp), "%s" TMP_SUFFIX, info->name); /* fits */
    (void)unlinkat(u->work.fd, tmp, 0); /* what a killed run left; if it stays it cannot be made */
    fd = openat(u->work.fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "could not create \"%s/%s\"", u->work.path, tmp);
    rc = read_segment(u, fd, tmp, err);
    if (rc == 0)
        rc = fs_sync(fd, tmp, err);
    if (close(fd) != 0 && rc == 0)
        rc = err_errno(err, errno, "could not close \"%s\"", tmp);
    if (rc == 0 && segment_check_ends(u->work.fd, tmp, info, id, err) != 0)
        rc = err_wrap(err, "member \"%s\"", info->name);
    if (rc == 0)
        rc = fs_rename_durable(u->work.fd, tmp, info->name, err);
    if (rc != 0)
        (void)unlinkat(u->work.fd, tmp, 0); /* the error that counts is set already */
    return rc;
}

static int take_segment(struct unpacking *u, const struct segment_info *info,
                        const struct segment_id *id, struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;

    u->result->segments++;
    u->result->bytes += info->file_bytes;
    if (segment_check(u->work.fd, info->name, info, id, &ignored) == 0) {
        u->result->resumed++;
        return read_segment(u, -1, info->name, err); /* the archive is checked all the same */
    }
    if (work_dir_make_parent(u->work.fd, info->name, err) != 0)
        return -1;
    return write_segment(u, info, id, err);
}

static int take_all(struct unpacking *u, struct ft_err *err)
{
    const struct segment_info *info;
    struct segment_id id;
    enum step step;

    while ((step = packed_next(u->archive, &info, &id, err)) == STEP_ITEM) {
        if (take_segment(u, info, &id, err) != 0)
            return -1;
    }
    return step == STEP_END ? 0 : -1;
}

static int unpack(struct unpacking *u, struct ft_err *err)
{
    const struct unpack_options *o = u->options;

    u->buffer = malloc(READ_BYTES);
    if (u->buffer == NULL)
        return err_nomem(err, "a read buffer");
    if (work_dir_check_target(o->directory, err) != 0 ||
        packed_open(&u->archive, o->input, o->cancel_fd, err) != 0 ||
        work_dir_open(&u->work, o->directory, UNPACK_SUFFIX, err) != 0 ||
        work_dir_begin(&u->work, CAPTURE_MANIFEST, packed_manifest(u->archive), err) != 0 ||
        work_dir_check_room(u->work.fd, o->directory,
                            work_dir_missing_bytes(u->work.fd, packed_capture(u->archive)),
                            err) != 0 ||
        take_all(u, err) != 0)
        return -1;
    return work_dir_finish(&u->work, err);
}

int unpack_run(const struct unpack_options *o, struct unpack_result *ret, struct ft_err *err)
{
    struct unpacking u = {.options = o, .result = ret, .work = {.fd = -1}};
    int rc;

    *ret = (struct unpack_result){0};
    rc = unpack(&u, err);
    ret->kept = work_dir_release(&u.work, rc == 0 ? NULL : err);
    packed_free(u.archive);
    free(u.buffer);
    return rc;
}
