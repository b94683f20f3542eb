#include "item/loss.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"

/* Names of commands come from the input, so their number must have an end: what is beyond it is
 * counted in one line per reason. */
#define LINES_MAX     1000
#define CLASS_OF_REST "(others)"
/* A longer key is shown cut. */
#define KEY_SHOWN_MAX 4096

struct reason_words {
    const char *name;
    const char *text;
};

static const struct reason_words reasons[LOSS_REASON_COUNT] = {
    [LOSS_NONE] = {"none", "nothing was lost"},
    [LOSS_PROBABILISTIC] =
        {"probabilistic",
         "Dragonfly's own filters, sketches and top-k lists: only Dragonfly can read "
         "what is in them, rebuild them on the target"},
    [LOSS_JSON] = {"json",
                   "JSON documents, for which the target has no type: --json-as string keeps "
                   "their text, --json-as module is for a target with RedisJSON loaded"},
    [LOSS_MODULE] = {"module",
                     "values of modules that the target does not have: carry them over with "
                     "the means of the module"},
    [LOSS_CRON] = {"cron",
                   "cron jobs of KeyDB, which no other server has: their scripts have to be "
                   "run by something else"},
    [LOSS_MEMBER_TTL] =
        {"member-ttl",
         "times to live of hash fields and set members: the members are kept and no "
         "longer expire (hash fields keep theirs with --redis 7.4 or --valkey 9.0 and later)"},
    [LOSS_STREAM] = {"stream",
                     "streams, which the target does not have: choose --redis 5.0 or later"},
    [LOSS_STREAM_PENDING] = {"stream-pending",
                             "pending entries that no consumer has, which only Redis 8.8 and later "
                             "holds: the streams are kept without them"},
    [LOSS_FUNCTION] = {"function", "function libraries, which the target does not have: choose "
                                   "--redis 7.0 or later"},
    [LOSS_FUNCTION_PRE_GA] =
        {"function-pre-ga",
         "function libraries as release candidates of Redis 7.0 wrote them, which "
         "no release loads: load their code again with FUNCTION LOAD"},
    [LOSS_COMMAND] = {"command",
                      "commands of the journal that the target cannot execute: what they "
                      "changed is missing"},
    [LOSS_REFUSED] = {"refused",
                      "commands of the journal that redis-server answered with an error: what "
                      "they changed is missing"},
    [LOSS_MADE_OF_LOST] = {"made-of-lost",
                           "keys that the journal made of others which were left out: so are they, "
                           "unless those had been written anew"},
    [LOSS_NOTE_STICKY] = {"sticky",
                          "the mark that keeps a key from being evicted: the key is kept"},
    [LOSS_NOTE_MC_FLAGS] = {"mc-flags", "memcache flags of strings: the strings are kept"},
    [LOSS_NOTE_SCRIPT] = {"script",
                          "cached scripts, which the target's loader or its Lua does not take: "
                          "clients send them again by EVAL or SCRIPT LOAD, and have to change "
                          "what its Lua does not compile"},
    [LOSS_NOTE_SEARCH_INDEX] = {"search-index",
                                "definitions of search indexes: the documents are kept, "
                                "create the indexes again with FT.CREATE"},
    [LOSS_NOTE_MODULE_AUX] = {"module-aux", "data that modules keep beside the keys"},
    [LOSS_NOTE_KEY_META] = {"key-metadata",
                            "what modules have hung on keys (Redis 8.6): the keys are kept"},
    [LOSS_NOTE_STREAM_COUNTERS] =
        {"stream-counters",
         "of streams, the entries added, the entries read by groups, and the highest deleted ID, for "
         "which there is a place from Redis 7.0 on: entries, groups and pending entries are kept"},
    [LOSS_NOTE_STREAM_TIMES] = {"stream-times",
                                "when consumers of streams were last active, for which there is a "
                                "place from Redis 7.2 on: the consumers are kept"},
    [LOSS_NOTE_STREAM_PRODUCERS] =
        {"stream-producers",
         "what idempotent producers have added to streams, for which there is a place from Redis "
         "8.6 on: the entries are kept, and may be added again"},
    [LOSS_NOTE_ACCESS] = {"access", "how long ago or how often keys were used (IDLE, FREQ): no "
                                    "command sets that; the keys are kept"},
};

