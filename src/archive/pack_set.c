#include "archive/pack_set.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/work_dir.h"
#include "base/fsutil.h"
#include "store/capture_set.h"

#define PACK_SUFFIX ".packing"

static char *path_of(const char *directory, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

/* Its generations, or one of them, are what the other set is described with. */
static int write_set(const struct capture_set *s, uint32_t generation, const char *directory,
                     struct ft_err *err)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return err_errno(err, errno, "could not open directory \"%s\"", directory);
    rc = capture_set_write(s, generation, fd, err);
    (void)close(fd); /* opened to read */
    return rc;
}

/*
 * Packing
 */

static int pack_node(const struct capture_set *s, uint32_t node, const char *directory,
                     const struct pack_options *o, struct pack_result *sum, struct ft_err *err)
{
    const struct set_generation *g = o->generation == 0 ? NULL : capture_set_find(s, o->generation);
    char *from = capture_set_node_path(s, node);
    char *to = path_of(directory, s->nodes[node].directory);
    struct pack_options of_node = *o;
    struct pack_result result = {0};
    struct capture *c = NULL;
    int rc;

    if (from != NULL && to != NULL &&
        (g != NULL ? !capture_set_has(s, g, node)
                   : !capture_set_has(s, NULL, node) && !capture_is_dir(from))) {
        free(from);
        free(to);
        return 0;
    }
    of_node.output = to;
    of_node.generation = g == NULL ? 0 : g->nodes[node];
    rc = from == NULL || to == NULL ? err_nomem(err, "a path") : capture_open_read(&c, from, err);
    if (rc == 0)
        rc = pack_run(c, &of_node, &result, err);
    capture_free(c);
    free(from);
    free(to);
    sum->generations += result.generations;
    sum->segments += result.segments;
    sum->sealed += result.sealed;
    sum->stored += result.stored;
    sum->bytes_in += result.bytes_in;
    sum->bytes_out += result.bytes_out;
    return rc == 0 ? 0 : err_wrap(err, "node %s", s->nodes[node].address);
}

/* What this run has put there, and no more. */
static void remove_packed(const struct capture_set *s, const char *directory)
{
    char *path;

    for (uint32_t i = 0; i < s->node_count; i++) {
        path = path_of(directory, s->nodes[i].directory);
        if (path != NULL)
            (void)unlink(path); /* the error that counts is set already */
        free(path);
    }
    path = path_of(directory, CAPTURE_SET_FILE);
    if (path != NULL)
        (void)unlink(path); /* likewise */
    free(path);
    (void)rmdir(directory);
}

static int pack_all(const struct capture_set *s, const char *work, const struct pack_options *o,
                    struct pack_result *ret, struct ft_err *err)
{
    for (uint32_t i = 0; i < s->node_count; i++) {
        if (pack_node(s, i, work, o, ret, err) != 0)
            return -1;
    }
    if (write_set(s, o->generation, work, err) != 0)
        return -1;
    return fs_rename_durable(AT_FDCWD, work, o->output, err);
}

static int pack_into(const struct capture_set *s, const struct pack_options *o,
                     struct pack_result *ret, struct ft_err *err)
{
    char *work;
    int rc = -1;

    if (work_dir_check_target(o->output, err) != 0)
        return -1;
    if (asprintf(&work, "%s" PACK_SUFFIX, o->output) < 0)
        return err_nomem(err, "a path");
    remove_packed(s, work); /* of a run that was killed */
    if (mkdir(work, 0700) != 0)
        (void)err_errno(err, errno, "could not create directory \"%s\"", work);
    else if (pack_all(s, work, o, ret, err) == 0)
        rc = 0;
    else
        remove_packed(s, work);
    free(work);
    return rc;
}

int pack_set_run(const char *directory, const struct pack_options *o, struct pack_result *ret,
                 struct ft_err *err)
{
    struct capture_set *s;
    int rc;

    *ret = (struct pack_result){0};
    if (capture_set_open_read(&s, directory, err) != 0)
        return -1;
    if (o->generation != 0 && capture_set_find(s, o->generation) == NULL)
        rc = err_set(err, FT_ERR_USAGE, "\"%s\" has no generation %" PRIu32, directory,
                     o->generation);
    else if (o->snapshot_only && capture_set_find(s, 0) == NULL)
        rc = err_set(err, FT_ERR_STATE, "\"%s\" holds no complete snapshot yet", directory);
    else
        rc = pack_into(s, o, ret, err);
    capture_set_free(s);
    return rc;
}

/*
 * Unpacking
 */

static int unpack_node(const struct capture_set *s, uint32_t node, const struct unpack_options *o,
                       struct unpack_result *sum, struct ft_err *err)
{
    char *from = capture_set_node_path(s, node);
    char *to = path_of(o->directory, s->nodes[node].directory);
    struct unpack_options of_node = *o;
    struct unpack_result result = {0};
    int rc = 0;

    of_node.input = from;
    of_node.directory = to;
    if (from == NULL || to == NULL)
        rc = err_nomem(err, "a path");
    else if (!capture_set_has(s, NULL, node) && access(from, F_OK) != 0)
        rc = 0;                   /* it is in no generation that was packed */
    else if (!capture_is_dir(to)) /* an earlier run has completed it */
        rc = unpack_run(&of_node, &result, err);
    free(from);
    free(to);
    sum->segments += result.segments;
    sum->resumed += result.resumed;
    sum->bytes += result.bytes;
    sum->kept = sum->kept || result.kept || rc == 0;
    return rc == 0 ? 0 : err_wrap(err, "node %s", s->nodes[node].address);
}

static int unpack_all(const struct capture_set *s, const struct unpack_options *o,
                      struct unpack_result *ret, struct ft_err *err)
{
    if (capture_set_is_dir(o->directory) || capture_is_dir(o->directory))
        return err_set(err, FT_ERR_STATE, "\"%s\" is there already", o->directory);
    if (mkdir(o->directory, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s\"", o->directory);
    for (uint32_t i = 0; i < s->node_count; i++) {
        if (unpack_node(s, i, o, ret, err) != 0)
            return -1;
    }
    return write_set(s, 0, o->directory, err);
}

int unpack_set_run(const struct unpack_options *o, struct unpack_result *ret, struct ft_err *err)
{
    struct capture_set *s;
    int rc;

    *ret = (struct unpack_result){0};
    if (capture_set_open_read(&s, o->input, err) != 0)
        return -1;
    rc = unpack_all(s, o, ret, err);
    capture_set_free(s);
    if (rc == 0)
        ret->kept = false;
    return rc;
}
