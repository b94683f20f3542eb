/* side_file.h - an INPUT as a side of a comparison: its state at a cut, by state/state_run.h. */
#ifndef FLOWTAPE_DIFF_SIDE_FILE_H
#define FLOWTAPE_DIFF_SIDE_FILE_H

#include "diff/diff_side.h"
#include "input/cut.h"
#include "input/source.h"

/* side_file_new - rules: of the whole comparison, filled before anything is read. */
int side_file_new(struct diff_side **ret, enum diff_of of, const char *path,
                  const struct diff_side_options *options, const struct diff_rules *rules,
                  struct ft_err *err);

/* Takes the name of a key of a file. */
typedef int side_file_key_fn(void *context, uint32_t db, struct bytes name, struct ft_err *err);

/*
 * side_file_move - to another cut of the same input, which may have grown since it was opened. take: every key that the
 * journal names between the two, as often as it does; NULL: they are not wanted. *ret_flushed: a flush lies there, and nothing is as it was.
 */
int side_file_move(struct diff_side *s, const char *at, side_file_key_fn *take, void *context,
                   bool *ret_flushed, struct ft_err *err);
/* side_file_list_entries - every key that the snapshot names, in no order; those that are flushed later too. */
int side_file_list_entries(struct diff_side *s, side_file_key_fn *take, void *context,
                           struct ft_err *err);
/* side_file_list_records - every key that the journal names up to the cut, in its order. */
int side_file_list_records(struct diff_side *s, side_file_key_fn *take, void *context,
                           struct ft_err *err);
/* side_file_source, side_file_cut - what is read, and up to where. */
const struct source *side_file_source(const struct diff_side *s);
const struct cut *side_file_cut(const struct diff_side *s);

#endif
