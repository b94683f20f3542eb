/*
 * t_capture.h - a capture directory made from a recording through the store, without a network: for
 * tests of what reads captures.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_CAPTURE_H
#define FLOWTAPE_TESTS_LIB_T_CAPTURE_H

#include "lib/recording.h"
#include "store/capture.h"

/*
 * t_capture_make - one generation at `path` (which must not exist), sharded by key, with the snapshot
 * and the journal of every flow in sealed segments of small blocks. The blocks were received at
 * T_CAPTURE_TIME_US and a second later each.
 */
#define T_CAPTURE_TIME_US UINT64_C(1700000000000000)

int t_capture_make(const char *path, const char *recording_path, struct ft_err *err);

/* How a recording becomes a capture. */
struct t_capture_form {
    size_t block_bytes;     /* of the snapshot's blocks */
    uint32_t block_records; /* in a block of the journal */
    int protocol;
    const char *release;
};

/* t_capture_begin - as t_capture_make, of a recording's first part; *ret stays open to be written. */
int t_capture_begin(struct capture **ret, const char *path, const struct recording *r,
                    const struct t_capture_form *form, struct ft_err *err);
/* t_capture_extend - the journal of the second one. */
int t_capture_extend(struct capture *c, const struct recording *r,
                     const struct t_capture_form *form, struct ft_err *err);

/* t_recording - a folder of fixtures/recordings; valid until the next call. */
const char *t_recording(const char *name);

#endif
