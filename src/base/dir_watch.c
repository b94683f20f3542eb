#include "base/dir_watch.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* A set of captures has nodes, which have generations. */
#define LEVELS       2u
#define EVENTS       (IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define EVENTS_BYTES 4096

/* Watching the same directory once more changes nothing. */
static void watch_tree(int fd, const char *path, unsigned levels)
{
    DIR *dir;
    const struct dirent *entry;

    if (inotify_add_watch(fd, path, EVENTS) < 0 || levels == 0 || (dir = opendir(path)) == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        char *name = NULL;

        if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
            asprintf(&name, "%s/%s", path, entry->d_name) < 0)
            continue;
        watch_tree(fd, name, levels - 1);
        free(name);
    }
    (void)closedir(dir); /* only read */
}

void dir_watch_open(struct dir_watch *ret, const char *path)
{
    *ret = (struct dir_watch){inotify_init1(IN_NONBLOCK | IN_CLOEXEC), strdup(path)};
    if (ret->fd >= 0 && ret->path != NULL)
        watch_tree(ret->fd, path, LEVELS);
    else
        dir_watch_close(ret);
}

void dir_watch_clear(struct dir_watch *w)
{
    _Alignas(struct inotify_event) char events[EVENTS_BYTES];
    bool made = false;
    ssize_t n;

    while (w->fd >= 0 && (n = read(w->fd, events, sizeof(events))) > 0) {
        for (const char *at = events; at < events + n;) {
            const struct inotify_event *event = (const void *)at;

            /* of too many events in between some are lost */
            made = made || (event->mask & (IN_CREATE | IN_MOVED_TO | IN_Q_OVERFLOW)) != 0;
            at += sizeof(*event) + event->len;
        }
    }
    if (made)
        watch_tree(w->fd, w->path, LEVELS);
}

void dir_watch_close(struct dir_watch *w)
{
    if (w->fd >= 0)
        (void)close(w->fd); /* only read */
    free(w->path);
    *w = (struct dir_watch)DIR_WATCH_NONE;
}
