/*
 * loss.h - what could not be carried over, counted and named.
 *
 * What it is   One report per run: counts by class of value and reason, with the smallest keys of each; in
 *              order, whatever the order of the calls.
 *              Reasons are either losses (the policy decides: fail or skip) or notes (things without
 *              a Redis meaning, never a reason to fail).
 * Threads      loss_add, loss_has_left_out and loss_learn lock; the rest is for after the threads have ended.
 */
#ifndef FLOWTAPE_ITEM_LOSS_H
#define FLOWTAPE_ITEM_LOSS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "item/key_set.h"

enum loss_reason {
    LOSS_NONE = 0,
    LOSS_PROBABILISTIC,   /* Dragonfly's SBF, CMS, TOPK, CUCKOO: private hash functions */
    LOSS_JSON,            /* no JSON type on the target */
    LOSS_MODULE,          /* value of a module the target does not have */
    LOSS_CRON,            /* KeyDB's cron jobs, which no other server has */
    LOSS_MEMBER_TTL,      /* member or field times; the key itself is kept */
    LOSS_STREAM,          /* the target has no streams */
    LOSS_STREAM_PENDING,  /* pending entries that no consumer has, on a target where each has one */
    LOSS_FUNCTION,        /* function library on a target without functions */
    LOSS_FUNCTION_PRE_GA, /* one of a release candidate of 7.0, which no release loads */
    LOSS_COMMAND,         /* a journal record without a rendering; name: the command */
    LOSS_REFUSED,         /* a journal record that redis-server refused; name: the command */
    LOSS_MADE_OF_LOST,    /* what a record made of a key that was left out; name: the command */
    LOSS_NOTE_STICKY,     /* from here on notes */
    LOSS_NOTE_MC_FLAGS,
    LOSS_NOTE_SCRIPT, /* a cached script that the target's RDB loader, or its Lua, does not take */
    LOSS_NOTE_SEARCH_INDEX,
    LOSS_NOTE_MODULE_AUX,
    LOSS_NOTE_KEY_META,         /* what modules hang on a key */
    LOSS_NOTE_STREAM_COUNTERS,  /* of streams, what targets before 7.0 do not have */
    LOSS_NOTE_STREAM_TIMES,     /* before 7.2 */
    LOSS_NOTE_STREAM_PRODUCERS, /* before 8.6 */
    LOSS_NOTE_ACCESS,           /* IDLE and FREQ, where keys are written by commands */
    LOSS_REASON_COUNT,
};

#define LOSS_KEYS_SHOWN 10
#define LOSS_CLASS_MAX  48

/* One line of the report: a class ("hash", "sbf", "json", a command name...) and a reason. */
struct loss_line {
    enum loss_reason reason;
    char class_name[LOSS_CLASS_MAX];
    uint64_t count;
    size_t key_count; /* of the first keys */
    uint32_t dbs[LOSS_KEYS_SHOWN];
    struct bytes keys[LOSS_KEYS_SHOWN]; /* owned */
};

struct loss_report {
    pthread_mutex_t mu;
    struct loss_line *lines;
    size_t line_count;
    uint64_t losses; /* reasons that count for the policy */
    uint64_t notes;
    struct key_set left_out; /* keys that the target does not have, or not whole, by a loss */
    atomic_bool any_left_out;
};

bool loss_is_note(enum loss_reason reason);
/* loss_reason_name - "member-ttl": the word in reports. loss_reason_text - a phrase for people that
 * also says how to go on, e.g. "times of hash fields and set members; the members are kept". */
const char *loss_reason_name(enum loss_reason reason);
const char *loss_reason_text(enum loss_reason reason);

void loss_init(struct loss_report *r);
int loss_add(struct loss_report *r, enum loss_reason reason, const char *class_name, uint32_t db,
             struct bytes key, struct ft_err *err);
/* loss_has_left_out - of some key: has a loss kept it from the target? Also of one that has got another value since. */
bool loss_has_left_out(struct loss_report *r, uint32_t db, struct bytes key);
/* loss_learn - keys that others have left out, which is not counted again. */
int loss_learn(struct loss_report *r, const struct loss_report *from, struct ft_err *err);
/* loss_add_report - all of another one, which nobody else uses. */
int loss_add_report(struct loss_report *r, const struct loss_report *more, struct ft_err *err);
void loss_release(struct loss_report *r);

#endif
