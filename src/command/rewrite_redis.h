/*
 * rewrite_redis.h - what a Redis or Valkey propagates, where that is not what a Dragonfly journals under the same name.
 *
 * What it is   A Redis propagates a command after it was executed, and only if it changed something: conditions are met,
 *              times are absolute (but for its replicas up to 6.2), what depends on chance or on the clock has become
 *              something else (SPOP: SREM). What remains for a target is to be another version.
 * Source       redis src/t_*.c, expire.c, aof.c (5.0 to 8.6), valkey src/ (8.0 to 9.1).
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_REDIS_H
#define FLOWTAPE_COMMAND_REWRITE_REDIS_H

#include "command/rewrite.h"

/* Commands that both have, and which mean another thing here: a row's of_redis. */
void rewrite_redis_expire(struct rewrite *rw);
void rewrite_redis_pfcount(struct rewrite *rw);
void rewrite_redis_probabilistic(struct rewrite *rw); /* of a module */
void rewrite_redis_script(struct rewrite *rw);
void rewrite_redis_sort(struct rewrite *rw);
void rewrite_redis_xsetid(struct rewrite *rw);

/* Rows of commands that no Dragonfly journals. */
void rewrite_deleted(struct rewrite *rw); /* DELIFEQ */
void rewrite_eval(struct rewrite *rw);
void rewrite_cron(struct rewrite *rw); /* KeyDB's */
void rewrite_function(struct rewrite *rw);
void rewrite_hgetdel(struct rewrite *rw);
void rewrite_hpersist(struct rewrite *rw);
void rewrite_hash_times(struct rewrite *rw); /* HPEXPIREAT and its kin */
void rewrite_message(struct rewrite *rw);
void rewrite_msetex(struct rewrite *rw);
void rewrite_swapdb(struct rewrite *rw);

#endif
