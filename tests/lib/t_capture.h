/*
 * t_capture.h - a capture directory made from a recording through the store, without a network: for
 * tests of what reads captures.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_CAPTURE_H
#define FLOWTAPE_TESTS_LIB_T_CAPTURE_H

#include "base/err.h"

/*
 * t_capture_make - one generation at `path` (which must not exist), sharded by key, with the snapshot
 * and the journal of every flow in sealed segments of small blocks. The blocks were received at
 * T_CAPTURE_TIME_US and a second later each.
 */
#define T_CAPTURE_TIME_US UINT64_C(1700000000000000)

int t_capture_make(const char *path, const char *recording_path, struct ft_err *err);

/* t_recording - a folder of fixtures/recordings; valid until the next call. */
const char *t_recording(const char *name);

#endif
