/* capture_manifest.h - capture.json, read and written. */
#ifndef FLOWTAPE_STORE_CAPTURE_MANIFEST_H
#define FLOWTAPE_STORE_CAPTURE_MANIFEST_H

#include "store/capture.h"

/* capture_manifest_load - into an empty capture. FT_ERR_USAGE: made by another program. */
int capture_manifest_load(struct capture *c, struct ft_err *err);

#endif
