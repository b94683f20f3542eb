/*
 * cut.h - a moment of a capture, as one LSN per flow.
 *
 * What it is   The text of --at and what it means for a generation: `snapshot` (the end of the full
 *              sync, records inside it applied), `end`, a time (RFC 3339, or "-90s" before the last
 *              byte received), or a list of LSNs, one per flow: records up to and including that LSN
 *              are applied. A time is resolved by the receive times of blocks: a record counts when
 *              its block was received by then.
 */
#ifndef FLOWTAPE_INPUT_CUT_H
#define FLOWTAPE_INPUT_CUT_H

#include "store/capture.h"

struct cut {
    uint32_t flow_count;
    /* LSN of the first record that is not applied; flow's stable_lsn: the snapshot alone. */
    uint64_t *stop_lsn;
    /* first record that is applied, for who has applied the ones before; NULL: the flow's first.
     * Borrowed; cut_resolve leaves it NULL. */
    const uint64_t *start_lsn;
    /* NULL, or where journal_pass.h says the LSNs of a flush, one per flow, before it delivers it. */
    uint64_t *flush_lsn;
    /* when that was, by receive times: what ended by then is no part of the state */
    int64_t moment_ms;
    bool is_snapshot; /* no flow applies a record of its journal */
    bool is_end;      /* every flow applies all that is there */
    bool at_rest;     /* a pass fails at its end if slots are on their way between nodes there */
};

/* cut_parse_time - RFC 3339, or "-90s" before the last byte that the generation received. */
int cut_parse_time(const char *text, const struct generation *g, uint64_t *ret_time_us,
                   struct ft_err *err);
/* cut_resolve - FT_ERR_USAGE: not understood, or outside the capture; the text says the bounds. */
int cut_resolve(struct cut *ret, const char *text, const struct capture *c,
                const struct generation *g, struct ft_err *err);
/* cut_resolve_option - of an option of another name. */
int cut_resolve_option(struct cut *ret, const char *option, const char *text,
                       const struct capture *c, const struct generation *g, struct ft_err *err);
void cut_release(struct cut *cut);

/* cut_moment_ms - of the state. cut: NULL for an input that has one state only, that of this time. */
static inline int64_t cut_moment_ms(const struct cut *cut, int64_t of_input_ms)
{
    return cut == NULL || cut->moment_ms == 0 ? of_input_ms : cut->moment_ms;
}

#endif
