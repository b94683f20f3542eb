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
#include "archive/set_coverage.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/fsutil.h"
#include "base/wake.h"
#include "store/archived_list.h"
#include "store/capture_manifest.h"

#define LOOK_EVERY_MS     200
#define PAUSE_FIRST_MS    100
#define PAUSE_LONGEST_MS  60000
#define PAUSE_AT_END_MS   1000
#define NOTE_EVERY_MS     60000
#define ARCHIVED_MANIFEST "capture.archive.json"
#define ARCHIVED_SET      "set.archive.json"

/* A capture: the only one, or that of a node. */
struct part {
    char *directory;
    char node[CAPTURE_SET_DIR_SIZE]; /* the directory's name in the set; "": it is the only one */
    int dirfd;                       /* -1: the capture was not there yet */
    bool locked;
    struct archived_list list;
    struct stat seen;        /* of its manifest */
    struct capture *capture; /* that is looked at; NULL: it was not there yet */
};

struct archiver {
    struct archiver_options options;
    pthread_t thread;
    int wake_fd; /* readable: look at finishing */
    atomic_bool finishing;
    atomic_uint_fast64_t wait_ms;         /* with finishing */
    atomic_uint_fast64_t finish_began_ms; /* likewise */
    /* of the thread */
    struct part *parts;
    uint32_t part_count;
    int set_dirfd; /* -1: the set was not there yet, or there is none */
    struct stat set_seen;
    uint64_t set_digest; /* of the description that was archived last; 0: by another run */
    struct archiver_result result;
    uint64_t last_success_ms;
    uint64_t last_note_ms; /* 0: all was well since */
};

