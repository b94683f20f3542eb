#include <stdio.h>
#include <string.h>

#include "base/json_tree.h"
#include "cmd/cmd_capture.h"
#include "cmd/cmd_convert.h"
#include "cmd/cmd_cutover.h"
#include "cmd/cmd_diff.h"
#include "cmd/cmd_explain.h"
#include "cmd/cmd_fixture.h"
#include "cmd/cmd_inspect.h"
#include "cmd/cmd_pack.h"
#include "cmd/cmd_replay.h"
#include "cmd/cmd_serve.h"
#include "cmd/cmd_sync.h"
#include "cmd/cmd_unpack.h"
#include "cmd/cmd_verify.h"
#include "cmd/exit_status.h"
#include "cmd/secret_args.h"
#include "config.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"capture", cmd_capture, "record a live Dragonfly into a capture directory"},
    {"convert", cmd_convert, "make a file that Redis loads"},
    {"replay", cmd_replay, "write a capture or snapshot into a running Redis"},
    {"sync", cmd_sync, "migrate a live Dragonfly into a running Redis"},
    {"cutover", cmd_cutover, "tell a running sync to cut over"},
    {"serve", cmd_serve, "let Redis replicate from a capture or snapshot"},
    {"verify", cmd_verify, "check a capture or file for damage"},
    {"diff", cmd_diff, "compare two captures, files or servers"},
    {"inspect", cmd_inspect, "show what is in a capture or file"},
    {"pack", cmd_pack, "make one archive of a capture"},
    {"unpack", cmd_unpack, "make a capture directory of an archive"},
    {"fixture", cmd_fixture, "make captures for tests"},
    {"explain", cmd_explain, "show what one journalled command becomes"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
    fputs("Usage: flowtape COMMAND [OPTION...] ...\n"
          "\n"
          "Records what a Dragonfly master sends to its replicas, makes files of it that Redis\n"
          "loads, and writes it into a running Redis or Redis Cluster.\n"
          "\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "\"flowtape COMMAND --help\" describes one command; flowtape(1) is the manual.\n",
          out);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    struct ft_err err = FT_ERR_INIT;

    json_tree_watch();
    if (secret_args_hide(argc, argv, &err) != 0) {
        fprintf(stderr, "flowtape: %s\n", err.msg);
        return EXIT_FAILED;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts(PACKAGE_STRING);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            int status = commands[i].run(argc - 1, argv + 1);

            secret_args_wipe();
            return status;
        }
    }
    if (name[0] == '\0') {
        print_help(stderr);
    } else {
        (void)err_set(&err, FT_ERR_USAGE, "there is no command \"%s\"", name); /* printable */
        secret_args_mask(err.msg);
        fprintf(stderr, "flowtape: %s; try \"flowtape --help\"\n", err.msg);
    }
    return EXIT_USAGE;
}
