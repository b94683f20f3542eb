/* fold_read.h - the values of the touched keys, out of memory and of the private server. */
#ifndef FLOWTAPE_STATE_FOLD_READ_H
#define FLOWTAPE_STATE_FOLD_READ_H

#include "state/fold_stream.h"

/* fold_read_out - all touched keys as they are at the cut, when everything was put. */
int fold_read_out(struct fold_stream *s, plain_key_fn *take, void *context, struct ft_err *err);

/* Takes the code of one library of functions. */
typedef int fold_function_fn(void *context, struct bytes code, struct ft_err *err);

/* fold_read_functions - all libraries of the server. */
int fold_read_functions(struct fold_stream *s, fold_function_fn *take, void *context,
                        struct ft_err *err);

#endif
