/* cmd_fixture.h - "flowtape fixture": its commands. */
#ifndef FLOWTAPE_CMD_CMD_FIXTURE_H
#define FLOWTAPE_CMD_CMD_FIXTURE_H

#include "cmd/command.h"

extern const struct command_list fixture_commands;

#endif
