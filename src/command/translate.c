#include "command/translate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/clock.h"
#include "command/command_keys.h"
#include "command/rewrite.h"
#include "item/slot.h"

#define NUMBERS_MAX 16
#define NOTE_MAX    160
/* What the pools may keep between records. */
#define KEEP_WORDS (64u << 10)

/* A command while the pool of words may still move. */
struct pending_command {
    const struct bytes *as_is; /* the record's own words, or NULL: in the pool */
    size_t first, count;
    bool script;
};

/* A key and its slot, to be sorted. */
struct slot_key {
    uint16_t slot;
    size_t word;
};

struct translator {
    struct translator_options options;
    struct recoder *recoder;
    struct bytes *words;
    size_t word_count, word_cap;
    struct pending_command *pending;
    struct translation_command *commands;
    size_t command_count, command_cap;
    struct key_list keys;
    struct slot_key *slots;
    size_t slot_cap;
    char numbers[NUMBERS_MAX][I64_TEXT_SIZE];
    size_t number_count;
    struct buf scratch;
    char note[NOTE_MAX]; /* notes that name something */
};

/* Grow an array of the translator; false: out of memory, and rw->failed says so. */
static bool pool_reserve(struct rewrite *rw, void *array, size_t *cap, size_t want, size_t size)
{
    void **p = array;
    size_t n = *cap == 0 ? 16 : *cap;
    void *grown;

    if (want <= *cap)
        return true;
    while (n < want)
        n *= 2;
    grown = reallocarray(*p, n, size);
    if (grown == NULL) {
        rw->failed = true;
        return false;
    }
    *p = grown;
    *cap = n;
    return true;
}

static bool command_add(struct rewrite *rw, const struct pending_command *c)
{
    struct translator *t = rw->t;
    size_t cap = t->command_cap;

    if (t->command_count == cap) {
        size_t commands_cap = cap;

        if (!pool_reserve(rw, &t->pending, &cap, t->command_count + 1, sizeof(t->pending[0])) ||
            !pool_reserve(rw, &t->commands, &commands_cap, cap, sizeof(t->commands[0])))
            return false;
        t->command_cap = cap;
    }
    t->pending[t->command_count++] = *c;
    return true;
}

void rewrite_put(struct rewrite *rw, struct bytes word)
{
    struct translator *t = rw->t;

    if (rw->failed ||
        !pool_reserve(rw, &t->words, &t->word_cap, t->word_count + 1, sizeof(t->words[0])))
        return;
    t->words[t->word_count++] = word;
    t->pending[t->command_count - 1].count++;
}

void rewrite_put_str(struct rewrite *rw, const char *word)
{
    rewrite_put(rw, bytes_str(word));
}

void rewrite_put_i64(struct rewrite *rw, int64_t value)
{
    struct translator *t = rw->t;
    char *text = t->numbers[t->number_count];

    assert(t->number_count < NUMBERS_MAX); /* no rewrite makes more */
    t->number_count++;
    rewrite_put(rw, bytes_of(text, i64_to_text(value, text)));
}

void rewrite_put_words(struct rewrite *rw, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < rw->count; i++)
        rewrite_put(rw, rw->words[i]);
}

void rewrite_begin(struct rewrite *rw, const char *name)
{
    struct pending_command c = {.first = rw->t->word_count};

    if (rw->out->class_ == TRANSLATION_AS_IS)
        rw->out->class_ = TRANSLATION_REWRITTEN;
    if (command_add(rw, &c))
        rewrite_put_str(rw, name);
}

void rewrite_script(struct rewrite *rw, const char *script, size_t key_word)
{
    rw->out->class_ = TRANSLATION_READ_WRITE;
    rewrite_begin(rw, "EVAL");
    if (rw->failed)
        return;
    rw->t->pending[rw->t->command_count - 1].script = true;
    rewrite_put_str(rw, script);
    rewrite_put_str(rw, "1");
    rewrite_put(rw, rw->words[key_word]);
}

struct buf *rewrite_scratch(struct rewrite *rw)
{
    return &rw->t->scratch;
}

struct recoder *rewrite_recoder(struct rewrite *rw)
{
    return rw->t->recoder;
}

void rewrite_note(struct rewrite *rw, const char *note)
{
    if (rw->out->note[0] == '\0')
        rw->out->note = note;
}

void rewrite_as_is(struct rewrite *rw)
{
    struct pending_command c = {.as_is = rw->words, .count = rw->count};

    rw->out->class_ = TRANSLATION_AS_IS;
    command_add(rw, &c);
}

