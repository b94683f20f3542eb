/*
 * rewrite_key.h - functions of the command table: what concerns keys of any type: times, names, RESTORE, SORT, flushes.
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_KEY_H
#define FLOWTAPE_COMMAND_REWRITE_KEY_H

#include "command/rewrite.h"

void rewrite_expire(struct rewrite *rw);
void rewrite_delex(struct rewrite *rw);
void rewrite_rename(struct rewrite *rw);
void rewrite_copy(struct rewrite *rw);
void rewrite_move(struct rewrite *rw);
void rewrite_restore(struct rewrite *rw);
void rewrite_sort(struct rewrite *rw);
void rewrite_stick(struct rewrite *rw);
void rewrite_flush(struct rewrite *rw);
void rewrite_dflycluster(struct rewrite *rw);
void rewrite_cluster(struct rewrite *rw);

#endif
