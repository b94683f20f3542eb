/*
 * resume_db.h - the database that is selected where the commands of a Redis end that a capture holds.
 *
 * What it is   A source that resumes does not select it again, so it has to be found in what is on disk: in the last
 *              block of the flow, or, as long as there are no commands, in what the full sync says about itself.
 */
#ifndef FLOWTAPE_CAPTURE_RESUME_DB_H
#define FLOWTAPE_CAPTURE_RESUME_DB_H

#include "store/capture.h"

int resume_db_find(const struct capture *c, const struct generation *g, uint32_t *ret_dbid,
                   struct ft_err *err);

#endif
