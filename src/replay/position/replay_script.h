/* replay_script.h - the script that executes a batch. */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_SCRIPT_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_SCRIPT_H

/* replay_script - its text for a target of this version (major * 100 + minor). */
const char *replay_script(unsigned version);

#endif
