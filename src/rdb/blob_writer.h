/*
 * blob_writer.h - listpacks and ziplists, element by element.
 *
 * Elements   Written as integers where Redis would do so.
 * Formats    listpack.h, ziplist.h. An integer takes the shortest form of a listpack; of a ziplist the forms of
 *            1, 2, 4 and 8 bytes are used.
 * Errors     FT_ERR_NOMEM; FT_ERR_LIMIT for one of 4 GiB.
 */
#ifndef FLOWTAPE_RDB_BLOB_WRITER_H
#define FLOWTAPE_RDB_BLOB_WRITER_H

#include "base/buf.h"

enum blob_kind {
    BLOB_LISTPACK,
    BLOB_ZIPLIST
};

struct blob_writer {
    enum blob_kind kind;
    struct buf out;
    uint32_t count;
    size_t last; /* ziplist: where the last element begins */
};

/* blob_writer_begin - of a zeroed struct, or once more of one that was used. */
int blob_writer_begin(struct blob_writer *w, enum blob_kind kind, struct ft_err *err);
int blob_writer_add(struct blob_writer *w, struct bytes element, struct ft_err *err);
/* blob_writer_end - *ret is valid until the next _begin. */
int blob_writer_end(struct blob_writer *w, struct bytes *ret, struct ft_err *err);
void blob_writer_release(struct blob_writer *w);

#endif
