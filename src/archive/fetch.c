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
#include "archive/set_coverage.h"
#include "archive/work_dir.h"
#include "base/fsutil.h"
#include "store/capture_manifest.h"

#define TMP_SUFFIX ".fetched"

struct fetching {
    const struct unpack_options *options;
    struct unpack_result *result;
    const char *path; /* of the directory that is filled */
    int dirfd;
    const char *node; /* its name in a set, or "" (archiver_name) */
};

/* Of archive_command_run. */
static bool is_cancelled(void *context)
{
    const struct fetching *f = context;
    struct pollfd fd = {.fd = f->options->cancel_fd, .events = POLLIN};

    return f->options->cancel_fd >= 0 && poll(&fd, 1, 0) > 0;
}

/* Has the command bring the file as `tmp`. */
static int bring(struct fetching *f, const char *file, const char *tmp, struct ft_err *err)
{
    char name[ARCHIVER_NAME_MAX];
    char *path;
    int rc;

    archiver_name(f->node, file, name);
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
    struct ft_err ignored = FT_ERR_INIT;
    int rc;

    f->result->segments++;
    f->result->bytes += s->file_bytes;
    atomic_fetch_add(&f->options->progress->bytes, s->file_bytes);
    if (segment_check(f->dirfd, s->name, s, id, &ignored) == 0) {
        f->result->resumed++;
        return 0;
    }
    (void)snprintf(tmp, sizeof(tmp), "%s" TMP_SUFFIX, s->name); /* fits */
    if (work_dir_make_parent(f->dirfd, s->name, err) != 0)
        return -1;
    rc = bring(f, s->name, tmp, err);
    if (rc == 0)
        rc = take_over(f, tmp, s, id, err);
    if (rc != 0)
        (void)unlinkat(f->dirfd, tmp, 0); /* the error that counts is set already */
    return rc;
}

static int fetch_segments(struct fetching *f, const struct capture *c, struct ft_err *err)
{
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

/*
 * What is here already
 */

/* A capture of which some segments are only in the archive. */
static int fill_capture(const struct unpack_options *o, const char *path, const char *node,
                        struct unpack_result *result, struct ft_err *err)
{
    struct fetching f = {.options = o, .result = result, .path = path, .node = node};
    struct capture *c;
    int rc;

    if (capture_open_read(&c, path, err) != 0)
        return -1;
    f.dirfd = c->dirfd;
    rc = work_dir_check_room(f.dirfd, path, work_dir_missing_bytes(f.dirfd, c), err);
    if (rc == 0)
        rc = fetch_segments(&f, c, err);
    capture_free(c);
    return rc;
}

static int fill_set(const struct unpack_options *o, struct unpack_result *result,
                    struct ft_err *err)
{
    struct capture_set *s;
    int rc = 0;

    if (capture_set_open_read(&s, o->directory, err) != 0)
        return -1;
    for (uint32_t i = 0; rc == 0 && i < s->node_count; i++) {
        char *path = capture_set_node_path(s, i);

        if (path == NULL)
            rc = err_nomem(err, "a path");
        else if (capture_is_dir(path))
            rc = fill_capture(o, path, s->nodes[i].directory, result, err);
        free(path);
    }
    capture_set_free(s);
    return rc;
}

/*
 * A capture
 */

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
                : work_dir_begin(w, CAPTURE_MANIFEST, text, err);
}

/* What bring has brought, which is in memory from now on. */
static int take_text(const struct fetching *f, const char *tmp, size_t max, struct buf *ret,
                     struct ft_err *err)
{
    int rc = fs_read_file(f->dirfd, tmp, max, ret, err);

    (void)unlinkat(f->dirfd, tmp, 0); /* read, or of no use */
    return rc;
}

static int take_manifest(const struct fetching *f, struct work_dir *w, struct capture **ret,
                         struct ft_err *err)
{
    struct buf text = {0};
    int rc = take_text(f, CAPTURE_MANIFEST TMP_SUFFIX, CAPTURE_MANIFEST_MAX_BYTES, &text, err);

