#include "store/capture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/fsutil.h"
#include "store/capture_manifest.h"
#include "store/capture_private.h"
#include "store/capture_scan.h"

#define MANIFEST_TMP     CAPTURE_MANIFEST ".tmp"
#define LOCK_PATIENCE_MS 1000
#define LOCK_STEP_MS     10

const enum segment_kind capture_kinds[3] = {SEGMENT_JOURNAL, SEGMENT_INCREMENT, SEGMENT_SNAPSHOT};

const char *generation_state_name(enum generation_state s)
{
    static const char *const names[] = {
        [GENERATION_SNAPSHOT] = "snapshot",
        [GENERATION_COMPLETE] = "complete",
        [GENERATION_ABANDONED] = "abandoned",
    };

    return names[s];
}

const char *snapshot_records_name(enum snapshot_records s)
{
    static const char *const names[] = {
        [SNAPSHOT_RECORDS_UNKNOWN] = "unknown",
        [SNAPSHOT_RECORDS_NONE] = "none",
        [SNAPSHOT_RECORDS_SOME] = "some",
    };

    return names[s];
}

const char *sharding_rule_name(enum sharding_rule r)
{
    static const char *const names[] = {
        [SHARDING_UNKNOWN] = "unknown",
        [SHARDING_KEY] = "key",
        [SHARDING_TAG] = "tag",
        [SHARDING_SLOT] = "slot",
        [SHARDING_KEY_OR_TAG] = "key-or-tag",
    };

    return names[r];
}

static uint64_t now_us(const struct capture *c)
{
    return c->clock_us != 0 ? c->clock_us : clock_wall_us();
}

void capture_generation_dir(uint32_t generation, char name[SEGMENT_NAME_MAX])
{
    (void)snprintf(name, SEGMENT_NAME_MAX, "gen-%04" PRIu32, generation);
}

void capture_segment_name(uint32_t generation, uint32_t flow, uint32_t ordinal,
                          enum segment_kind kind, char name[SEGMENT_NAME_MAX])
{
    (void)snprintf(name, SEGMENT_NAME_MAX,
                   "gen-%04" PRIu32 "/flow-%03" PRIu32 "-%05" PRIu32 "-%s.seg", generation, flow,
                   ordinal, segment_kind_name(kind));
}

void capture_flow_clear(struct capture_flow *f)
{
    free(f->segments);
    memset(f, 0, sizeof(*f));
}

static void generation_release(struct generation *g)
{
    for (uint32_t i = 0; i < g->flow_count; i++)
        capture_flow_clear(&g->flows[i]);
    free(g->flows);
}

void capture_release_generations(struct capture *c)
{
    for (size_t i = 0; i < c->generation_count; i++)
        generation_release(&c->generations[i]);
    free(c->generations);
    c->generations = NULL;
    c->generation_count = 0;
}

int capture_append_generation(struct capture *c, uint32_t flow_count, struct generation **ret,
                              struct ft_err *err)
{
    struct generation *g;

    if (ARRAY_ADD_ROOM(&c->generations, c->generation_count, "a generation", err) != 0)
        return -1;
    g = &c->generations[c->generation_count];
    memset(g, 0, sizeof(*g));
    g->flows = calloc(flow_count, sizeof(*g->flows));
    if (g->flows == NULL)
        return err_nomem(err, "the flows of a generation");
    g->flow_count = flow_count;
    c->generation_count++;
    *ret = g;
    return 0;
}

void capture_free(struct capture *c)
{
    if (c == NULL)
        return;
    capture_release_generations(c);
    if (c->lock_fd >= 0)
        (void)close(c->lock_fd);
    if (c->hold_fd >= 0)
        (void)close(c->hold_fd);
    if (c->dirfd >= 0)
        (void)close(c->dirfd);
    free(c->path);
    free(c);
}

