#include "cmd/cmd_fixture.h"

#include <string.h>

#include "cmd/cmd_fixture_make.h"
#include "cmd/cmd_fixture_mask.h"
#include "cmd/cmd_fixture_sample.h"
#include "cmd/cmd_fixture_shrink.h"
#include "cmd/ui.h"

#define COMMAND "fixture"

/* As a command of the program, one word further on. */
struct fixture_command {
    const char *name;
    int (*run)(int argc, char **argv);
    int (*help)(FILE *out);
    const char *summary;
};

static const struct fixture_command commands[] = {
    {"make", cmd_fixture_make, cmd_fixture_make_help, "make a capture from a text"},
    {"mask", cmd_fixture_mask, cmd_fixture_mask_help, "give everything in an input another name"},
    {"sample", cmd_fixture_sample, cmd_fixture_sample_help, "keep some of the keys of an input"},
    {"shrink", cmd_fixture_shrink, cmd_fixture_shrink_help,
     "find the smallest capture for which a command succeeds"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_commands(FILE *out)
{
    fputs("Usage: flowtape fixture COMMAND [OPTION...] ...\n"
          "\n"
          "Makes captures for tests.\n"
          "\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
}

static int print_help(FILE *out)
{
    int rc = 0;

    print_commands(out);
    for (size_t i = 0; rc == 0 && i < COMMAND_COUNT; i++) {
        fputc('\n', out);
        rc = commands[i].help(out);
    }
    return rc;
}

int cmd_fixture(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return (int)ui_help(COMMAND, print_help);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return (int)ui_usage(COMMAND, "there is no command \"%s\"", name);
}
