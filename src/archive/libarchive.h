/*
 * libarchive.h - the functions of libarchive, which is loaded when an archive is read or written (base/late_library.h).
 *
 * Use          libarchive_load, then libarchive.archive_read_new() and so on.
 * Threads      Any.
 */
#ifndef FLOWTAPE_ARCHIVE_LIBARCHIVE_H
#define FLOWTAPE_ARCHIVE_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

#include "base/late_library.h"

/* clang-format off */
#define LIBARCHIVE_FUNCTIONS(F) \
    F(archive_entry_filetype) F(archive_entry_free) F(archive_entry_hardlink) F(archive_entry_new) \
    F(archive_entry_pathname) F(archive_entry_set_filetype) F(archive_entry_set_mtime) \
    F(archive_entry_set_pathname) F(archive_entry_set_perm) F(archive_entry_set_size) F(archive_entry_size) \
    F(archive_entry_size_is_set) F(archive_entry_symlink) F(archive_errno) F(archive_error_string) \
    F(archive_read_data) F(archive_read_data_skip) F(archive_read_free) F(archive_read_new) \
    F(archive_read_next_header) F(archive_read_open2) F(archive_read_support_filter_gzip) \
    F(archive_read_support_filter_lz4) F(archive_read_support_filter_none) \
    F(archive_read_support_filter_xz) F(archive_read_support_filter_zstd) \
    F(archive_read_support_format_raw) F(archive_read_support_format_tar) F(archive_set_error) \
    F(archive_version_string) F(archive_write_add_filter_by_name) F(archive_write_add_filter_none) \
    F(archive_write_close) F(archive_write_data) F(archive_write_finish_entry) F(archive_write_free) \
    F(archive_write_header) F(archive_write_new) F(archive_write_open) \
    F(archive_write_set_bytes_per_block) F(archive_write_set_filter_option) \
    F(archive_write_set_format_pax_restricted) F(archive_write_set_format_raw)
/* clang-format on */

struct libarchive {
    LIBARCHIVE_FUNCTIONS(LATE_MEMBER)
};

extern struct libarchive libarchive;

/* libarchive_load - as late_library_load. */
int libarchive_load(struct ft_err *err);

#endif
