/*
 * times_shift.h - absolute times in commands, moved.
 *
 * What it is   Point-in-time conversion lets a real server execute the journal, perhaps long after
 *              it was recorded. So that the server expires nothing by its own clock, every absolute
 *              time is moved TIMES_SHIFT_MS into the future on the way in, and back on the way out.
 * Which        SET ... PXAT, PEXPIREAT, HPEXPIREAT, HSETEX and HGETEX ... PXAT, RESTORE ... ABSTTL, and the third
 *              argument of `script`: all forms in which command/translate.h and item/entry_commands.h give times. Field times inside a
 *              RESTORE payload (HASH_METADATA) are moved as well and the payload is made again.
 */
#ifndef FLOWTAPE_ITEM_TIMES_SHIFT_H
#define FLOWTAPE_ITEM_TIMES_SHIFT_H

#include "base/buf.h"

/* About 63 years: far from every clock, and within what HPEXPIREAT takes (2^46 ms). */
#define TIMES_SHIFT_MS INT64_C(2000000000000)
/* From here on (2058) a time is one that was moved: Dragonfly gives no key more than nine years, and what
 * ended before 2001 is moved as if it had ended then. */
#define TIMES_MOVED_MS    INT64_C(2800000000000)
#define TIMES_EARLIEST_MS INT64_C(1000000000000)

/* Memory for the arguments that were changed. */
struct times_shift {
    const char *script; /* the text of one that gives fields a time; NULL: none does */
    struct bytes *args; /* a copy of the command's */
    size_t capacity;
    char number[I64_TEXT_SIZE];
    struct buf payload;
};

/*
 * times_shift_run - *ret_args are the command's arguments with its times moved by delta_ms: the command itself
 * when there are none. Valid until the next call.
 */
int times_shift_run(struct times_shift *s, const struct bytes *args, size_t count, int64_t delta_ms,
                    const struct bytes **ret_args, struct ft_err *err);
/*
 * times_shift_defer - while records follow, no time ends on the target: *ret_args give the key the
 * time TIMES_SHIFT_MS later if it is up to until_ms; fields: and fields of a hash, which else keep theirs.
 * *ret_end_ms: the earliest that was moved; 0: they are the command itself, as no time was.
 */
int times_shift_defer(struct times_shift *s, const struct bytes *args, size_t count,
                      int64_t until_ms, bool fields, const struct bytes **ret_args,
                      int64_t *ret_end_ms, struct ft_err *err);
/* times_shift_undo_value - of a serialised value, as times_shift_value: deferred times become their own. */
int times_shift_undo_value(unsigned type, struct bytes value, struct buf *out, struct ft_err *err);
/* times_shift_undo - *ret_args: the command with its own times, whether it has deferred ones or not. */
int times_shift_undo(struct times_shift *s, const struct bytes *args, size_t count,
                     const struct bytes **ret_args, struct ft_err *err);
/* times_shift_type - the type of the copy that is made of a hash of this type. */
uint8_t times_shift_type(unsigned type);
/* times_shift_value - all times of the serialised value of a hash with field times: a copy in out,
 * or nothing (out is empty) when the type has none. */
int times_shift_value(unsigned type, struct bytes value, int64_t delta_ms, struct buf *out,
                      struct ft_err *err);
void times_shift_release(struct times_shift *s);

#endif
