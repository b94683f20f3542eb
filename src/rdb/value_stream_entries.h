/* value_stream_entries.h - the entries of a stream value, in their listpacks. */
#ifndef FLOWTAPE_RDB_VALUE_STREAM_ENTRIES_H
#define FLOWTAPE_RDB_VALUE_STREAM_ENTRIES_H

#include "rdb/value_stream_impl.h"

/* entry_cursor_init - c is zeroed but for where it begins. */
void entry_cursor_init(struct entry_cursor *c);
/* entry_cursor_next - the next live entry; its arguments are valid until the next call. */
enum step entry_cursor_next(const struct stream_iter *it, struct entry_cursor *c,
                            struct stream_entry *ret, struct ft_err *err);
void entry_cursor_release(struct entry_cursor *c);

#endif
