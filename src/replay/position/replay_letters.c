#include "replay/position/replay_letters.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/fsutil.h"
#include "base/json_text.h"
#include "base/json_tree.h"
#include "item/key_set.h"

#define DONE       '#'
#define NAME_TEXT  200
#define LINE_BEGIN "{\"capture\":\""

struct replay_letters {
    char *path;
    int fd;               /* at the end, and locked */
    struct key_set known; /* the names of those of the journal */
};

static void origin_hash(const struct replay_letter_origin *o, uint8_t ret[KEY_SET_HASH_SIZE])
{
    char name[NAME_TEXT];

    (void)snprintf(name, sizeof(name), "%s:%" PRIu64 ":%" PRIu32 ":%" PRIu64 ":%s", o->capture,
                   o->began_ms, o->flow, o->lsn, o->part); /* fits */
    key_set_hash(0, bytes_str(name), ret);
}

/*
 * Lines
 */

struct lines {
    FILE *file;
    char *text;
    size_t capacity;
    size_t size; /* of the line, its end included */
    uint64_t start;
    uint64_t number;
};

static int lines_open(struct lines *lines, const struct replay_letters *l, struct ft_err *err)
{
    *lines = (struct lines){.file = fopen(l->path, "re")};
    return lines->file != NULL ? 0 : err_errno(err, errno, "could not open \"%s\"", l->path);
}

/* 1: there is one; 0: there is none. Only lines that say what is still to be done. */
static int lines_next(struct lines *lines, const struct replay_letters *l, struct ft_err *err)
{
    ssize_t n;

    do {
        lines->start += lines->size;
        lines->size = 0;
        n = getline(&lines->text, &lines->capacity, lines->file);
        if (n < 0) {
            return ferror(lines->file) == 0
                       ? 0
                       : err_errno(err, errno, "could not read \"%s\"", l->path);
        }
        lines->size = (size_t)n;
        lines->number++;
    } while (lines->text[0] == DONE);
    return 1;
}

/* The line that begins there, which lines_next gave once. */
static int lines_at(struct lines *lines, const struct replay_letters *l, uint64_t start,
                    struct ft_err *err)
{
    ssize_t n;

    if (fseeko(lines->file, (off_t)start, SEEK_SET) != 0 ||
        (n = getline(&lines->text, &lines->capacity, lines->file)) < 0)
        return err_errno(err, errno, "could not read \"%s\"", l->path);
    lines->start = start;
    lines->size = (size_t)n;
    return 0;
}

static void lines_close(struct lines *lines)
{
    (void)fclose(lines->file); /* opened to read */
    free(lines->text);
}

/* A line that is not JSON is as bad as one that is, but is no letter. */
static int load_line(json_t **ret, const struct lines *lines, struct ft_err *err)
{
    struct ft_err cause = FT_ERR_INIT;

    *ret = NULL;
    if (json_tree_load(ret, bytes_of(lines->text, lines->size), JSON_ALLOW_NUL, &cause) == 0 ||
        cause.kind != FT_ERR_NOMEM)
        return 0;
    *err = cause;
    return -1;
}

static int bad_line(const struct lines *lines, const struct replay_letters *l, struct ft_err *err)
{
    return err_set(err, FT_ERR_CORRUPT, "\"%s\", line %" PRIu64 ": this is not a dead letter",
                   l->path, lines->number);
}

/* *ret is to be released by json_decref; o's texts are in it. */
static int parse_line(const struct lines *lines, const struct replay_letters *l, json_t **ret,
                      struct replay_letter_origin *o, struct ft_err *err)
{
    const char *capture;
    const json_t *flow;
    const json_t *lsn;
    json_t *json;

    if (load_line(&json, lines, err) != 0)
        return -1;
    capture = json_string_value(json_object_get(json, "capture"));
    flow = json_object_get(json, "flow");
    lsn = json_object_get(json, "lsn");
    if (capture == NULL || strlen(capture) > NAME_TEXT / 4 || !json_is_integer(flow) ||
        !json_is_integer(lsn)) {
        json_decref(json);
        return bad_line(lines, l, err);
    }
    *o = (struct replay_letter_origin){
        .capture = capture,
        .began_ms = (uint64_t)json_integer_value(json_object_get(json, "began_ms")),
        .flow = (uint32_t)json_integer_value(flow),
        .lsn = (uint64_t)json_integer_value(lsn),
        .part = json_string_value(json_object_get(json, "part")),
        .entry = json_is_true(json_object_get(json, "entry")),
    };
    if (o->part != NULL && strlen(o->part) > NAME_TEXT / 4) {
        json_decref(json);
        return bad_line(lines, l, err);
    }
    *ret = json;
    return 0;
}

/*
 * The file
 */

