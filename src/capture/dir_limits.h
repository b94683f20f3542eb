/* dir_limits.h - how large a capture directory may become, and how much its file system has to have left. */
#ifndef FLOWTAPE_CAPTURE_DIR_LIMITS_H
#define FLOWTAPE_CAPTURE_DIR_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define DIR_LIMITS_TEXT 700

struct dir_limits {
    const char *directory;  /* it need not be there yet */
    uint64_t max_dir_bytes; /* of all files in it and in its directories; 0: no limit */
    uint64_t min_free_bytes;
};

/* dir_limits_reached - one of them is; ret_text says which, without what follows from it. */
bool dir_limits_reached(const struct dir_limits *l, char ret_text[DIR_LIMITS_TEXT]);
/* dir_limits_allow_start - FT_ERR_STATE: one of them is reached, and nothing has begun yet. */
int dir_limits_allow_start(const struct dir_limits *l, struct ft_err *err);

#endif
