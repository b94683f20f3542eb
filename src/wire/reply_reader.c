#include "wire/reply_reader.h"

#include <stdlib.h>

#include "base/large_memory.h"

#define LINE_END_SIZE 2
#define ROOM_MIN      64u
#define SHOWN         64

void reply_reader_init(struct reply_reader *r, size_t limit_bytes)
{
    memset(r, 0, sizeof(*r));
    r->limit_bytes = limit_bytes;
    r->line.limit_bytes = REPLY_LINE_MAX;
}

bool reply_reader_is_idle(const struct reply_reader *r)
{
    return r->root == NULL && r->line.n == 0;
}

void reply_reader_release(struct reply_reader *r)
{
    buf_release(&r->line);
    if (r->root != NULL)
        reply_free(r->root);
    r->root = NULL;
}

static int charge(struct reply_reader *r, size_t bytes, struct ft_err *err)
{
    if (bytes > r->limit_bytes - r->used_bytes) {
        return err_set(err, FT_ERR_PROTOCOL, "more than %zu bytes in one reply", r->limit_bytes);
    }
    r->used_bytes += bytes;
    return 0;
}

/*
 * Arrays are kept on a stack of fixed depth instead of by recursion: their nesting is the peer's to choose.
 * Room for one more element of the innermost array, as they come: "*1000000000" is a claim, and costs
 * nothing until its elements are there.
 */
static int grow_array(struct reply_reader *r, struct ft_err *err)
{
    redisReply *array = r->stack[r->depth - 1].array;
    size_t room = r->stack[r->depth - 1].room;
    redisReply **grown;

    if (array->elements < room)
        return 0;
    room = room == 0 ? 4 : 2 * room;
    if (room > r->stack[r->depth - 1].wanted)
        room = r->stack[r->depth - 1].wanted;
    grown = realloc(array->element, room * sizeof(*grown));
    if (grown == NULL)
        return err_nomem(err, "a reply");
    array->element = grown;
    r->stack[r->depth - 1].room = room;
    return 0;
}

/* A new reply in its place: the root, or the next element. */
static redisReply *add_reply(struct reply_reader *r, int type, struct ft_err *err)
{
    redisReply *reply;

    if (charge(r, REPLY_ELEMENT_COST, err) != 0 || (r->depth > 0 && grow_array(r, err) != 0))
        return NULL;
    reply = calloc(1, sizeof(*reply));
    if (reply == NULL) {
        (void)err_nomem(err, "a reply");
        return NULL;
    }
    reply->type = type;
    if (r->depth > 0) {
        redisReply *array = r->stack[r->depth - 1].array;

        array->element[array->elements++] = reply;
    } else {
        r->root = reply;
    }
    return reply;
}

static int set_text(struct reply_reader *r, redisReply *reply, struct bytes text,
                    struct ft_err *err)
{
    if (charge(r, text.n, err) != 0)
        return -1;
    reply->str = malloc(text.n + 1);
    if (reply->str == NULL)
        return err_nomem(err, "a reply");
    if (text.n != 0)
        memcpy(reply->str, text.p, text.n);
    reply->str[text.n] = '\0';
    reply->len = text.n;
    return 0;
}

static int bad_line(struct bytes line, struct ft_err *err)
{
    char shown[SHOWN];

    return err_set(err, FT_ERR_PROTOCOL, "something that is not a reply: \"%s\"",
                   bytes_escape(line, shown, sizeof(shown)));
}

static int take_array(struct reply_reader *r, struct bytes line, int64_t count, struct ft_err *err)
{
    redisReply *reply = add_reply(r, count < 0 ? REDIS_REPLY_NIL : REDIS_REPLY_ARRAY, err);

    if (reply == NULL)
        return -1;
    if (count < -1)
        return bad_line(line, err);
    if (count <= 0)
        return 0;
    if (r->depth == REPLY_DEPTH_MAX)
        return err_set(err, FT_ERR_PROTOCOL, "arrays more than %d deep", REPLY_DEPTH_MAX);
    if ((uint64_t)count > (r->limit_bytes - r->used_bytes) / REPLY_ELEMENT_COST)
        return charge(r, SIZE_MAX, err);
    r->stack[r->depth].array = reply;
    r->stack[r->depth].wanted = (size_t)count;
    r->stack[r->depth++].room = 0;
    return 0;
}

static int take_bulk(struct reply_reader *r, struct bytes line, int64_t size, struct ft_err *err)
{
    redisReply *reply;

    if (size < -1)
        return bad_line(line, err);
    reply = add_reply(r, size < 0 ? REDIS_REPLY_NIL : REDIS_REPLY_STRING, err);
    if (reply == NULL)
        return -1;
    if (size < 0)
        return 0;
    if ((uint64_t)size > SIZE_MAX / 4 || charge(r, (size_t)size, err) != 0)
        return charge(r, SIZE_MAX, err);
    r->bulk = reply;
    r->bulk_room = 0;
    r->bulk_left = (size_t)size + LINE_END_SIZE;
    return 0;
}

