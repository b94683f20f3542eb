/*
 * redis_status.h - INFO and ROLE of a served input.
 *
 * Threads  Any.
 */
#ifndef FLOWTAPE_SERVE_REDIS_STATUS_H
#define FLOWTAPE_SERVE_REDIS_STATUS_H

#include "base/buf.h"
#include "serve/redis_master.h"

/* redis_status_put - sections by name; none: all there are (server, replication, stats, keyspace is empty). */
int redis_status_put(struct redis_master *m, const struct bytes *sections, size_t count,
                     struct buf *out, struct ft_err *err);
/* redis_version_of - what replicas are told; a Valkey tells everybody that it is as good as a Redis 7.2.4. */
/* redis_status_lag - of a replica that has acknowledged this offset; 0: nothing yet. */
int redis_status_lag(const struct redis_master *m, uint64_t offset, struct stream_lag *ret,
                     struct ft_err *err);
const char *redis_version_of(const struct redis_master *m);
/* redis_role_put - the reply to ROLE, in RESP. */
int redis_role_put(struct redis_master *m, struct buf *out, struct ft_err *err);

#endif
