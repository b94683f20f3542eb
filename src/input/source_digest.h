/*
 * source_digest.h - a name for what files hold: equal only for equal files.
 *
 * What it is   128 bits over all bytes of all files of an input that has no id of its own. It costs
 *              one reading of the files.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_DIGEST_H
#define FLOWTAPE_INPUT_SOURCE_DIGEST_H

#include "base/err.h"

#define SOURCE_DIGEST_SIZE 16

/* source_digest - cancel_fd: readable: FT_ERR_CANCELLED; -1: never. */
int source_digest(char *const *files, uint32_t count, int cancel_fd,
                  uint8_t ret[SOURCE_DIGEST_SIZE], struct ft_err *err);

#endif
