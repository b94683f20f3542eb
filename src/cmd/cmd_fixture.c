#include "cmd/cmd_fixture.h"

#include "cmd/cmd_fixture_make.h"
#include "cmd/cmd_fixture_mask.h"
#include "cmd/cmd_fixture_sample.h"
#include "cmd/cmd_fixture_shrink.h"

static const struct command commands[] = {
    {"make", "make a capture from a text", cmd_fixture_make, cmd_fixture_make_help, NULL},
    {"mask", "give everything in an input another name", cmd_fixture_mask, cmd_fixture_mask_help,
     NULL},
    {"sample", "keep some of the keys of an input", cmd_fixture_sample, cmd_fixture_sample_help,
     NULL},
    {"shrink", "find the smallest capture for which a command succeeds", cmd_fixture_shrink,
     cmd_fixture_shrink_help, NULL},
};

const struct command_list fixture_commands = {
    .name = "fixture",
    .about = "Usage: flowtape fixture COMMAND [OPTION...] ...\n"
             "\n"
             "Makes captures for tests.\n"
             "\n",
    .commands = commands,
    .count = sizeof(commands) / sizeof(commands[0]),
};
