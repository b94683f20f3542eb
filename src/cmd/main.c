#include <signal.h>
#include <stdio.h>

#include "base/json_tree.h"
#include "cmd/capture_args.h"
#include "cmd/cmd_capture.h"
#include "cmd/cmd_completion.h"
#include "cmd/cmd_config.h"
#include "cmd/cmd_convert.h"
#include "cmd/cmd_cutover.h"
#include "cmd/cmd_diff.h"
#include "cmd/cmd_explain.h"
#include "cmd/cmd_fixture.h"
#include "cmd/cmd_inspect.h"
#include "cmd/cmd_pack.h"
#include "cmd/cmd_prune.h"
#include "cmd/cmd_replay.h"
#include "cmd/cmd_serve.h"
#include "cmd/cmd_status.h"
#include "cmd/cmd_sync.h"
#include "cmd/cmd_unpack.h"
#include "cmd/cmd_verify.h"
#include "cmd/command.h"
#include "cmd/convert_args.h"
#include "cmd/diff_args.h"
#include "cmd/exit_status.h"
#include "cmd/inspect_args.h"
#include "cmd/replay_args.h"
#include "cmd/secret_args.h"
#include "cmd/serve_args.h"
#include "cmd/sync_args.h"
#include "cmd/ui.h"
#include "input/left_out.h"

static const struct command commands[] = {
    {"capture", "record a live Dragonfly, Redis or Valkey", cmd_capture, capture_args_help, NULL},
    {"convert", "make a file that Redis loads", cmd_convert, convert_args_help, NULL},
    {"replay", "write a capture or file into a running Redis", cmd_replay, replay_args_help, NULL},
    {"sync", "migrate a live server into a running Redis", cmd_sync, sync_args_help, NULL},
    {"cutover", "tell a running sync to cut over", cmd_cutover, cmd_cutover_help, NULL},
    {"status", "show what is at work in a directory", cmd_status, cmd_status_help, NULL},
    {"serve", "let Redis replicate from a capture or file", cmd_serve, serve_args_help, NULL},
    {"verify", "check a capture or file for damage", cmd_verify, cmd_verify_help, NULL},
    {"diff", "compare two captures, files or servers", cmd_diff, diff_args_help, NULL},
    {"inspect", "show what is in a capture or file", cmd_inspect, inspect_args_help, NULL},
    {"pack", "make one archive of a capture", cmd_pack, cmd_pack_help, NULL},
    {"unpack", "make a capture directory of an archive", cmd_unpack, cmd_unpack_help, NULL},
    {"prune", "show or remove generations that are not needed", cmd_prune, cmd_prune_help, NULL},
    {"fixture", "make captures for tests", NULL, NULL, &fixture_commands},
    {"explain", "show what one journalled command becomes", cmd_explain, cmd_explain_help, NULL},
    {"config", "show which options are in effect, and from where", cmd_config, cmd_config_help,
     NULL},
    {"completion", "print what a shell needs to complete options", cmd_completion,
     cmd_completion_help, NULL},
};

static const struct command_list program = {
    .name = "",
    .about = "Usage: flowtape COMMAND [OPTION...] ...\n"
             "       flowtape --version [--json]\n"
             "\n"
             "Records what a Dragonfly, Redis or Valkey master sends to its replicas, makes\n"
             "files of it that Redis loads, and writes it into a running Redis or Redis\n"
             "Cluster.\n"
             "\n",
    .commands = commands,
    .count = sizeof(commands) / sizeof(commands[0]),
    .more = "\n"
            "\"flowtape COMMAND --help\" describes one command; flowtape(1) is the manual.\n",
};

int main(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    int status;

    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, with its name */
    json_tree_watch();
    if (secret_args_hide(argc, argv, &err) != 0) {
        fprintf(stderr, "flowtape: %s\n", err.msg);
        return EXIT_FAILED;
    }
    command_know(&program);
    args_on_settings(command_check_settings);
    status = command_run(&program, argc, argv);
    for (size_t i = 0; left_out_get(i) != NULL; i++)
        ui_note(argv[1], "%s", left_out_get(i));
    args_release();
    secret_args_wipe();
    return status;
}
