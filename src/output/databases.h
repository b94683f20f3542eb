/* databases.h - how many databases an output needs of the server that loads it. */
#ifndef FLOWTAPE_OUTPUT_DATABASES_H
#define FLOWTAPE_OUTPUT_DATABASES_H

#include "base/err.h"

/* What a server has unless it is told otherwise. */
#define DATABASES_DEFAULT 16u

struct databases {
    uint32_t needed; /* one more than the highest that was used */
    uint32_t limit;  /* as many as the server has; 0: not known */
};

/* databases_use - FT_ERR_LIMIT: the server does not have it. */
int databases_use(struct databases *d, uint32_t db, struct ft_err *err);

#endif
