#include "archive/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "archive/packed_reader.h"
#include "base/fsutil.h"
#include "base/parse.h"
#include "base/temp_dir.h"
#include "store/segment_feed.h"
#include "store/segment_reader_open.h"
#include "store/segment_reader_seek.h"

#define SUFFIX     ".unpacking"
#define READ_BYTES (256u << 10)

struct unpacking {
    const struct unpack_options *options;
    struct unpack_result *result;
    struct packed_reader *archive;
    char *work; /* "DIR.unpacking" */
    int dirfd;  /* of it */
    uint8_t *buffer;
    bool is_foreign; /* it was there, and is not ours to remove */
};

/*
 * The directory
 */

/* Slashes at the end would make the name of the working directory one within DIR. */
static char *working_name(const char *directory)
{
    size_t n = strlen(directory);
    char *name;

    while (n > 1 && directory[n - 1] == '/')
        n--;
    return asprintf(&name, "%.*s" SUFFIX, (int)n, directory) < 0 ? NULL : name;
}

/* Is there nothing in a directory, but perhaps a file of this name? */
static bool is_empty(int dirfd, const char *but)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    bool empty = dir != NULL;

    if (dir == NULL && fd >= 0)
        (void)close(fd); /* opened to read */
    while (empty && (e = readdir(dir)) != NULL) {
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                strcmp(e->d_name, but) == 0;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return empty;
}

/* An empty directory may be there: the rename replaces it. */
static int check_target(const char *directory, struct ft_err *err)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool empty = fd >= 0 && is_empty(fd, "");

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd >= 0)
        (void)close(fd); /* opened to read */
    return empty ? 0 : err_set(err, FT_ERR_STATE, "\"%s\" is there already", directory);
}

