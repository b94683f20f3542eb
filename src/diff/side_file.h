/* side_file.h - an INPUT as a side of a comparison: its state at a cut, by state/state_run.h. */
#ifndef FLOWTAPE_DIFF_SIDE_FILE_H
#define FLOWTAPE_DIFF_SIDE_FILE_H

#include "diff/diff_side.h"

/* side_file_new - rules: of the whole comparison, filled before anything is read. */
int side_file_new(struct diff_side **ret, enum diff_of of, const char *path,
                  const struct diff_side_options *options, const struct diff_rules *rules,
                  struct ft_err *err);

#endif