    if (rc == 0)
        rc = capture_from_manifest(ret, buf_bytes(&text), f->options->directory, err);
    if (rc == 0)
        rc = renew_manifest(w, *ret, buf_bytes(&text), err);
    buf_release(&text);
    return rc;
}

static int make_capture(struct fetching *f, struct work_dir *w, struct ft_err *err)
{
    struct capture *c = NULL;
    int rc = take_manifest(f, w, &c, err);

    if (rc == 0)
        rc = work_dir_check_room(f->dirfd, f->path, work_dir_missing_bytes(f->dirfd, c), err);
    if (rc == 0)
        rc = fetch_segments(f, c, err);
    capture_free(c);
    return rc;
}

/*
 * A set
 */

/* A node of the set, whose directory is one within the set's. */
struct node_fetch {
    struct fetching f;
    struct work_dir work; /* without a target: it is renamed with the set's */
    struct capture *capture;
};

/* As renew_manifest. */
static int renew_description(struct work_dir *w, const struct capture_set *s, struct bytes text,
                             struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct capture_set *before = NULL;
    bool same = capture_set_open_read(&before, w->path, &ignored) == 0 &&
                memcmp(before->id, s->id, sizeof(s->id)) == 0;

    capture_set_free(before);
    return same ? fs_replace_file(w->fd, CAPTURE_SET_FILE, text, err)
                : work_dir_begin(w, CAPTURE_SET_FILE, text, err);
}

static int take_description(const struct fetching *f, struct work_dir *w, struct capture_set **ret,
                            struct ft_err *err)
{
    struct buf text = BUF_INIT(CAPTURE_SET_MAX_BYTES);
    int rc = take_text(f, CAPTURE_SET_FILE TMP_SUFFIX, CAPTURE_SET_MAX_BYTES, &text, err);

    if (rc == 0)
        rc = capture_set_from_text(ret, buf_bytes(&text), f->options->directory, err);
    if (rc == 0)
        rc = renew_description(w, *ret, buf_bytes(&text), err);
    buf_release(&text);
    return rc;
}

