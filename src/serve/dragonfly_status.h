/* dragonfly_status.h - what the Dragonfly master says of itself: INFO, ROLE, HELLO. */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_STATUS_H
#define FLOWTAPE_SERVE_DRAGONFLY_STATUS_H

#include "serve/dragonfly_master.h"

/* dragonfly_info_put - of the section, "": all of them. */
int dragonfly_info_put(struct dragonfly_master *m, struct bytes section, struct buf *out,
                       struct ft_err *err);
int dragonfly_role_put(struct dragonfly_master *m, struct buf *out, struct ft_err *err);
int dragonfly_hello_put(const struct dragonfly_master *m, struct buf *out, struct ft_err *err);
/* dragonfly_publish_status - how many replicas there are, into the progress. */
void dragonfly_publish_status(struct dragonfly_master *m);

#endif