int capture_list(int dirfd, const char *name, capture_visit_fn *visit, void *arg,
                 struct ft_err *err)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    int rc = 0;

    if (dir == NULL) {
        err_errno(err, errno, "could not list directory \"%s\"", name);
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    while (rc == 0 && (errno = 0, e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = visit(fd, e->d_name, arg, err);
    }
    if (rc == 0 && errno != 0)
        rc = err_errno(err, errno, "could not list directory \"%s\"", name);
    (void)closedir(dir);
    return rc;
}

static int open_dir(struct capture **ret, const char *path, struct ft_err *err)
{
    struct capture *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_nomem(err, "a capture");
    c->lock_fd = -1;
    c->hold_fd = -1;
    c->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    c->path = strdup(path);
    if (c->dirfd < 0)
        err_errno(err, errno, "could not open capture directory \"%s\"", path);
    else if (c->path == NULL)
        err_nomem(err, "a path");
    else {
        *ret = c;
        return 0;
    }
    capture_free(c);
    return -1;
}

bool capture_is_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    bool found = fd >= 0 && fstatat(fd, CAPTURE_MANIFEST, &st, 0) == 0 && S_ISREG(st.st_mode);

    if (fd >= 0)
        (void)close(fd);
    return found;
}

/*
 * Writing
 */

static int make_dir(const char *path, struct ft_err *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s\"", path);
    return 0;
}

/* What may lie in a directory that becomes a capture: what a killed first start leaves. */
static int visit_before_capture(int dirfd, const char *name, void *arg, struct ft_err *err)
{
    (void)dirfd;
    if (strcmp(name, CAPTURE_LOCK) == 0 || strcmp(name, MANIFEST_TMP) == 0 ||
        strcmp(name, "lost+found") == 0)
        return 0;
    return err_set(err, FT_ERR_STATE,
                   "directory \"%s\" is neither a capture nor empty: it holds \"%s\"",
                   (const char *)arg, name);
}

static int manifest_exists(const struct capture *c, bool *ret, struct ft_err *err)
{
    struct stat st;

    if (fstatat(c->dirfd, CAPTURE_MANIFEST, &st, 0) == 0) {
        *ret = true;
        if (!S_ISREG(st.st_mode))
            return err_set(err, FT_ERR_STATE, "\"%s/" CAPTURE_MANIFEST "\" is not a file", c->path);
        return 0;
    }
    if (errno != ENOENT)
        return err_errno(err, errno, "could not look at \"%s/" CAPTURE_MANIFEST "\"", c->path);
    *ret = false;
    return 0;
}

static bool try_lock(struct capture *c, bool *ret_held, struct ft_err *err)
{
    if (fs_lock_dir(c->dirfd, ret_held, err) == 0)
        c->lock_fd = fs_lock(c->dirfd, CAPTURE_LOCK, ret_held, err);
    return c->lock_fd >= 0;
}

/*
 * A process that is killed while it starts a program leaves its locks to the child until that has become
 * the program: whoever resumes the capture at once would find it in use by nobody.
 */
static int take_lock(struct capture *c, struct ft_err *err)
{
    uint64_t until_ms = clock_mono_ms() + LOCK_PATIENCE_MS;
    bool held = false;

    while (!try_lock(c, &held, err) && held && clock_mono_ms() < until_ms)
        (void)poll(NULL, 0, LOCK_STEP_MS);
    if (c->lock_fd >= 0)
        return 0;
    if (held) {
        return err_set(err, FT_ERR_STATE, "another process is writing to the capture \"%s\"",
                       c->path);
    }
    return err_wrap(err, "could not lock the capture \"%s\"", c->path);
}

static int set_source(struct capture *c, const char *source_address, struct ft_err *err)
{
    size_t n = strlen(source_address);

    if (n >= sizeof(c->source_address) || !bytes_is_utf8(bytes_str(source_address)))
        return err_set(err, FT_ERR_USAGE, "the source's address is too long or not UTF-8");
    memcpy(c->source_address, source_address, n + 1);
    return 0;
}

static int start_capture(struct capture *c, const char *source_address, struct ft_err *err)
{
    if (getrandom(c->id, sizeof(c->id), 0) != (ssize_t)sizeof(c->id))
        return err_errno(err, errno, "could not make a capture id");
    c->created_us = clock_wall_us();
    if (set_source(c, source_address, err) != 0 || capture_save(c, err) != 0)
        return -1;
    return fs_sync_dir(c->dirfd, "..", err);
}

static int resume_capture(struct capture *c, const char *source_address,
                          struct capture_recovery *recovery, struct ft_err *err)
{
    bool changed = false;

