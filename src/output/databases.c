#include "output/databases.h"

#include <inttypes.h>

int databases_use(struct databases *d, uint32_t db, struct ft_err *err)
{
    if (d->limit != 0 && db >= d->limit) {
        return err_set(err, FT_ERR_LIMIT,
                       "database %" PRIu32 " is not one of the %" PRIu32
                       " that the server has (--databases); --db leaves it out",
                       db, d->limit);
    }
    if (db >= d->needed)
        d->needed = db + 1;
    return 0;
}
