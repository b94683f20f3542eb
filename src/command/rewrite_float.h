/*
 * rewrite_float.h - functions of the command table: additions, which Redis computes with other numbers than Dragonfly.
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_FLOAT_H
#define FLOWTAPE_COMMAND_REWRITE_FLOAT_H

#include "command/rewrite.h"

void rewrite_incrbyfloat(struct rewrite *rw);
void rewrite_hincrbyfloat(struct rewrite *rw);
void rewrite_hincrby(struct rewrite *rw);

#endif