void rewrite_nothing(struct rewrite *rw, const char *note)
{
    rw->out->class_ = TRANSLATION_NOTHING;
    rewrite_note(rw, note);
}

void rewrite_add_loss(struct rewrite *rw, enum loss_reason reason, const char *class_name,
                      const char *text)
{
    struct translation *out = rw->out;

    for (size_t i = 0; i < out->loss_count; i++) {
        if (out->losses[i].reason == reason)
            return;
    }
    assert(out->loss_count < TRANSLATION_LOSSES_MAX);
    out->losses[out->loss_count++] =
        (struct translation_loss){.reason = reason, .class_name = class_name, .text = text};
}

void rewrite_loss(struct rewrite *rw, enum loss_reason reason, const char *class_name,
                  const char *text)
{
    rw->out->class_ = TRANSLATION_LOSS;
    rewrite_add_loss(rw, reason, class_name, text);
    rewrite_note(rw, text);
    /* what no target can hold is no surprise; a command that is left out may have done anything */
    if (reason == LOSS_COMMAND)
        rewrite_suspect(rw);
}

void rewrite_malformed(struct rewrite *rw, const char *what)
{
    rewrite_loss(rw, LOSS_COMMAND, rw->row->name, what);
}

void rewrite_needs(struct rewrite *rw, unsigned version, const char *what)
{
    snprintf(rw->t->note, sizeof(rw->t->note), "%s needs Redis %u.%u", what, version / 100,
             version % 100);
    rewrite_loss(rw, LOSS_COMMAND, rw->row->name, rw->t->note);
}

void rewrite_suspect(struct rewrite *rw)
{
    for (size_t i = 0; i < rw->keys->count; i++)
        rw->keys->keys[i].suspect = true;
}

void rewrite_plan(struct rewrite *rw, size_t src_word, size_t dst_word)
{
    rw->out->class_ = TRANSLATION_READ_WRITE;
    rw->out->plan = (struct translation_plan){
        .kind = rw->row->plan,
        .src = rw->words[src_word],
        .dst = rw->words[dst_word],
        .dst_db = rw->db,
        .words = rw->words,
        .word_count = rw->count,
    };
}

bool rewrite_deadline(const struct rewrite *rw, struct bytes value, int64_t unit_ms,
                      int64_t *ret_ms)
{
    int64_t ttl;

    if (!bytes_to_i64(value, &ttl))
        return false;
    if (ttl > TRANSLATE_TTL_MAX_MS / unit_ms)
        ttl = TRANSLATE_TTL_MAX_MS / unit_ms;
    if (ttl < 0)
        ttl = 0;
    *ret_ms = rw->now_ms + ttl * unit_ms;
    return true;
}

int64_t rewrite_moment_ms(const struct rewrite *rw)
{
    int64_t moment_ms = rw->options->moment_ms;

    if (moment_ms == TRANSLATE_NOW)
        moment_ms = (int64_t)(clock_wall_us() / 1000);
    return moment_ms > rw->now_ms ? moment_ms : rw->now_ms;
}

bool rewrite_is_over(const struct rewrite *rw, int64_t deadline_ms)
{
    return deadline_ms <= rewrite_moment_ms(rw);
}

enum expiry_option rewrite_expiry_option(const struct rewrite *rw, size_t word, int64_t *ret_ms)
{
    bool has_value = word + 1 < rw->count;
    struct bytes value = has_value ? rw->words[word + 1] : bytes_of(NULL, 0);
    int64_t number;

    if (rewrite_is(rw, word, "EX"))
        return rewrite_deadline(rw, value, 1000, ret_ms) ? EXPIRY_OTHER : EXPIRY_BAD;
    if (rewrite_is(rw, word, "PX"))
        return rewrite_deadline(rw, value, 1, ret_ms) ? EXPIRY_OTHER : EXPIRY_BAD;
    if (!rewrite_is(rw, word, "EXAT") && !rewrite_is(rw, word, "PXAT"))
        return EXPIRY_NO_OPTION;
    if (!bytes_to_i64(value, &number) || number < 0 || number > INT64_MAX / 1000)
        return EXPIRY_BAD;
    if (rewrite_is(rw, word, "PXAT")) {
        *ret_ms = number;
        return EXPIRY_ABSOLUTE_MS;
    }
    *ret_ms = number * 1000;
    return EXPIRY_OTHER;
}

