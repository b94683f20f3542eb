/*
 * What lies in a generation's directory beside what the manifest names. A segment is sealed before
 * the next one of its flow is created, so it is enough to ask for names, ordinal after ordinal.
 */
#include "store/capture_scan.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "store/archived_list.h"
#include "store/capture_private.h"
#include "store/segment_format.h"
#include "store/segment_reader_open.h"
#include "store/segment_reader_seek.h"
#include "store/segment_writer.h"

/* The identity that the next segment of the flow must have. */
static struct segment_id next_id(const struct capture *c, const struct generation *g, uint32_t flow,
                                 enum segment_kind kind, char name[SEGMENT_NAME_MAX])
{
    struct segment_id id;

    capture_segment_id(c, g, flow, kind, 0, &id, name);
    return id;
}

/*
 * Readers
 */

/* Returns 1: a segment was added, 0: there is none. */
static int scan_one(const struct capture *c, struct generation *g, uint32_t flow,
                    struct ft_err *err)
{
    for (size_t i = 0; i < sizeof(capture_kinds) / sizeof(capture_kinds[0]); i++) {
        char name[SEGMENT_NAME_MAX];
        struct segment_id id = next_id(c, g, flow, capture_kinds[i], name);
        struct segment_info info = {0};
        struct segment_reader *r;
        bool absent;
        int rc;

        if (segment_reader_try_open(&r, c->dirfd, name, &id, &absent, err) != 0)
            return -1;
        if (absent)
            continue;
        rc = segment_reader_info(r, &info, err);
        segment_reader_free(r);
        if (rc != 0 || capture_add_segment(g, flow, &info, err) != 0)
            return -1;
        return info.sealed ? 1 : 0;
    }
    return 0;
}

