#include "wire/dfly_master.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "wire/redis_info.h"

#define NUMBER_TEXT 24
#define NOTE_MAX    700

static int refused(const struct dfly_master *m, const char *what, const redisReply *reply,
                   struct ft_err *err)
{
    return master_refused(&m->control, what, "DFLY", reply, err);
}

/* A command that must be answered +OK. */
static int expect_ok(struct dfly_master *m, const char *what, const char *const *args,
                     struct ft_err *err)
{
    return master_expect_ok(&m->control, what, "DFLY", args, m->timeout_ms, err);
}

static bool is_hex_id(const char *text)
{
    return strlen(text) == DFLY_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == DFLY_ID_SIZE - 1;
}

static bool is_sync_id(const char *text)
{
    size_t n = strlen(text);

    return n > 4 && n < DFLY_SYNC_ID_SIZE && strncmp(text, "SYNC", 4) == 0 &&
           strspn(text + 4, "0123456789") == n - 4;
}

/* [replication id, session id, flows, version from 1.4 on, lineage id from 1.40 on, ...] */
static int read_session(struct dfly_master *m, const redisReply *reply, struct ft_err *err)
{
    redisReply *const *e = reply->element;

    if (master_is_status(reply, "OK")) {
        return err_set(err, FT_ERR_PROTOCOL,
                       "%s is a Redis server, not a Dragonfly: its data can be saved with "
                       "redis-cli --rdb",
                       m->control.conn.name);
    }
    if (reply->type != REDIS_REPLY_ARRAY)
        return refused(m, "REPLCONF capa dragonfly", reply, err);
    if (reply->elements < 3 || e[0]->type != REDIS_REPLY_STATUS ||
        e[1]->type != REDIS_REPLY_STATUS || e[2]->type != REDIS_REPLY_INTEGER ||
        !is_hex_id(e[0]->str) || !is_sync_id(e[1]->str))
        return refused(m, "REPLCONF capa dragonfly", reply, err);
    if (e[2]->integer < 1 || e[2]->integer > DFLY_FLOWS_MAX) {
        return err_set(err, FT_ERR_PROTOCOL, "%s says it has %lld flows, wanted 1 to %d",
                       m->control.conn.name, e[2]->integer, DFLY_FLOWS_MAX);
    }
    strcpy(m->replication_id, e[0]->str);
    strcpy(m->sync_id, e[1]->str);
    m->flow_count = (uint32_t)e[2]->integer;
    m->protocol = 0;
    if (reply->elements > 3 && e[3]->type == REDIS_REPLY_INTEGER && e[3]->integer > 0 &&
        e[3]->integer < 1000)
        m->protocol = (int)e[3]->integer;
    return 0;
}

static int begin_session(struct dfly_master *m, struct ft_err *err)
{
    redisReply *reply;
    int rc;

    if (resp_client_call(&m->control, &reply, RESP_ARGS("REPLCONF", "capa", "dragonfly"),
                         m->timeout_ms, err) != 0)
        return -1;
    rc = read_session(m, reply, err);
    reply_free(reply);
    return rc;
}

/* The two that may only come after "capa dragonfly": before it they can crash the master. */
static int introduce(struct dfly_master *m, struct ft_err *err)
{
    uint8_t random[(DFLY_ID_SIZE - 1) / 2] = {0};
    char id[DFLY_ID_SIZE];
    char version[NUMBER_TEXT];

    (void)getrandom(random, sizeof(random), 0); /* any id will do */
    bytes_to_hex(bytes_of(random, sizeof(random)), id);
    (void)snprintf(version, sizeof(version), "%d", DFLY_CLIENT_VERSION);
    if (expect_ok(m, "REPLCONF CLIENT-ID", RESP_ARGS("REPLCONF", "CLIENT-ID", id), err) != 0)
        return -1;
    if (m->protocol == 0)
        return 0;
    return expect_ok(m, "REPLCONF CLIENT-VERSION", RESP_ARGS("REPLCONF", "CLIENT-VERSION", version),
                     err);
}

