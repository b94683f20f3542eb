/*
 * aof_tail.h - what becomes of an append-only file that ends within a command, or a transaction.
 *
 * What it is   A choice of the process, as the largest item is (base/item_limit.h). A redis-server that was killed leaves
 *              such a file, and the next one leaves that end out (aof-load-truncated yes) or does not start.
 * Threads      Set before there are any, then only read.
 */
#ifndef FLOWTAPE_INPUT_AOF_TAIL_H
#define FLOWTAPE_INPUT_AOF_TAIL_H

enum aof_tail {
    AOF_TAIL_CUT, /* the default, as of a redis-server */
    AOF_TAIL_FAIL,
};

enum aof_tail aof_tail(void);
void aof_tail_set(enum aof_tail what);

#endif