bool loss_is_note(enum loss_reason reason)
{
    return reason >= LOSS_NOTE_STICKY;
}

const char *loss_reason_name(enum loss_reason reason)
{
    return reasons[reason].name;
}

const char *loss_reason_text(enum loss_reason reason)
{
    return reasons[reason].text;
}

void loss_init(struct loss_report *r)
{
    memset(r, 0, sizeof(*r));
    (void)pthread_mutex_init(&r->mu, NULL); /* cannot fail for a plain mutex */
}

static struct loss_line *find_line(const struct loss_report *r, enum loss_reason reason,
                                   const char *class_name)
{
    for (size_t i = 0; i < r->line_count; i++) {
        if (r->lines[i].reason == reason && strcmp(r->lines[i].class_name, class_name) == 0)
            return &r->lines[i];
    }
    return NULL;
}

/* By reason, then by class; what is beyond the number of lines comes last. */
static bool comes_before(const struct loss_line *line, enum loss_reason reason,
                         const char *class_name)
{
    if (line->reason != reason)
        return line->reason < reason;
    if (strcmp(class_name, CLASS_OF_REST) == 0)
        return true;
    return strcmp(line->class_name, class_name) < 0;
}

static struct loss_line *add_line(struct loss_report *r, enum loss_reason reason,
                                  const char *class_name, struct ft_err *err)
{
    struct loss_line *line;

    if (ARRAY_ADD_ROOM(&r->lines, r->line_count, "the loss report", err) != 0)
        return NULL;
    line = r->lines;
    while (line < r->lines + r->line_count && comes_before(line, reason, class_name))
        line++;
    memmove(line + 1, line, (size_t)(r->lines + r->line_count - line) * sizeof(*line));
    r->line_count++;
    memset(line, 0, sizeof(*line));
    line->reason = reason;
    (void)snprintf(line->class_name, sizeof(line->class_name), "%s", class_name); /* cut before */
    return line;
}

static struct loss_line *line_for(struct loss_report *r, enum loss_reason reason,
                                  const char *class_name, struct ft_err *err)
{
    char name[LOSS_CLASS_MAX];
    struct loss_line *line;

    (void)snprintf(name, sizeof(name), "%s", class_name); /* a cut name is still a name */
    line = find_line(r, reason, name);
    if (line != NULL)
        return line;
    if (r->line_count < LINES_MAX)
        return add_line(r, reason, name, err);
    line = find_line(r, reason, CLASS_OF_REST);
    return line != NULL ? line : add_line(r, reason, CLASS_OF_REST, err);
}

/* Where a key belongs among those shown: by database, then by bytes. */
static size_t key_place(const struct loss_line *line, uint32_t db, struct bytes key,
                        bool *ret_there)
{
    size_t i = 0;

    *ret_there = false;
    for (; i < line->key_count; i++) {
        int order =
            line->dbs[i] != db ? (line->dbs[i] < db ? -1 : 1) : bytes_compare(line->keys[i], key);

        if (order >= 0) {
            *ret_there = order == 0;
            break;
        }
    }
    return i;
}

/* The smallest keys are shown, each once, so that a report does not depend on the order in which
 * threads find things. */
static int show_key(struct loss_line *line, uint32_t db, struct bytes key, struct ft_err *err)
{
    size_t n = key.n < KEY_SHOWN_MAX ? key.n : KEY_SHOWN_MAX;
    size_t behind;
    uint8_t *copy;
    bool there;
    size_t at = key_place(line, db, bytes_of(key.p, n), &there);

    if (there || at == LOSS_KEYS_SHOWN)
        return 0;
    copy = malloc(n > 0 ? n : 1);
    if (copy == NULL)
        return err_nomem(err, "a key of the loss report");
    if (n > 0)
        memcpy(copy, key.p, n);
    if (line->key_count == LOSS_KEYS_SHOWN)
        free((void *)(uintptr_t)line->keys[--line->key_count].p);
    behind = line->key_count - at;
    memmove(&line->dbs[at + 1], &line->dbs[at], behind * sizeof(line->dbs[0]));
    memmove(&line->keys[at + 1], &line->keys[at], behind * sizeof(line->keys[0]));
    line->dbs[at] = db;
    line->keys[at] = bytes_of(copy, n);
    line->key_count++;
    return 0;
}

