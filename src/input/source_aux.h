/*
 * source_aux.h - what the AUX fields in front of a stream's data say.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_AUX_H
#define FLOWTAPE_INPUT_SOURCE_AUX_H

#include "input/source.h"

/* Of one file; also its place in a .dfs set. */
struct source_aux {
    struct source_info info;
    char snapshot_id[64];
    bool has_shard_count;
    uint64_t shard_count;
    bool has_shard_id;
    uint64_t shard_id;
    bool complete; /* something else has followed them */
};

int source_read_aux(const struct source *s, uint32_t index, struct source_aux *ret,
                    struct ft_err *err);

#endif