static bool is_whole(const struct lines *lines)
{
    return lines->text[lines->size - 1] == '\n';
}

/* What stands after the last end of line was being written when somebody was killed. */
static int cut_tail(const struct replay_letters *l, const struct lines *lines, struct ft_err *err)
{
    static const char begin[] = LINE_BEGIN;
    size_t n = lines->size < strlen(begin) ? lines->size : strlen(begin);

    if (memcmp(lines->text, begin, n) != 0)
        return bad_line(lines, l, err);
    if (ftruncate(l->fd, (off_t)lines->start) != 0)
        return err_errno(err, errno, "could not shorten \"%s\"", l->path);
    return 0;
}

/* What is done with a line: 0, 1 if no more are wanted, or -1. */
typedef int line_fn(void *context, const struct lines *lines, const struct replay_letter_origin *o,
                    struct ft_err *err);

static int each_line(struct replay_letters *l, line_fn *take, void *context, struct ft_err *err)
{
    struct replay_letter_origin origin;
    struct lines lines;
    json_t *json;
    int rc;

    if (lines_open(&lines, l, err) != 0)
        return -1;
    while ((rc = lines_next(&lines, l, err)) == 1) {
        if (!is_whole(&lines)) {
            rc = cut_tail(l, &lines, err);
            break;
        }
        rc = parse_line(&lines, l, &json, &origin, err);
        if (rc != 0)
            break;
        rc = take(context, &lines, &origin, err);
        json_decref(json);
        if (rc != 0)
            break;
    }
    lines_close(&lines);
    return rc < 0 ? -1 : 0;
}

static int note_name(void *context, const struct lines *lines, const struct replay_letter_origin *o,
                     struct ft_err *err)
{
    struct replay_letters *l = context;
    uint8_t hash[KEY_SET_HASH_SIZE];

    (void)lines;
    if (o->part == NULL)
        return 0;
    origin_hash(o, hash);
    return key_set_add(&l->known, hash, err);
}

static int read_names(struct replay_letters *l, struct ft_err *err)
{
    return each_line(l, note_name, l, err);
}

