#include "wire/psync_master.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire/redis_info.h"

#define CONNECT_MS UINT64_C(10000)
/* A master that prepares an RDB says so by an empty line every ten seconds, unless it was told another time. */
#define REPLY_MS    UINT64_C(60000)
#define LINE_SIZE   256
#define NUMBER_TEXT 24
#define NEEDS       "PSYNC"
/* The newest Valkey whose RDB is understood here. */
#define VALKEY_VERSION "9.1.0"

static uint64_t at_most(uint64_t ms, uint64_t limit_ms)
{
    return ms < limit_ms ? ms : limit_ms;
}

static int take_info(struct psync_master *m, const char *info, struct ft_err *err)
{
    static const struct {
        const char *field;
        const char *family;
    } families[] = {{"valkey_version", "valkey"}, {"redis_version", "redis"}};
    char text[PSYNC_VERSION_SIZE / 2];
    char flag[4];

    redis_info_copy(info, "dragonfly_version", text, sizeof(text));
    if (text[0] != '\0') {
        return err_set(err, FT_ERR_PROTOCOL,
                       "%s is a Dragonfly: write its address with dragonfly://",
                       m->control.conn.name);
    }
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && m->version[0] == '\0'; i++) {
        redis_info_copy(info, families[i].field, text, sizeof(text));
        if (text[0] != '\0')
            (void)snprintf(m->version, sizeof(m->version), "%s-%s", families[i].family, text);
    }
    if (redis_info_value(info, "mvcc_depth") != NULL) /* KeyDB has no other name there */
        (void)snprintf(m->version, sizeof(m->version), "keydb-%s", text);
    text_make_printable(m->version, sizeof(m->version));
    redis_info_copy(info, "master_replid", m->replication_id, sizeof(m->replication_id));
    redis_info_copy(info, "master_replid2", m->former_id, sizeof(m->former_id));
    if (m->replication_id[0] == '\0') /* before 4.0 */
        redis_info_copy(info, "run_id", m->replication_id, sizeof(m->replication_id));
    redis_info_copy(info, "cluster_enabled", flag, sizeof(flag));
    m->cluster = strcmp(flag, "1") == 0;
    redis_info_copy(info, "role", text, sizeof(text));
    m->replica = strcmp(text, "slave") == 0;
    m->is_active_replica = strcmp(text, "active-replica") == 0;
    return 0;
}

/* A user who may not ask for INFO gets a capture all the same. */
static int ask_info(struct psync_master *m, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (resp_client_call(&m->control, &reply, RESP_ARGS("INFO"), m->timeout_ms, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING)
        rc = take_info(m, reply->str, err);
    reply_free(reply);
    return rc;
}

static int open_control(struct psync_master *m, struct ft_err *err)
{
    if (resp_client_open(&m->control, m->uri, m->cancel_fd, at_most(m->timeout_ms, CONNECT_MS),
                         err) != 0)
        return -1;
    return master_authenticate(&m->control, m->uri, NEEDS, m->timeout_ms, err);
}

int psync_master_open(struct psync_master *m, const struct uri *uri, int cancel_fd,
                      uint64_t timeout_ms, master_note_fn *note, void *context, struct ft_err *err)
{
    memset(m, 0, sizeof(*m));
    m->uri = uri;
    m->control.conn.fd = -1;
    m->cancel_fd = cancel_fd;
    m->timeout_ms = at_most(timeout_ms, REPLY_MS);
    m->loading_ms = timeout_ms;
    if (open_control(m, err) != 0 ||
        master_wait_until_loaded(&m->control, NEEDS, m->timeout_ms, m->loading_ms, note, context,
                                 err) != 0 ||
        ask_info(m, err) != 0) {
        psync_master_close(m);
        return -1;
    }
    if (m->is_active_replica && note != NULL)
        note(context,
             "the source is an active replica of KeyDB, which propagates nothing of keys that "
             "expire or are evicted: a key that is made again after that keeps what it had");
    return 0;
}

int psync_master_watch(struct psync_master *m, struct ft_err *err)
{
    (void)err;
    psync_master_close(m);
    return 0;
}

bool psync_offset_of(const redisReply *reply, uint64_t *ret_lsn)
{
    if (reply->type == REDIS_REPLY_STRING &&
        redis_info_value(reply->str, "master_repl_offset") != NULL) {
        *ret_lsn = redis_info_number(reply->str, "master_repl_offset") + 1;
        return true;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        strcmp(reply->element[0]->str, "master") != 0 ||
        reply->element[1]->type != REDIS_REPLY_INTEGER || reply->element[1]->integer < 0)
        return false;
    *ret_lsn = (uint64_t)reply->element[1]->integer + 1;
    return true;
}

/* INFO, and ROLE where that is not allowed. */
int psync_master_offset(struct psync_master *m, uint64_t *ret_lsn, struct ft_err *err)
{
    static const char *const questions[][3] = {{"INFO", "replication", NULL}, {"ROLE", NULL, NULL}};
    struct ft_err first = FT_ERR_INIT;

    if (m->control.conn.fd < 0 && open_control(m, err) != 0)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        redisReply *reply;
        bool known;

        if (resp_client_call(&m->control, &reply, questions[i], m->timeout_ms, err) != 0)
            return -1;
        known = psync_offset_of(reply, ret_lsn);
        if (!known && i == 0)
            (void)master_refused(&m->control, "INFO replication", NEEDS, reply, &first);
        reply_free(reply);
        if (known)
            return 0;
    }
    *err = first;
    return -1;
}

