/* cmd_fixture.h - "flowtape fixture": its commands are in a table of cmd_fixture.c. */
#ifndef FLOWTAPE_CMD_CMD_FIXTURE_H
#define FLOWTAPE_CMD_CMD_FIXTURE_H

int cmd_fixture(int argc, char **argv);

#endif
