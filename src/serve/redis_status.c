#include "serve/redis_status.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "config.h"

struct listing {
    const struct redis_master *m;
    struct buf *out;
    struct ft_err *err;
    uint32_t count;
    int rc;
};

const char *redis_version_of(const struct redis_master *m)
{
    return m->o->target->family == RDB_FAMILY_VALKEY ? "7.2.4" : m->o->target->server_ver;
}

static int put_server(const struct redis_master *m, struct buf *out, struct ft_err *err)
{
    return buf_printf(out, err,
                      "# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\n"
                      "flowtape_version:" PACKAGE_VERSION "\r\ntcp_port:%u\r\n\r\n",
                      redis_version_of(m), m->port);
}

int redis_status_lag(const struct redis_master *m, uint64_t offset, struct stream_lag *ret,
                     struct ft_err *err)
{
    return stream_log_lag(m->log, offset < STREAM_FIRST_OFFSET ? 0 : offset - STREAM_FIRST_OFFSET,
                          ret, err);
}

/* The first fields are those of a Redis. */
static void put_replica(void *context, const struct replica *r)
{
    struct listing *l = context;
    uint64_t silent_ms = clock_mono_ms() - r->heard_ms;
    struct stream_lag lag;
    char records[40] = "";

    if (l->rc == 0)
        l->rc = redis_status_lag(l->m, r->offset, &lag, l->err);
    if (l->rc == 0 && lag.records != STREAM_UNCOUNTED)
        (void)snprintf(records, sizeof(records), ",lag_records=%" PRIu64, lag.records); /* fits */
    if (l->rc == 0)
        l->rc = buf_printf(l->out, l->err,
                           "slave%" PRIu32 ":ip=%s,port=%u,state=%s,offset=%" PRIu64 ",lag=%" PRIu64
                           ",lag_bytes=%" PRIu64 "%s,lag_ms=%" PRIu64 "\r\n",
                           l->count, r->host, r->port, replica_state_name(r->state), r->offset,
                           silent_ms / 1000, lag.bytes, records, lag.ms);
    l->count++;
}

static void count_replica(void *context, const struct replica *r)
{
    (void)r;
    ++*(uint32_t *)context;
}

static int put_replication(struct redis_master *m, struct buf *out, struct ft_err *err)
{
    struct listing l = {.m = m, .out = out, .err = err};
    uint64_t end = stream_log_end(m->log);
    uint32_t count = 0;

    replica_list_visit(&m->replicas, count_replica, &count);
    if (buf_printf(out, err, "# Replication\r\nrole:master\r\nconnected_slaves:%" PRIu32 "\r\n",
                   count) != 0)
        return -1;
    replica_list_visit(&m->replicas, put_replica, &l);
    if (l.rc != 0)
        return -1;
    return buf_printf(out, err,
                      "master_replid:%s\r\nmaster_replid2:%040d\r\nmaster_repl_offset:%" PRIu64
                      "\r\nsecond_repl_offset:-1\r\nrepl_backlog_active:1\r\n"
                      "repl_backlog_size:%" PRIu64 "\r\nrepl_backlog_first_byte_offset:%" PRIu64
                      "\r\nrepl_backlog_histlen:%" PRIu64 "\r\n\r\n",
                      stream_log_id(m->log), 0, STREAM_FIRST_OFFSET + end, end,
                      STREAM_FIRST_OFFSET + 1, end);
}

static int put_stats(const struct redis_master *m, struct buf *out, struct ft_err *err)
{
    return buf_printf(out, err,
                      "# Stats\r\nsync_full:%" PRIu64 "\r\nsync_partial_ok:%" PRIu64
                      "\r\nsync_partial_err:%" PRIu64 "\r\n\r\n",
                      (uint64_t)atomic_load(&m->progress->full_syncs),
                      (uint64_t)atomic_load(&m->progress->resumed),
                      (uint64_t)atomic_load(&m->progress->refused));
}

static bool wanted(const char *section, const struct bytes *sections, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_is_word(sections[i], section) || bytes_is_word(sections[i], "all") ||
            bytes_is_word(sections[i], "default") || bytes_is_word(sections[i], "everything"))
            return true;
    }
    return count == 0;
}

int redis_status_put(struct redis_master *m, const struct bytes *sections, size_t count,
                     struct buf *out, struct ft_err *err)
{
    if (wanted("server", sections, count) && put_server(m, out, err) != 0)
        return -1;
    if (wanted("replication", sections, count) && put_replication(m, out, err) != 0)
        return -1;
    if (wanted("stats", sections, count) && put_stats(m, out, err) != 0)
        return -1;
    return 0;
}

static void put_role_replica(void *context, const struct replica *r)
{
    char offset[I64_TEXT_SIZE];
    struct listing *l = context;
    size_t n = i64_to_text((int64_t)r->offset, offset);

    if (l->rc == 0)
        l->rc = buf_printf(l->out, l->err, "*3\r\n$%zu\r\n%s\r\n$%d\r\n%u\r\n$%zu\r\n%.*s\r\n",
                           strlen(r->host), r->host,
                           r->port > 9999  ? 5
                           : r->port > 999 ? 4
                           : r->port > 99  ? 3
                           : r->port > 9   ? 2
                                           : 1,
                           r->port, n, (int)n, offset);
    l->count++;
}

int redis_role_put(struct redis_master *m, struct buf *out, struct ft_err *err)
{
    struct buf replicas = {0};
    struct listing l = {.out = &replicas, .err = err};
    int rc;

    replica_list_visit(&m->replicas, put_role_replica, &l);
    rc = l.rc;
    if (rc == 0)
        rc = buf_printf(out, err, "*3\r\n$6\r\nmaster\r\n:%" PRIu64 "\r\n*%" PRIu32 "\r\n",
                        STREAM_FIRST_OFFSET + stream_log_end(m->log), l.count);
    if (rc == 0)
        rc = buf_append(out, replicas.p, replicas.n, err);
    buf_release(&replicas);
    return rc;
}
