/*
 * work_dir.h - a capture directory that appears whole: "DIR.unpacking", or the like, beside DIR.
 *
 * What it is   Where a directory is made of an archive, and then renamed; or where one is looked for. If the run is interrupted, the disk is full or a network fails, it stays, and
 *              the next run takes over what is complete there; after any other failure it is removed.
 * Writer       One at a time: the directory is locked.
 * Errors       FT_ERR_IO; FT_ERR_STATE: DIR is there and not empty, another process is at work, no room.
 */
#ifndef FLOWTAPE_ARCHIVE_WORK_DIR_H
#define FLOWTAPE_ARCHIVE_WORK_DIR_H

#include "store/capture.h"

/* Of a directory into which an archive is unpacked. */
#define UNPACK_SUFFIX ".unpacking"

struct work_dir {
    char *target;
    char *path;
    int fd;    /* -1: it is not open */
    bool keep; /* what it holds is not to be removed: something else, or work that can be resumed */
};

/* work_dir_check_target - could a directory appear under this name? */
int work_dir_check_target(const char *target, struct ft_err *err);
/* work_dir_open - suffix: of its name. */
int work_dir_open(struct work_dir *ret, const char *target, const char *suffix, struct ft_err *err);
/* work_dir_begin - a capture with this manifest is to be made, or a set with this description; name: of the file. What an earlier
 * run has left counts only if it was of the same one; FT_ERR_STATE otherwise. */
int work_dir_begin(struct work_dir *w, const char *name, struct bytes text, struct ft_err *err);
/* work_dir_finish - everything is there: it gets its name, durably. */
int work_dir_finish(struct work_dir *w, struct ft_err *err);
/* work_dir_release - err: of a failed run, which decides whether it stays; NULL: it has its name. Returns whether
 * it stays. Also of a zeroed struct, with fd -1. */
bool work_dir_release(struct work_dir *w, const struct ft_err *err);

/* work_dir_missing_bytes - of the segments of c that are not below dirfd yet. */
uint64_t work_dir_missing_bytes(int dirfd, const struct capture *c);
/* work_dir_check_room - for so much more below dirfd; path is for messages. */
int work_dir_check_room(int dirfd, const char *path, uint64_t bytes, struct ft_err *err);
/* work_dir_make_parent - the directory of a segment's generation below dirfd. */
int work_dir_make_parent(int dirfd, const char *segment, struct ft_err *err);

#endif
