/*
 * fsutil.h - files and directories, EINTR-safe, with errors that name the file. All descriptors are
 * close-on-exec. -1 with FT_ERR_IO on failure unless said otherwise.
 */
#ifndef FLOWTAPE_BASE_FSUTIL_H
#define FLOWTAPE_BASE_FSUTIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/file_io.h"

/* fs_read_file - a whole small file; more than limit_bytes is FT_ERR_LIMIT. dirfd may be AT_FDCWD. */
int fs_read_file(int dirfd, const char *name, size_t limit_bytes, struct buf *ret,
                 struct ft_err *err);
/* fs_sync - fdatasync. */
int fs_sync(int fd, const char *name, struct ft_err *err);
/* fs_sync_dir - make names in a directory durable. */
int fs_sync_dir(int dirfd, const char *name, struct ft_err *err);
/* fs_rename_durable - rename within dirfd over whatever is there, then fs_sync_dir. */
int fs_rename_durable(int dirfd, const char *from, const char *to, struct ft_err *err);
/* fs_replace_file - write "NAME.tmp", sync, rename durably over NAME; for a directory that only one
 * process writes to. The file is readable by its owner only. */
int fs_replace_file(int dirfd, const char *name, struct bytes content, struct ft_err *err);
/* fs_lock - take an exclusive lock on NAME in dirfd, created if need be, without waiting.
 * *ret_held tells that another process has it (then no error is set and -1 is returned). The lock
 * ends with the descriptor, also when the process is killed. Returns the descriptor. */
int fs_lock(int dirfd, const char *name, bool *ret_held, struct ft_err *err);
/* fs_lock_dir - the same on the directory itself, as long as dirfd is open: a file can be removed and
 * made again while it is locked. Returns 0 also where the file system cannot lock directories. */
int fs_lock_dir(int dirfd, bool *ret_held, struct ft_err *err);
/* fs_tree_bytes - files of a directory, of those in it and in these, deeper ones not counted; what cannot be read, or vanishes
 * meanwhile, counts as nothing. */
uint64_t fs_tree_bytes(const char *dir);

#endif
