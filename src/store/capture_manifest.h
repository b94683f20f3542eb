/* capture_manifest.h - capture.json, read and written. */
#ifndef FLOWTAPE_STORE_CAPTURE_MANIFEST_H
#define FLOWTAPE_STORE_CAPTURE_MANIFEST_H

#include "store/capture.h"

/* Some hundred thousand segments. */
#define CAPTURE_MANIFEST_MAX_BYTES ((size_t)64 << 20)

/* capture_manifest_load - into an empty capture. FT_ERR_STATE: made by another program. */
int capture_manifest_load(struct capture *c, struct ft_err *err);
/* capture_manifest_parse - the same of a text; c->path is for messages. */
int capture_manifest_parse(struct capture *c, struct bytes text, struct ft_err *err);
/* capture_manifest_text - what capture_save writes, to be freed. */
int capture_manifest_text(const struct capture *c, char **ret, struct ft_err *err);

#endif
