/*
 * file_io.h - reading and writing all that there is to be read or written, EINTR-safe, with errors that name the file; and
 * files without a name. -1 with FT_ERR_IO on failure unless said otherwise.
 *
 * Large memory   What is written goes out piece by piece (passed_memory.h).
 */
#ifndef FLOWTAPE_BASE_FILE_IO_H
#define FLOWTAPE_BASE_FILE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

/* fs_write_all - every byte or an error; `name` is for the message. */
int fs_write_all(int fd, const void *p, size_t n, const char *name, struct ft_err *err);
/* fs_writev_all - the same for a vector, which is changed on the way. */
int fs_writev_all(int fd, struct iovec *iov, size_t iov_count, const char *name,
                  struct ft_err *err);
int fs_pwrite_all(int fd, const void *p, size_t n, uint64_t offset, const char *name,
                  struct ft_err *err);
/* fs_pread_all - exactly n bytes at offset; a short file is FT_ERR_CORRUPT. */
int fs_pread_all(int fd, void *p, size_t n, uint64_t offset, const char *name, struct ft_err *err);
/* fs_temporary_dir - $TMPDIR, or /tmp. */
const char *fs_temporary_dir(void);
/* fs_open_unnamed - a new file in $TMPDIR, or in /tmp, that nobody else can open. It is in place of memory, so what fails is
 * FT_ERR_NOMEM. *ret_dir, which is for messages, is valid as long as the environment. Returns the descriptor. */
int fs_open_unnamed(const char **ret_dir, struct ft_err *err);
/* fs_unnamed_failed - for who reads or writes such a file: the error, which is set, is of that kind, too, and says where. -1. */
int fs_unnamed_failed(struct ft_err *err);
/* fs_take_room - allocate so many bytes of a file: 0, or an errno. */
int fs_take_room(int fd, size_t bytes);
/* fs_map_unnamed - an unnamed file of so many zeros, allocated and mapped. Returns the descriptor, which the map does not need. */
int fs_map_unnamed(void **ret, size_t bytes, struct ft_err *err);

#endif