static int open_locked(struct replay_letters *l, bool must_exist, struct ft_err *err)
{
    struct stat status;

    l->fd = open(l->path, O_RDWR | (must_exist ? 0 : O_CREAT) | O_APPEND | O_CLOEXEC, 0600);
    if (l->fd < 0 || fstat(l->fd, &status) != 0)
        return err_errno(err, errno, "could not open \"%s\"", l->path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, FT_ERR_USAGE, "\"%s\" is not a regular file", l->path);
    if (flock(l->fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK
               ? err_set(err, FT_ERR_STATE, "\"%s\" is being written by another process", l->path)
               : err_errno(err, errno, "could not lock \"%s\"", l->path);
}

int replay_letters_open(struct replay_letters **ret, const char *path, bool must_exist,
                        struct ft_err *err)
{
    struct replay_letters *l = calloc(1, sizeof(*l));

    if (l == NULL || (l->path = strdup(path)) == NULL) {
        free(l);
        return err_nomem(err, "dead letters");
    }
    if (open_locked(l, must_exist, err) != 0 || read_names(l, err) != 0) {
        replay_letters_close(l);
        return -1;
    }
    *ret = l;
    return 0;
}

void replay_letters_close(struct replay_letters *l)
{
    if (l == NULL)
        return;
    if (l->fd >= 0)
        (void)close(l->fd); /* each line was made durable */
    key_set_release(&l->known);
    free(l->path);
    free(l);
}

/*
 * One more
 */

static int put_origin(struct buf *out, const struct replay_letter_origin *o, struct ft_err *err)
{
    if (buf_printf(out, err,
                   LINE_BEGIN "%s\",\"began_ms\":%" PRIu64 ",\"flow\":%" PRIu32 ",\"lsn\":%" PRIu64
                              ",",
                   o->capture, o->began_ms, o->flow, o->lsn) != 0)
        return -1;
    if (o->entry)
        return buf_append_str(out, "\"entry\":true,", err);
    return o->part == NULL ? 0 : buf_printf(out, err, "\"part\":\"%s\",", o->part);
}

static int put_letter(struct buf *out, const struct replay_letter_origin *o, uint32_t db,
                      const struct bytes *args, size_t count, const char *error, struct ft_err *err)
{
    if (put_origin(out, o, err) != 0 ||
        buf_printf(out, err, "\"db\":%" PRIu32 ",\"command\":[", db) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if ((i != 0 && buf_append_str(out, ",", err) != 0) ||
            json_put_bytes(out, args[i], err) != 0)
            return -1;
    }
    if (buf_append_str(out, "],\"error\":", err) != 0 ||
        json_put_bytes(out, bytes_str(error), err) != 0)
        return -1;
    return buf_append_str(out, "}\n", err);
}

int replay_letters_add(struct replay_letters *l, const struct replay_letter_origin *origin,
                       uint32_t db, const struct bytes *args, size_t count, const char *error,
                       struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    struct buf line = {0};
    int rc;

    if (origin->part != NULL) {
        origin_hash(origin, hash);
        if (key_set_has_hash(&l->known, hash))
            return 0;
    }
    rc = put_letter(&line, origin, db, args, count, error, err);
    if (rc == 0)
        rc = fs_write_all(l->fd, line.p, line.n, l->path, err);
    if (rc == 0)
        rc = fs_sync(l->fd, l->path, err);
    if (rc == 0 && origin->part != NULL)
        rc = key_set_add(&l->known, hash, err);
    buf_release(&line);
    return rc;
}

/*
 * Less
 */

/* Does this one stay? */
typedef bool keep_fn(const void *context, const struct replay_letter_origin *o);

struct copy {
    const struct replay_letters *to;
    keep_fn *keep; /* NULL: all that say what is still to be done */
    const void *context;
};

static int copy_line(void *context, const struct lines *lines, const struct replay_letter_origin *o,
                     struct ft_err *err)
{
    const struct copy *c = context;

    if (c->keep != NULL && !c->keep(c->context, o))
        return 0;
    return fs_write_all(c->to->fd, lines->text, lines->size, c->to->path, err);
}

/* The lines that stay, in a new file of the same name, which is locked before it has that name. keep NULL: only what
 * was executed goes. */
static int rewrite(struct replay_letters *l, keep_fn *keep, const void *context, struct ft_err *err)
{
    struct replay_letters to = {.fd = -1};
    struct copy copy = {.to = &to, .keep = keep, .context = context};
    int rc;

    if (asprintf(&to.path, "%s.tmp", l->path) < 0)
        return err_nomem(err, "dead letters");
    rc = open_locked(&to, false, err);
    if (rc == 0 && ftruncate(to.fd, 0) != 0)
        rc = err_errno(err, errno, "could not shorten \"%s\"", to.path);
    if (rc == 0)
        rc = each_line(l, copy_line, &copy, err);
    if (rc == 0)
        rc = fs_sync(to.fd, to.path, err);
    if (rc == 0)
        rc = fs_rename_durable(AT_FDCWD, to.path, l->path, err);
    if (rc == 0) {
        (void)close(l->fd); /* it has no name any more */
        l->fd = to.fd;
        to.fd = -1;
        key_set_release(&l->known);
        rc = read_names(l, err);
    }
    if (to.fd >= 0)
        (void)close(to.fd); /* it failed already */
    free(to.path);
    return rc;
}

struct drop {
    const char *capture;
    uint64_t began_ms;
    const uint32_t *flow;
};

static bool is_not_dropped(const void *context, const struct replay_letter_origin *o)
{
    const struct drop *d = context;

    if (strcmp(o->capture, d->capture) != 0 || o->began_ms != d->began_ms)
        return true;
    return d->flow != NULL && (o->part != NULL || o->flow != *d->flow);
}

struct dropped {
    const struct drop *drop;
    bool any;
};

static int find_dropped(void *context, const struct lines *lines,
                        const struct replay_letter_origin *o, struct ft_err *err)
{
    struct dropped *d = context;

    (void)lines;
    (void)err;
    d->any = !is_not_dropped(d->drop, o);
    return d->any;
}

int replay_letters_drop(struct replay_letters *l, const char *capture, uint64_t began_ms,
                        const uint32_t *flow, struct ft_err *err)
{
    const struct drop d = {.capture = capture, .began_ms = began_ms, .flow = flow};
    struct dropped found = {.drop = &d};

    if (each_line(l, find_dropped, &found, err) != 0)
        return -1;
    return found.any ? rewrite(l, is_not_dropped, &d, err) : 0;
}

/*
 * Again
 */

/* All arguments one after the other in text; only lengths are kept until it no longer moves. */
static int take_args(struct replay_letter *l, const json_t *command, bool *ret_ok,
                     struct ft_err *err)
{
    size_t at = 0;

    l->count = json_array_size(command);
    l->args = calloc(l->count == 0 ? 1 : l->count, sizeof(*l->args));
    *ret_ok = l->count != 0;
    if (l->args == NULL)
        return err_nomem(err, "a dead letter");
    for (size_t i = 0; *ret_ok && i < l->count; i++) {
        const json_t *arg = json_array_get(command, i);
        const json_t *packed = json_object_get(arg, "base64");
        size_t before = l->text.n;
        int rc = 0;

        if (json_is_string(arg))
            rc = buf_append(&l->text, json_string_value(arg), json_string_length(arg), err);
        else if (json_is_string(packed))
            rc = base64_take(&l->text, json_string_value(packed), ret_ok, err);
        else
            *ret_ok = false;
        if (rc != 0)
            return -1;
        l->args[i].n = l->text.n - before;
    }
    for (size_t i = 0; i < l->count; i++) {
        l->args[i].p = l->text.p + at;
        at += l->args[i].n;
    }
    return 0;
}

/* Where a letter stands, and what decides when it is sent. */
struct place {
    uint64_t start;
    uint64_t lsn;
    uint32_t flow;
    uint32_t part, piece; /* "part.piece" */
};

struct places {
    struct place *list;
    size_t count;
    size_t capacity;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *p = a;
    const struct place *q = b;

#define COMPARE(field)        \
    if (p->field != q->field) \
    return p->field < q->field ? -1 : 1
    COMPARE(flow);
    COMPARE(lsn); /* of the snapshot's: 0 */
    COMPARE(part);
    COMPARE(piece);
    COMPARE(start);
#undef COMPARE
    return 0;
}

static int add_place(void *context, const struct lines *lines,
                     const struct replay_letter_origin *origin, struct ft_err *err)
{
    struct places *places = context;
    struct place p = {.start = lines->start, .flow = origin->flow, .lsn = origin->lsn};

    if (origin->part != NULL) /* after a mark that it may have */
        (void)sscanf(origin->part + strcspn(origin->part, "0123456789"), "%" SCNu32 ".%" SCNu32,
                     &p.part, &p.piece); /* else 0 */
    if (ARRAY_RESERVE(&places->list, &places->capacity, places->count + 1, "letters", err) != 0)
        return -1;
    places->list[places->count++] = p;
    return 0;
}

static int find_places(struct replay_letters *l, struct places *ret, struct ft_err *err)
{
    if (each_line(l, add_place, ret, err) != 0)
        return -1;
    if (ret->count != 0)
        qsort(ret->list, ret->count, sizeof(*ret->list), compare_places);
    return 0;
}

static int take_letter(const struct lines *lines, const struct replay_letters *l, json_t *json,
                       struct replay_letter *ret, struct ft_err *err)
{
    const json_t *db = json_object_get(json, "db");
    bool ok = false;
    int rc = 0;

    if (json_is_integer(db) && json_is_array(json_object_get(json, "command")))
        rc = take_args(ret, json_object_get(json, "command"), &ok, err);
    if (rc == 0 && !ok)
        rc = bad_line(lines, l, err);
    ret->db = (uint32_t)json_integer_value(db);
    return rc;
}

static int mark_done(const struct replay_letters *l, int fd, uint64_t start, struct ft_err *err)
{
    static const char done = DONE;

    if (pwrite(fd, &done, 1, (off_t)start) != 1)
        return err_errno(err, errno, "could not write to \"%s\"", l->path);
    return fs_sync(fd, l->path, err);
}

static int give(struct replay_letters *l, struct lines *lines, replay_letter_fn *take,
                void *context, bool *ret_stays, struct ft_err *err)
{
    struct replay_letter letter = {0};
    json_t *json;
    int rc;

    if (parse_line(lines, l, &json, &letter.origin, err) != 0)
        return -1;
    rc = take_letter(lines, l, json, &letter, err);
    if (rc == 0)
        rc = take(context, &letter, ret_stays, err);
    free(letter.args);
    buf_release(&letter.text);
    json_decref(json);
    return rc;
}

/* fd: l->fd writes at the end, wherever it is told to. */
static int each_place(struct replay_letters *l, const struct places *places, int fd,
                      replay_letter_fn *take, void *context, bool *ret_any_done, struct ft_err *err)
{
    struct lines lines;
    int rc = 0;

    if (lines_open(&lines, l, err) != 0)
        return -1;
    for (size_t i = 0; rc == 0 && i < places->count; i++) {
        bool stays = false;

        if (lines_at(&lines, l, places->list[i].start, err) != 0)
            rc = -1;
        else
            rc = give(l, &lines, take, context, &stays, err);
        if (rc == 0 && !stays)
            rc = mark_done(l, fd, places->list[i].start, err);
        *ret_any_done |= rc == 0 && !stays;
    }
    lines_close(&lines);
    return rc;
}

int replay_letters_each(struct replay_letters *l, replay_letter_fn *take, void *context,
                        struct ft_err *err)
{
    struct places places = {0};
    bool any_done = false;
    int fd = open(l->path, O_WRONLY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", l->path);
    rc = find_places(l, &places, err);
    if (rc == 0)
        rc = each_place(l, &places, fd, take, context, &any_done, err);
    free(places.list);
    (void)close(fd); /* each mark was made durable */
    return rc == 0 && any_done ? rewrite(l, NULL, NULL, err) : rc;
}
