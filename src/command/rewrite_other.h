/*
 * rewrite_other.h - functions of the command table: what has no place in Redis, or none with keys.
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_OTHER_H
#define FLOWTAPE_COMMAND_REWRITE_OTHER_H

#include "command/rewrite.h"

void rewrite_probabilistic(struct rewrite *rw);
void rewrite_throttle(struct rewrite *rw);
void rewrite_search(struct rewrite *rw);
void rewrite_script_command(struct rewrite *rw);
void rewrite_shrink(struct rewrite *rw);
void rewrite_ping(struct rewrite *rw);

#endif
