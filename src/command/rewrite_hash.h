/*
 * rewrite_hash.h - functions of the command table: hashes and the times of their fields.
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_HASH_H
#define FLOWTAPE_COMMAND_REWRITE_HASH_H

#include "command/rewrite.h"

void rewrite_hsetex(struct rewrite *rw);
void rewrite_hexpire(struct rewrite *rw);
void rewrite_hgetex(struct rewrite *rw);
void rewrite_expire_member(struct rewrite *rw);
void rewrite_field_expire(struct rewrite *rw);

#endif
