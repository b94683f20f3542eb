/*
 * verify_flow.h - the segments of one flow of a generation, block by block.
 *
 * Threads      Flows of files may be checked beside each other; those of an archive one after the other.
 */
#ifndef FLOWTAPE_AUDIT_VERIFY_FLOW_H
#define FLOWTAPE_AUDIT_VERIFY_FLOW_H

#include "archive/packed_reader.h"
#include "audit/verify_items.h"
#include "input/source_stream.h"
#include "store/capture.h"

/* A capture whose segments are files, or the members of an archive one after the other. */
struct verify_segments {
    const struct capture *capture;
    struct packed_reader *packed; /* NULL: files */
    bool broken;                  /* the archive cannot be read beyond what was found */
};

/* verify_flow - what is wrong goes into the report; keys: those of its snapshot are added. */
int verify_flow(struct verify_report *r, struct verify_keys *keys, struct verify_segments *segments,
                const struct generation *g, uint32_t flow, struct source_large *large,
                struct ft_err *err);

#endif
