#include "store/retention.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "store/archived_list.h"
#include "store/capture_private.h"
#include "store/capture_scan.h"

int retention_parse(const char *text, struct retention *ret, struct ft_err *err)
{
    uint64_t n;

    ret->generations = 0;
    ret->span_us = 0;
    if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text)) {
        if (parse_u64(text, &n, err) != 0)
            return -1;
        ret->generations = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    } else {
        if (parse_duration(text, &n, err) != 0)
            return -1;
        ret->span_us = n > UINT64_MAX / 1000 ? UINT64_MAX : n * 1000;
    }
    return n != 0 ? 0
                  : err_set(err, FT_ERR_USAGE,
                            "wanted a number of generations, as 3, or a time, as 7d, not \"%s\"",
                            text);
}

const char *retention_reason(enum retention_verdict v)
{
    static const char *const reasons[] = {
        [RETENTION_GONE] = "nothing of it is here",
        [RETENTION_NEWEST] = "the newest",
        [RETENTION_NEWEST_COMPLETE] = "the newest complete one",
        [RETENTION_WANTED] = "wanted by --retain",
        [RETENTION_OF_SET] = "a part of a generation of the set that is kept",
        [RETENTION_IN_USE] = "a process is reading it",
        [RETENTION_NOT_ARCHIVED] = "not archived yet",
        [RETENTION_MAY_GO] = "may go",
    };

    return reasons[v];
}

uint64_t retention_bytes(const struct generation *g)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < g->flow_count; i++) {
        for (size_t k = 0; k < g->flows[i].segment_count; k++)
            bytes += g->flows[i].segments[k].file_bytes;
    }
    return bytes;
}

static uint64_t last_time_us(const struct generation *g)
{
    uint64_t last = g->began_us;

    for (uint32_t i = 0; i < g->flow_count; i++) {
        const struct capture_flow *f = &g->flows[i];

        if (f->segment_count != 0 && f->segments[f->segment_count - 1].last_time_us > last)
            last = f->segments[f->segment_count - 1].last_time_us;
    }
    return last;
}

static bool is_wanted(const struct capture *c, const struct generation *g,
                      const struct retention *rule, uint64_t now_us)
{
    uint32_t newer = 0;

    for (const struct generation *other = g + 1; other < c->generations + c->generation_count;
         other++)
        newer += other->state == GENERATION_COMPLETE;
    if (rule->generations == 0 && rule->span_us == 0)
        return true;
    return (rule->generations != 0 && newer < rule->generations) ||
           (rule->span_us != 0 &&
            (now_us < rule->span_us || last_time_us(g) >= now_us - rule->span_us));
}

static bool is_of_set(const struct generation *g, const struct retention *rule)
{
    for (size_t i = 0; i < rule->of_set_count; i++) {
        if (rule->of_set[i] == g->id)
            return true;
    }
    return false;
}

/* hold_alone - its directory, if nobody else holds it: *ret_fd, -1: there is none; EWOULDBLOCK in errno. */
static int hold_alone(const struct capture *c, const struct generation *g, int *ret_fd)
{
    char dir[SEGMENT_NAME_MAX];

    capture_generation_dir(g->id, dir);
    *ret_fd = openat(c->dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd < 0)
        return errno == ENOENT ? 0 : -1;
    return flock(*ret_fd, LOCK_EX | LOCK_NB);
}

static void let_go(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* holds nothing but the lock */
}

/* *ret_archives: there is an archive, which then has to have all of it; *ret_here: files are here. */
static int look_at_files(const struct capture *c, const struct generation *g, bool *ret_archives,
                         bool *ret_has_all, bool *ret_here, struct ft_err *err)
{
    struct archived_list list;
    struct stat st;

    if (archived_list_read(&list, c->dirfd, err) != 0)
        return -1;
    *ret_archives = fstatat(c->dirfd, ARCHIVED_LIST_NAME, &st, 0) == 0;
    *ret_has_all = true;
    *ret_here = false;
    for (uint32_t i = 0; i < g->flow_count; i++) {
        for (size_t k = 0; k < g->flows[i].segment_count; k++) {
            const struct segment_info *s = &g->flows[i].segments[k];

            *ret_has_all = *ret_has_all && archived_list_has(&list, s->name, s->digest);
            *ret_here = *ret_here || fstatat(c->dirfd, s->name, &st, 0) == 0;
        }
    }
    archived_list_release(&list);
    return 0;
}

/* classify - as retention_classify; what may go stays held by *ret_fd. */
static int classify(const struct capture *c, const struct generation *g,
                    const struct retention *rule, uint64_t now_us, enum retention_verdict *ret,
                    int *ret_fd, bool *ret_archives, struct ft_err *err)
{
    bool has_all;
    bool here;

    *ret_fd = -1;
    if (look_at_files(c, g, ret_archives, &has_all, &here, err) != 0)
        return -1;
    *ret_archives = *ret_archives || rule->archives;
    if (g->state == GENERATION_ABANDONED || !here)
        *ret = RETENTION_GONE;
    else if (g == capture_newest(c))
        *ret = RETENTION_NEWEST;
    else if (g == capture_find(c, 0))
        *ret = RETENTION_NEWEST_COMPLETE;
    else if (is_of_set(g, rule))
        *ret = RETENTION_OF_SET;
    else if (is_wanted(c, g, rule, now_us))
        *ret = RETENTION_WANTED;
    else if (*ret_archives && !has_all)
        *ret = RETENTION_NOT_ARCHIVED;
    else if (hold_alone(c, g, ret_fd) == 0)
        *ret = RETENTION_MAY_GO;
    else if (errno == EWOULDBLOCK)
        *ret = RETENTION_IN_USE;
    else
        return err_errno(err, errno, "could not lock generation %u of \"%s\"", g->id, c->path);
    return 0;
}

int retention_classify(const struct capture *c, const struct generation *g,
                       const struct retention *rule, uint64_t now_us, enum retention_verdict *ret,
                       struct ft_err *err)
{
    bool archives;
    int fd;
    int rc = classify(c, g, rule, now_us, ret, &fd, &archives, err);

    let_go(fd);
    return rc;
}

static int remove_one(struct capture *c, struct generation *g, bool archives, struct ft_err *err)
{
    if (!archives) {
        g->state = GENERATION_ABANDONED;
        (void)snprintf(g->ended_by, sizeof(g->ended_by), RETENTION_ENDED_BY);
        for (uint32_t i = 0; i < g->flow_count; i++)
            capture_flow_clear(&g->flows[i]);
        if (capture_save(c, err) != 0)
            return -1;
    }
    return capture_remove_files(c, g->id, err);
}

int retention_apply(struct capture *c, const struct retention *rule, uint64_t now_us,
                    struct retention_sum *ret, struct ft_err *err)
{
    int rc = 0;

    if (rule->generations == 0 && rule->span_us == 0)
        return 0;
    for (size_t i = 0; rc == 0 && i < c->generation_count; i++) {
        struct generation *g = &c->generations[i];
        uint64_t bytes = retention_bytes(g);
        enum retention_verdict verdict;
        bool archives;
        int fd;

        rc = classify(c, g, rule, now_us, &verdict, &fd, &archives, err);
        if (rc == 0 && verdict == RETENTION_MAY_GO) {
            rc = remove_one(c, g, archives, err);
            ret->removed++;
            ret->bytes += bytes;
        }
        let_go(fd);
    }
    return rc;
}
