#include "archive/archiver.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "archive/archive_command.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/fsutil.h"
#include "base/wake.h"
#include "store/archived_list.h"
#include "store/capture.h"
#include "store/capture_manifest.h"

#define LOOK_EVERY_MS     200
#define PAUSE_FIRST_MS    100
#define PAUSE_LONGEST_MS  60000
#define PAUSE_AT_END_MS   1000
#define NOTE_EVERY_MS     60000
#define ARCHIVED_MANIFEST "capture.archive.json"

struct archiver {
    struct archiver_options options;
    pthread_t thread;
    int wake_fd; /* readable: look at finishing */
    atomic_bool finishing;
    atomic_uint_fast64_t wait_ms;         /* with finishing */
    atomic_uint_fast64_t finish_began_ms; /* likewise */
    /* of the thread */
    int dirfd; /* -1: the capture was not there yet */
    bool locked;
    struct archived_list list;
    struct archiver_result result;
    uint64_t last_success_ms;
    uint64_t last_note_ms; /* 0: all was well since */
};

void archiver_name(const char *segment, char ret[SEGMENT_NAME_MAX])
{
    char *slash;

    (void)snprintf(ret, SEGMENT_NAME_MAX, "%s", segment); /* the same size */
    slash = strchr(ret, '/');
    if (slash != NULL)
        *slash = '.';
}

/* Of archive_command_run: the capture has ended, and nothing has succeeded for long. */
static bool is_given_up(void *context)
{
    const struct archiver *a = context;
    uint64_t since_ms = atomic_load(&a->finish_began_ms);

    if (a->last_success_ms > since_ms)
        since_ms = a->last_success_ms;
    return atomic_load(&a->finishing) && clock_mono_ms() >= since_ms + atomic_load(&a->wait_ms);
}

static void note(struct archiver *a, const struct ft_err *err)
{
    uint64_t now_ms = clock_mono_ms();

    if (err->kind == FT_ERR_CANCELLED ||
        (a->last_note_ms != 0 && now_ms - a->last_note_ms < NOTE_EVERY_MS))
        return;
    a->last_note_ms = now_ms;
    a->options.on_note(a->options.context, err->msg);
}

/*
 * One file
 */

static int run(struct archiver *a, const char *file, const char *name, struct ft_err *err)
{
    char *path;
    int rc;

    if (asprintf(&path, "%s/%s", a->options.directory, file) < 0)
        return err_nomem(err, "a path");
    rc = archive_command_run(a->options.command, path, name, a->options.timeout_ms, is_given_up, a,
                             err);
    free(path);
    if (rc != 0) {
        a->result.failures += err->kind != FT_ERR_CANCELLED;
        return err_wrap(err, "\"%s\" was not archived", file);
    }
    a->last_success_ms = clock_mono_ms();
    a->last_note_ms = 0;
    return 0;
}

static int archive_segment(struct archiver *a, const struct segment_info *s, struct ft_err *err)
{
    char name[SEGMENT_NAME_MAX];

    archiver_name(s->name, name);
    if (run(a, s->name, name, err) != 0 ||
        archived_list_add(&a->list, s->name, s->digest, err) != 0)
        return -1;
    a->result.archived++;
    return 0;
}

static bool is_archived(const struct archiver *a, const struct segment_info *s)
{
    return archived_list_has(&a->list, s->name, s->digest);
}

/* Of capture_choose_fn. */
static int choose_archived(void *context, uint32_t flow, struct segment_info *info,
                           struct ft_err *err)
{
    (void)flow;
    (void)err;
    return info->sealed && is_archived(context, info);
}

/* c becomes what is archived. */
static int archive_manifest(struct archiver *a, struct capture *c, struct ft_err *err)
{
    uint64_t digest;
    char *text;
    int rc = 0;

    for (size_t i = 0; i < c->generation_count; i++) {
        if (capture_choose_segments(&c->generations[i], choose_archived, a, err) != 0)
            return -1;
    }
    if (capture_manifest_text(c, &text, err) != 0)
        return -1;
    digest = XXH3_64bits(text, strlen(text));
    if (!archived_list_has(&a->list, CAPTURE_MANIFEST, digest)) {
        rc = fs_replace_file(a->dirfd, ARCHIVED_MANIFEST, bytes_str(text), err);
        if (rc == 0)
            rc = run(a, ARCHIVED_MANIFEST, CAPTURE_MANIFEST, err);
        if (rc == 0)
            rc = archived_list_add(&a->list, CAPTURE_MANIFEST, digest, err);
    }
    free(text);
    return rc;
}