bool rewrite_keys_in_one_slot(const struct rewrite *rw)
{
    const struct key_list *list = rw->keys;

    for (size_t i = 1; i < list->count; i++) {
        if (slot_of(list->keys[i].key) != slot_of(list->keys[0].key))
            return false;
    }
    return true;
}

static int slot_key_compare(const void *a, const void *b)
{
    const struct slot_key *x = a, *y = b;

    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->word < y->word ? -1 : x->word > y->word;
}

void rewrite_split(struct rewrite *rw, const char *name)
{
    struct translator *t = rw->t;
    size_t n = rw->keys->count;
    size_t step = (size_t)rw->row->key_step;

    if (!pool_reserve(rw, &t->slots, &t->slot_cap, n, sizeof(t->slots[0])))
        return;
    for (size_t i = 0; i < n; i++) {
        t->slots[i].slot = slot_of(rw->keys->keys[i].key);
        t->slots[i].word = rw->keys->keys[i].word;
    }
    qsort(t->slots, n, sizeof(t->slots[0]), slot_key_compare);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || t->slots[i].slot != t->slots[i - 1].slot)
            rewrite_begin(rw, name);
        rewrite_put_words(rw, t->slots[i].word, t->slots[i].word + step);
    }
}

/* What a row without a function of its own becomes. */
static void rewrite_by_flags(struct rewrite *rw)
{
    const struct command_row *row = rw->row;
    bool apart = rw->options->cluster && !rewrite_keys_in_one_slot(rw);

    if (row->flags & COMMAND_READ_ONLY)
        rewrite_nothing(rw, "it only reads");
    else if (row->since > rewrite_target(rw))
        rewrite_needs(rw, row->since, row->name);
    else if (apart && (row->flags & COMMAND_SPLIT))
        rewrite_split(rw, row->name);
    else if (apart && row->plan == PLAN_STORE)
        rewrite_plan(rw, rw->keys->keys[1].word, rw->keys->keys[0].word);
    else
        rewrite_as_is(rw);
}

static void rewrite_unknown(struct rewrite *rw)
{
    char name[64];

    if (rw->count > 1)
        key_list_push(rw->keys, rw->words, 1);
    snprintf(rw->t->note, sizeof(rw->t->note), "unknown command \"%s\"",
             bytes_escape(rw->words[0], name, sizeof(name)));
    rewrite_loss(rw, LOSS_COMMAND, "unknown", rw->t->note);
}

static void rewrite_run(struct rewrite *rw)
{
    if (rw->row == NULL)
        rewrite_unknown(rw);
    else if (!command_arity_ok(rw->row, rw->count))
        rewrite_malformed(rw, "wrong number of words");
    else if (!rw->keys_ok && !(rw->row->flags & COMMAND_SLICED))
        rewrite_malformed(rw, "the words are not well formed");
    else if (rw->row->rewrite != NULL)
        rw->row->rewrite(rw);
    else
        rewrite_by_flags(rw);
}

static bool find_keys(const struct command_row *row, const struct bytes *words, size_t count,
                      struct key_list *list)
{
    if (row == NULL || !command_arity_ok(row, count)) {
        if (row != NULL && row->key_first == 1 && count > 1)
            key_list_push(list, words, 1);
        return row == NULL;
    }
    if (row->find_keys != NULL)
        return row->find_keys(words, count, list);
    return keys_by_range(row, words, count, list);
}

/* Words no longer move: what the caller sees points into the pools. */
static void commands_settle(struct translator *t, struct translation *out)
{
    for (size_t i = 0; i < t->command_count; i++) {
        const struct pending_command *p = &t->pending[i];

        t->commands[i] = (struct translation_command){
            .words = p->as_is != NULL ? p->as_is : t->words + p->first,
            .count = p->count,
            .script = p->script,
        };
    }
    out->commands = t->commands;
    out->command_count = t->command_count;
    out->keys = t->keys.keys;
    out->key_count = t->keys.count;
}

static void translator_reset(struct translator *t, uint32_t db)
{
    t->word_count = 0;
    t->command_count = 0;
    t->number_count = 0;
    t->keys.count = 0;
    t->keys.db = db;
    buf_clear(&t->scratch);
    buf_trim(&t->scratch, KEEP_WORDS);
}

