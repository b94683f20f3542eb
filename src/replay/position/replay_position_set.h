/*
 * replay_position_set.h - how far a replay is on its target.
 *
 * What it is   The state and the positions as they were read, and what has been put since: a batch per node,
 *              the records that are in batches, keys that are suspect or lost, refused commands.
 * Threads      The driver's, but for what says otherwise. Only functions of position/ write its fields, others read.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_POSITION_SET_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_POSITION_SET_H

#include <pthread.h>

#include "item/filter.h"
#include "item/key_claim.h"
#include "item/key_set.h"
#include "replay/position/replay_batch.h"
#include "replay/position/replay_letters.h"
#include "replay/position/replay_sent.h"
#include "replay/position/replay_state.h"
#include "replay/report/replay_report.h"
#include "target/target_client.h"

struct replay_gather;
struct replay_marks;
struct replay_multi;
struct replay_slots;

/* What a replay has on one master, and has not sent there yet. */
struct replay_node {
    struct replay_position_set *set;
    struct target_node
        *server;  /* its connection: of the journal and of everything but the snapshot */
    char sha[41]; /* of the script; "" until there is a batch */
    struct replay_position position;
    struct replay_batch batch;
    struct replay_multi *multi; /* NULL: batches go by a script, or ... */
    struct replay_slots *slots; /* ... if not NULL, by transactions of one slot each */
    uint64_t *written;          /* per flow: the position as it was sent last */
    struct replay_sent sent;    /* when following */
    /* commands in windows (replay_gather.h): in the one that is filled, and in the one that is sent */
    size_t gathered, window_left;
    uint32_t window_slot; /* all before it have been sent */
    bool in_window;       /* the batch is of it */
    bool has_lane;        /* the target knows how far it is */
    struct replay_node_count count;
};

/* What a position set has to do with whoever owns it. Constant. */
struct replay_position_terms {
    const struct key_claim *claim; /* of a shared target; empty: it is not shared */
    const struct filter *filter;   /* of keys, as the source names them */
    bool accept_errors;            /* commands that were refused in earlier runs are forgotten */
    /* In a sync, keys on which a command was refused are read again from the source. They are noted when the
     * refusal is classified, which may be within a reply, and listed before anything else forgets of it. NULL: none. */
    int (*note_refused)(void *owner, uint32_t flow, uint64_t lsn, uint32_t db,
                        const struct bytes *args, size_t count, struct ft_err *err);
    int (*list_refused)(void *owner, struct ft_err *err);
    void *owner;
};

struct replay_position_set {
    /* constant */
    struct replay_report *report;
    struct target_client *target;
    struct replay_position_terms terms;
    bool no_mset; /* the target does not allow it, or is not to get it */
    /* of the input, constant while it is open; 0 before there is one */
    char id[REPLAY_ID_SIZE];
    bool shared;                     /* there are, or may be, other replays: replay_claims.h */
    char state_key[REPLAY_KEY_SIZE]; /* follows from both */
    uint32_t flow_count;
    bool has_journal;
    unsigned journal_release; /* of the source that wrote it; 0: no journal */
    struct replay_state state;
    struct replay_node *nodes; /* node_count of them: those of the target, while it is open */
    size_t node_count;
    struct replay_gather *gather; /* NULL: nothing has been gathered */
    struct replay_marks *marks;   /* of slots; NULL: there are none, or they have not been read */
    uint64_t *next;               /* per flow: first record that is not in a batch yet */
    uint64_t units;               /* batches, and commands in place of one, sent so far */
    atomic_uint_fast64_t acknowledged; /* commands, and positions, that have taken effect */
    pthread_mutex_t letters_mu;        /* one letter at a time */
    struct replay_letters *letters;    /* NULL: the first refused command ends the run */
    /* one at a time over the connection of the state; never taken by a reply */
    pthread_mutex_t note_mu;
    struct key_set lost;     /* replay_lost.h; guarded by note_mu */
    struct buf unsaved_lost; /* hashes; guarded by note_mu */
    atomic_bool any_lost;
    struct key_set noted; /* suspect keys that the target lists; guarded by note_mu */
};

void replay_position_set_init(struct replay_position_set *set, struct replay_report *report,
                              struct target_client *target,
                              const struct replay_position_terms *terms);
/* replay_position_set_name - the id of the capture, in digits. */
void replay_position_set_name(struct replay_position_set *set, const char *id);
/* replay_position_set_share - the state is where those of a shared target are. */
void replay_position_set_share(struct replay_position_set *set);
/* replay_position_set_open, _close - an input with so many flows. journal_release: of the source that wrote the
 * journal; 0: there is none. */
int replay_position_set_open(struct replay_position_set *set, uint32_t flow_count, bool has_journal,
                             unsigned journal_release, struct ft_err *err);
void replay_position_set_close(struct replay_position_set *set);
/* replay_position_set_open_letters - the file for commands that are refused. */
int replay_position_set_open_letters(struct replay_position_set *set, const char *path,
                                     bool must_exist, struct ft_err *err);
/* replay_position_set_pass - records of the flow before this LSN are in batches, or need not be. */
static inline void replay_position_set_pass(struct replay_position_set *set, uint32_t flow,
                                            uint64_t next_lsn)
{
    set->next[flow] = next_lsn;
}
void replay_position_set_release(struct replay_position_set *set);
int replay_position_set_note_refused(const struct replay_position_set *set, uint32_t flow,
                                     uint64_t lsn, uint32_t db, const struct bytes *args,
                                     size_t count, struct ft_err *err);
int replay_position_set_list_refused(const struct replay_position_set *set, struct ft_err *err);

#endif
