/*
 * replay_transaction.h - steps that a server queues between MULTI and EXEC.
 *
 * What it is   The steps of a batch (replay_steps.h), and how far they have been put as commands of a transaction: all at once, or
 *              some while others are still to come. SETs that may come before what is put with them are one MSET. The reply to
 *              EXEC has an element for each command, of which the transaction knows whose it is.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_TRANSACTION_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_TRANSACTION_H

#include "replay/position/replay_multi_script.h"
#include "replay/position/replay_steps.h"

/* What a reply is to, in the upper half of its tag; the lower half is the number of a step. */
enum replay_answer {
    REPLAY_ANSWER_PLAIN,
    REPLAY_ANSWER_MULTI,
    REPLAY_ANSWER_STEP,
    REPLAY_ANSWER_SETS,
    REPLAY_ANSWER_EXEC,
    REPLAY_ANSWER_SEQ,
};
#define REPLAY_ANSWER_SHIFT 32u

/* What an element of the reply to EXEC is to, beside the number of a step. */
#define REPLAY_NO_STEP   SIZE_MAX
#define REPLAY_LAST_STEP (SIZE_MAX - 1) /* says whether the position has `unread` */

/* How commands go to a server. */
struct replay_queue {
    struct redis_pipe *pipe;
    struct replay_multi_scripts *scripts; /* owned; NULL: the server runs none */
    bool no_mset;                         /* it was refused: each SET by itself */
    bool no_wait;                         /* what is put is not to be waited for */
    struct bytes *args;                   /* room for those of one command */
    size_t arg_cap;
};

/* A zeroed one is empty. */
struct replay_transaction {
    struct replay_steps steps;
    size_t queued;       /* of these, since MULTI ... */
    size_t queued_bytes; /* ... which have so many */
    uint32_t db;         /* that is selected after them */
    bool is_open;        /* MULTI was put, and not EXEC yet */
    size_t *elements;    /* of the reply to EXEC: which step each is of */
    size_t element_count, element_cap;
};

/* replay_queue_put - a command. Not redis_pipe_put: by that others are known, whose commands are not to be queued. */
int replay_queue_put(struct replay_queue *q, enum replay_answer answer, const struct bytes *args,
                     size_t count, struct ft_err *err);
int replay_queue_text(struct replay_queue *q, enum replay_answer answer, const char *name,
                      struct ft_err *err);
void replay_queue_release(struct replay_queue *q);

/* replay_transaction_open - MULTI. */
int replay_transaction_open(struct replay_queue *q, struct replay_transaction *t,
                            struct ft_err *err);
/* replay_transaction_note - the command that is put next is of this step. */
int replay_transaction_note(struct replay_transaction *t, size_t step, struct ft_err *err);
/* replay_transaction_select - what is queued next is for this database. */
int replay_transaction_select(struct replay_queue *q, struct replay_transaction *t, uint32_t db,
                              struct ft_err *err);
/* replay_transaction_queue - the steps that are not queued yet. */
int replay_transaction_queue(struct replay_queue *q, struct replay_transaction *t,
                             struct ft_err *err);
/* replay_transaction_reset - nothing of it is queued any more. */
void replay_transaction_reset(struct replay_transaction *t);
/* replay_transaction_leave_out - its steps become those of the next attempt. */
int replay_transaction_leave_out(struct replay_queue *q, struct replay_transaction *t,
                                 struct ft_err *err);
void replay_transaction_release(struct replay_transaction *t);

#endif
