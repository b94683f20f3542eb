/* sent_key.h - the key of a command as it is sent to a target. */
#ifndef FLOWTAPE_COMMAND_SENT_KEY_H
#define FLOWTAPE_COMMAND_SENT_KEY_H

#include "base/bytes.h"

/* command_sent_key - the first key; on a cluster all others are of its slot. Empty: the command has none.
 * Scripts and commands that a translation makes are known too, others have to be in the table. */
struct bytes command_sent_key(const struct bytes *args, size_t count);

#endif
