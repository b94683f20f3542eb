/*
 * dir_watch.h - wakes up when another process writes to a file in a directory.
 *
 * What it is   inotify(7) on the directory and two levels below it. It is a hint: not every file system reports what other hosts
 *              write, and a directory that was just made is watched a moment later. So whoever waits also looks by itself, less often.
 * Threads      Belongs to one thread.
 */
#ifndef FLOWTAPE_BASE_DIR_WATCH_H
#define FLOWTAPE_BASE_DIR_WATCH_H

struct dir_watch {
    int fd; /* readable: something was written; -1: not supported */
    char *path;
};

#define DIR_WATCH_NONE \
    {                  \
        .fd = -1       \
    }

/* dir_watch_open - ret->fd is -1 where it is not supported. */
void dir_watch_open(struct dir_watch *ret, const char *path);
/* dir_watch_clear - consume the events so far, and watch new directories. */
void dir_watch_clear(struct dir_watch *w);
void dir_watch_close(struct dir_watch *w);

#endif