    if (unlinkat(c->dirfd, MANIFEST_TMP, 0) != 0 && errno != ENOENT)
        return err_errno(err, errno, "could not remove \"%s/" MANIFEST_TMP "\"", c->path);
    if (capture_manifest_load(c, err) != 0)
        return -1;
    if (c->generation_count == 0 && strcmp(c->source_address, source_address) != 0) {
        if (set_source(c, source_address, err) != 0)
            return -1;
        changed = true;
    }
    for (size_t i = 0; i < c->generation_count; i++) {
        if (c->generations[i].state == GENERATION_ABANDONED &&
            capture_remove_files(c, c->generations[i].id, err) != 0)
            return -1;
    }
    if (capture_recover(c, recovery, &changed, err) != 0)
        return -1;
    return changed ? capture_save(c, err) : 0;
}

static int prepare(struct capture *c, const char *source_address, struct capture_recovery *recovery,
                   struct ft_err *err)
{
    bool exists;

    if (manifest_exists(c, &exists, err) != 0)
        return -1;
    if (!exists && capture_list(c->dirfd, ".", visit_before_capture, c->path, err) != 0)
        return -1;
    /* The first look keeps a lock file out of foreign directories, the second one counts. */
    if (take_lock(c, err) != 0 || manifest_exists(c, &exists, err) != 0)
        return -1;
    if (exists)
        return resume_capture(c, source_address, recovery, err);
    return start_capture(c, source_address, err);
}

int capture_open_write(struct capture **ret, const char *path, const char *source_address,
                       struct capture_recovery *ret_recovery, struct ft_err *err)
{
    struct capture_recovery recovery = {0};
    struct capture *c;

    if (make_dir(path, err) != 0 || open_dir(&c, path, err) != 0)
        return -1;
    if (prepare(c, source_address, &recovery, err) != 0) {
        capture_free(c);
        return -1;
    }
    *ret_recovery = recovery;
    *ret = c;
    return 0;
}

int capture_set_redis(struct capture *c, bool redis, struct ft_err *err)
{
    if (c->redis == redis)
        return 0;
    if (c->generation_count != 0) {
        return err_set(err, FT_ERR_STATE, "\"%s\" holds a capture of a %s, not of a %s", c->path,
                       c->redis ? "Redis" : "Dragonfly", redis ? "Redis" : "Dragonfly");
    }
    c->redis = redis;
    return capture_save(c, err);
}

int capture_check_source(const struct capture *c, const char *source_address,
                         const char *replication_id, struct ft_err *err)
{
    const struct generation *g = capture_newest(c);

    if (strcmp(c->source_address, source_address) == 0 ||
        (g != NULL && g->replication_id[0] != '\0' &&
         strcmp(g->replication_id, replication_id) == 0))
        return 0;
    return err_set(
        err, FT_ERR_STATE,
        "the capture \"%s\" is of the source %s, not of %s; another source needs another "
        "directory",
        c->path, c->source_address, source_address);
}

static int abandon(struct generation *g)
{
    if (g->ended_by[0] == '\0')
        (void)snprintf(g->ended_by, sizeof(g->ended_by), "full-sync");
    if (g->state != GENERATION_SNAPSHOT)
        return 0;
    g->state = GENERATION_ABANDONED;
    for (uint32_t i = 0; i < g->flow_count; i++)
        capture_flow_clear(&g->flows[i]);
    return 1;
}

