#include "archive/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive_command.h"
#include "archive/archiver.h"
#include "archive/segment_check.h"
#include "archive/work_dir.h"
#include "base/fsutil.h"
#include "store/capture_manifest.h"

#define TMP_SUFFIX ".fetched"

struct fetching {
    const struct unpack_options *options;
    struct unpack_result *result;
    const char *path; /* of the directory that is filled */
    int dirfd;
};

/* Of archive_command_run. */
static bool is_cancelled(void *context)
{
    const struct fetching *f = context;
    struct pollfd fd = {.fd = f->options->cancel_fd, .events = POLLIN};

    return f->options->cancel_fd >= 0 && poll(&fd, 1, 0) > 0;
}

/* Has the command bring `name` as the file `tmp`. */
static int bring(struct fetching *f, const char *name, const char *tmp, struct ft_err *err)
{
    char *path;
    int rc;

    if (asprintf(&path, "%s/%s", f->path, tmp) < 0)
        return err_nomem(err, "a path");
    (void)unlinkat(f->dirfd, tmp, 0); /* what a killed run left */
    rc = archive_command_run(f->options->input, path, name, 0, is_cancelled, f, err);
    if (rc == 0 && access(path, F_OK) != 0)
        rc = err_set(err, FT_ERR_NET, "the command succeeded, but there is no \"%s\"", path);
    free(path);
    return rc == 0 ? 0 : err_wrap(err, "\"%s\" was not fetched", name);
}

static int take_over(struct fetching *f, const char *tmp, const struct segment_info *s,
                     const struct segment_id *id, struct ft_err *err)
{
    struct stat st;
    int fd;
    int rc;

    if (fstatat(f->dirfd, tmp, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, FT_ERR_CORRUPT, "\"%s\": what was fetched is not a file", s->name);
    if (segment_check(f->dirfd, tmp, s, id, err) != 0)
        return err_wrap(err, "\"%s\"", s->name);
    fd = openat(f->dirfd, tmp, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", tmp);
    rc = fs_sync(fd, tmp, err);
    (void)close(fd); /* opened to read */
    return rc == 0 ? fs_rename_durable(f->dirfd, tmp, s->name, err) : rc;
}

static int fetch_segment(struct fetching *f, const struct segment_info *s,
                         const struct segment_id *id, struct ft_err *err)
{
    char tmp[SEGMENT_NAME_MAX + sizeof(TMP_SUFFIX)];
    char name[SEGMENT_NAME_MAX];
    struct ft_err ignored = FT_ERR_INIT;
    int rc;

    f->result->segments++;
    f->result->bytes += s->file_bytes;
    atomic_fetch_add(&f->options->progress->bytes, s->file_bytes);
    if (segment_check(f->dirfd, s->name, s, id, &ignored) == 0) {
        f->result->resumed++;
        return 0;
    }
    archiver_name(s->name, name);
    (void)snprintf(tmp, sizeof(tmp), "%s" TMP_SUFFIX, s->name); /* fits */
    if (work_dir_make_parent(f->dirfd, s->name, err) != 0)
        return -1;
    rc = bring(f, name, tmp, err);
    if (rc == 0)
        rc = take_over(f, tmp, s, id, err);
    if (rc != 0)
        (void)unlinkat(f->dirfd, tmp, 0); /* the error that counts is set already */
    return rc;
}

static int fetch_segments(struct fetching *f, const struct capture *c, struct ft_err *err)
{
    if (work_dir_check_room(f->dirfd, f->path, c, err) != 0)
        return -1;
    for (size_t i = 0; i < c->generation_count; i++) {
        const struct generation *g = &c->generations[i];

        for (uint32_t flow = 0; flow < g->flow_count; flow++) {
            for (size_t s = 0; s < g->flows[flow].segment_count; s++) {
                const struct segment_info *info = &g->flows[flow].segments[s];
                struct segment_id id = {.generation = g->id,
                                        .flow = flow,
                                        .ordinal = info->ordinal,
                                        .kind = info->kind};

                memcpy(id.capture_id, c->id, sizeof(id.capture_id));
                if (info->sealed && fetch_segment(f, info, &id, err) != 0)
                    return -1;
            }
        }
    }
    return 0;
}

/* A capture of which some segments are only in the archive. */
static int fill_capture(struct fetching *f, struct ft_err *err)
{
    struct capture *c;
    int rc;

    f->path = f->options->directory;
    if (capture_open_read(&c, f->path, err) != 0)
        return -1;
    f->dirfd = c->dirfd;
    rc = fetch_segments(f, c, err);
    capture_free(c);
    return rc;
}

/* The archive may have grown since an earlier run, but it has to be the same capture. */
static int renew_manifest(struct work_dir *w, const struct capture *c, struct bytes text,
                          struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct capture *before = NULL;
    struct buf was = {0};
    bool same;

    same = fs_read_file(w->fd, CAPTURE_MANIFEST, CAPTURE_MANIFEST_MAX_BYTES, &was, &ignored) == 0 &&
           capture_from_manifest(&before, buf_bytes(&was), w->path, &ignored) == 0 &&
           memcmp(before->id, c->id, sizeof(c->id)) == 0;
    capture_free(before);
    buf_release(&was);
    return same ? fs_replace_file(w->fd, CAPTURE_MANIFEST, text, err)
                : work_dir_begin(w, text, err);
}

static int fetch_into(struct fetching *f, struct work_dir *w, struct ft_err *err)
{
    struct capture *c = NULL;
    struct buf text = {0};
    int rc = bring(f, CAPTURE_MANIFEST, CAPTURE_MANIFEST TMP_SUFFIX, err);

    if (rc == 0)
        rc = fs_read_file(f->dirfd, CAPTURE_MANIFEST TMP_SUFFIX, CAPTURE_MANIFEST_MAX_BYTES, &text,
                          err);
    if (rc == 0)
        rc = capture_from_manifest(&c, buf_bytes(&text), f->options->directory, err);
    (void)unlinkat(f->dirfd, CAPTURE_MANIFEST TMP_SUFFIX, 0); /* read, or of no use */
    if (rc == 0)
        rc = renew_manifest(w, c, buf_bytes(&text), err);
    if (rc == 0)
        rc = fetch_segments(f, c, err);
    capture_free(c);
    buf_release(&text);
    return rc;
}

static int make_capture(struct fetching *f, struct ft_err *err)
{
    struct work_dir work;
    int rc;

    if (work_dir_open(&work, f->options->directory, UNPACK_SUFFIX, err) != 0)
        return -1;
    f->path = work.path;
    f->dirfd = work.fd;
    rc = fetch_into(f, &work, err);
    if (rc == 0)
        rc = work_dir_finish(&work, err);
    f->result->kept = work_dir_release(&work, rc == 0 ? NULL : err);
    return rc;
}

int fetch_run(const struct unpack_options *o, struct unpack_result *ret, struct ft_err *err)
{
    struct fetching f = {.options = o, .result = ret};

    *ret = (struct unpack_result){0};
    return capture_is_dir(o->directory) ? fill_capture(&f, err) : make_capture(&f, err);
}
