/*
 * rewrite.h - inside of the translation: what a rewrite function of the command table works with.
 *
 * A rewrite function sets rw->out->class_ and writes commands: rewrite_begin starts one, the
 * rewrite_put functions append its arguments, which must live as long as the record or the
 * pools. A failure is remembered in rw->failed and looked at once, by translator_run; what can fail is
 * asked through rewrite_ok.
 */
#ifndef FLOWTAPE_COMMAND_REWRITE_H
#define FLOWTAPE_COMMAND_REWRITE_H

#include "base/buf.h"
#include "command/translation.h"

#define REWRITE_NUMBERS_MAX 16
#define REWRITE_NOTE_MAX    160

/* A command while the pool of arguments may still move. */
struct rewrite_command {
    const struct bytes *as_is; /* the record's own arguments, or NULL: in the pool */
    size_t first, count;
    bool script;
};

/* A key and its slot, to be sorted. */
struct rewrite_slot {
    uint16_t slot;
    size_t arg;
};

/* What results are made of; kept from one record to the next. Zeroed at first. */
struct rewrite_pools {
    struct bytes *args;
    size_t arg_count, arg_cap;
    struct rewrite_command *pending;
    struct translation_command *commands;
    size_t command_count, command_cap;
    struct rewrite_slot *slots;
    size_t slot_cap;
    char numbers[REWRITE_NUMBERS_MAX][I64_TEXT_SIZE];
    size_t number_count;
    struct buf scratch;
    char note[REWRITE_NOTE_MAX]; /* notes that name something */
};

struct rewrite {
    struct rewrite_pools *pools;
    struct recoder *recoder;
    const struct translator_options *options;
    const struct command_row *row;
    const struct bytes *args;
    size_t count;
    uint32_t db;
    int64_t now_ms; /* when the record was received */
    struct key_list *keys;
    bool keys_ok; /* what find_keys said */
    struct translation *out;
    bool failed; /* *err says why */
    struct ft_err *err;
};

/* rewrite_ok - rc of a function that was given rw->err; if that is a failure, so is the rewrite. */
static inline bool rewrite_ok(struct rewrite *rw, int rc)
{
    rw->failed = rw->failed || rc != 0;
    return rc == 0;
}

/* The classes. Texts are static; each sets the note, an earlier one is kept. */
void rewrite_as_is(struct rewrite *rw);
void rewrite_nothing(struct rewrite *rw, const char *note);
void rewrite_loss(struct rewrite *rw, enum loss_reason reason, const char *class_name,
                  const char *text);
/* rewrite_malformed - a loss: the arguments are not what the command takes. */
void rewrite_malformed(struct rewrite *rw, const char *what);
/* rewrite_plan - READ_WRITE by the plan of the row: src and dst are arguments of the record. */
void rewrite_plan(struct rewrite *rw, size_t src_arg, size_t dst_arg);
/* rewrite_needs - a loss: the target is older than `version` (major * 100 + minor). */
void rewrite_needs(struct rewrite *rw, unsigned version, const char *what);

/* rewrite_add_loss - a part that is lost, or a note, beside what is written. */
void rewrite_add_loss(struct rewrite *rw, enum loss_reason reason, const char *class_name,
                      const char *text);
void rewrite_suspect(struct rewrite *rw); /* all keys */
void rewrite_note(struct rewrite *rw, const char *note);

/* Commands. rewrite_begin makes the class REWRITTEN unless it was set to more than AS_IS. */
void rewrite_begin(struct rewrite *rw, const char *name);
void rewrite_put(struct rewrite *rw, struct bytes arg);
void rewrite_put_str(struct rewrite *rw, const char *arg); /* static text */
void rewrite_put_i64(struct rewrite *rw, int64_t value);
void rewrite_put_args(struct rewrite *rw, size_t from, size_t to); /* of the record */
/* rewrite_script - class READ_WRITE, begins "EVAL script 1 key"; arguments are put after it. */
void rewrite_script(struct rewrite *rw, const char *script, size_t key_arg);

/* rewrite_scratch - for arguments that are made, empty. */
static inline struct buf *rewrite_scratch(struct rewrite *rw)
{
    return &rw->pools->scratch;
}

/* rewrite_target - the version to compare with: 602, 700... */
static inline unsigned rewrite_target(const struct rewrite *rw)
{
    return rw->options->target->version;
}
/* rewrite_source_up_to - is the source this release (137: 1.37) or an older one? */
static inline bool rewrite_source_up_to(const struct rewrite *rw, unsigned release)
{
    return rw->options->source_release != 0 && rw->options->source_release <= release;
}
/* rewrite_source_is_redis - see SOURCE_RELEASE_REDIS. */
static inline bool rewrite_source_is_redis(const struct rewrite *rw)
{
    return rw->options->source_release == SOURCE_RELEASE_REDIS;
}
static inline bool rewrite_is(const struct rewrite *rw, size_t arg, const char *text)
{
    return arg < rw->count && bytes_is_word(rw->args[arg], text);
}

/*
 * rewrite_deadline - relative to absolute: value times unit_ms after the receive time, never more
 * than a Dragonfly allows, if the source is one; what is past stays past. false: value is not a number.
 */
bool rewrite_deadline(const struct rewrite *rw, struct bytes value, int64_t unit_ms,
                      int64_t *ret_ms);

/* rewrite_moment_ms - of the state that is wanted; at least when the record was received. */
int64_t rewrite_moment_ms(const struct rewrite *rw);
/* rewrite_is_over - a member that has this time is none of the state that is wanted (moment_ms). */
bool rewrite_is_over(const struct rewrite *rw, int64_t deadline_ms);

/* An option that sets a time: EX, PX, EXAT, PXAT, followed by a number. */
enum expiry_option {
    EXPIRY_NO_OPTION,
    EXPIRY_BAD,
    EXPIRY_ABSOLUTE_MS, /* PXAT: stands as it is */
    EXPIRY_OTHER,
};
/* rewrite_expiry_option - is args[arg] such an option? *ret_ms is its absolute time. */
enum expiry_option rewrite_expiry_option(const struct rewrite *rw, size_t arg, int64_t *ret_ms);

/* keys_in_one_slot - all keys that were found. */
bool rewrite_keys_in_one_slot(const struct rewrite *rw);
/* rewrite_split - class REWRITTEN: the same command per slot; each key takes key_step arguments. */
void rewrite_split(struct rewrite *rw, const char *name);

/* rewrite_pools_clear - for the next record. */
void rewrite_pools_clear(struct rewrite_pools *p);
/* rewrite_finish - no more arguments: the commands and the keys become the translation's. */
void rewrite_finish(struct rewrite *rw);
void rewrite_pools_release(struct rewrite_pools *p);

#endif
