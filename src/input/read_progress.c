#include "input/read_progress.h"

#include <stddef.h>

void read_progress_begin(struct read_progress *p, const char *phase, uint64_t total)
{
    if (p == NULL)
        return;
    atomic_store(&p->total, 0); /* until the count is that of the new phase */
    atomic_store(&p->done, 0);
    atomic_store(&p->phase, phase);
    atomic_store(&p->total, total);
}

void read_progress_add(struct read_progress *p, uint64_t bytes)
{
    if (p != NULL)
        atomic_fetch_add(&p->done, bytes);
}
