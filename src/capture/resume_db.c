#include "capture/resume_db.h"

#include "capture/framer.h"
#include "store/flow_reader.h"

/* From the block on at which the reader stands. */
static int new_framer(struct framer **ret, const struct capture_flow *flow,
                      const struct segment_block *block, enum segment_kind kind, struct ft_err *err)
{
    const struct framer_options options = {
        .flow_count = 1,
        .eof_token = flow->eof_token,
        .redis = true,
        .resumed = kind == SEGMENT_JOURNAL,
        .start_lsn = kind == SEGMENT_JOURNAL ? block->first_lsn : flow->stable_lsn,
        .start_offset = block->stream_offset,
        .start_dbid = block->dbid,
    };

    return framer_new(ret, &options, err);
}

static int frame(struct framer *f, struct bytes piece, struct ft_err *err)
{
    enum framer_event event;

    if (framer_feed(f, piece, 0, err) != 0)
        return -1;
    do
        event = framer_run(f, err);
    while (event == FRAMER_FULLSYNC_END || event == FRAMER_STREAM_END);
    if (event != FRAMER_MORE)
        return -1;
    return framer_detach(f, err);
}

static int read_to_end(struct flow_reader *reader, const struct capture_flow *flow,
                       uint32_t *ret_dbid, struct ft_err *err)
{
    struct framer *framer = NULL;
    struct segment_block block;
    enum segment_kind kind;
    enum step step;
    int rc = 0;

    while (rc == 0 && (step = flow_reader_next(reader, &block, &kind, err)) != STEP_END) {
        rc = step == STEP_ITEM ? 0 : -1;
        if (rc == 0 && framer == NULL)
            rc = new_framer(&framer, flow, &block, kind, err);
        if (rc == 0)
            rc = frame(framer, block.payload, err);
    }
    if (rc == 0)
        *ret_dbid = framer == NULL ? 0 : framer_state(framer)->dbid;
    framer_free(framer);
    return rc;
}

int resume_db_find(const struct capture *c, const struct generation *g, uint32_t *ret_dbid,
                   struct ft_err *err)
{
    const struct capture_flow *flow = &g->flows[0];
    struct flow_reader *reader;
    int rc = 0;

    if (flow_reader_new(&reader, c, g, 0, err) != 0)
        return -1;
    if (flow->next_lsn > flow->stable_lsn)
        rc = flow_reader_seek_lsn(reader, flow->next_lsn - 1, err); /* the last byte's block */
    if (rc == 0)
        rc = read_to_end(reader, flow, ret_dbid, err);
    if (rc != 0)
        (void)err_wrap(err, "could not find the end of \"%s/%s\"", c->path,
                       flow_reader_where(reader));
    flow_reader_free(reader);
    return rc;
}
