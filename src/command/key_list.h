/*
 * key_list.h - the keys of a record, as they are found.
 *
 * Memory       A list grows and is used again; key_list_release frees it. Keys point to the record's arguments.
 * Threads      A list belongs to one thread.
 */
#ifndef FLOWTAPE_COMMAND_KEY_LIST_H
#define FLOWTAPE_COMMAND_KEY_LIST_H

#include "base/bytes.h"

struct translation_key {
    uint32_t db;
    struct bytes key;
    size_t arg;   /* its place in the record */
    bool suspect; /* what became of it cannot be known from the journal */
};

/* Zeroed at first. */
struct key_list {
    struct translation_key *keys;
    size_t count, cap;
    uint32_t db; /* of the keys that are pushed next */
    bool failed; /* out of memory: keys are missing */
};

/* key_list_push - args[arg] is a key of the list's database. */
void key_list_push(struct key_list *list, const struct bytes *args, size_t arg);
void key_list_clear(struct key_list *list, uint32_t db);
void key_list_release(struct key_list *list);

#endif
