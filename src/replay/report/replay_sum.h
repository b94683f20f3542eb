/* replay_sum.h - what several runs of one replay have done together. */
#ifndef FLOWTAPE_REPLAY_REPORT_REPLAY_SUM_H
#define FLOWTAPE_REPLAY_REPORT_REPLAY_SUM_H

#include "replay/report/replay_result.h"

/* replay_sum_add - what a later run did comes on top of what *sum has; *later is left empty. What is not a
 * number of things is the later one's. */
void replay_sum_add(struct replay_result *sum, struct replay_result *later);

#endif