void psync_master_close(struct psync_master *m)
{
    resp_client_close(&m->control);
    m->control.conn.fd = -1;
}

/* What masters before 4.0 do not know they refuse, and do without. */
static int offer(struct master_flow *f, const struct psync_master *m, const char *const *args,
                 struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (resp_client_call(&f->client, &reply, args, m->timeout_ms, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR &&
        (strstr(reply->str, "NOPERM") != NULL || strstr(reply->str, "NOAUTH") != NULL))
        rc = master_refused(&f->client, "REPLCONF", NEEDS, reply, err);
    reply_free(reply);
    return rc;
}

static int unexpected(const struct master_flow *f, const char *line, struct ft_err *err)
{
    char shown[LINE_SIZE];

    return err_set(err, FT_ERR_PROTOCOL, "%s answered PSYNC with \"%s\"", f->client.conn.name,
                   bytes_escape(bytes_str(line), shown, sizeof(shown)));
}

/* "$EOF:" and forty characters, or "$" and a length. */
static int read_announcement(struct master_flow *f, const struct psync_master *m,
                             struct ft_err *err)
{
    char line[LINE_SIZE];
    size_t n;

    if (resp_client_line(&f->client, line, sizeof(line), m->timeout_ms, err) != 0)
        return -1;
    n = strlen(line);
    if (line[0] == '-')
        return master_refused_text(&f->client, "PSYNC", NEEDS, line + 1, err);
    if (strncmp(line, "$EOF:", 5) == 0 && n == 5 + MASTER_ID_SIZE - 1) {
        memcpy(f->eof_token, line + 5, MASTER_ID_SIZE);
        return 0;
    }
    if (line[0] != '$' || !bytes_to_u64(bytes_of(line + 1, n - 1), &f->rdb_bytes) ||
        f->rdb_bytes == 0)
        return unexpected(f, line, err);
    return 0;
}

static bool is_id(const char *text)
{
    return strlen(text) == MASTER_ID_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == MASTER_ID_SIZE - 1;
}

/* "+CONTINUE" with a new id from 4.0 on, or "+FULLRESYNC" with id and offset. */
static int read_answer(struct master_flow *f, const struct psync_master *m, uint64_t lsn,
                       struct ft_err *err)
{
    char line[LINE_SIZE];
    char id[LINE_SIZE] = "";
    uint64_t offset;

    if (resp_client_line(&f->client, line, sizeof(line), m->timeout_ms, err) != 0)
        return -1;
    if (line[0] == '-')
        return master_refused_text(&f->client, "PSYNC", NEEDS, line + 1, err);
    if (strncmp(line, "+CONTINUE", 9) == 0 && lsn != 0) {
        if (line[9] != '\0' && (sscanf(line + 9, " %255s", id) != 1 || !is_id(id)))
            return unexpected(f, line, err);
        (void)snprintf(f->replication_id, sizeof(f->replication_id), "%.40s", id);
        f->partial = true;
        f->first_lsn = lsn;
        return 0;
    }
    if (sscanf(line, "+FULLRESYNC %255s %" SCNu64, id, &offset) != 2 || !is_id(id) ||
        offset >= INT64_MAX)
        return unexpected(f, line, err);
    (void)snprintf(f->replication_id, sizeof(f->replication_id), "%.40s", id);
    f->first_lsn = offset + 1;
    return read_announcement(f, m, err);
}

static int ask_for_stream(struct master_flow *f, const struct psync_master *m,
                          const char *replication_id, uint64_t lsn, struct ft_err *err)
{
    char number[NUMBER_TEXT] = "-1";

    if (master_authenticate(&f->client, m->uri, NEEDS, m->timeout_ms, err) != 0 ||
        offer(f, m, RESP_ARGS("REPLCONF", "listening-port", "0"), err) != 0 ||
        offer(f, m, RESP_ARGS("REPLCONF", "capa", "eof", "capa", "psync2"), err) != 0)
        return -1;
    /* A Valkey sends an RDB of before 9.0, or none at all if it has what that cannot hold, to who does not say this. */
    if (strncmp(m->version, "redis-", 6) != 0 && strncmp(m->version, "keydb-", 6) != 0 &&
        offer(f, m, RESP_ARGS("REPLCONF", "version", VALKEY_VERSION), err) != 0)
        return -1;
    if (lsn != 0)
        (void)snprintf(number, sizeof(number), "%" PRIu64, lsn);
    if (resp_client_send(&f->client, RESP_ARGS("PSYNC", lsn != 0 ? replication_id : "?", number),
                         m->timeout_ms, err) != 0)
        return -1;
    return read_answer(f, m, lsn, err);
}

int psync_flow_open(struct master_flow *f, const struct psync_master *m, const char *replication_id,
                    uint64_t lsn, int cancel_fd, struct ft_err *err)
{
    memset(f, 0, sizeof(*f));
    if (resp_client_open(&f->client, m->uri, cancel_fd, at_most(m->timeout_ms, CONNECT_MS), err) !=
        0)
        return -1;
    if (ask_for_stream(f, m, replication_id, lsn, err) != 0) {
        resp_client_close(&f->client);
        return -1;
    }
    return 0;
}
