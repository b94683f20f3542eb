/* capture_form.h - a capture whatever its form, a directory or an archive, for who shows or checks its structure. */
#ifndef FLOWTAPE_INPUT_CAPTURE_FORM_H
#define FLOWTAPE_INPUT_CAPTURE_FORM_H

#include "store/capture.h"

/* capture_form_is - is there a capture at this path? */
bool capture_form_is(const char *path);
/* capture_form_open - to read. */
int capture_form_open(struct capture **ret, const char *path, struct ft_err *err);

#endif
