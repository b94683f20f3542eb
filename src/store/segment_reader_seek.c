#include "store/segment_reader_seek.h"

#include <inttypes.h>

#include <xxhash.h>

#include "store/segment_reader_impl.h"

/* The last index entry that is not after value, as the place to walk from. */
static void start_from_index(const struct segment_reader *r, bool by_lsn, uint64_t value,
                             struct segment_tally *t)
{
    for (size_t i = 1; i < reader_index_count(r); i++) {
        struct index_entry e = reader_index_at(r, i);

        if ((by_lsn ? e.first_lsn : e.time_us) > value)
            break;
        t->file_offset = e.file_offset;
        t->stream_offset = e.stream_offset;
        t->next_lsn = e.first_lsn;
    }
}

static void go_to(struct segment_reader *r, const struct segment_tally *t)
{
    r->tally = *t;
    r->from_start = t->file_offset == r->header_bytes;
    r->index_next = 0;
    while (r->index_next < reader_index_count(r) &&
           reader_index_at(r, r->index_next).file_offset < t->file_offset)
        r->index_next++;
    if (!r->sealed)
        r->limit = t->file_offset;
}

/*
 * The index is sparse (an entry for every 64 KiB of blocks or so, see segment.h), so it only says where
 * to begin; from there headers are read until one is too far. `best` is kept apart from the place of the
 * walk, because a reader can begin only between items: not at a block that continues the one before.
 * A file that is still being written has no index, and is walked from its beginning; its torn end is
 * where the walk stops, not an error.
 */
int segment_reader_seek(struct segment_reader *r, bool by_lsn, uint64_t value, struct ft_err *err)
{
    struct segment_tally t;
    struct segment_tally best;
    struct block_header h;
    uint64_t end;
    bool far = false;

    if (!r->sealed && reader_look_at_size(r, err) != 0)
        return -1;
    end = r->sealed ? r->limit : r->file_bytes;
    segment_tally_start(&t, &r->id, r->header_bytes);
    if (r->sealed)
        start_from_index(r, by_lsn, value, &t);
    best = t;
    while (t.file_offset < end) {
        struct segment_tally before = t;

        if (reader_walk_step(r, &t, end, &far, &h, err) != 0) {
            if (!r->sealed && reader_is_torn(err))
                break;
            return reader_fail_at(r, before.file_offset, err);
        }
        if (before.continued)
            continue;
        if ((by_lsn ? h.block.first_lsn : h.block.time_us) > value)
            break;
        best = before;
    }
    go_to(r, &best);
    return 0;
}

static int sum_up_open(struct segment_reader *r, struct segment_tally *ret, struct ft_err *err)
{
    struct segment_tally t;
    struct block_header h;
    bool far = false;

    if (reader_look_at_size(r, err) != 0)
        return -1;
    segment_tally_start(&t, &r->id, r->header_bytes);
    *ret = t;
    while (t.file_offset < r->file_bytes) {
        uint64_t at = t.file_offset;

        if (reader_walk_step(r, &t, r->file_bytes, &far, &h, err) != 0)
            return reader_is_torn(err) ? 0 : reader_fail_at(r, at, err);
        if (!t.continued)
            *ret = t;
    }
    return 0;
}

static void plain_name(const struct segment_reader *r, char name[SEGMENT_NAME_MAX])
{
    size_t n = strlen(r->name);
    size_t suffix = strlen(SEGMENT_PARTIAL_SUFFIX);

    if (n > suffix && strcmp(r->name + n - suffix, SEGMENT_PARTIAL_SUFFIX) == 0)
        n -= suffix;
    if (n >= SEGMENT_NAME_MAX)
        n = SEGMENT_NAME_MAX - 1;
    memcpy(name, r->name, n);
    name[n] = '\0';
}

int segment_reader_info(struct segment_reader *r, struct segment_info *ret, struct ft_err *err)
{
    const struct segment_trailer *t = &r->trailer;
    struct segment_info info = {0};
    struct segment_tally sums;

    if (!r->sealed) {
        if (sum_up_open(r, &sums, err) != 0)
            return -1;
        segment_tally_info(&sums, &r->id, &info);
    } else {
        sums = (struct segment_tally){
            .file_offset = r->file_bytes,
            .stream_offset = r->id.start_offset + t->raw_bytes,
            .next_lsn = t->next_lsn,
            .block_count = t->block_count,
            .first_time_us = t->first_time_us,
            .last_time_us = t->last_time_us,
            .ended = t->ended,
        };
        segment_tally_info(&sums, &r->id, &info);
        info.sealed = true;
        info.digest = t->digest;
    }
    plain_name(r, info.name);
    *ret = info;
    return 0;
}
