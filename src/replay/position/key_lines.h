/*
 * key_lines.h - a file that names keys: a JSON object a line, {"db": 0, "key": "..."}.
 *
 * What it is   As `flowtape diff --keys-to` writes it. A key that is not UTF-8 is {"base64": "..."}; fields besides
 *              these two are not looked at.
 * Errors       FT_ERR_CORRUPT names the file and the line.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_KEY_LINES_H
#define FLOWTAPE_REPLAY_POSITION_KEY_LINES_H

#include "base/bytes.h"
#include "base/err.h"

typedef int key_line_fn(void *context, uint32_t db, struct bytes key, struct ft_err *err);

/* key_lines_each - every line of the file, in its order; take NULL: they are only checked. */
int key_lines_each(const char *path, key_line_fn *take, void *context, struct ft_err *err);

#endif
