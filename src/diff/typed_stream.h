/*
 * typed_stream.h - a serialised stream put together from what XRANGE, XINFO and XPENDING tell.
 *
 * What it is   As typed_value.h. Entries come in their order, groups, their consumers and what is pending after their group
 *              has been added. The encoding is that of the server's version, as it decides which numbers there are.
 * Memory       The value, and 40 bytes for each pending entry.
 */
#ifndef FLOWTAPE_DIFF_TYPED_STREAM_H
#define FLOWTAPE_DIFF_TYPED_STREAM_H

#include "rdb/blob_writer.h"
#include "rdb/digest.h"
#include "rdb/value_stream.h"

struct typed_group;

struct typed_stream {
    bool counters; /* since 7.0: what of `head` is in newer encodings, and entries_read of groups */
    struct stream_head head; /* last id and counters, to be filled in by the caller */
    struct blob_writer node; /* of the last entry */
    struct buf entries;
    uint64_t entry_count;
    struct buf value;
    struct typed_group *groups;
    size_t group_count;
    struct value_digest digest; /* of all that came, but times that are guessed */
};

/* typed_stream_begin - of a zeroed struct, or once more of one that was used. */
void typed_stream_begin(struct typed_stream *s, bool counters);
int typed_stream_add_entry(struct typed_stream *s, struct stream_id id, const struct bytes *args,
                           size_t count, struct ft_err *err);
/* typed_stream_add_group - name, last id, entries read. */
int typed_stream_add_group(struct typed_stream *s, const struct stream_group *group,
                           struct ft_err *err);
/* Of the group that was added as number `group`; of consumers the name, which may be there already. exact: the time is
 * the server's, and not guessed from how long ago it was. */
int typed_stream_add_consumer(struct typed_stream *s, size_t group, struct bytes name,
                              struct ft_err *err);
int typed_stream_add_pending(struct typed_stream *s, size_t group, const struct stream_pending *p,
                             bool exact, struct ft_err *err);
struct bytes typed_stream_group_name(const struct typed_stream *s, size_t group);
uint64_t typed_stream_group_pending(const struct typed_stream *s, size_t group);
/* typed_stream_last_pending - 0-0 if there is none. */
struct stream_id typed_stream_last_pending(const struct typed_stream *s, size_t group);
/* typed_stream_end - valid until the next call. */
int typed_stream_end(struct typed_stream *s, uint8_t *ret_type, struct bytes *ret,
                     struct ft_err *err);
void typed_stream_release(struct typed_stream *s);

#endif
