/*
 * replay_outlook.h - what a connected target says of the room, the clock and the speed that it has.
 *
 * What it is   Checks of a rehearsal, beside those of replay_preflight.h: none of them is a reason to stop, and
 *              a user who may not ask for something is told that it is not known.
 * Writes       Nothing.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_OUTLOOK_H
#define FLOWTAPE_REPLAY_REPLAY_OUTLOOK_H

#include "replay/report/replay_checks.h"
#include "target/target_client.h"

/* What is going to be written. */
struct replay_load {
    uint64_t keys, records, bytes;
    uint64_t source_memory;         /* 0: not known */
    uint64_t rate_keys, rate_bytes; /* of --rate */
    uint64_t read_ms;               /* that the input takes at least; 0: not known */
    bool flush;                     /* what the target has now will go */
};

/* replay_outlook_target - what it is, and its slots. */
int replay_outlook_target(struct replay_checks *ret, struct target_client *t, struct ft_err *err);
int replay_outlook_memory(struct replay_checks *ret, struct target_client *t,
                          const struct replay_load *load, struct ft_err *err);
int replay_outlook_clocks(struct replay_checks *ret, struct target_client *t, struct ft_err *err);
/* replay_outlook_time - how long the load takes about, by what the target answers to ECHO; *ret_ms 0:
 * not known. */
int replay_outlook_time(struct replay_checks *ret, uint64_t *ret_ms, struct target_client *t,
                        const struct replay_load *load, struct ft_err *err);
/* replay_outlook_disk - of the directory, or of where it is to be made; wanted 0: not known. what: "temporary
 * files". */
void replay_outlook_disk(struct replay_checks *ret, const char *directory, const char *what,
                         uint64_t wanted);
/* replay_outlook_clock - one server's clock against this machine's. whose: "the target". */
int replay_outlook_clock(struct replay_checks *ret, const char *whose, struct redis_pipe *pipe,
                         struct ft_err *err);

#endif
