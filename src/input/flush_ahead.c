#include "input/flush_ahead.h"

#include <stdlib.h>
#include <string.h>

struct flush_ahead {
    struct source_stream *stream;
    struct item item; /* read, but not looked at yet */
    bool has_item;
    bool ended;
    uint64_t first_lsn;
    uint64_t until[SLOT_COUNT]; /* LSN of the last flush that was read; 0: none */
};

int flush_ahead_new(struct flush_ahead **ret, const struct source *source, uint32_t stream,
                    uint64_t lsn, bool follow, struct ft_err *err)
{
    const struct source_stream_options options = {
        .journal_only = true, .start_lsn = lsn, .follow = follow};
    struct flush_ahead *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return err_nomem(err, "the flushes of a flow");
    a->first_lsn = lsn;
    if (source_stream_open(&a->stream, source, stream, &options, err) != 0) {
        free(a);
        return -1;
    }
    *ret = a;
    return 0;
}

void flush_ahead_free(struct flush_ahead *a)
{
    if (a == NULL)
        return;
    source_stream_free(a->stream);
    free(a);
}

bool flush_ahead_covers(const struct flush_ahead *a, uint16_t slot, uint64_t lsn)
{
    return a != NULL && a->until[slot] > lsn;
}

static int take_item(struct flush_ahead *a, struct translator *translator, struct ft_err *err)
{
    const struct item *item = &a->item;
    struct translation t;

    if (item_command(item) == NULL || strcmp(item->record.name, "DFLYCLUSTER") != 0)
        return 0;
    if (translator_run(translator, item->record.args, item->record.arg_count, item->record.dbid,
                       (int64_t)(item->time_us / 1000), &t, err) != 0)
        return -1;
    for (size_t i = 0; t.class_ == TRANSLATION_FLUSH && i < t.flush.range_count; i++) {
        for (uint32_t slot = t.flush.ranges[i].first; slot <= t.flush.ranges[i].last; slot++)
            a->until[slot] = item->lsn;
    }
    return 0;
}

int flush_ahead_read(struct flush_ahead *a, struct translator *translator, uint16_t slot,
                     uint64_t limit, struct ft_err *err)
{
    uint64_t before = a->until[slot];

    while (!a->ended && a->until[slot] == before) {
        enum step step = STEP_ITEM;

        if (!a->has_item)
            step = source_stream_next(a->stream, &a->item, err);
        a->has_item = step == STEP_ITEM;
        a->ended = step == STEP_END;
        if (step == STEP_ERROR)
            return -1;
        if (step != STEP_ITEM || a->item.lsn >= limit)
            return 0;
        a->has_item = false;
        if (a->item.lsn >= a->first_lsn && take_item(a, translator, err) != 0)
            return -1;
    }
    return 0;
}