/*
 * What is kept here
 */

struct local_file {
    const char *name;
    uint32_t generation;
    uint64_t last_time_us;
    uint64_t bytes;
};

static int compare_age(const void *a, const void *b)
{
    const struct local_file *x = a;
    const struct local_file *y = b;

    if (x->generation != y->generation)
        return x->generation < y->generation ? -1 : 1;
    return x->last_time_us < y->last_time_us ? -1 : x->last_time_us > y->last_time_us;
}

struct local_files {
    struct local_file *archived;
    size_t count;
    uint64_t bytes; /* of all that are here */
};

static int find_local(const struct archiver *a, const struct generation *g, uint32_t flow,
                      struct local_files *l, struct ft_err *err)
{
    for (size_t i = 0; i < g->flows[flow].segment_count; i++) {
        const struct segment_info *s = &g->flows[flow].segments[i];
        struct stat st;

        if (!s->sealed || fstatat(a->dirfd, s->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        l->bytes += s->file_bytes;
        if (!is_archived(a, s))
            continue;
        if (ARRAY_ADD_ROOM(&l->archived, l->count, "a list of segments", err) != 0)
            return -1;
        l->archived[l->count++] =
            (struct local_file){s->name, g->id, s->last_time_us, s->file_bytes};
    }
    return 0;
}

static int remove_oldest(struct archiver *a, struct local_files *l, struct ft_err *err)
{
    if (l->count > 1)
        qsort(l->archived, l->count, sizeof(*l->archived), compare_age);
    for (size_t i = 0; i < l->count && l->bytes > a->options.keep_local_bytes; i++) {
        if (unlinkat(a->dirfd, l->archived[i].name, 0) != 0)
            return err_errno(err, errno, "could not remove \"%s\"", l->archived[i].name);
        l->bytes -= l->archived[i].bytes;
        a->result.removed++;
    }
    return 0;
}

static int trim(struct archiver *a, const struct capture *c, struct ft_err *err)
{
    struct local_files l = {0};
    int rc = 0;

    if (a->options.keeps_all)
        return 0;
    for (size_t i = 0; rc == 0 && i < c->generation_count; i++) {
        for (uint32_t f = 0; rc == 0 && f < c->generations[i].flow_count; f++)
            rc = find_local(a, &c->generations[i], f, &l, err);
    }
    if (rc == 0 && l.bytes > a->options.keep_local_bytes)
        rc = remove_oldest(a, &l, err);
    free(l.archived);
    return rc;
}

/*
 * All that is there
 */

static int archive_flow(struct archiver *a, const struct capture *c, const struct capture_flow *f,
                        struct ft_err *err)
{
    for (size_t i = 0; i < f->segment_count; i++) {
        const struct segment_info *s = &f->segments[i];

        if (!s->sealed || is_archived(a, s))
            continue;
        if (is_given_up(a))
            return err_set(err, FT_ERR_CANCELLED, "stopped");
        if (archive_segment(a, s, err) != 0 || trim(a, c, err) != 0)
            return -1;
    }
    return 0;
}

static void count_pending(struct archiver *a, const struct capture *c)
{
    a->result.pending = 0;
    for (size_t i = 0; i < c->generation_count; i++) {
        for (uint32_t f = 0; f < c->generations[i].flow_count; f++) {
            const struct capture_flow *flow = &c->generations[i].flows[f];

            for (size_t s = 0; s < flow->segment_count; s++) {
                a->result.pending +=
                    flow->segments[s].sealed && !is_archived(a, &flow->segments[s]);
            }
        }
    }
}

static int archive_capture(struct archiver *a, struct capture *c, struct ft_err *err)
{
    int rc = trim(a, c, err); /* an earlier run may have been ended before that */

    for (size_t i = 0; rc == 0 && i < c->generation_count; i++) {
        for (uint32_t f = 0; rc == 0 && f < c->generations[i].flow_count; f++)
            rc = archive_flow(a, c, &c->generations[i].flows[f], err);
    }
    count_pending(a, c);
    return rc == 0 ? archive_manifest(a, c, err) : rc;
}

/* Before the recorder has made the capture there is nothing to do. 1: it is there. */
static int open_directory(struct archiver *a, struct ft_err *err)
{
    bool held = false;

    if (!capture_is_dir(a->options.directory))
        return 0;
    if (a->dirfd < 0)
        a->dirfd = open(a->options.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->dirfd < 0)
        return err_errno(err, errno, "could not open directory \"%s\"", a->options.directory);
    if (a->locked)
        return 1;
    if (archived_list_open(&a->list, a->dirfd, &held, err) != 0) {
        return held ? err_set(err, FT_ERR_STATE, "another process archives the capture \"%s\"",
                              a->options.directory)
                    : -1;
    }
    a->locked = true;
    return 1;
}

static int look(struct archiver *a, struct ft_err *err)
{
    struct capture *c;
    int rc = open_directory(a, err);

    if (rc <= 0)
        return rc;
    if (capture_open_read(&c, a->options.directory, err) != 0)
        return -1;
    rc = archive_capture(a, c, err);
    capture_free(c);
    return rc;
}

/* Has the manifest been saved again since? */
static bool has_changed(const struct archiver *a, struct stat *last)
{
    struct stat now;
    bool changed;

    if (a->dirfd < 0 || fstatat(a->dirfd, CAPTURE_MANIFEST, &now, 0) != 0)
        return true;
    changed = now.st_ino != last->st_ino || now.st_mtim.tv_sec != last->st_mtim.tv_sec ||
              now.st_mtim.tv_nsec != last->st_mtim.tv_nsec;
    *last = now;
    return changed;
}

/* Until the capture ends, which leaves the descriptor readable. */
static void wait_ms(const struct archiver *a, uint64_t ms)
{
    struct pollfd fd = {.fd = a->wake_fd, .events = POLLIN};
    bool finishing = atomic_load(&a->finishing);

    if (finishing && ms > PAUSE_AT_END_MS)
        ms = PAUSE_AT_END_MS;
    (void)poll(&fd, finishing ? 0 : 1, (int)ms); /* a shorter wait does no harm */
}

static void *archiver_main(void *arg)
{
    struct archiver *a = arg;
    uint64_t pause_ms = PAUSE_FIRST_MS;
    struct stat seen = {0};
    bool last_look = false;

    a->last_success_ms = clock_mono_ms();
    for (;;) {
        struct ft_err err = FT_ERR_INIT;
        bool finishing = atomic_load(&a->finishing);
        int rc = 0;

        if (has_changed(a, &seen) || pause_ms != PAUSE_FIRST_MS || finishing)
            rc = look(a, &err);
        last_look = finishing && rc == 0;
        if (rc != 0)
            note(a, &err);
        if (last_look || is_given_up(a))
            return NULL;
        wait_ms(a, rc == 0 ? LOOK_EVERY_MS : pause_ms);
        if (rc == 0)
            pause_ms = PAUSE_FIRST_MS;
        else
            pause_ms = pause_ms * 2 < PAUSE_LONGEST_MS ? pause_ms * 2 : PAUSE_LONGEST_MS;
    }
}

int archiver_new(struct archiver **ret, const struct archiver_options *options, struct ft_err *err)
{
    struct archiver *a = calloc(1, sizeof(*a));
    int rc;

    if (a == NULL)
        return err_nomem(err, "an archiver");
    a->options = *options;
    a->dirfd = -1;
    a->list.fd = -1;
    if (wake_open(&a->wake_fd, err) != 0) {
        free(a);
        return -1;
    }
    rc = pthread_create(&a->thread, NULL, archiver_main, a);
    if (rc != 0) {
        (void)close(a->wake_fd);
        free(a);
        return err_errno(err, rc, "could not start a thread");
    }
    *ret = a;
    return 0;
}

void archiver_finish(struct archiver *a, uint64_t wait, struct archiver_result *ret)
{
    atomic_store(&a->wait_ms, wait);
    atomic_store(&a->finish_began_ms, clock_mono_ms());
    atomic_store(&a->finishing, true);
    (void)wake_set(a->wake_fd);          /* it looks by itself within a minute, too */
    (void)pthread_join(a->thread, NULL); /* started, and joined only here */
    *ret = a->result;
    archived_list_release(&a->list);
    if (a->dirfd >= 0)
        (void)close(a->dirfd); /* opened to read */
    (void)close(a->wake_fd);
    free(a);
}