/* The release decides how a resumption looks; a user who may not ask for it gets none. */
static int ask_release(struct dfly_master *m, struct ft_err *err)
{
    redisReply *reply;

    if (resp_client_call(&m->control, &reply, RESP_ARGS("INFO", "server"), m->timeout_ms, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING)
        redis_info_copy(reply->str, "dragonfly_version", m->release, sizeof(m->release));
    text_make_printable(m->release, sizeof(m->release)); /* the manifest holds UTF-8 only */
    reply_free(reply);
    return 0;
}

/* What comes is recorded as it is, whatever it is. */
static void note_protocol(const struct dfly_master *m, master_note_fn *note, void *context)
{
    char text[NOTE_MAX];

    if (m->protocol <= DFLY_PROTOCOL_NEWEST || note == NULL)
        return;
    (void)snprintf(
        text, sizeof(text),
        "%s%s%s speaks version %d of the replication protocol, and %d is the newest that "
        "is known here: look for a newer flowtape if something is not understood",
        m->control.conn.name, m->release[0] != '\0' ? ", a Dragonfly " : "", m->release,
        m->protocol, DFLY_PROTOCOL_NEWEST); /* a longer one is cut */
    note(context, text);
}

static int shake_hands(struct dfly_master *m, master_note_fn *note, void *context,
                       struct ft_err *err)
{
    if (master_authenticate(&m->control, m->uri, "DFLY", m->timeout_ms, err) != 0 ||
        master_wait_until_loaded(&m->control, "DFLY", m->timeout_ms, m->loading_ms, note, context,
                                 err) != 0)
        return -1;
    if (expect_ok(m, "REPLCONF listening-port", RESP_ARGS("REPLCONF", "listening-port", "0"),
                  err) != 0)
        return -1;
    if (expect_ok(m, "REPLCONF capa eof", RESP_ARGS("REPLCONF", "capa", "eof", "capa", "psync2"),
                  err) != 0)
        return -1;
    if (begin_session(m, err) != 0 || introduce(m, err) != 0 || ask_release(m, err) != 0)
        return -1;
    note_protocol(m, note, context);
    return 0;
}

static uint64_t connect_ms(const struct dfly_master *m)
{
    return m->timeout_ms < DFLY_CONNECT_MS ? m->timeout_ms : DFLY_CONNECT_MS;
}

int dfly_master_open(struct dfly_master *m, const struct uri *uri, int cancel_fd,
                     uint64_t timeout_ms, master_note_fn *note, void *context, struct ft_err *err)
{
    memset(m, 0, sizeof(*m));
    m->uri = uri;
    m->timeout_ms = timeout_ms < DFLY_REPLY_MS ? timeout_ms : DFLY_REPLY_MS;
    m->loading_ms = timeout_ms;
    if (resp_client_open(&m->control, uri, cancel_fd, connect_ms(m), err) != 0)
        return -1;
    if (shake_hands(m, note, context, err) != 0) {
        dfly_master_close(m);
        return -1;
    }
    return 0;
}

/* "df-v1.40.0-87-gf8eca6d0b": the first digits after a v. */
static bool read_release(const char *release, unsigned *ret_major, unsigned *ret_minor)
{
    const char *v = strchr(release, 'v');

    return v != NULL && sscanf(v, "v%u.%u", ret_major, ret_minor) == 2;
}

enum dfly_resume dfly_master_resume_form(int protocol, const char *release)
{
    unsigned major;
    unsigned minor;

    if (!read_release(release, &major, &minor)) {
        /* 4 was sent by 1.16 to 1.21 and by 1.30 to 1.36, which do different things. */
        if (protocol >= 5)
            return DFLY_RESUME_RAW;
        return protocol == 2 ? DFLY_RESUME_INCREMENT : DFLY_RESUME_NEVER;
    }
    if (major > 1 || (major == 1 && minor >= 35))
        return DFLY_RESUME_RAW;
    if (major == 1 && ((minor >= 31 && minor <= 34) || (minor >= 11 && minor <= 20)))
        return DFLY_RESUME_INCREMENT;
    return DFLY_RESUME_NEVER;
}

int dfly_master_sync(struct dfly_master *m, struct ft_err *err)
{
    return expect_ok(m, "DFLY SYNC", RESP_ARGS("DFLY", "SYNC", m->sync_id), err);
}

int dfly_master_start_stable(struct dfly_master *m, struct ft_err *err)
{
    return expect_ok(m, "DFLY STARTSTABLE", RESP_ARGS("DFLY", "STARTSTABLE", m->sync_id), err);
}

int dfly_master_offsets(struct dfly_master *m, uint64_t *ret_lsns, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (resp_client_call(&m->control, &reply, RESP_ARGS("DFLY", "REPLICAOFFSET"), m->timeout_ms,
                         err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != m->flow_count)
        rc = refused(m, "DFLY REPLICAOFFSET", reply, err);
    for (size_t i = 0; rc == 0 && i < m->flow_count; i++) {
        if (reply->element[i]->type != REDIS_REPLY_INTEGER || reply->element[i]->integer < 0)
            rc = refused(m, "DFLY REPLICAOFFSET", reply, err);
        else
            ret_lsns[i] = (uint64_t)reply->element[i]->integer;
    }
    reply_free(reply);
    return rc;
}

int dfly_master_watch(struct dfly_master *m, struct ft_err *err)
{
    char unasked[256];
    size_t n;

    if (conn_read(&m->control.conn, unasked, sizeof(unasked), &n, 0, err) != 0)
        return -1;
    if (n == 0)
        return err_set(err, FT_ERR_NET, "%s closed the control connection", m->control.conn.name);
    return err_set(err, FT_ERR_PROTOCOL, "%s sent something unasked on the control connection",
                   m->control.conn.name);
}

void dfly_master_close(struct dfly_master *m)
{
    resp_client_close(&m->control);
}

static int read_flow_reply(struct master_flow *f, const struct dfly_master *m,
                           const redisReply *reply, struct ft_err *err)
{
    redisReply *const *e = reply->element;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        e[0]->type != REDIS_REPLY_STATUS || e[1]->type != REDIS_REPLY_STATUS ||
        strlen(e[1]->str) != DFLY_ID_SIZE - 1 ||
        (strcmp(e[0]->str, "FULL") != 0 && strcmp(e[0]->str, "PARTIAL") != 0))
        return refused(m, "DFLY FLOW", reply, err);
    f->partial = e[0]->str[0] == 'P';
    strcpy(f->eof_token, e[1]->str);
    return 0;
}

static int ask_for_flow(struct master_flow *f, const struct dfly_master *m, uint32_t index,
                        uint64_t lsn, struct ft_err *err)
{
    char index_text[NUMBER_TEXT];
    char lsn_text[NUMBER_TEXT];
    redisReply *reply;
    int rc;

    if (master_authenticate(&f->client, m->uri, "DFLY", m->timeout_ms, err) != 0)
        return -1;
    (void)snprintf(index_text, sizeof(index_text), "%" PRIu32, index);
    (void)snprintf(lsn_text, sizeof(lsn_text), "%" PRIu64, lsn);
    if (resp_client_call(&f->client, &reply,
                         RESP_ARGS("DFLY", "FLOW", m->replication_id, m->sync_id, index_text,
                                   lsn != 0 ? lsn_text : NULL),
                         m->timeout_ms, err) != 0)
        return -1;
    rc = read_flow_reply(f, m, reply, err);
    reply_free(reply);
    return rc;
}

int dfly_flow_open(struct master_flow *f, const struct dfly_master *m, uint32_t index, uint64_t lsn,
                   int cancel_fd, struct ft_err *err)
{
    memset(f, 0, sizeof(*f));
    if (resp_client_open(&f->client, m->uri, cancel_fd, connect_ms(m), err) != 0)
        return -1;
    if (ask_for_flow(f, m, index, lsn, err) != 0) {
        dfly_flow_close(f);
        return -1;
    }
    return 0;
}

void dfly_flow_close(struct master_flow *f)
{
    resp_client_close(&f->client);
}
