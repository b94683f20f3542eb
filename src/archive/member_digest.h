/*
 * member_digest.h - what the last member of a packed archive says about the others.
 *
 * What it is   A text of a line per member, "DIGEST  NAME", in the order of the archive: the XXH3 with 128
 *              bits (seed 0) of its bytes in hexadecimal, as `xxhsum -H2` writes it and checks it.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_ARCHIVE_MEMBER_DIGEST_H
#define FLOWTAPE_ARCHIVE_MEMBER_DIGEST_H

#include "base/buf.h"

/* The first member is the manifest, the last one this list. */
#define PACKED_DIGESTS "capture.xxh128"

struct member_digest {
    void *state;
    struct buf list;
};

int member_digest_init(struct member_digest *d, struct ft_err *err);
void member_digest_begin(struct member_digest *d);
void member_digest_add(struct member_digest *d, struct bytes piece);
/* member_digest_end - the member is complete: its line is added to the list. */
int member_digest_end(struct member_digest *d, const char *name, struct ft_err *err);
/* member_digest_differs - the name in the first line of ours that `list` does not have; NULL: all are
 * the same. Valid until _release. */
const char *member_digest_differs(struct member_digest *d, struct bytes list);
void member_digest_release(struct member_digest *d);

#endif
