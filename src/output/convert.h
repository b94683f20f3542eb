/*
 * convert.h - an INPUT as a file: what all forms of output have in common.
 *
 * What it is   A form (struct output_form) is an item_sink and what opens it, in a file of its own; forms.h lists
 *              them. It brings its sink to the input by state_run.h, if it holds a state, or by convert_sequence.
 * Losses       With fail_on_loss nothing appears under OUTPUT if there are any; the report is complete all the
 *              same. What went to standard output already (OUTPUT "-") stays.
 */
#ifndef FLOWTAPE_OUTPUT_CONVERT_H
#define FLOWTAPE_OUTPUT_CONVERT_H

#include <stdatomic.h>

#include "output/rdb_file.h"
#include "pump/pump.h"

#define AOF_PART_DEFAULT_BYTES (UINT64_C(256) << 20)

struct convert_options {
    const struct target *target;
    enum json_as json_as;
    bool fail_on_loss;
    bool drop_expired; /* leave out keys and members that have expired by now */
    struct filter filter;
    uint32_t databases;       /* of the server that will load it; 0: not known */
    const struct cut *cut;    /* of a capture; NULL for other inputs */
    const char *redis_server; /* program that applies the journal, when there is one to apply */
    bool restore;             /* RESP: every entry by RESTORE */
    uint64_t part_bytes;      /* AOF: an increment ends after the command that reaches this size */
};

/* Counters that another thread may read while it runs. */
struct convert_progress {
    struct read_progress read;
    atomic_uint_fast64_t keys;
};

struct convert_result {
    uint64_t keys;
    uint64_t expires;
    uint64_t filtered;
    uint64_t dropped_expired;
    uint64_t emptied; /* keys of which nothing was left */
    uint64_t bytes_in;
    uint64_t bytes_out; /* also of what was not finished, as far as it was handed over */
    bool written;
    uint32_t databases; /* that the server needs */
    uint64_t folded;    /* that the journal touches, and that are there */
    uint64_t in_sync;   /* records inside the full sync; RDB, AOF: not counted */
    uint64_t commands;  /* written, SELECT not counted; AOF: of the increments; JSON: records */
    uint64_t records_filtered; /* left out by filters */
    uint64_t parts;            /* AOF: increments */
    /* RESP: foreign and repeated count records inside the full sync too */
    struct journal_pass_counts journal;
};

/* One conversion. The caller sets all but the last two; suspects, progress, output and out may be NULL. */
struct conversion {
    const struct source *source;
    const char *output;
    bool commands_follow; /* RDB: it is the base of an AOF (rdb_file_end_with_database) */
    const struct convert_options *options;
    const struct rdb_out *out; /* NULL, or where an RDB goes instead of to `output` */
    uint32_t stream_db;        /* likewise: the database of the commands that follow it */
    struct convert_progress *progress;
    struct loss_report *losses;      /* initialised */
    struct suspect_report *suspects; /* zeroed */
    struct convert_result *result;   /* filled in any case */
    int64_t now_ms;                  /* when it began */
};

struct output_form {
    const char *name;
    const char *help;
    bool to_stdout; /* OUTPUT may be "-" */
    bool as_is;     /* nothing is translated, dropped or lost */
    bool restores;  /* heeds --restore */
    int (*run)(const struct conversion *c, struct ft_err *err);
};

/*
 * convert_run - FT_ERR_CANCELLED when source->cancel_fd became readable; FT_ERR_LOSS when something is lost
 * and fail_on_loss is set; FT_ERR_USAGE if it would change the input. The calling thread must not end before the
 * call does (fold.h).
 */
int convert_run(const struct output_form *form, struct conversion *c, struct ft_err *err);

/*
 * For forms.
 */

/*
 * convert_sequence - snapshot after snapshot and, not as_is, then the journals up to the cut, all into one sink;
 * as_is each stream comes with its journal. `how` says what is particular to the form. The sink is finished and
 * freed; it counts keys in c->result itself.
 */
int convert_sequence(const struct conversion *c, const struct item_sink *sink,
                     const struct pump_options *how, struct ft_err *err);
/* convert_pump_options - how, with everything in it that options say. */
struct pump_options convert_pump_options(const struct conversion *c,
                                         const struct pump_options *how);
/* convert_moment_ms - members that ended by then are left out. */
int64_t convert_moment_ms(const struct conversion *c, const struct item *item);
/* convert_check_output - FT_ERR_USAGE if to write there would change the input. */
int convert_check_output(const struct source *source, const char *output, struct ft_err *err);
/* convert_check_losses - FT_ERR_LOSS if there are any and the policy is to fail. */
int convert_check_losses(const struct conversion *c, struct ft_err *err);

#endif
