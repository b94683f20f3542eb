/* Keys with the values that the recording ends with. */
#include "lib/master_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/endian.h"
#include "item/dump.h"
#include "lib/dataset.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_types.h"
#include "rdb/rdb_writer.h"

#define DUMP_VERSION 9

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Values are those of the end, so they can be told only when everything has happened. */
static bool at_end(struct master *m)
{
    for (uint32_t i = 0; i < m->recording->flow_count; i++)
        if (time_lsn(m, &m->recording->flows[i]) < m->recording->flows[i].final_lsn)
            return false;
    return true;
}

static int put_text(struct buf *out, const json_t *text, struct ft_err *err)
{
    struct bytes b = dataset_bytes(json_string_value(text));
    int rc = rdb_string_put(out, b, err);

    free((void *)b.p);
    return rc;
}

static int put_hash(struct buf *out, json_t *value, struct ft_err *err)
{
    const char *field;
    json_t *text;
    int rc = rdb_put_len(out, json_object_size(value), err);

    json_object_foreach(value, field, text)
    {
        json_t *name = json_string(field);

        if (rc == 0)
            rc = put_text(out, name, err);
        if (rc == 0)
            rc = put_text(out, text, err);
        json_decref(name);
    }
    return rc;
}

static int put_score(struct buf *out, const char *text, struct ft_err *err)
{
    double score = strtod(text, NULL);
    uint8_t le[8];
    uint64_t bits;

    memcpy(&bits, &score, sizeof(bits));
    store_le64(le, bits);
    return buf_append(out, le, sizeof(le), err);
}

static int put_array(struct buf *out, json_t *value, bool scores, struct ft_err *err)
{
    json_t *item;
    size_t i;
    int rc = rdb_put_len(out, json_array_size(value), err);

    json_array_foreach(value, i, item)
    {
        if (rc == 0)
            rc = put_text(out, scores ? json_array_get(item, 0) : item, err);
        if (rc == 0 && scores)
            rc = put_score(out, json_string_value(json_array_get(item, 1)), err);
    }
    return rc;
}

/* 1: a type that is not told. */
static int put_value(struct buf *out, json_t *rec, uint8_t *ret_type, struct ft_err *err)
{
    const char *type = json_string_value(json_object_get(rec, "type"));
    json_t *value = json_object_get(rec, "value");

    if (strcmp(type, "string") == 0 && (*ret_type = RDB_TYPE_STRING, true))
        return put_text(out, value, err);
    if (strcmp(type, "json") == 0 && (*ret_type = RDB_TYPE_DF_JSON, true))
        return put_text(out, value, err);
    if (strcmp(type, "list") == 0 && (*ret_type = RDB_TYPE_LIST, true))
        return put_array(out, value, false, err);
    if (strcmp(type, "set") == 0 && (*ret_type = RDB_TYPE_SET, true))
        return put_array(out, value, false, err);
    if (strcmp(type, "zset") == 0 && (*ret_type = RDB_TYPE_ZSET_2, true))
        return put_array(out, value, true, err);
    if (strcmp(type, "hash") == 0 && (*ret_type = RDB_TYPE_HASH, true))
        return put_hash(out, value, err);
    return 1;
}

/* 1: neither is the payload given, nor is it of a type that can be made. */
static int put_payload(struct buf *out, json_t *rec, struct ft_err *err)
{
    json_t *given = json_object_get(rec, "dump");
    struct buf value = {0};
    uint8_t type = 0;
    int rc;

    if (given != NULL) {
        struct bytes b = dataset_bytes(json_string_value(given));

        rc = buf_append(out, b.p, b.n, err);
        free((void *)b.p);
        return rc;
    }
    rc = put_value(&value, rec, &type, err);
    if (rc == 0)
        rc = dump_append(out, type, buf_bytes(&value), DUMP_VERSION, err);
    buf_release(&value);
    return rc;
}

static bool reply_dump(struct conn *c, json_t *rec)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf payload = {0};
    int rc = put_payload(&payload, rec, &err);
    bool alive;

    if (rc < 0)
        abort();
    alive = rc > 0 ? conn_reply(c, "-ERR this stand-in cannot dump it\r\n")
                   : conn_reply(c, "$%zu\r\n", payload.n) && conn_send(c, payload.p, payload.n) &&
                         conn_send(c, "\r\n", 2);
    buf_release(&payload);
    return alive;
}

static long long expire_of(json_t *rec)
{
    json_t *expire = json_object_get(rec, "expire_ms");

    return json_is_integer(expire) ? json_integer_value(expire) : -1;
}

/* What does not exist has other replies than what exists. */
static bool reply_absent(struct conn *c, const char *command)
{
    if (strcasecmp(command, "DUMP") == 0)
        return conn_reply(c, "$-1\r\n");
    if (strcasecmp(command, "TYPE") == 0)
        return conn_reply(c, "+none\r\n");
    return conn_reply(c, ":%d\r\n", strcasecmp(command, "EXISTS") == 0 ? 0 : -2);
}

static bool reply_key(struct conn *c, const char *command, json_t *rec)
{
    long long expire_ms = expire_of(rec);

    if (rec == NULL || (expire_ms >= 0 && expire_ms <= wall_ms()))
        return reply_absent(c, command);
    if (strcasecmp(command, "DUMP") == 0)
        return reply_dump(c, rec);
    if (strcasecmp(command, "TYPE") == 0)
        return conn_reply(c, "+%s\r\n", json_string_value(json_object_get(rec, "type")));
    if (strcasecmp(command, "EXISTS") == 0)
        return conn_reply(c, ":1\r\n");
    if (strcasecmp(command, "PTTL") == 0 && expire_ms >= 0)
        expire_ms -= wall_ms();
    return conn_reply(c, ":%lld\r\n", expire_ms);
}

bool keys_serve(struct conn *c, const struct command *a, bool *ret_alive)
{
    static const char *const reads[] = {"DUMP", "TYPE", "EXISTS", "PTTL", "PEXPIRETIME"};
    struct master *m = c->master;
    bool known = false, end;
    char *name;

    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
        known = known || strcasecmp(a->args[0], reads[i]) == 0;
    if (!known || a->count != 2)
        return false;
    pthread_mutex_lock(&m->mu);
    end = at_end(m);
    pthread_mutex_unlock(&m->mu);
    if (!end || m->state == NULL) {
        *ret_alive = conn_reply(c, "-ERR values are known at the end of the recording only\r\n");
        return true;
    }
    name = dataset_name(c->db, bytes_str(a->args[1]));
    if (m->options.no_dump != NULL && strcmp(name, m->options.no_dump) == 0)
        *ret_alive = conn_reply(c, "-NOPERM default has no ACL permissions\r\n");
    else if (m->options.absent != NULL && strcmp(name, m->options.absent) == 0)
        *ret_alive = reply_absent(c, a->args[0]);
    else
        *ret_alive = reply_key(c, a->args[0], json_object_get(m->state, name));
    free(name);
    return true;
}
