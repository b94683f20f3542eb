/*
 * dir_watch.h - to be woken when a file somewhere in a directory is written to by another process.
 *
 * What it is   inotify(7) on the directory, those in it and those in these. A hint: not every file system tells what others do, and
 *              directories that are made later are noticed a moment later, so who waits looks by itself too, but less often.
 * Threads      Belongs to one thread.
 */
#ifndef FLOWTAPE_BASE_DIR_WATCH_H
#define FLOWTAPE_BASE_DIR_WATCH_H

struct dir_watch {
    int fd; /* readable: something was written; -1: nobody tells */
    char *path;
};

#define DIR_WATCH_NONE \
    {                  \
        .fd = -1       \
    }

/* dir_watch_open - ret->fd is -1 where that does not go. */
void dir_watch_open(struct dir_watch *ret, const char *path);
/* dir_watch_clear - what was told is known. */
void dir_watch_clear(struct dir_watch *w);
void dir_watch_close(struct dir_watch *w);

#endif
