#include "capture/dir_limits.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/fsutil.h"
#include "base/parse.h"

static bool is_size_reached(const struct dir_limits *l, char ret_text[DIR_LIMITS_TEXT])
{
    char limit[FORMAT_SIZE];
    char size[FORMAT_SIZE];
    uint64_t bytes;

    if (l->max_dir_bytes == 0)
        return false;
    bytes = fs_tree_bytes(l->directory);
    if (bytes < l->max_dir_bytes)
        return false;
    (void)snprintf(ret_text, DIR_LIMITS_TEXT, "\"%s\" holds %s, --max-dir-size is %s", l->directory,
                   format_size(bytes, size),
                   format_size(l->max_dir_bytes, limit)); /* a longer one is cut */
    return true;
}

/* Of a directory that is still to be made, the file system that its parent is in. */
static bool is_free_reached(const struct dir_limits *l, char ret_text[DIR_LIMITS_TEXT])
{
    const char *slash = strrchr(l->directory, '/');
    char parent[PATH_MAX] = ".";
    char limit[FORMAT_SIZE];
    char size[FORMAT_SIZE];
    struct statvfs fs;
    uint64_t bytes;

    if (l->min_free_bytes == 0)
        return false;
    if (slash != NULL)
        (void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - l->directory) + 1,
                       l->directory); /* a longer one is no path */
    if (statvfs(l->directory, &fs) != 0 && statvfs(parent, &fs) != 0)
        return false;
    bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (bytes >= l->min_free_bytes)
        return false;
    (void)snprintf(ret_text, DIR_LIMITS_TEXT,
                   "the file system of \"%s\" has %s left, --min-free is %s", l->directory,
                   format_size(bytes, size),
                   format_size(l->min_free_bytes, limit)); /* a longer one is cut */
    return true;
}

bool dir_limits_reached(const struct dir_limits *l, char ret_text[DIR_LIMITS_TEXT])
{
    return is_size_reached(l, ret_text) || is_free_reached(l, ret_text);
}

int dir_limits_allow_start(const struct dir_limits *l, struct ft_err *err)
{
    char text[DIR_LIMITS_TEXT];

    if (!dir_limits_reached(l, text))
        return 0;
    return err_set(err, FT_ERR_STATE, "%s: nothing is begun", text);
}
