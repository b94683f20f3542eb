/* password.h - what those who attach have to give. */
#ifndef FLOWTAPE_SERVE_PASSWORD_H
#define FLOWTAPE_SERVE_PASSWORD_H

#include "base/bytes.h"

/* password_lets_in - wanted: NULL: none is asked for, and who gives one, for another master perhaps, may come in. The
 * only user is "default". */
bool password_lets_in(const char *wanted, struct bytes user, struct bytes given);

#endif
