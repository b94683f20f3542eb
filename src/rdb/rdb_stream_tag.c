#include <inttypes.h>
#include <stdlib.h>

#include "base/endian.h"
#include "rdb/rdb_stream_impl.h"

#define TAG_HEAD_SIZE 9

void tag_free(struct stream_tag *tag)
{
    if (tag == NULL)
        return;
    buf_release(&tag->key);
    buf_release(&tag->value);
    free(tag);
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
    tag->value.limit_bytes = s->options.max_item_bytes;
    value_walk_begin(&tag->walk, tag->entry.type);
    s->tags[s->tag_count++] = tag;
    s->tag = tag;
    s->state = STREAM_ITEM;
    entry_reset(s);
    return STEP_AGAIN;
}

/* Collecting: take what is there and go on walking where the last walk stopped. */
static enum step tag_collect(struct rdb_stream *s, struct stream_tag *tag, struct ft_err *err)
{
    size_t n = stream_left(s);
    size_t used;
    enum step step;

    if (buf_append(&tag->value, stream_at(s), n, err) != 0)
        return STEP_ERROR;
    stream_consume(s, n);
    tag->value_bytes += n;
    step = value_walk_run(&tag->walk, tag->value.p + tag->walked, tag->value.n - tag->walked,
                          window_offset(s->w) - (tag->value.n - tag->walked), &used, err);
    tag->walked += used;
    if (step == STEP_ITEM && tag->walked != tag->value.n)
        return stream_bad(s, err, "bytes follow the value in a tagged chunk");
    if (step == STEP_MORE && s->payload_left == 0 && tag->walked != tag->value.n)
        return stream_bad(s, err, "a tagged chunk ends within a number");
    return step;
}

static enum step tag_pass_over(struct rdb_stream *s, struct stream_tag *tag, struct ft_err *err)
{
    size_t n = stream_left(s);
    size_t used;
    enum step step = value_walk_run(&tag->walk, stream_at(s), n, window_offset(s->w), &used, err);

    if (step == STEP_ERROR)
        return step;
    stream_consume(s, used);
    tag->value_bytes += used;
    if (step == STEP_ITEM && n != used)
        return stream_bad(s, err, "bytes follow the value in a tagged chunk");
    if (step == STEP_MORE && n != used && s->payload_left == n - used)
        return stream_bad(s, err, "a tagged chunk ends within a number");
    return step;
}

static enum step deliver_tag(struct rdb_stream *s, struct stream_tag *tag, struct rdb_item *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->kind = RDB_ITEM_ENTRY;
    ret->offset = tag->offset;
    ret->skipped_bytes = tag->skipped_key_bytes;
    ret->entry = tag->entry;
    ret->entry.value = buf_bytes(&tag->value);
    ret->entry.value_bytes = tag->value_bytes;
    retire_tag(s, tag);
    s->in_payload = false;
    s->tag = NULL;
    return STEP_ITEM;
}

enum step tag_go(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    struct stream_tag *tag = s->tag;
    enum step step = s->options.skip_values ? tag_pass_over(s, tag, err) : tag_collect(s, tag, err);

    if (step == STEP_ITEM) {
        if (s->payload_left != 0)
            return stream_bad(s, err, "bytes follow the value in a tagged chunk");
        return deliver_tag(s, tag, ret);
    }
    if (step == STEP_MORE && s->payload_left == 0) {
        s->in_payload = false;
        s->tag = NULL;
        return STEP_AGAIN;
    }
    return step;
}
