/* pack_select.h - the part of a capture that is to be packed, as a capture whose segments are all sealed. */
#ifndef FLOWTAPE_ARCHIVE_PACK_SELECT_H
#define FLOWTAPE_ARCHIVE_PACK_SELECT_H

#include "archive/pack.h"
#include "base/temp_dir.h"

struct pack_selection {
    struct temp_dir copies; /* of segments that were not sealed, or not whole; made when needed */
    uint64_t copied;
};

/* pack_select - c becomes what was selected. */
int pack_select(struct pack_selection *ret, struct capture *c, const struct pack_options *o,
                struct ft_err *err);
/* pack_selection_open - the file of a segment, to read. Returns the descriptor. */
int pack_selection_open(const struct pack_selection *s, const struct capture *c,
                        const struct segment_info *info, struct ft_err *err);
void pack_selection_release(struct pack_selection *s);

#endif
