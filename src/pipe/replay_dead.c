#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "base/json_text.h"
#include "pipe/replay_impl.h"

#define FILE_MAX    (UINT64_C(1) << 30)
#define KEY_SHOWN   60
#define ERROR_SHOWN 200

int replay_dead_open(struct replay *r, struct ft_err *err)
{
    const char *path = r->o->dead_letters;

    if (path == NULL)
        return 0;
    r->dead_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (r->dead_fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", path);
    return 0;
}

static int put_letter(struct buf *out, uint32_t flow, uint64_t lsn, uint32_t db,
                      const struct bytes *words, size_t count, const char *error,
                      struct ft_err *err)
{
    if (buf_printf(out, err,
                   "{\"flow\":%" PRIu32 ",\"lsn\":%" PRIu64 ",\"db\":%" PRIu32 ",\"command\":[",
                   flow, lsn, db) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if ((i != 0 && buf_append_str(out, ",", err) != 0) ||
            json_put_bytes(out, words[i], err) != 0)
            return -1;
    }
    if (buf_append_str(out, "],\"error\":", err) != 0 ||
        json_put_bytes(out, bytes_str(error), err) != 0)
        return -1;
    return buf_append_str(out, "}\n", err);
}

/* The first one is what the run ends with. */
static void note_failure(struct replay *r, uint32_t flow, uint64_t lsn, const struct bytes *words,
                         size_t count, const char *error)
{
    struct bytes key = count > 1 ? words[1] : bytes_of(NULL, 0);
    char name[KEY_SHOWN];
    char shown[KEY_SHOWN];

    (void)bytes_escape(words[0], name, sizeof(name));
    (void)bytes_escape(key, shown, sizeof(shown));
    (void)err_set(&r->failure, FT_ERR_PROTOCOL,
                  "flow %" PRIu32 ", LSN %" PRIu64
                  ": the target refused %s \"%s\": %.*s; --on-error "
                  "dead-letter=FILE collects such commands and goes on",
                  flow, lsn, name, shown, ERROR_SHOWN, error);
    atomic_store(&r->failed_fast, true);
}

static int write_letter(struct replay *r, uint32_t flow, uint64_t lsn, uint32_t db,
                        const struct bytes *words, size_t count, const char *error,
                        struct ft_err *err)
{
    struct buf line = {0};
    int rc = put_letter(&line, flow, lsn, db, words, count, error, err);

    if (rc == 0)
        rc = fs_write_all(r->dead_fd, line.p, line.n, r->o->dead_letters, err);
    if (rc == 0)
        rc = fs_sync(r->dead_fd, r->o->dead_letters, err);
    buf_release(&line);
    return rc;
}

int replay_dead_add(struct replay *r, uint32_t flow, uint64_t lsn, uint32_t db,
                    const struct bytes *words, size_t count, const char *error, struct ft_err *err)
{
    int rc = 0;

    pthread_mutex_lock(&r->mu);
    r->result->failed++;
    if (r->dead_fd < 0)
        note_failure(r, flow, lsn, words, count, error);
    else
        rc = write_letter(r, flow, lsn, db, words, count, error, err);
    pthread_mutex_unlock(&r->mu);
    return rc;
}

/*
 * Again
 */

struct letter {
    char tag[REPLAY_TAG_TEXT];
    uint32_t db;
    struct bytes *words; /* in buf, or in the JSON value */
    size_t count;
    struct buf buf;
};

static int base64_value(int c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* Appends what the text stands for; false: it is no base64. */
static int base64_take(struct buf *out, const char *text, bool *ret_ok, struct ft_err *err)
{
    uint32_t bits = 0;
    unsigned count = 0;

    *ret_ok = true;
    for (; *text != '\0' && *text != '='; text++) {
        int value = base64_value(*text);

        if (value < 0) {
            *ret_ok = false;
            return 0;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            uint8_t byte;

            count -= 8;
            byte = (uint8_t)(bits >> count);
            if (buf_append(out, &byte, 1, err) != 0)
                return -1;
        }
    }
    return 0;
}

static int bad_letter(struct ft_err *err, const char *path, size_t line)
{
    return err_set(err, FT_ERR_CORRUPT, "\"%s\", line %zu: this is no dead letter", path, line);
}

/* All words one after the other in buf; ends are kept in the lengths until buf no longer moves. */
static int take_words(struct letter *l, const json_t *command, bool *ret_ok, struct ft_err *err)
{
    size_t at = 0;

    l->count = json_array_size(command);
    l->words = calloc(l->count == 0 ? 1 : l->count, sizeof(*l->words));
    *ret_ok = l->count != 0;
    if (l->words == NULL)
        return err_nomem(err, "a dead letter");
    for (size_t i = 0; *ret_ok && i < l->count; i++) {
        const json_t *word = json_array_get(command, i);
        const json_t *packed = json_object_get(word, "base64");
        size_t before = l->buf.n;
        int rc = 0;

        if (json_is_string(word))
            rc = buf_append(&l->buf, json_string_value(word), json_string_length(word), err);
        else if (json_is_string(packed))
            rc = base64_take(&l->buf, json_string_value(packed), ret_ok, err);
        else
            *ret_ok = false;
        if (rc != 0)
            return -1;
        l->words[i].n = l->buf.n - before;
    }
    for (size_t i = 0; i < l->count; i++) {
        l->words[i].p = l->buf.p + at;
        at += l->words[i].n;
    }
    return 0;
}

static void letter_release(struct letter *l)
{
    free(l->words);
    buf_release(&l->buf);
}

static int parse_letter(struct letter *ret, const char *path, size_t line, struct bytes text,
                        struct ft_err *err)
{
    json_t *json = json_loadb((const char *)text.p, text.n, JSON_ALLOW_NUL, NULL);
    const json_t *db = json_object_get(json, "db");
    struct letter l = {0};
    bool ok = false;
    int rc = 0;

    if (json_is_integer(db) && json_is_integer(json_object_get(json, "lsn")) &&
        json_is_array(json_object_get(json, "command")))
        rc = take_words(&l, json_object_get(json, "command"), &ok, err);
    if (rc == 0 && !ok)
        rc = bad_letter(err, path, line);
    if (rc == 0) {
        l.db = (uint32_t)json_integer_value(db);
        (void)snprintf(l.tag, sizeof(l.tag), "%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT ":r",
                       json_integer_value(json_object_get(json, "flow")),
                       json_integer_value(json_object_get(json, "lsn")));
        *ret = l;
    } else {
        letter_release(&l);
    }
    json_decref(json);
    return rc;
}

/* One command at a time, and its reply: nothing is in doubt but the one that was under way. */
static int send_letter(struct replay *r, const struct letter *l, bool *ret_refused,
                       struct ft_err *err)
{
    char db[I64_TEXT_SIZE];
    const struct bytes select[] = {bytes_str("SELECT"), bytes_of(db, i64_to_text(l->db, db))};
    struct replay_node *node = replay_node_of(r, l->count > 1 ? l->words[1] : bytes_of(NULL, 0));
    redisReply *reply;

    if (!r->target.cluster && replay_call(node, NULL, select, 2, err) != 0)
        return -1;
    if (redis_pipe_call(node->pipe, &reply, l->words, l->count, err) != 0)
        return -1;
    *ret_refused = reply->type == REDIS_REPLY_ERROR &&
                   !command_error_expected(command_find(l->words[0]), reply->str);
    if (*ret_refused)
        replay_note(r, "refused again: %s", reply->str);
    freeReplyObject(reply);
    return 0;
}

static int write_rest(const char *path, struct bytes left, struct bytes rest, struct ft_err *err)
{
    struct buf all = {0};
    int rc = buf_append(&all, left.p, left.n, err);

    if (rc == 0)
        rc = buf_append(&all, rest.p, rest.n, err);
    if (rc == 0)
        rc = fs_replace_file(AT_FDCWD, path, buf_bytes(&all), err);
    buf_release(&all);
    return rc;
}

/* The file always holds what is still to be done: it is replaced behind each letter. */
int replay_dead_retry(struct replay *r, struct ft_err *err)
{
    const char *path = r->o->retry_dead_letters;
    struct buf file = {0};
    struct buf left = {0};
    size_t at = 0;
    size_t line = 0;
    int rc = fs_read_file(AT_FDCWD, path, FILE_MAX, &file, err);

    while (rc == 0 && at < file.n) {
        const uint8_t *end = memchr(file.p + at, '\n', file.n - at);
        size_t n = end == NULL ? file.n - at : (size_t)(end - file.p) + 1 - at;
        struct letter l;
        bool refused = false;

        rc = parse_letter(&l, path, ++line, bytes_of(file.p + at, n), err);
        if (rc != 0)
            break;
        rc = send_letter(r, &l, &refused, err);
        letter_release(&l);
        if (rc == 0 && refused) {
            r->result->failed++;
            rc = buf_append(&left, file.p + at, n, err);
        }
        r->result->records += rc == 0 && !refused;
        at += n;
        if (rc == 0)
            rc = write_rest(path, buf_bytes(&left), bytes_of(file.p + at, file.n - at), err);
    }
    buf_release(&file);
    buf_release(&left);
    if (rc == 0 && r->result->failed != 0)
        rc = err_set(err, FT_ERR_PROTOCOL, "%llu commands were refused again; they stay in \"%s\"",
                     (unsigned long long)r->result->failed, path);
    return rc;
}