static void count(struct loss_report *r, struct loss_line *line, uint64_t n)
{
    line->count += n;
    if (loss_is_note(line->reason))
        r->notes += n;
    else
        r->losses += n;
}

static bool leaves_key_out(enum loss_reason reason)
{
    switch (reason) {
    case LOSS_MEMBER_TTL:
    case LOSS_STREAM_PENDING:
    case LOSS_FUNCTION:
    case LOSS_FUNCTION_PRE_GA:
        return false;
    default:
        return !loss_is_note(reason);
    }
}

static int leave_out(struct loss_report *r, uint32_t db, struct bytes key, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];

    key_set_hash(db, key, hash);
    if (key_set_add(&r->left_out, hash, err) != 0)
        return -1;
    atomic_store(&r->any_left_out, true);
    return 0;
}

int loss_add(struct loss_report *r, enum loss_reason reason, const char *class_name, uint32_t db,
             struct bytes key, struct ft_err *err)
{
    struct loss_line *line;
    int rc = 0;

    (void)pthread_mutex_lock(&r->mu); /* cannot fail for a plain mutex */
    line = line_for(r, reason, class_name, err);
    if (line == NULL)
        rc = -1;
    else
        rc = show_key(line, db, key, err);
    if (rc == 0 && key.p != NULL && leaves_key_out(reason))
        rc = leave_out(r, db, key, err);
    if (rc == 0)
        count(r, line, 1);
    (void)pthread_mutex_unlock(&r->mu);
    return rc;
}

bool loss_has_left_out(struct loss_report *r, uint32_t db, struct bytes key)
{
    bool has;

    if (!atomic_load(&r->any_left_out)) /* as in nearly every run */
        return false;
    (void)pthread_mutex_lock(&r->mu);
    has = key_set_has(&r->left_out, db, key);
    (void)pthread_mutex_unlock(&r->mu);
    return has;
}

int loss_learn(struct loss_report *r, const struct loss_report *from, struct ft_err *err)
{
    int rc;

    (void)pthread_mutex_lock(&r->mu);
    rc = key_set_add_all(&r->left_out, &from->left_out, err);
    atomic_store(&r->any_left_out, r->left_out.count != 0);
    (void)pthread_mutex_unlock(&r->mu);
    return rc;
}

int loss_add_report(struct loss_report *r, const struct loss_report *more, struct ft_err *err)
{
    int rc = 0;

    (void)pthread_mutex_lock(&r->mu); /* cannot fail for a plain mutex */
    for (size_t i = 0; rc == 0 && i < more->line_count; i++) {
        const struct loss_line *from = &more->lines[i];
        struct loss_line *line = line_for(r, from->reason, from->class_name, err);

        if (line == NULL)
            rc = -1;
        for (size_t k = 0; rc == 0 && k < from->key_count; k++)
            rc = show_key(line, from->dbs[k], from->keys[k], err);
        if (rc == 0)
            count(r, line, from->count);
    }
    (void)pthread_mutex_unlock(&r->mu);
    return rc == 0 ? loss_learn(r, more, err) : -1;
}

void loss_release(struct loss_report *r)
{
    for (size_t i = 0; i < r->line_count; i++) {
        for (size_t k = 0; k < r->lines[i].key_count; k++)
            free((void *)(uintptr_t)r->lines[i].keys[k].p);
    }
    free(r->lines);
    r->lines = NULL;
    r->line_count = 0;
    key_set_release(&r->left_out);
    (void)pthread_mutex_destroy(&r->mu);
}
