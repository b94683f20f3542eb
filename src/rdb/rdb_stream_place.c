#include "rdb/rdb_stream_place.h"

#include "rdb/rdb_stream_impl.h"
#include "rdb/rdb_stream_run.h"

void rdb_stream_start_at(struct rdb_stream *s, const struct rdb_place *place)
{
    s->state = STREAM_ITEM;
    s->header = place->header;
    s->origin = (enum stream_origin)place->origin;
    s->df_minor = place->df_minor;
    s->db = place->db;
    s->crc = place->crc;
}

static void note_place(const struct rdb_stream *s, uint64_t offset, struct rdb_place *place)
{
    place->offset = offset;
    place->header = s->header;
    place->origin = (int)s->origin;
    place->df_minor = s->df_minor;
    place->db = s->db;
}

static bool begins_entry(unsigned byte)
{
    return byte < RDB_TYPE_COUNT || byte == RDB_OP_EXPIRETIME_MS || byte == RDB_OP_EXPIRETIME ||
           byte == RDB_OP_IDLE || byte == RDB_OP_FREQ || byte == RDB_OP_DF_MASK;
}

/* An AUX field that may belong to the entry before it is no place: another parser would not know that entry. */
static bool is_place(const struct rdb_stream *s, const struct window *in)
{
    static const char name[] = RDB_AUX_KEYDB_MEMBER;
    const size_t size = sizeof(name) - 1;
    const uint8_t *p = window_at(in);

    if (window_left(in) == 0 || !rdb_stream_at_boundary(s) || s->state != STREAM_ITEM)
        return false;
    if (p[0] != RDB_OP_AUX)
        return begins_entry(p[0]);
    return window_left(in) >= 2 + size && memcmp(p + 2, name, size) != 0;
}

static bool is_for_one(const struct rdb_stream *s, const struct rdb_item *item, enum step step)
{
    if (s->blob.open || s->in_payload || s->tag_count != 0)
        return true;
    if (step != STEP_ITEM)
        return false;
    switch (item->kind) {
    case RDB_ITEM_JOURNAL_BLOB:
    case RDB_ITEM_JOURNAL_OFFSET:
    case RDB_ITEM_FULLSYNC_END:
    case RDB_ITEM_EOF:
        return true;
    default:
        return false;
    }
}

enum step rdb_stream_find_place(struct rdb_stream *s, struct window *in, struct rdb_place *place)
{
    struct ft_err ignored = FT_ERR_INIT; /* whoever reads on from the place meets it too */
    struct rdb_item item;
    enum step step;

    do {
        if (is_place(s, in))
            note_place(s, window_offset(in), place);
        if (rdb_stream_pass(s, in) != 0 && is_place(s, in))
            note_place(s, window_offset(in), place);
        step = rdb_stream_next(s, in, &item, &ignored);
        if (is_for_one(s, &item, step))
            return STEP_END;
    } while (step == STEP_ITEM);
    return step;
}
