/* key_scan.h - every key that a node of the target has, in portions. */
#ifndef FLOWTAPE_TARGET_KEY_SCAN_H
#define FLOWTAPE_TARGET_KEY_SCAN_H

#include "target/target_node.h"

/* Of SCAN and SSCAN. */
#define KEY_SCAN_CURSOR_SIZE 32

/* Takes keys of one database, which is the one selected; they are valid during the call. It may use
 * the node's connection. */
typedef int key_scan_fn(void *context, struct target_node *node, uint32_t db,
                        const struct bytes *keys, size_t count, struct ft_err *err);

/* key_scan - of every database. Keys that are there from beginning to end come at least once.
 * Database 0 is selected again. */
int key_scan(struct target_node *node, key_scan_fn *take, void *context, struct ft_err *err);
/* key_scan_dbs - the databases that hold keys; freed by the caller. */
int key_scan_dbs(struct target_node *node, uint32_t **ret, size_t *ret_count, struct ft_err *err);
int key_scan_select(struct target_node *node, uint32_t db, struct ft_err *err);
/* key_scan_some, key_scan_set - the next portion of the selected database, or of the members of a set: *ret is
 * {cursor, texts}, to be freed by the caller. The cursor is "0" at the beginning, and again at the end. portion: so many members, about. */
int key_scan_some(struct target_node *node, char cursor[KEY_SCAN_CURSOR_SIZE], redisReply **ret,
                  struct ft_err *err);
int key_scan_set(struct target_node *node, const char *name, unsigned portion,
                 char cursor[KEY_SCAN_CURSOR_SIZE], redisReply **ret, struct ft_err *err);
/* key_scan_is_portion - {cursor, texts}, the cursor shorter than KEY_SCAN_CURSOR_SIZE. */
bool key_scan_is_portion(const redisReply *reply);

#endif
