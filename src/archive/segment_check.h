/* segment_check.h - is a file the sealed segment that a manifest names, to its last byte? */
#ifndef FLOWTAPE_ARCHIVE_SEGMENT_CHECK_H
#define FLOWTAPE_ARCHIVE_SEGMENT_CHECK_H

#include "store/segment.h"

/* segment_check - name: below dirfd, not a link; listed: as in the manifest. FT_ERR_CORRUPT, FT_ERR_IO. */
int segment_check(int dirfd, const char *name, const struct segment_info *listed,
                  const struct segment_id *id, struct ft_err *err);
/* segment_check_ends - the same, but for the blocks, whose bytes are known to be right. */
int segment_check_ends(int dirfd, const char *name, const struct segment_info *listed,
                       const struct segment_id *id, struct ft_err *err);

#endif