/* A line without its end. */
static int take_line(struct reply_reader *r, struct bytes line, struct ft_err *err)
{
    struct bytes rest;
    redisReply *reply;
    int64_t number;

    if (line.n == 0)
        return bad_line(line, err);
    rest = bytes_of(line.p + 1, line.n - 1);
    switch (line.p[0]) {
    case '+':
    case '-':
        reply = add_reply(r, line.p[0] == '+' ? REDIS_REPLY_STATUS : REDIS_REPLY_ERROR, err);
        return reply == NULL ? -1 : set_text(r, reply, rest, err);
    case ':':
    case '$':
    case '*':
        break;
    default:
        return bad_line(line, err);
    }
    if (!bytes_to_i64(rest, &number))
        return bad_line(line, err);
    if (line.p[0] == '*')
        return take_array(r, line, number, err);
    if (line.p[0] == '$')
        return take_bulk(r, line, number, err);
    reply = add_reply(r, REDIS_REPLY_INTEGER, err);
    if (reply == NULL)
        return -1;
    reply->integer = number;
    return 0;
}

/* Up to the next line end. Returns 1: a line was taken. */
static int feed_line(struct reply_reader *r, struct bytes *in, struct ft_err *err)
{
    const uint8_t *newline = memchr(in->p, '\n', in->n);
    size_t n = newline == NULL ? in->n : (size_t)(newline - in->p) + 1;
    struct bytes line = bytes_of(in->p, n);

    *in = bytes_of(in->p + n, in->n - n);
    if (newline == NULL || r->line.n != 0) {
        if (n > REPLY_LINE_MAX - r->line.n)
            return err_set(err, FT_ERR_PROTOCOL, "a line of more than %zu bytes", REPLY_LINE_MAX);
        if (buf_append(&r->line, line.p, line.n, err) != 0)
            return -1;
        line = buf_bytes(&r->line);
    }
    if (newline == NULL)
        return 0;
    if (line.n < LINE_END_SIZE || line.p[line.n - LINE_END_SIZE] != '\r')
        return bad_line(line, err);
    line.n -= LINE_END_SIZE;
    if (take_line(r, line, err) != 0)
        return -1;
    buf_clear(&r->line);
    return 1;
}

/* Room for n more bytes of the text. */
static int grow_bulk(struct reply_reader *r, size_t n, struct ft_err *err)
{
    redisReply *bulk = r->bulk;
    size_t whole = bulk->len + r->bulk_left;
    size_t room = r->bulk_room < ROOM_MIN ? ROOM_MIN : r->bulk_room + r->bulk_room / 2;
    char *grown;

    if (room < bulk->len + n)
        room = bulk->len + n;
    if (room > whole)
        room = whole;
    grown = room > LARGE_MEMORY_MIN_BYTES
                ? large_memory_grow(bulk->str, r->bulk_room, bulk->len, room, err)
                : realloc(bulk->str, room);
    if (grown == NULL)
        return err_nomem(err, "a reply"); /* the first error wins */
    bulk->str = grown;
    r->bulk_room = room;
    return 0;
}

/* The text grows as it comes. Returns 1: it is complete. */
static int feed_bulk(struct reply_reader *r, struct bytes *in, struct ft_err *err)
{
    redisReply *bulk = r->bulk;
    size_t n = in->n < r->bulk_left ? in->n : r->bulk_left;

    if (n > r->bulk_room - bulk->len && grow_bulk(r, n, err) != 0)
        return -1;
    if (r->bulk_room <= LARGE_MEMORY_MIN_BYTES)
        memcpy(bulk->str + bulk->len, in->p, n);
    else if (large_memory_write(bulk->str, bulk->len, in->p, n, err) != 0)
        return -1;
    bulk->len += n;
    r->bulk_left -= n;
    *in = bytes_of(in->p + n, in->n - n);
    if (r->bulk_left != 0)
        return 0;
    bulk->len -= LINE_END_SIZE;
    if (memcmp(bulk->str + bulk->len, "\r\n", LINE_END_SIZE) != 0)
        return err_set(err, FT_ERR_PROTOCOL, "a string that does not end where it should");
    bulk->str[bulk->len] = '\0';
    r->bulk = NULL;
    return 1;
}

/* Arrays that have all their elements now are elements themselves. */
static bool is_complete(struct reply_reader *r)
{
    while (r->depth > 0 && r->stack[r->depth - 1].array->elements == r->stack[r->depth - 1].wanted)
        r->depth--;
    return r->depth == 0;
}

int reply_reader_feed(struct reply_reader *r, struct bytes *in, redisReply **ret,
                      struct ft_err *err)
{
    if (r->failed)
        return err_set(err, FT_ERR_PROTOCOL, "nothing that can be read after a bad reply");
    while (in->n != 0) {
        int taken = r->bulk != NULL ? feed_bulk(r, in, err) : feed_line(r, in, err);

        r->failed = taken < 0;
        if (r->failed)
            return -1;
        if (taken == 0 || r->bulk != NULL || !is_complete(r))
            continue;
        *ret = r->root;
        r->root = NULL;
        r->used_bytes = 0;
        return 0;
    }
    *ret = NULL;
    return 0;
}

int reply_reader_failed(const char *peer, struct ft_err *err)
{
    if (err->kind == FT_ERR_NOMEM)
        return err_wrap(err, "reading what %s sent", peer);
    return err_wrap(err, "%s sent a bad reply", peer);
}