static int open_work(struct unpacking *u, struct ft_err *err)
{
    bool held = false;

    u->work = working_name(u->options->directory);
    u->buffer = malloc(READ_BYTES);
    if (u->work == NULL || u->buffer == NULL)
        return err_nomem(err, "a directory's name");
    if (mkdir(u->work, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s\"", u->work);
    u->dirfd = open(u->work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (u->dirfd < 0)
        return err_errno(err, errno, "could not open directory \"%s\"", u->work);
    if (fs_lock_dir(u->dirfd, &held, err) == 0)
        return 0;
    (void)close(u->dirfd);
    u->dirfd = -1; /* of another one: not ours to remove */
    return held ? err_set(err, FT_ERR_STATE, "another process is unpacking into \"%s\"", u->work)
                : -1;
}

/* What an earlier run has left counts only if it was of the same archive: then its manifest is there. */
static int begin_work(struct unpacking *u, struct ft_err *err)
{
    struct bytes manifest = packed_manifest(u->archive);
    struct ft_err ignored = FT_ERR_INIT;
    struct buf before = {0};
    bool same;

    same = fs_read_file(u->dirfd, CAPTURE_MANIFEST, manifest.n, &before, &ignored) == 0 &&
           bytes_eq(buf_bytes(&before), manifest);
    buf_release(&before);
    if (same)
        return 0;
    if (is_empty(u->dirfd, CAPTURE_MANIFEST ".tmp"))
        return fs_replace_file(u->dirfd, CAPTURE_MANIFEST, manifest, err);
    u->is_foreign = true;
    return err_set(
        err, FT_ERR_STATE,
        "\"%s\" holds something else, perhaps a part of another archive; remove it first", u->work);
}

static int check_room(const struct unpacking *u, struct ft_err *err)
{
    const struct capture *c = packed_capture(u->archive);
    char needed[FORMAT_SIZE];
    char there[FORMAT_SIZE];
    struct statvfs fs;
    uint64_t sum = 0;
    uint64_t room;

    for (size_t g = 0; g < c->generation_count; g++) {
        for (uint32_t i = 0; i < c->generations[g].flow_count; i++) {
            const struct capture_flow *f = &c->generations[g].flows[i];

            for (size_t s = 0; s < f->segment_count; s++) {
                struct stat st;
                uint64_t bytes = f->segments[s].file_bytes;

                if (fstatat(u->dirfd, f->segments[s].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                    continue;
                sum = bytes > UINT64_MAX - sum ? UINT64_MAX : sum + bytes;
            }
        }
    }
    if (fstatvfs(u->dirfd, &fs) != 0)
        return err_errno(err, errno, "could not look at the room in \"%s\"", u->work);
    room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (sum <= room)
        return 0;
    return err_set(err, FT_ERR_STATE, "\"%s\" has room for %s, the archive needs %s more",
                   u->options->directory, format_size(room, there),
                   format_size(sum - room, needed));
}

/*
 * Segments
 */

static bool is_listed(const struct segment_info *seen, const struct segment_info *listed)
{
    return seen->digest == listed->digest && seen->raw_bytes == listed->raw_bytes &&
           seen->file_bytes == listed->file_bytes && seen->block_count == listed->block_count &&
           seen->next_lsn == listed->next_lsn && seen->ended == listed->ended;
}

/* Header, index and trailer of the file below dirfd. */
static int check_ends(int dirfd, const char *name, const struct segment_info *listed,
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

static int check_bytes(struct unpacking *u, int fd, const struct segment_info *listed,
                       const struct segment_id *id, struct ft_err *err)
{
    struct segment_feed feed;
    ssize_t n = 1;
    int rc = segment_feed_init(&feed, id, listed, err);

    while (rc == 0 && n != 0) {
        n = read(fd, u->buffer, READ_BYTES);
        if (n < 0 && errno != EINTR)
            rc = err_errno(err, errno, "could not read \"%s\"", listed->name);
        else if (n > 0)
            rc = segment_feed_push(&feed, bytes_of(u->buffer, (size_t)n), err);
    }
    if (rc == 0)
        rc = segment_feed_finish(&feed, err);
    segment_feed_release(&feed);
    return rc;
}

/* Has an earlier run written the segment, to its last byte? */
static bool is_there(struct unpacking *u, const struct segment_info *listed,
                     const struct segment_id *id)
{
    int fd = openat(u->dirfd, listed->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct ft_err ignored = FT_ERR_INIT;
    bool there;

    if (fd < 0)
        return false;
    there = check_bytes(u, fd, listed, id, &ignored) == 0 &&
            check_ends(u->dirfd, listed->name, listed, id, &ignored) == 0;
    (void)close(fd); /* opened to read */
    return there;
}

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
    char tmp[SEGMENT_NAME_MAX + sizeof(SUFFIX)];
    int fd;
    int rc;

    (void)snprintf(tmp, sizeof(tmp), "%s" SUFFIX, info->name); /* fits */
    (void)unlinkat(u->dirfd, tmp, 0); /* what a killed run left; if it stays it cannot be made */
    fd = openat(u->dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "could not create \"%s/%s\"", u->work, tmp);
    rc = read_segment(u, fd, tmp, err);
    if (rc == 0)
        rc = fs_sync(fd, tmp, err);
    if (close(fd) != 0 && rc == 0)
        rc = err_errno(err, errno, "could not close \"%s\"", tmp);
    if (rc == 0 && check_ends(u->dirfd, tmp, info, id, err) != 0)
        rc = err_wrap(err, "member \"%s\"", info->name);
    if (rc == 0)
        rc = fs_rename_durable(u->dirfd, tmp, info->name, err);
    if (rc != 0)
        (void)unlinkat(u->dirfd, tmp, 0); /* the error that counts is set already */
    return rc;
}

static int take_segment(struct unpacking *u, const struct segment_info *info,
                        const struct segment_id *id, struct ft_err *err)
{
    char dir[SEGMENT_NAME_MAX];

    u->result->segments++;
    u->result->bytes += info->file_bytes;
    if (is_there(u, info, id)) {
        u->result->resumed++;
        return read_segment(u, -1, info->name, err); /* the archive is checked all the same */
    }
    (void)snprintf(dir, sizeof(dir), "%s", info->name); /* the same size */
    dir[strcspn(dir, "/")] = '\0';
    if (mkdirat(u->dirfd, dir, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s/%s\"", u->work, dir);
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

static int finish(struct unpacking *u, struct ft_err *err)
{
    if (fs_sync_dir(u->dirfd, ".", err) != 0)
        return -1;
    return fs_rename_durable(AT_FDCWD, u->work, u->options->directory, err);
}

static int unpack(struct unpacking *u, struct ft_err *err)
{
    const struct unpack_options *o = u->options;

    if (check_target(o->directory, err) != 0 ||
        packed_open(&u->archive, o->input, o->cancel_fd, err) != 0 || open_work(u, err) != 0 ||
        begin_work(u, err) != 0 || check_room(u, err) != 0 || take_all(u, err) != 0)
        return -1;
    return finish(u, err);
}

int unpack_run(const struct unpack_options *o, struct unpack_result *ret, struct ft_err *err)
{
    struct unpacking u = {.options = o, .result = ret, .dirfd = -1};
    int rc;

    *ret = (struct unpack_result){0};
    rc = unpack(&u, err);
    if (rc != 0 && u.dirfd >= 0) {
        ret->kept = err->kind == FT_ERR_CANCELLED || err->kind == FT_ERR_IO;
        if (!ret->kept && !u.is_foreign)
            temp_dir_remove_tree(u.work);
    }
    if (u.dirfd >= 0)
        (void)close(u.dirfd); /* opened to read */
    packed_free(u.archive);
    free(u.buffer);
    free(u.work);
    return rc;
}