static int begin_node(struct node_fetch *n, const struct fetching *f, const char *directory,
                      struct ft_err *err)
{
    if (asprintf(&n->work.path, "%s/%s", f->path, directory) < 0) {
        n->work.path = NULL;
        return err_nomem(err, "a path");
    }
    if (mkdirat(f->dirfd, directory, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s\"", n->work.path);
    n->work.fd = openat(f->dirfd, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (n->work.fd < 0)
        return err_errno(err, errno, "could not open directory \"%s\"", n->work.path);
    n->f = *f;
    n->f.path = n->work.path;
    n->f.dirfd = n->work.fd;
    n->f.node = directory;
    if (bring(&n->f, CAPTURE_MANIFEST, CAPTURE_MANIFEST TMP_SUFFIX, err) != 0)
        return -1;
    return take_manifest(&n->f, &n->work, &n->capture, err);
}

/* Those of generations that can be read: of others nothing may be there yet. */
static int begin_nodes(struct node_fetch *nodes, const struct capture_set *s, struct fetching *f,
                       struct work_dir *w, struct ft_err *err)
{
    uint64_t missing = 0;

    for (uint32_t i = 0; i < s->node_count; i++) {
        struct node_fetch *n = &nodes[i];
        uint64_t of_node;
        int rc;

        if (!capture_set_has(s, NULL, i))
            continue;
        rc = begin_node(n, f, s->nodes[i].directory, err);
        w->keep = w->keep || n->work.keep;
        if (rc != 0)
            return -1;
        of_node = work_dir_missing_bytes(n->work.fd, n->capture);
        missing = of_node > UINT64_MAX - missing ? UINT64_MAX : missing + of_node;
    }
    return work_dir_check_room(f->dirfd, f->path, missing, err);
}

/* The description was archived after what it names, and before what is newer. */
static int check_description(const struct node_fetch *nodes, struct capture_set *s, int dirfd,
                             struct ft_err *err)
{
    const struct capture **there = calloc(s->node_count, sizeof(*there));
    bool noted;
    bool whole;

    if (there == NULL)
        return err_nomem(err, "the nodes of a set");
    for (uint32_t i = 0; i < s->node_count; i++)
        there[i] = nodes[i].capture;
    whole = set_coverage_of(s, there, NULL).whole;
    noted = set_coverage_check(s, there);
    free(there);
    if (!whole)
        return err_set(err, FT_ERR_CORRUPT,
                       "\"" CAPTURE_SET_FILE "\" of the archive names what the \"" CAPTURE_MANIFEST
                       "\" of a node does not have: they are not of the same time");
    return noted ? capture_set_write(s, 0, dirfd, err) : 0;
}

static int make_set(struct fetching *f, struct work_dir *w, struct ft_err *err)
{
    struct capture_set *s = NULL;
    struct node_fetch *nodes = NULL;
    int rc = take_description(f, w, &s, err);

    if (rc == 0) {
        nodes = calloc(s->node_count, sizeof(*nodes));
        rc = nodes == NULL ? err_nomem(err, "the nodes of a set") : 0;
    }
    for (uint32_t i = 0; nodes != NULL && i < s->node_count; i++)
        nodes[i].work.fd = -1;
    if (rc == 0)
        rc = begin_nodes(nodes, s, f, w, err);
    if (rc == 0)
        rc = check_description(nodes, s, f->dirfd, err);
    for (uint32_t i = 0; rc == 0 && i < s->node_count; i++) {
        if (nodes[i].capture != NULL)
            rc = fetch_segments(&nodes[i].f, nodes[i].capture, err);
        if (rc == 0 && nodes[i].work.fd >= 0)
            rc = fs_sync_dir(nodes[i].work.fd, ".", err);
    }
    for (uint32_t i = 0; nodes != NULL && i < s->node_count; i++) {
        capture_free(nodes[i].capture);
        nodes[i].work.keep = true; /* with the set's directory it stays or goes */
        (void)work_dir_release(&nodes[i].work, NULL);
    }
    free(nodes);
    capture_set_free(s);
    return rc;
}

/*
 * Either of them
 */

/* An archive has the one or the other; which one can only be tried. */
static int bring_first(struct fetching *f, bool *ret_is_set, struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;

    *ret_is_set = false;
    if (bring(f, CAPTURE_MANIFEST, CAPTURE_MANIFEST TMP_SUFFIX, err) == 0)
        return 0;
    if (err->kind == FT_ERR_CANCELLED)
        return -1;
    if (bring(f, CAPTURE_SET_FILE, CAPTURE_SET_FILE TMP_SUFFIX, &ignored) != 0)
        return err_wrap(err, "neither a capture nor a set");
    err_clear(err);
    *ret_is_set = true;
    return 0;
}

static int make(const struct unpack_options *o, struct unpack_result *result, struct ft_err *err)
{
    struct fetching f = {.options = o, .result = result, .node = ""};
    struct work_dir work;
    bool is_set;
    int rc;

    if (work_dir_open(&work, o->directory, UNPACK_SUFFIX, err) != 0)
        return -1;
    f.path = work.path;
    f.dirfd = work.fd;
    rc = bring_first(&f, &is_set, err);
    if (rc == 0)
        rc = is_set ? make_set(&f, &work, err) : make_capture(&f, &work, err);
    if (rc == 0)
        rc = work_dir_finish(&work, err);
    result->kept = work_dir_release(&work, rc == 0 ? NULL : err);
    return rc;
}

int fetch_run(const struct unpack_options *o, struct unpack_result *ret, struct ft_err *err)
{
    *ret = (struct unpack_result){0};
    if (capture_set_is_dir(o->directory))
        return fill_set(o, ret, err);
    return capture_is_dir(o->directory) ? fill_capture(o, o->directory, "", ret, err)
                                        : make(o, ret, err);
}
