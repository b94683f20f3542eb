/* Keys with the values that the recording ends with. */
#include "lib/standin.h"

#include <stdio.h>
#include <stdlib.h>
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
static bool at_end(struct standin *m, struct dragonfly_master *master)
{
    bool end = true;

    pthread_mutex_lock(&master->mu);
    for (uint32_t i = 0; end && i < m->recording->flow_count; i++)
        end = standin_lsn(m, master, i) >= m->recording->flows[i].final_lsn;
    pthread_mutex_unlock(&master->mu);
    return end;
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

static int reply_dump(struct dragonfly_peer *p, json_t *rec, struct ft_err *err)
{
    struct buf payload = {0};
    int rc = put_payload(&payload, rec, err);

    if (rc > 0)
        rc = buf_append_str(&p->out, "-ERR this stand-in cannot dump it\r\n", err);
    else if (rc == 0 && (buf_printf(&p->out, err, "$%zu\r\n", payload.n) != 0 ||
                         buf_append(&p->out, payload.p, payload.n, err) != 0 ||
                         buf_append_str(&p->out, "\r\n", err) != 0))
        rc = -1;
    buf_release(&payload);
    return rc;
}

static long long expire_of(json_t *rec)
{
    json_t *expire = json_object_get(rec, "expire_ms");

    return json_is_integer(expire) ? json_integer_value(expire) : -1;
}

/* What does not exist has other replies than what exists. */
static int reply_absent(struct dragonfly_peer *p, const char *command, struct ft_err *err)
{
    if (strcmp(command, "DUMP") == 0)
        return buf_append_str(&p->out, "$-1\r\n", err);
    if (strcmp(command, "TYPE") == 0)
        return buf_append_str(&p->out, "+none\r\n", err);
    return buf_printf(&p->out, err, ":%d\r\n", strcmp(command, "EXISTS") == 0 ? 0 : -2);
}

static int reply_key(struct dragonfly_peer *p, const char *command, json_t *rec, struct ft_err *err)
{
    long long expire_ms = expire_of(rec);

    if (rec == NULL || (expire_ms >= 0 && expire_ms <= wall_ms()))
        return reply_absent(p, command, err);
    if (strcmp(command, "DUMP") == 0)
        return reply_dump(p, rec, err);
    if (strcmp(command, "TYPE") == 0)
        return buf_printf(&p->out, err, "+%s\r\n", json_string_value(json_object_get(rec, "type")));
    if (strcmp(command, "EXISTS") == 0)
        return buf_append_str(&p->out, ":1\r\n", err);
    if (strcmp(command, "PTTL") == 0 && expire_ms >= 0)
        expire_ms -= wall_ms();
    return buf_printf(&p->out, err, ":%lld\r\n", expire_ms);
}

int standin_read_key(struct standin *m, struct dragonfly_peer *p, struct ft_err *err)
{
    static const char *const reads[] = {"DUMP", "TYPE", "EXISTS", "PTTL", "PEXPIRETIME"};
    const char *command = NULL;
    char *name;
    int rc;

    for (size_t i = 0; command == NULL && i < sizeof(reads) / sizeof(reads[0]); i++)
        command = bytes_is_word(p->reader.args[0], reads[i]) ? reads[i] : NULL;
    if (command == NULL || p->reader.count != 2)
        return 0;
    if (m->state == NULL || !at_end(m, p->master)) {
        rc = buf_append_str(&p->out, "-ERR values are known at the end of the recording only\r\n",
                            err);
        return rc == 0 ? 1 : -1;
    }
    name = dataset_name(p->db, p->reader.args[1]);
    if (m->options.no_dump != NULL && strcmp(name, m->options.no_dump) == 0)
        rc = buf_append_str(&p->out, "-NOPERM default has no ACL permissions\r\n", err);
    else if (m->options.absent != NULL && strcmp(name, m->options.absent) == 0)
        rc = reply_absent(p, command, err);
    else
        rc = reply_key(p, command, json_object_get(m->state, name), err);
    free(name);
    return rc == 0 ? 1 : -1;
}
