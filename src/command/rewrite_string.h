/*
 * rewrite_string.h - functions of the command table: strings and their times.
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_STRING_H
#define FLOWTAPE_COMMAND_REWRITE_STRING_H

#include "command/rewrite.h"

void rewrite_set(struct rewrite *rw);
void rewrite_setex(struct rewrite *rw);
void rewrite_msetnx(struct rewrite *rw);
void rewrite_getdel(struct rewrite *rw);
void rewrite_getex(struct rewrite *rw);
void rewrite_prepend(struct rewrite *rw);
void rewrite_bitfield(struct rewrite *rw);

#endif
