/*
 * rewrite_list.h - functions of the command table: lists, sets and sorted sets.
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_LIST_H
#define FLOWTAPE_COMMAND_REWRITE_LIST_H

#include "command/rewrite.h"

void rewrite_pop(struct rewrite *rw);
void rewrite_lmove(struct rewrite *rw);
void rewrite_brpoplpush(struct rewrite *rw);
void rewrite_rpoplpush(struct rewrite *rw);
void rewrite_smove(struct rewrite *rw);
void rewrite_mpop(struct rewrite *rw);
void rewrite_store(struct rewrite *rw);
void rewrite_saddex(struct rewrite *rw);
void rewrite_zadd(struct rewrite *rw);

#endif