static int make_generation_dir(const struct capture *c, uint32_t id, struct ft_err *err)
{
    char dir[SEGMENT_NAME_MAX];

    capture_generation_dir(id, dir);
    if (mkdirat(c->dirfd, dir, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s/%s\"", c->path, dir);
    return fs_sync_dir(c->dirfd, ".", err);
}

int capture_begin_generation(struct capture *c, const char *replication_id, int protocol,
                             uint32_t flow_count, struct generation **ret, struct ft_err *err)
{
    const struct generation *before = capture_newest(c);
    uint32_t id = before == NULL ? 1 : before->id + 1;
    bool abandoned;
    struct generation *g = NULL;

    if (c->lock_fd < 0 || id == 0)
        return err_set(err, FT_ERR_BUG, "cannot begin a generation in \"%s\"", c->path);
    if (flow_count == 0 || flow_count > CAPTURE_FLOWS_MAX ||
        strlen(replication_id) >= REPLICATION_ID_MAX) {
        return err_set(err, FT_ERR_LIMIT, "cannot capture %" PRIu32 " flows of \"%.80s\"",
                       flow_count, replication_id);
    }
    if (make_generation_dir(c, id, err) != 0 ||
        capture_append_generation(c, flow_count, &g, err) != 0)
        return -1;
    g->id = id;
    g->protocol = protocol;
    g->began_us = now_us(c);
    (void)snprintf(g->replication_id, sizeof(g->replication_id), "%s", replication_id);
    abandoned = id > 1 && abandon(g - 1) > 0;
    /* The manifest first: files that it names are never missing. */
    if (capture_save(c, err) != 0 || (abandoned && capture_remove_files(c, id - 1, err) != 0))
        return -1;
    *ret = g;
    return 0;
}

struct generation *capture_newest(const struct capture *c)
{
    return c->generation_count == 0 ? NULL : &c->generations[c->generation_count - 1];
}

struct generation *capture_find(const struct capture *c, uint32_t id)
{
    for (size_t i = c->generation_count; i-- > 0;) {
        struct generation *g = &c->generations[i];

        if (id == 0 ? g->state == GENERATION_COMPLETE : g->id == id)
            return g;
    }
    return NULL;
}

void capture_segment_id(const struct capture *c, const struct generation *g, uint32_t flow,
                        enum segment_kind kind, uint64_t start_lsn, struct segment_id *ret,
                        char name[SEGMENT_NAME_MAX])
{
    const struct capture_flow *f = &g->flows[flow];

    memset(ret, 0, sizeof(*ret));
    memcpy(ret->capture_id, c->id, sizeof(ret->capture_id));
    ret->generation = g->id;
    ret->flow = flow;
    ret->ordinal = (uint32_t)f->segment_count;
    ret->kind = kind;
    ret->start_offset = f->raw_bytes;
    ret->start_lsn = start_lsn;
    ret->created_us = now_us(c);
    capture_segment_name(g->id, flow, ret->ordinal, kind, name);
}

/* Does the segment go on where the flow ends? */
static int check_join(const struct generation *g, uint32_t flow, const struct segment_info *info,
                      struct ft_err *err)
{
    const struct capture_flow *f = &g->flows[flow];
    char name[SEGMENT_NAME_MAX];

    capture_segment_name(g->id, flow, info->ordinal, info->kind, name);
    if (info->ordinal != f->segment_count || strcmp(info->name, name) != 0) {
        return err_set(err, FT_ERR_CORRUPT,
                       "segment \"%s\" is not number %zu of flow %" PRIu32
                       " of generation %" PRIu32,
                       info->name, f->segment_count, flow, g->id);
    }
    if (info->start_offset != f->raw_bytes || info->raw_bytes > INT64_MAX - f->raw_bytes) {
        return err_set(err, FT_ERR_CORRUPT,
                       "segment \"%s\" begins at stream offset %" PRIu64 ", wanted %" PRIu64,
                       info->name, info->start_offset, f->raw_bytes);
    }
    if ((info->kind == SEGMENT_SNAPSHOT) == f->snapshot_complete) {
        return err_set(err, FT_ERR_CORRUPT, "segment \"%s\" comes %s the snapshot's end",
                       info->name, f->snapshot_complete ? "after" : "before");
    }
    if (info->start_lsn != (f->snapshot_complete ? f->next_lsn : 0)) {
        return err_set(err, FT_ERR_CORRUPT,
                       "segment \"%s\" begins with LSN %" PRIu64 ", wanted %" PRIu64, info->name,
                       info->start_lsn, f->next_lsn);
    }
    return 0;
}

static void update_state(struct generation *g)
{
    for (uint32_t i = 0; i < g->flow_count; i++) {
        if (!g->flows[i].snapshot_complete)
            return;
    }
    g->state = GENERATION_COMPLETE;
}

int capture_add_segment(struct generation *g, uint32_t flow, const struct segment_info *info,
                        struct ft_err *err)
{
    struct capture_flow *f;

    if (flow >= g->flow_count)
        return err_set(err, FT_ERR_BUG, "there is no flow %" PRIu32, flow);
    f = &g->flows[flow];
    if (!info->sealed && info->block_count == 0)
        return 0; /* a seal that removed the file */
    if (check_join(g, flow, info, err) != 0 ||
        ARRAY_ADD_ROOM(&f->segments, f->segment_count, "a list of segments", err) != 0)
        return -1;
    f->segments[f->segment_count++] = *info;
    f->raw_bytes += info->raw_bytes;
    if (info->kind != SEGMENT_SNAPSHOT) {
        f->next_lsn = info->next_lsn;
    } else if (info->ended) {
        f->snapshot_complete = true;
        f->stable_lsn = info->next_lsn;
        f->next_lsn = info->next_lsn;
        update_state(g);
    }
    return 0;
}

/*
 * Reading
 */

int capture_open_read(struct capture **ret, const char *path, struct ft_err *err)
{
    struct capture *c;
    bool exists;

    if (open_dir(&c, path, err) != 0)
        return -1;
    if (manifest_exists(c, &exists, err) != 0)
        goto fail;
    if (!exists) {
        err_set(err, FT_ERR_STATE, "\"%s\" is not a capture: it has no " CAPTURE_MANIFEST, path);
        goto fail;
    }
    if (capture_manifest_load(c, err) != 0 || capture_scan(c, err) != 0)
        goto fail;
    *ret = c;
    return 0;
fail:
    capture_free(c);
    return -1;
}

int capture_hold(struct capture *c, const struct generation *g, struct ft_err *err)
{
    char dir[SEGMENT_NAME_MAX];
    struct stat st;

    if (c->dirfd < 0 || c->hold_fd >= 0)
        return 0;
    capture_generation_dir(g->id, dir);
    c->hold_fd = openat(c->dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->hold_fd < 0)
        return 0; /* whoever reads it says so */
    /* A file system without locks cannot be helped; there nothing is removed either. */
    if (flock(c->hold_fd, LOCK_SH) == 0 && fstat(c->hold_fd, &st) == 0 && st.st_nlink == 0)
        return err_set(err, FT_ERR_STATE, "generation %" PRIu32 " of \"%s\" was removed just now",
                       g->id, c->path);
    return 0;
}

int capture_from_manifest(struct capture **ret, struct bytes text, const char *path,
                          struct ft_err *err)
{
    struct capture *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_nomem(err, "a capture");
    c->lock_fd = -1;
    c->hold_fd = -1;
    c->dirfd = -1;
    c->path = strdup(path);
    if (c->path == NULL)
        err_nomem(err, "a path");
    else if (capture_manifest_parse(c, text, err) == 0) {
        *ret = c;
        return 0;
    }
    capture_free(c);
    return -1;
}

void capture_keep_generation(struct capture *c, uint32_t id)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->generation_count; i++) {
        if (c->generations[i].id == id)
            c->generations[kept++] = c->generations[i];
        else
            generation_release(&c->generations[i]);
    }
    c->generation_count = kept;
}

static int choose_of_flow(struct generation *g, uint32_t flow, const struct capture_flow *from,
                          capture_choose_fn *choose, void *context, struct ft_err *err)
{
    for (size_t i = 0; i < from->segment_count; i++) {
        struct segment_info info = from->segments[i];
        int stays = choose(context, flow, &info, err);

        if (stays <= 0)
            return stays;
        if (capture_add_segment(g, flow, &info, err) != 0)
            return -1;
    }
    return 0;
}

int capture_choose_segments(struct generation *g, capture_choose_fn *choose, void *context,
                            struct ft_err *err)
{
    if (g->state == GENERATION_ABANDONED)
        return 0;
    g->state = GENERATION_SNAPSHOT; /* until the last of its full syncs is added again */
    for (uint32_t flow = 0; flow < g->flow_count; flow++) {
        struct capture_flow from = g->flows[flow];
        int rc;

        g->flows[flow] = (struct capture_flow){0};
        memcpy(g->flows[flow].eof_token, from.eof_token, sizeof(from.eof_token));
        rc = choose_of_flow(g, flow, &from, choose, context, err);
        free(from.segments);
        if (rc != 0)
            return -1;
    }
    return 0;
}
