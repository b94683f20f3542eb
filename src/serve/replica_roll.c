#include "serve/replica_roll.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/fsutil.h"

#define FILE_NAME "replicas"
#define FILE_MAX  (1u << 20)

static struct replica_known *find(const struct replica_roll *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->names[i].name, name) == 0)
            return &r->names[i];
    }
    return NULL;
}

static int add(struct replica_roll *r, const char *name, size_t n, struct ft_err *err)
{
    struct replica_known *k;

    if (n == 0 || n >= REPLICA_ROLL_NAME)
        return 0; /* nobody is called so */
    if (ARRAY_ADD_ROOM(&r->names, r->count, "the known replicas", err) != 0)
        return -1;
    k = &r->names[r->count++];
    *k = (struct replica_known){0};
    memcpy(k->name, name, n);
    return 0;
}

static int read_names(struct replica_roll *r, int dirfd, struct ft_err *err)
{
    struct buf text = {0};
    size_t at = 0;
    int rc = faccessat(dirfd, FILE_NAME, F_OK, 0) != 0
                 ? 0
                 : fs_read_file(dirfd, FILE_NAME, FILE_MAX, &text, err);

    while (rc == 0 && at < text.n) {
        const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
        size_t n = end == NULL ? text.n - at : (size_t)(end - (text.p + at));

        rc = add(r, (const char *)text.p + at, n, err);
        at += n + 1;
    }
    buf_release(&text);
    return rc;
}

int replica_roll_open(struct replica_roll *r, const char *dir, struct ft_err *err)
{
    int dirfd;
    int rc;

    *r = (struct replica_roll){0};
    if (asprintf(&r->dir, "%s/serve", dir) < 0) {
        r->dir = NULL;
        return err_nomem(err, "a path");
    }
    dirfd = open(r->dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (dirfd < 0)
        return errno == ENOENT ? 0 : err_errno(err, errno, "could not open \"%s\"", r->dir);
    rc = read_names(r, dirfd, err);
    (void)close(dirfd); /* was only read */
    return rc == 0 ? 0 : err_wrap(err, "\"%s\"", r->dir);
}

void replica_roll_release(struct replica_roll *r)
{
    free(r->dir);
    free(r->names);
    *r = (struct replica_roll){0};
}

void replica_roll_name(char out[REPLICA_ROLL_NAME], const char *host, uint16_t port)
{
    bool is_v6 = strchr(host, ':') != NULL;

    out[0] = '\0';
    if (port != 0)
        (void)snprintf(out, REPLICA_ROLL_NAME, "%s%s%s:%u", is_v6 ? "[" : "", host,
                       is_v6 ? "]" : "", port); /* a host that does not fit is none */
}

static int write_names(const struct replica_roll *r, struct ft_err *err)
{
    struct buf text = {0};
    int dirfd = open(r->dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    int rc = 0;

    if (dirfd < 0)
        return err_errno(err, errno, "could not open \"%s\"", r->dir);
    for (size_t i = 0; rc == 0 && i < r->count; i++)
        rc = buf_printf(&text, err, "%s\n", r->names[i].name);
    if (rc == 0)
        rc = fs_replace_file(dirfd, FILE_NAME, buf_bytes(&text), err);
    buf_release(&text);
    (void)close(dirfd); /* the file is synced */
    return rc == 0 ? 0 : err_wrap(err, "\"%s\"", r->dir);
}

int replica_roll_add(struct replica_roll *r, const char *name, struct replica_known **ret,
                     struct ft_err *err)
{
    *ret = find(r, name);
    if (*ret != NULL)
        return 0;
    if (add(r, name, strlen(name), err) != 0 || write_names(r, err) != 0)
        return -1;
    *ret = &r->names[r->count - 1];
    return 0;
}

int replica_roll_remove(struct replica_roll *r, const char *name, bool *ret_found,
                        struct ft_err *err)
{
    struct replica_known *k = find(r, name);

    *ret_found = k != NULL;
    if (k == NULL)
        return 0;
    *k = r->names[--r->count];
    return write_names(r, err);
}
