/* capture_scan.h - what lies in a capture directory beyond its manifest. */
#ifndef FLOWTAPE_STORE_CAPTURE_SCAN_H
#define FLOWTAPE_STORE_CAPTURE_SCAN_H

#include "store/capture.h"

/* capture_scan - add what a writer has added to the newest generation since the manifest. */
int capture_scan(struct capture *c, struct ft_err *err);
/* capture_recover - the same for a writer: seals what is open; *ret_changed: to be saved. */
int capture_recover(struct capture *c, struct capture_recovery *ret, bool *ret_changed,
                    struct ft_err *err);
/* capture_remove_files - of an abandoned generation. */
int capture_remove_files(const struct capture *c, uint32_t generation, struct ft_err *err);

#endif
