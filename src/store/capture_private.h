/*
 * capture_private.h - what the files after capture.h share.
 */
#ifndef FLOWTAPE_STORE_CAPTURE_PRIVATE_H
#define FLOWTAPE_STORE_CAPTURE_PRIVATE_H

#include "store/capture.h"

#define CAPTURE_MAJOR 1
/* Of a capture of a Redis, whose journal is not one that programs for version 1 can read. */
#define CAPTURE_MAJOR_REDIS 2
#define CAPTURE_MINOR       0

extern const enum segment_kind capture_kinds[3];

/* "gen-0001" and "gen-0001/flow-000-00000-snapshot.seg": a name is right if it is made again so. */
void capture_generation_dir(uint32_t generation, char name[SEGMENT_NAME_MAX]);
void capture_segment_name(uint32_t generation, uint32_t flow, uint32_t ordinal,
                          enum segment_kind kind, char name[SEGMENT_NAME_MAX]);

/* capture_append_generation - room for one more with its flows; all else is zero. */
int capture_append_generation(struct capture *c, uint32_t flow_count, struct generation **ret,
                              struct ft_err *err);
void capture_release_generations(struct capture *c);
/* capture_flow_clear - forget the segments and what follows from them. */
void capture_flow_clear(struct capture_flow *f);

/* How the listing of a directory is used: called for every entry but . and .. */
typedef int capture_visit_fn(int dirfd, const char *name, void *arg, struct ft_err *err);
int capture_list(int dirfd, const char *name, capture_visit_fn *visit, void *arg,
                 struct ft_err *err);

#endif
