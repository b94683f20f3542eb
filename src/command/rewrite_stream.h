/*
 * rewrite_stream.h - functions of the command table: streams.
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_STREAM_H
#define FLOWTAPE_COMMAND_REWRITE_STREAM_H

#include "command/rewrite.h"

void rewrite_xadd(struct rewrite *rw);
void rewrite_xtrim(struct rewrite *rw);
void rewrite_xreadgroup(struct rewrite *rw);
void rewrite_xgroup(struct rewrite *rw);
void rewrite_xclaim(struct rewrite *rw);
void rewrite_xautoclaim(struct rewrite *rw);

#endif
