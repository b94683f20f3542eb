#include "replay/report/replay_result.h"

#include <stdlib.h>

void replay_result_release(struct replay_result *r)
{
    suspect_release(&r->suspects);
    free(r->flows);
    free(r->nodes);
    *r = (struct replay_result){0};
}