int capture_scan(struct capture *c, struct ft_err *err)
{
    struct generation *g = capture_newest(c);

    if (g == NULL || g->state == GENERATION_ABANDONED)
        return 0;
    for (uint32_t flow = 0; flow < g->flow_count; flow++) {
        int rc;

        do {
            rc = scan_one(c, g, flow, err);
        } while (rc > 0);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/*
 * Writers
 */

static int file_size(const struct capture *c, const char *name, int64_t *ret, struct ft_err *err)
{
    struct stat st;

    if (fstatat(c->dirfd, name, &st, 0) == 0) {
        *ret = (int64_t)st.st_size;
        return 0;
    }
    if (errno != ENOENT)
        return err_errno(err, errno, "could not look at \"%s\"", name);
    *ret = -1;
    return 0;
}

static int check_named(const struct capture *c, const struct capture_flow *f,
                       const struct archived_list *archived, struct ft_err *err)
{
    for (size_t i = 0; i < f->segment_count; i++) {
        const struct segment_info *s = &f->segments[i];
        int64_t bytes = -1;

        if (file_size(c, s->name, &bytes, err) != 0)
            return -1;
        if (bytes < 0 && archived_list_has(archived, s->name, s->digest))
            continue;
        if (bytes < 0 || (uint64_t)bytes != s->file_bytes) {
            return err_set(err, FT_ERR_CORRUPT,
                           "segment \"%s\" is %s, the manifest says %" PRIu64 " bytes", s->name,
                           bytes < 0 ? "missing" : "of another size", s->file_bytes);
        }
    }
    return 0;
}

static int sealed_info(const struct capture *c, const char *name, const struct segment_id *id,
                       struct segment_info *ret, struct ft_err *err)
{
    struct segment_reader *r;
    int rc;

    if (segment_reader_open(&r, c->dirfd, name, id, err) != 0)
        return -1;
    rc = segment_reader_info(r, ret, err);
    segment_reader_free(r);
    return rc;
}

/* Returns 1: the next segment of the flow was found and added, 0: there is none. */
static int recover_one(const struct capture *c, struct generation *g, uint32_t flow,
                       struct capture_recovery *sums, struct ft_err *err)
{
    for (size_t i = 0; i < sizeof(capture_kinds) / sizeof(capture_kinds[0]); i++) {
        char name[SEGMENT_NAME_MAX];
        char partial[PARTIAL_NAME_MAX];
        struct segment_id id = next_id(c, g, flow, capture_kinds[i], name);
        struct segment_info info = {0};
        bool removed = false;
        uint64_t cut_bytes = 0;
        int64_t sealed_bytes = -1;
        int64_t partial_bytes = -1;

        (void)snprintf(partial, sizeof(partial), "%s" SEGMENT_PARTIAL_SUFFIX, name);
        if (file_size(c, name, &sealed_bytes, err) != 0 ||
            file_size(c, partial, &partial_bytes, err) != 0)
            return -1;
        if (sealed_bytes >= 0) {
            if (sealed_info(c, name, &id, &info, err) != 0)
                return -1;
        } else if (partial_bytes >= 0) {
            if (segment_recover(c->dirfd, name, &id, &info, &removed, &cut_bytes, err) != 0)
                return err_wrap(err, "could not recover");
            sums->cut_bytes += cut_bytes;
            sums->removed += removed;
            sums->sealed += !removed;
        }
        if (!info.sealed)
            continue;
        return capture_add_segment(g, flow, &info, err) == 0 ? 1 : -1;
    }
    return 0;
}

/* The last bytes of an ended snapshot are the token that ended it. */
#define TOKEN_LENGTH 40u

static void keep_tail(char token[TOKEN_LENGTH], size_t *n, struct bytes b)
{
    if (b.n >= TOKEN_LENGTH) {
        memcpy(token, b.p + b.n - TOKEN_LENGTH, TOKEN_LENGTH);
        *n = TOKEN_LENGTH;
        return;
    }
    if (*n + b.n > TOKEN_LENGTH) {
        size_t drop = *n + b.n - TOKEN_LENGTH;

        memmove(token, token + drop, *n - drop);
        *n -= drop;
    }
    memcpy(token + *n, b.p, b.n);
    *n += b.n;
}

static int find_token(const struct capture *c, struct capture_flow *f, const struct segment_info *s,
                      struct ft_err *err)
{
    char token[TOKEN_LENGTH + 1] = "";
    struct segment_reader *r;
    struct segment_block b;
    enum step step;
    size_t n = 0;

    if (segment_reader_open(&r, c->dirfd, s->name, NULL, err) != 0)
        return -1;
    step = segment_reader_seek(r, false, UINT64_MAX, err) == 0 ? STEP_ITEM : STEP_ERROR;
    while (step == STEP_ITEM) {
        step = segment_reader_next(r, &b, NULL, err);
        if (step == STEP_ITEM)
            keep_tail(token, &n, b.payload);
    }
    segment_reader_free(r);
    if (step == STEP_ERROR)
        return -1;
    for (size_t i = 0; i < TOKEN_LENGTH; i++) {
        if (i >= n || !isxdigit((unsigned char)token[i]))
            return 0;
    }
    memcpy(f->eof_token, token, sizeof(token));
    return 0;
}

static int recover_flow(const struct capture *c, struct generation *g, uint32_t flow,
                        const struct archived_list *archived, struct capture_recovery *sums,
                        bool *ret_changed, struct ft_err *err)
{
    struct capture_flow *f = &g->flows[flow];
    size_t named = f->segment_count;
    int rc;

    if (check_named(c, f, archived, err) != 0)
        return -1;
    do {
        rc = recover_one(c, g, flow, sums, err);
    } while (rc > 0);
    if (rc < 0)
        return -1;
    for (size_t i = named; i < f->segment_count; i++) {
        *ret_changed = true;
        if (f->segments[i].kind == SEGMENT_SNAPSHOT && f->segments[i].ended &&
            find_token(c, f, &f->segments[i], err) != 0)
            return -1;
    }
    return 0;
}

/* flow, ordinal and kind out of "flow-000-00001-journal.seg", with or without ".partial". */
static bool parse_name(uint32_t generation, const char *name, uint32_t *ret_flow,
                       uint32_t *ret_ordinal, char whole[SEGMENT_NAME_MAX], bool *ret_partial)
{
    char again[PARTIAL_NAME_MAX];
    const char *base;

    if (sscanf(name, "flow-%9" SCNu32 "-%9" SCNu32 "-", ret_flow, ret_ordinal) != 2)
        return false;
    for (size_t i = 0; i < sizeof(capture_kinds) / sizeof(capture_kinds[0]); i++) {
        capture_segment_name(generation, *ret_flow, *ret_ordinal, capture_kinds[i], whole);
        base = strchr(whole, '/') + 1;
        *ret_partial = false;
        if (strcmp(name, base) == 0)
            return true;
        (void)snprintf(again, sizeof(again), "%s" SEGMENT_PARTIAL_SUFFIX, base);
        *ret_partial = true;
        if (strcmp(name, again) == 0)
            return true;
    }
    return false;
}

/* Every segment file must by now be one that the flows name. */
static int visit_recovered(int dirfd, const char *name, void *arg, struct ft_err *err)
{
    const struct generation *g = arg;
    char whole[SEGMENT_NAME_MAX];
    uint32_t flow;
    uint32_t ordinal;
    bool partial;

    (void)dirfd;
    if (!parse_name(g->id, name, &flow, &ordinal, whole, &partial))
        return 0;
    if (!partial && flow < g->flow_count && ordinal < g->flows[flow].segment_count &&
        strcmp(g->flows[flow].segments[ordinal].name, whole) == 0)
        return 0;
    return err_set(err, FT_ERR_CORRUPT,
                   "segment file \"%s\" of generation %" PRIu32 " does not follow the others", name,
                   g->id);
}

int capture_recover(struct capture *c, struct capture_recovery *ret, bool *ret_changed,
                    struct ft_err *err)
{
    struct generation *g = capture_newest(c);
    struct archived_list archived;
    char dir[SEGMENT_NAME_MAX];
    int rc = 0;

    if (g == NULL || g->state == GENERATION_ABANDONED)
        return 0;
    if (archived_list_read(&archived, c->dirfd, err) != 0)
        return -1;
    for (uint32_t flow = 0; rc == 0 && flow < g->flow_count; flow++)
        rc = recover_flow(c, g, flow, &archived, ret, ret_changed, err);
    archived_list_release(&archived);
    if (rc != 0)
        return -1;
    capture_generation_dir(g->id, dir);
    return capture_list(c->dirfd, dir, visit_recovered, g, err);
}

/*
 * Abandoned generations
 */

static int visit_abandoned(int dirfd, const char *name, void *arg, struct ft_err *err)
{
    char whole[SEGMENT_NAME_MAX];
    uint32_t flow;
    uint32_t ordinal;
    bool partial;

    if (parse_name(*(const uint32_t *)arg, name, &flow, &ordinal, whole, &partial) &&
        unlinkat(dirfd, name, 0) != 0)
        return err_errno(err, errno, "could not remove \"%s\"", name);
    return 0;
}

int capture_remove_files(const struct capture *c, uint32_t generation, struct ft_err *err)
{
    char dir[SEGMENT_NAME_MAX];
    struct stat st;

    capture_generation_dir(generation, dir);
    if (fstatat(c->dirfd, dir, &st, 0) != 0 && errno == ENOENT)
        return 0;
    if (capture_list(c->dirfd, dir, visit_abandoned, &generation, err) != 0)
        return -1;
    if (unlinkat(c->dirfd, dir, AT_REMOVEDIR) != 0 && errno != ENOTEMPTY && errno != EEXIST)
        return err_errno(err, errno, "could not remove directory \"%s\"", dir);
    return 0;
}
