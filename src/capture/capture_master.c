#include "capture/capture_master.h"

#include "wire/sentinel.h"

void capture_master_init(struct capture_master *m, const struct uri *uri)
{
    memset(m, 0, sizeof(*m));
    m->redis = uri->scheme != URI_DRAGONFLY;
    m->dfly.control.conn.fd = -1;
    m->psync.control.conn.fd = -1;
}

static int open_dragonfly(struct capture_master *m, const struct uri *uri, int cancel_fd,
                          uint64_t timeout_ms, master_note_fn *note, void *context,
                          struct ft_err *err)
{
    if (dfly_master_open(&m->dfly, uri, cancel_fd, timeout_ms, note, context, err) != 0)
        return -1;
    m->flow_count = m->dfly.flow_count;
    m->protocol = m->dfly.protocol;
    m->replication_id = m->dfly.replication_id;
    m->version = m->dfly.release;
    return 0;
}

int capture_master_open(struct capture_master *m, const struct uri *uri, int cancel_fd,
                        uint64_t timeout_ms, master_note_fn *note, void *context,
                        struct ft_err *err)
{
    if (!m->redis)
        return open_dragonfly(m, uri, cancel_fd, timeout_ms, note, context, err);
    uri_release(&m->located);
    if (sentinel_locate(&m->located, uri, cancel_fd, timeout_ms, err) != 0)
        return -1;
    if (psync_master_open(&m->psync, &m->located, cancel_fd, timeout_ms, note, context, err) != 0)
        return -1;
    m->flow_count = 1;
    m->replication_id = m->psync.replication_id;
    m->version = m->psync.version;
    return 0;
}

const struct conn *capture_master_control(const struct capture_master *m)
{
    return m->redis ? &m->psync.control.conn : &m->dfly.control.conn;
}

int capture_master_open_flow(struct master_flow *f, const struct capture_master *m, uint32_t index,
                             uint64_t lsn, int cancel_fd, struct ft_err *err)
{
    if (m->redis)
        return psync_flow_open(f, &m->psync, m->resume_id, lsn, cancel_fd, err);
    return dfly_flow_open(f, &m->dfly, index, lsn, cancel_fd, err);
}

/* A Redis may have closed an idle connection meanwhile, and it is not worth another one. */
int capture_master_count_keys(struct capture_master *m, uint64_t *ret_keys, struct ft_err *err)
{
    if (!m->redis)
        return master_count_keys(&m->dfly.control, m->dfly.timeout_ms, ret_keys, err);
    *ret_keys = 0;
    if (m->psync.control.conn.fd < 0)
        return 0;
    return master_count_keys(&m->psync.control, m->psync.timeout_ms, ret_keys, err);
}

int capture_master_sync(struct capture_master *m, struct ft_err *err)
{
    return m->redis ? 0 : dfly_master_sync(&m->dfly, err);
}

int capture_master_start_stable(struct capture_master *m, struct ft_err *err)
{
    return m->redis ? 0 : dfly_master_start_stable(&m->dfly, err);
}

int capture_master_offsets(struct capture_master *m, uint64_t *ret_lsns, struct ft_err *err)
{
    return m->redis ? psync_master_offset(&m->psync, ret_lsns, err)
                    : dfly_master_offsets(&m->dfly, ret_lsns, err);
}

int capture_master_watch(struct capture_master *m, struct ft_err *err)
{
    return m->redis ? psync_master_watch(&m->psync, err) : dfly_master_watch(&m->dfly, err);
}

void capture_master_close(struct capture_master *m)
{
    dfly_master_close(&m->dfly);
    psync_master_close(&m->psync);
    uri_release(&m->located);
}
