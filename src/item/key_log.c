#include "item/key_log.h"

#include "base/hash.h"

int key_log_new(struct hash_log **ret, struct ft_err *err)
{
    return hash_log_new(ret, "a log of keys", err);
}

uint64_t key_log_hash(uint32_t db, struct bytes key)
{
    return hash_bytes(key, db);
}

int key_log_add(struct hash_log *l, struct hash_log_batch *batch, uint32_t db, struct bytes key,
                struct ft_err *err)
{
    return hash_log_add(l, batch, key_log_hash(db, key), err);
}
