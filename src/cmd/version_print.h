/* version_print.h - which program this is, of which libraries, and how it was built. */
#ifndef FLOWTAPE_CMD_VERSION_PRINT_H
#define FLOWTAPE_CMD_VERSION_PRINT_H

#include <stdbool.h>

#include "cmd/exit_status.h"

/* version_is_asked - is the word --version or -V? */
bool version_is_asked(const char *word);
enum exit_status version_print(bool as_json);

#endif