int translator_new(struct translator **ret, const struct translator_options *options,
                   struct ft_err *err)
{
    struct translator *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return err_nomem(err, "a translator");
    t->options = *options;
    if (recoder_new(&t->recoder, options->target, options->json_as, err) < 0) {
        free(t);
        return -1;
    }
    *ret = t;
    return 0;
}

void translator_set_moment(struct translator *t, int64_t moment_ms)
{
    t->options.moment_ms = moment_ms;
}

int translator_run(struct translator *t, const struct bytes *words, size_t count, uint32_t db,
                   int64_t received_ms, struct translation *ret, struct ft_err *err)
{
    struct translation out = {.class_ = TRANSLATION_AS_IS, .note = ""};
    struct ft_err cause = FT_ERR_INIT;
    struct rewrite rw = {
        .t = t,
        .options = &t->options,
        .words = words,
        .count = count,
        .db = db,
        .now_ms = received_ms,
        .keys = &t->keys,
        .out = &out,
        .err = &cause,
    };

    if (count == 0)
        return err_set(err, FT_ERR_CORRUPT, "a journal record without a command");
    translator_reset(t, db);
    rw.row = command_find(words[0]);
    rw.keys_ok = find_keys(rw.row, words, count, &t->keys);
    out.row = rw.row;
    out.every_node =
        rw.row != NULL && (rw.row->flags & (COMMAND_EVERY_NODE | COMMAND_ALL_FLOWS)) != 0;
    rewrite_run(&rw);
    if (cause.kind != FT_ERR_NONE) {
        *err = cause;
        return -1;
    }
    if (rw.failed || t->keys.failed)
        return err_nomem(err, "the translation of a command");
    commands_settle(t, &out);
    *ret = out;
    return 0;
}

int translator_find_keys(struct translator *t, const struct bytes *words, size_t count, uint32_t db,
                         const struct translation_key **ret_keys, size_t *ret_count,
                         struct ft_err *err)
{
    const struct command_row *row = count == 0 ? NULL : command_find(words[0]);

    translator_reset(t, db);
    find_keys(row, words, count, &t->keys);
    if (row == NULL && count > 1)
        key_list_push(&t->keys, words, 1);
    if (t->keys.failed)
        return err_nomem(err, "the keys of a command");
    *ret_keys = t->keys.keys;
    *ret_count = t->keys.count;
    return 0;
}

void translator_free(struct translator *t)
{
    if (t == NULL)
        return;
    recoder_free(t->recoder);
    free(t->words);
    free(t->pending);
    free(t->commands);
    free(t->keys.keys);
    free(t->slots);
    buf_release(&t->scratch);
    free(t);
}

bool translation_changes(const struct translation *t, size_t key)
{
    bool is_radius = t->row != NULL && strncmp(t->row->name, "GEORADIUS", 9) == 0;

    if (t->row == NULL)
        return true;
    switch (t->row->plan) {
    case PLAN_COPY:
        return key == 1;
    case PLAN_SORT_STORE:
        return key == t->key_count - 1;
    case PLAN_STORE:
        return key == (is_radius ? t->key_count - 1 : 0); /* the others have it in front */
    default:
        return (t->row->flags & COMMAND_READ_ONLY) == 0;
    }
}

const char *translation_class_name(enum translation_class c)
{
    static const char *const names[] = {
        [TRANSLATION_AS_IS] = "as-is",           [TRANSLATION_REWRITTEN] = "rewritten",
        [TRANSLATION_READ_WRITE] = "read-write", [TRANSLATION_NOTHING] = "nothing",
        [TRANSLATION_FLUSH] = "flush",           [TRANSLATION_LOSS] = "loss",
    };

    return names[c];
}

const char *plan_kind_name(enum plan_kind kind)
{
    static const char *const names[] = {
        [PLAN_NONE] = "",       [PLAN_RENAME] = "RENAME",
        [PLAN_COPY] = "COPY",   [PLAN_MOVE] = "MOVE",
        [PLAN_SMOVE] = "SMOVE", [PLAN_LMOVE] = "LMOVE",
        [PLAN_STORE] = "STORE", [PLAN_SORT_STORE] = "SORT-STORE",
        [PLAN_POP] = "POP",     [PLAN_DELETE_DIGEST] = "DELETE-DIGEST",
    };

    return names[kind];
}

void translation_digest(struct bytes value, char out[TRANSLATION_DIGEST_SIZE])
{
    snprintf(out, TRANSLATION_DIGEST_SIZE, "%016llx",
             (unsigned long long)XXH3_64bits(value.p, value.n));
}