void archiver_name(const char *node, const char *file, char ret[ARCHIVER_NAME_MAX])
{
    char *slash;

    (void)snprintf(ret, ARCHIVER_NAME_MAX, "%s%s%s", node, *node == '\0' ? "" : ".",
                   file); /* fits */
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

/* file: in the directory; name: in the archive. */
static int run(struct archiver *a, const char *directory, const char *file, const char *name,
               struct ft_err *err)
{
    char *path;
    int rc;

    if (asprintf(&path, "%s/%s", directory, file) < 0)
        return err_nomem(err, "a path");
    rc = archive_command_run(a->options.command, path, name, a->options.timeout_ms, is_given_up, a,
                             err);
    free(path);
    if (rc != 0) {
        a->result.failures += err->kind != FT_ERR_CANCELLED;
        return err_wrap(err, "\"%s\" was not archived", name);
    }
    a->last_success_ms = clock_mono_ms();
    a->last_note_ms = 0;
    return 0;
}

static int archive_segment(struct archiver *a, struct part *p, const struct segment_info *s,
                           struct ft_err *err)
{
    char name[ARCHIVER_NAME_MAX];

    archiver_name(p->node, s->name, name);
    if (run(a, p->directory, s->name, name, err) != 0 ||
        archived_list_add(&p->list, s->name, s->digest, err) != 0)
        return -1;
    a->result.archived++;
    return 0;
}

static bool is_archived(const struct part *p, const struct segment_info *s)
{
    return archived_list_has(&p->list, s->name, s->digest);
}

/* Of capture_choose_fn. */
static int choose_archived(void *context, uint32_t flow, struct segment_info *info,
                           struct ft_err *err)
{
    (void)flow;
    (void)err;
    return info->sealed && is_archived(context, info);
}

/* Its capture becomes what is archived. */
static int archive_manifest(struct archiver *a, struct part *p, struct ft_err *err)
{
    char name[ARCHIVER_NAME_MAX];
    uint64_t digest;
    char *text;
    int rc = 0;

    for (size_t i = 0; i < p->capture->generation_count; i++) {
        if (capture_choose_segments(&p->capture->generations[i], choose_archived, p, err) != 0)
            return -1;
    }
    if (capture_manifest_text(p->capture, &text, err) != 0)
        return -1;
    archiver_name(p->node, CAPTURE_MANIFEST, name);
    digest = XXH3_64bits(text, strlen(text));
    if (!archived_list_has(&p->list, CAPTURE_MANIFEST, digest)) {
        rc = fs_replace_file(p->dirfd, ARCHIVED_MANIFEST, bytes_str(text), err);
        if (rc == 0)
            rc = run(a, p->directory, ARCHIVED_MANIFEST, name, err);
        if (rc == 0)
            rc = archived_list_add(&p->list, CAPTURE_MANIFEST, digest, err);
    }
    free(text);
    return rc;
}

/*
 * What is kept here
 */

struct local_file {
    const struct part *part;
    const char *name;
    uint64_t last_time_us;
    uint64_t bytes;
};

static int compare_age(const void *a, const void *b)
{
    const struct local_file *x = a;
    const struct local_file *y = b;

    return x->last_time_us < y->last_time_us ? -1 : x->last_time_us > y->last_time_us;
}

struct local_files {
    struct local_file *archived;
    size_t count;
    uint64_t bytes; /* of all that are here */
};

static int find_local(const struct part *p, const struct capture_flow *flow, struct local_files *l,
                      struct ft_err *err)
{
    for (size_t i = 0; i < flow->segment_count; i++) {
        const struct segment_info *s = &flow->segments[i];
        struct stat st;

        if (!s->sealed || fstatat(p->dirfd, s->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        l->bytes += s->file_bytes;
        if (!is_archived(p, s))
            continue;
        if (ARRAY_ADD_ROOM(&l->archived, l->count, "a list of segments", err) != 0)
            return -1;
        l->archived[l->count++] = (struct local_file){p, s->name, s->last_time_us, s->file_bytes};
    }
    return 0;
}

static int remove_oldest(struct archiver *a, struct local_files *l, struct ft_err *err)
{
    if (l->count > 1)
        qsort(l->archived, l->count, sizeof(*l->archived), compare_age);
    for (size_t i = 0; i < l->count && l->bytes > a->options.keep_local_bytes; i++) {
        if (unlinkat(l->archived[i].part->dirfd, l->archived[i].name, 0) != 0)
            return err_errno(err, errno, "could not remove \"%s/%s\"",
                             l->archived[i].part->directory, l->archived[i].name);
        l->bytes -= l->archived[i].bytes;
        a->result.removed++;
    }
    return 0;
}

static int trim(struct archiver *a, struct ft_err *err)
{
    struct local_files l = {0};
    int rc = 0;

    if (a->options.keeps_all)
        return 0;
    for (uint32_t i = 0; rc == 0 && i < a->part_count; i++) {
        const struct part *p = &a->parts[i];

        for (size_t g = 0; p->capture != NULL && g < p->capture->generation_count; g++) {
            const struct generation *of = &p->capture->generations[g];

            for (uint32_t f = 0; rc == 0 && f < of->flow_count; f++)
                rc = find_local(p, &of->flows[f], &l, err);
        }
    }
    if (rc == 0 && l.bytes > a->options.keep_local_bytes)
        rc = remove_oldest(a, &l, err);
    free(l.archived);
    return rc;
}

/*
 * A capture
 */

static int archive_flow(struct archiver *a, struct part *p, const struct capture_flow *f,
                        struct ft_err *err)
{
    for (size_t i = 0; i < f->segment_count; i++) {
        const struct segment_info *s = &f->segments[i];

        if (!s->sealed || is_archived(p, s))
            continue;
        if (is_given_up(a))
            return err_set(err, FT_ERR_CANCELLED, "stopped");
        if (archive_segment(a, p, s, err) != 0 || trim(a, err) != 0)
            return -1;
    }
    return 0;
}

static int archive_part(struct archiver *a, struct part *p, struct ft_err *err)
{
    for (size_t i = 0; i < p->capture->generation_count; i++) {
        const struct generation *g = &p->capture->generations[i];

        for (uint32_t f = 0; f < g->flow_count; f++) {
            if (archive_flow(a, p, &g->flows[f], err) != 0)
                return -1;
        }
    }
    return archive_manifest(a, p, err);
}

static uint64_t count_pending(const struct part *p)
{
    uint64_t count = 0;

    for (size_t i = 0; i < p->capture->generation_count; i++) {
        const struct generation *g = &p->capture->generations[i];

        for (uint32_t f = 0; f < g->flow_count; f++) {
            for (size_t s = 0; s < g->flows[f].segment_count; s++) {
                const struct segment_info *info = &g->flows[f].segments[s];

                count += info->sealed && !is_archived(p, info);
            }
        }
    }
    return count;
}

/*
 * All that is there
 */

static int open_directory(int *ret_fd, const char *path, struct ft_err *err)
{
    if (*ret_fd < 0)
        *ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd >= 0 ? 0 : err_errno(err, errno, "could not open directory \"%s\"", path);
}

/* Before the recorder has made the capture there is nothing to do. */
static int open_part(struct part *p, struct ft_err *err)
{
    bool held = false;

    if (!capture_is_dir(p->directory))
        return 0;
    if (open_directory(&p->dirfd, p->directory, err) != 0)
        return -1;
    if (!p->locked && archived_list_open(&p->list, p->dirfd, &held, err) != 0) {
        return held ? err_set(err, FT_ERR_STATE, "another process archives the capture \"%s\"",
                              p->directory)
                    : -1;
    }
    p->locked = true;
    return capture_open_read(&p->capture, p->directory, err);
}

static int archive_parts(struct archiver *a, struct ft_err *err)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < a->part_count; i++)
        rc = open_part(&a->parts[i], err);
    if (rc == 0)
        rc = trim(a, err); /* an earlier run may have been ended before that */
    for (uint32_t i = 0; rc == 0 && i < a->part_count; i++) {
        if (a->parts[i].capture != NULL)
            rc = archive_part(a, &a->parts[i], err);
    }
    a->result.pending = 0;
    for (uint32_t i = 0; i < a->part_count; i++)
        a->result.pending += a->parts[i].capture == NULL ? 0 : count_pending(&a->parts[i]);
    return rc;
}

static int add_part(struct archiver *a, const char *node, struct ft_err *err)
{
    struct part *p;

    if (ARRAY_ADD_ROOM(&a->parts, a->part_count, "the nodes of a set", err) != 0)
        return -1;
    p = &a->parts[a->part_count];
    *p = (struct part){.dirfd = -1, .list = {.fd = -1}};
    (void)snprintf(p->node, sizeof(p->node), "%s", node); /* the same size */
    if (asprintf(&p->directory, "%s%s%s", a->options.directory, *node == '\0' ? "" : "/", node) < 0)
        return err_nomem(err, "a path");
    a->part_count++;
    return 0;
}

/* The nodes' captures are what is archived, and the description becomes what is true of them. */
static int cut_set(const struct archiver *a, struct capture_set *s, bool *ret_whole,
                   struct ft_err *err)
{
    const struct capture **there = calloc(s->node_count, sizeof(*there));
    struct capture **all = calloc(s->node_count, sizeof(*all));
    struct set_coverage c;
    int rc = there == NULL || all == NULL ? err_nomem(err, "the nodes of a set") : 0;

    for (uint32_t i = 0; rc == 0 && i < s->node_count && i < a->part_count; i++) {
        there[i] = a->parts[i].capture;
        if (there[i] != NULL && set_coverage_has_idle(s))
            rc = capture_open_read(&all[i], a->parts[i].directory, err);
    }
    if (rc == 0) {
        c = set_coverage_of(s, there, (const struct capture *const *)all);
        *ret_whole = c.whole;
        rc = capture_set_cut(s, c.generations, c.moments, err);
    }
    if (rc == 0)
        rc = set_coverage_note(s, there, err);
    for (uint32_t i = 0; all != NULL && i < s->node_count; i++)
        capture_free(all[i]);
    free(all);
    free(there);
    return rc;
}

/* A description may be the same again later, when slots that moved are back, so what counts is which one was archived last. */
static int archive_description(struct archiver *a, struct capture_set *s, struct ft_err *err)
{
    uint64_t digest;
    char *text;
    int rc = capture_set_text(s, 0, &text, err);

    if (rc != 0)
        return -1;
    digest = XXH3_64bits(text, strlen(text));
    if (digest != a->set_digest) {
        rc = fs_replace_file(a->set_dirfd, ARCHIVED_SET, bytes_str(text), err);
        if (rc == 0)
            rc = run(a, a->options.directory, ARCHIVED_SET, CAPTURE_SET_FILE, err);
        if (rc == 0)
            a->set_digest = digest;
    }
    free(text);
    return rc;
}

/* It is read after all that it may name was archived. */
static int archive_set(struct archiver *a, struct ft_err *err)
{
    struct capture_set *s;
    bool whole = false;
    int rc;

    if (capture_set_open_read(&s, a->options.directory, err) != 0)
        return -1;
    rc = cut_set(a, s, &whole, err);
    if (rc == 0)
        rc = archive_description(a, s, err);
    capture_set_free(s);
    a->result.is_behind = rc != 0 || !whole;
    return rc;
}

/* Nodes that have joined are parts from now on. */
static int know_nodes(struct archiver *a, struct ft_err *err)
{
    struct capture_set *s;
    int rc = open_directory(&a->set_dirfd, a->options.directory, err);

    if (rc != 0 || capture_set_open_read(&s, a->options.directory, err) != 0)
        return -1;
    for (uint32_t i = a->part_count; rc == 0 && i < s->node_count; i++)
        rc = add_part(a, s->nodes[i].directory, err);
    capture_set_free(s);
    return rc;
}

static int look(struct archiver *a, struct ft_err *err)
{
    bool is_set = a->options.is_set;
    int rc = 0;

    if (is_set ? !capture_set_is_dir(a->options.directory) : !capture_is_dir(a->options.directory))
        return 0;
    a->result.is_behind = true;
    if (is_set)
        rc = know_nodes(a, err);
    else if (a->part_count == 0)
        rc = add_part(a, "", err);
    if (rc == 0)
        rc = archive_parts(a, err);
    if (rc == 0 && is_set)
        rc = archive_set(a, err);
    else
        a->result.is_behind = rc != 0;
    for (uint32_t i = 0; i < a->part_count; i++) {
        capture_free(a->parts[i].capture);
        a->parts[i].capture = NULL;
    }
    return rc;
}

/* Has the file been saved again since? */
static bool has_changed(int dirfd, const char *name, struct stat *last)
{
    struct stat now;
    bool changed;

    if (dirfd < 0 || fstatat(dirfd, name, &now, 0) != 0)
        return true;
    changed = now.st_ino != last->st_ino || now.st_mtim.tv_sec != last->st_mtim.tv_sec ||
              now.st_mtim.tv_nsec != last->st_mtim.tv_nsec;
    *last = now;
    return changed;
}

static bool has_any_changed(struct archiver *a)
{
    bool any = a->part_count == 0 ||
               (a->options.is_set && has_changed(a->set_dirfd, CAPTURE_SET_FILE, &a->set_seen));

    for (uint32_t i = 0; i < a->part_count; i++) {
        if (has_changed(a->parts[i].dirfd, CAPTURE_MANIFEST, &a->parts[i].seen))
            any = true;
    }
    return any;
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
    bool last_look = false;

    a->last_success_ms = clock_mono_ms();
    for (;;) {
        struct ft_err err = FT_ERR_INIT;
        bool finishing = atomic_load(&a->finishing);
        int rc = 0;

        if (has_any_changed(a) || pause_ms != PAUSE_FIRST_MS || finishing)
            rc = look(a, &err);
        last_look = finishing && rc == 0;
        if (rc != 0)
            note(a, &err);
        /* what is pending is said of all that was sealed, so one look at least begins after the end */
        if (last_look || (finishing && is_given_up(a)))
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
    a->set_dirfd = -1;
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
    for (uint32_t i = 0; i < a->part_count; i++) {
        archived_list_release(&a->parts[i].list);
        if (a->parts[i].dirfd >= 0)
            (void)close(a->parts[i].dirfd); /* opened to read */
        free(a->parts[i].directory);
    }
    free(a->parts);
    if (a->set_dirfd >= 0)
        (void)close(a->set_dirfd); /* likewise */
    (void)close(a->wake_fd);
    free(a);
}
