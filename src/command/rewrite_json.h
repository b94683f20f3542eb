/*
 * rewrite_json.h - functions of the command table: JSON.
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_JSON_H
#define FLOWTAPE_COMMAND_REWRITE_JSON_H

#include "command/rewrite.h"

void rewrite_json_set(struct rewrite *rw);
void rewrite_json_mset(struct rewrite *rw);
void rewrite_json_del(struct rewrite *rw);
void rewrite_json_change(struct rewrite *rw);

#endif
