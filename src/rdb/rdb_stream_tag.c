#include "rdb/rdb_stream_tag.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/endian.h"

#define TAG_HEAD_SIZE 9

/* What the unfinished values of all streams of the process may hold in memory. Beyond it those that
 * grow wait in files, each with a small rest in memory. */
#define TAGS_MEMORY_BYTES ((size_t)16 << 20)
#define TAG_REST_BYTES    ((size_t)16 << 10)

static atomic_size_t tags_memory_bytes;

/* Count what the value holds by now. */
static void count_memory(struct stream_tag *tag)
{
    atomic_fetch_add(&tags_memory_bytes, tag->value.tail.cap - tag->held_bytes);
    tag->held_bytes = tag->value.tail.cap;
}

void tag_free(struct stream_tag *tag)
{
    if (tag == NULL)
        return;
    buf_release(&tag->key);
    spool_release(&tag->value);
    count_memory(tag);
    free(tag);
}

/* Some values are large and come together: they must not add up. */
static int keep_value(struct stream_tag *tag, struct bytes piece, struct ft_err *err)
{
    if (atomic_load(&tags_memory_bytes) > TAGS_MEMORY_BYTES)
        tag->value.memory_bytes = TAG_REST_BYTES;
    if (spool_append(&tag->value, piece.p, piece.n, err) != 0)
        return -1;
    count_memory(tag);
    return 0;
}

static struct stream_tag *find_tag(const struct rdb_stream *s, uint32_t id)
{
    for (size_t i = 0; i < s->tag_count; i++) {
        if (s->tags[i]->id == id)
            return s->tags[i];
    }
    return NULL;
}

/* Take the tag out of the table; it lives until the next call. */
static void retire_tag(struct rdb_stream *s, struct stream_tag *tag)
{
    size_t i = 0;

    while (s->tags[i] != tag)
        i++;
    s->tags[i] = s->tags[--s->tag_count];
    s->delivered = tag;
}

enum step tag_opcode(struct rdb_stream *s, struct ft_err *err)
{
    const uint8_t *p = stream_at(s);
    uint32_t id;
    uint32_t n;

    if (stream_left(s) < TAG_HEAD_SIZE)
        return STEP_MORE;
    id = load_le32(p + 1);
    n = load_le32(p + 5);
    if (id == 0 || n == 0)
        return stream_bad(s, err, "a tagged chunk has id %" PRIu32 " and %" PRIu32 " bytes", id, n);
    s->tag = find_tag(s, id);
    if (s->tag == NULL && s->tag_count == RDB_OPEN_TAGS_MAX) {
        (void)err_at(err, FT_ERR_LIMIT, window_offset(s->w),
                     "more than %d entries are open at once", RDB_OPEN_TAGS_MAX);
        return STEP_ERROR;
    }
    stream_consume(s, TAG_HEAD_SIZE);
    s->payload_id = id;
    s->payload_left = n;
    s->in_payload = true;
    return STEP_AGAIN;
}

enum step tag_open(struct rdb_stream *s, struct bytes key, struct ft_err *err)
{
    struct stream_tag *tag = calloc(1, sizeof(*tag));

    if (tag == NULL || buf_append(&tag->key, key.p, key.n, err) != 0) {
        free(tag);
        (void)err_nomem(err, "a tagged entry"); /* the first error wins */
        return STEP_ERROR;
    }
    tag->id = s->payload_id;
    tag->offset = s->offset;
    tag->entry = s->entry;
    tag->entry.key = buf_bytes(&tag->key);
    tag->entry.value = bytes_of(NULL, 0);
    tag->entry.raw = bytes_of(NULL, 0);
    tag->skipped_key_bytes = s->skipped_bytes;
    tag->value.memory_bytes = s->options.max_item_bytes;
    value_walk_begin(&tag->walk, tag->entry.type);
    s->tags[s->tag_count++] = tag;
    s->tag = tag;
    s->state = STREAM_ITEM;
    entry_reset(s);
    return STEP_AGAIN;
}

static enum step tag_pass(struct rdb_stream *s, struct stream_tag *tag, struct ft_err *err)
{
    const uint8_t *p = stream_at(s);
    size_t n = stream_left(s);
    size_t used;
    enum step step = value_walk_run(&tag->walk, p, n, window_offset(s->w), &used, err);

    if (step == STEP_ERROR)
        return step;
    if (!s->options.skip_values && keep_value(tag, bytes_of(p, used), err) != 0)
        return STEP_ERROR;
    stream_consume(s, used);
    tag->value_bytes += used;
    if (!s->options.skip_values && tag->value_bytes > s->options.max_item_bytes)
        return stream_want(s, tag->value_bytes, err);
    if (step == STEP_ITEM && n != used)
        return stream_bad(s, err, "bytes follow the value in a tagged chunk");
    if (step == STEP_MORE && n != used && s->payload_left == n - used)
        return stream_bad(s, err, "a tagged chunk ends within a number");
    return step;
}

static enum step deliver_tag(struct rdb_stream *s, struct stream_tag *tag, struct rdb_item *ret,
                             struct ft_err *err)
{
    struct bytes value;

    if (spool_view(&tag->value, &value, err) != 0)
        return STEP_ERROR;
    memset(ret, 0, sizeof(*ret));
    ret->kind = RDB_ITEM_ENTRY;
    ret->offset = tag->offset;
    ret->skipped_bytes = tag->skipped_key_bytes;
    ret->entry = tag->entry;
    ret->entry.value = value;
    ret->entry.value_bytes = tag->value_bytes;
    retire_tag(s, tag);
    s->in_payload = false;
    s->tag = NULL;
    return STEP_ITEM;
}

enum step tag_go(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    struct stream_tag *tag = s->tag;
    enum step step = tag_pass(s, tag, err);

    if (step == STEP_ITEM) {
        if (s->payload_left != 0)
            return stream_bad(s, err, "bytes follow the value in a tagged chunk");
        return deliver_tag(s, tag, ret, err);
    }
    if (step == STEP_MORE && s->payload_left == 0) {
        s->in_payload = false;
        s->tag = NULL;
        return STEP_AGAIN;
    }
    return step;
}
