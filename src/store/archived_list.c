#include "store/archived_list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/array.h"
#include "base/fsutil.h"
#include "store/segment.h"

#define LINE_MAX_BYTES (SEGMENT_NAME_MAX + 32)
/* "xxh3:", the digits and two spaces. */
#define NAME_COLUMN 23
/* Some hundred thousand lines. */
#define LIST_MAX_BYTES ((size_t)64 << 20)

static uint64_t entry_of(const char *name, size_t n, uint64_t digest)
{
    return XXH3_64bits_withSeed(name, n, digest);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int insert(struct archived_list *l, uint64_t entry, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&l->entries, l->count, "a list of archived files", err) != 0)
        return -1;
    l->entries[l->count++] = entry;
    return 0;
}

/* What is no line of ours says nothing. */
static int take_line(struct archived_list *l, const char *line, size_t n, struct ft_err *err)
{
    char text[LINE_MAX_BYTES];
    uint64_t digest;
    int at = 0;

    if (n >= sizeof(text))
        return 0;
    memcpy(text, line, n);
    text[n] = '\0';
    if (sscanf(text, "xxh3:%16" SCNx64 "%n", &digest, &at) != 1 || at != NAME_COLUMN - 2 ||
        memcmp(text + at, "  ", 2) != 0)
        return 0;
    return insert(l, entry_of(text + NAME_COLUMN, n - NAME_COLUMN, digest), err);
}

/* *ret_whole: the length up to the last line that is whole. */
static int take_lines(struct archived_list *l, struct bytes text, size_t *ret_whole,
                      struct ft_err *err)
{
    size_t at = 0;

    for (;;) {
        const uint8_t *end = at < text.n ? memchr(text.p + at, '\n', text.n - at) : NULL;
        size_t n;

        if (end == NULL)
            break;
        n = (size_t)(end - text.p) - at;
        if (take_line(l, (const char *)text.p + at, n, err) != 0)
            return -1;
        at += n + 1;
    }
    if (l->count > 1)
        qsort(l->entries, l->count, sizeof(*l->entries), compare);
    *ret_whole = at;
    return 0;
}

static int load(struct archived_list *l, int dirfd, size_t *ret_whole, struct ft_err *err)
{
    struct buf text = {0};
    int rc;

    if (faccessat(dirfd, ARCHIVED_LIST_NAME, F_OK, 0) != 0 && errno == ENOENT)
        return 0;
    rc = fs_read_file(dirfd, ARCHIVED_LIST_NAME, LIST_MAX_BYTES, &text, err);
    if (rc == 0)
        rc = take_lines(l, buf_bytes(&text), ret_whole, err);
    buf_release(&text);
    return rc;
}

int archived_list_read(struct archived_list *ret, int dirfd, struct ft_err *err)
{
    struct archived_list l = {.fd = -1};
    size_t whole = 0;

    if (load(&l, dirfd, &whole, err) != 0) {
        archived_list_release(&l);
        return -1;
    }
    *ret = l;
    return 0;
}

int archived_list_open(struct archived_list *ret, int dirfd, bool *ret_held, struct ft_err *err)
{
    struct archived_list l = {.fd = fs_lock(dirfd, ARCHIVED_LIST_NAME, ret_held, err)};
    size_t whole = 0;

    if (l.fd < 0)
        return -1;
    /* a line that a crash has cut off would spoil the next one */
    if (load(&l, dirfd, &whole, err) != 0 ||
        (ftruncate(l.fd, (off_t)whole) != 0 &&
         err_errno(err, errno, "could not cut \"" ARCHIVED_LIST_NAME "\"") != 0)) {
        archived_list_release(&l);
        return -1;
    }
    *ret = l;
    return 0;
}

bool archived_list_has(const struct archived_list *l, const char *name, uint64_t digest)
{
    uint64_t entry = entry_of(name, strlen(name), digest);

    return l->count != 0 && bsearch(&entry, l->entries, l->count, sizeof(entry), compare) != NULL;
}

int archived_list_add(struct archived_list *l, const char *name, uint64_t digest,
                      struct ft_err *err)
{
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof(line), "xxh3:%016" PRIx64 "  %s\n", digest, name);

    if (n < 0 || (size_t)n >= sizeof(line))
        return err_set(err, FT_ERR_BUG, "the name \"%.40s\" is too long", name);
    if (lseek(l->fd, 0, SEEK_END) < 0)
        return err_errno(err, errno, "could not write \"" ARCHIVED_LIST_NAME "\"");
    if (fs_write_all(l->fd, line, (size_t)n, ARCHIVED_LIST_NAME, err) != 0 ||
        fs_sync(l->fd, ARCHIVED_LIST_NAME, err) != 0 ||
        insert(l, entry_of(name, strlen(name), digest), err) != 0)
        return -1;
    qsort(l->entries, l->count, sizeof(*l->entries), compare);
    return 0;
}

void archived_list_release(struct archived_list *l)
{
    free(l->entries);
    l->entries = NULL;
    l->count = 0;
    if (l->fd >= 0)
        (void)close(l->fd); /* every line was synced */
    l->fd = -1;
}

bool archived_list_names(int dirfd, const char *name, uint64_t digest)
{
    struct archived_list l = {.fd = -1};
    struct ft_err ignored = FT_ERR_INIT;
    bool named =
        archived_list_read(&l, dirfd, &ignored) == 0 && archived_list_has(&l, name, digest);

    archived_list_release(&l);
    return named;
}
