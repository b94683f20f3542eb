#include "command/rewrite.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "item/slot.h"

/* What the pools may keep between records. */
#define KEEP_ARGS (64u << 10)

/*
 * A translation is made for every record, so it allocates nothing once the pools have grown: arguments of all
 * commands lie in one array, and a command is a range of it. Ranges are numbers until all is put, since
 * the array may move while it grows; only then they become pointers. An error is remembered in `failed`
 * and makes what follows do nothing, so that rewrite functions need not ask after each argument.
 */
static bool command_add(struct rewrite *rw, const struct rewrite_command *c)
{
    struct rewrite_pools *p = rw->pools;
    size_t cap = p->command_cap; /* of both arrays */
    size_t want = p->command_count + 1;

    if (!rewrite_ok(rw, ARRAY_RESERVE(&p->pending, &cap, want, "commands", rw->err)) ||
        !rewrite_ok(rw, ARRAY_RESERVE(&p->commands, &p->command_cap, want, "commands", rw->err)))
        return false;
    p->pending[p->command_count++] = *c;
    return true;
}

void rewrite_put(struct rewrite *rw, struct bytes arg)
{
    struct rewrite_pools *p = rw->pools;

    if (rw->failed || !rewrite_ok(rw, ARRAY_RESERVE(&p->args, &p->arg_cap, p->arg_count + 1,
                                                    "the arguments of a command", rw->err)))
        return;
    p->args[p->arg_count++] = arg;
    p->pending[p->command_count - 1].count++;
}

void rewrite_put_str(struct rewrite *rw, const char *arg)
{
    rewrite_put(rw, bytes_str(arg));
}

void rewrite_put_i64(struct rewrite *rw, int64_t value)
{
    struct rewrite_pools *p = rw->pools;
    char *text = p->numbers[p->number_count];

    assert(p->number_count < REWRITE_NUMBERS_MAX); /* no rewrite makes more */
    p->number_count++;
    rewrite_put(rw, bytes_of(text, i64_to_text(value, text)));
}

void rewrite_put_args(struct rewrite *rw, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < rw->count; i++)
        rewrite_put(rw, rw->args[i]);
}

void rewrite_begin(struct rewrite *rw, const char *name)
{
    struct rewrite_command c = {.first = rw->pools->arg_count};

    if (rw->out->class_ == TRANSLATION_AS_IS)
        rw->out->class_ = TRANSLATION_REWRITTEN;
    if (command_add(rw, &c))
        rewrite_put_str(rw, name);
}

void rewrite_script(struct rewrite *rw, const char *script, size_t key_arg)
{
    rw->out->class_ = TRANSLATION_READ_WRITE;
    rewrite_begin(rw, "EVAL");
    if (rw->failed)
        return;
    rw->pools->pending[rw->pools->command_count - 1].script = true;
    rewrite_put_str(rw, script);
    rewrite_put_str(rw, "1");
    rewrite_put(rw, rw->args[key_arg]);
}

void rewrite_note(struct rewrite *rw, const char *note)
{
    if (rw->out->note[0] == '\0')
        rw->out->note = note;
}

void rewrite_as_is(struct rewrite *rw)
{
    struct rewrite_command c = {.as_is = rw->args, .count = rw->count};

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
    snprintf(rw->pools->note, sizeof(rw->pools->note), "%s needs Redis %u.%u", what, version / 100,
             version % 100);
    rewrite_loss(rw, LOSS_COMMAND, rw->row->name, rw->pools->note);
}

void rewrite_suspect(struct rewrite *rw)
{
    for (size_t i = 0; i < rw->keys->count; i++)
        rw->keys->keys[i].suspect = true;
}

void rewrite_plan(struct rewrite *rw, size_t src_arg, size_t dst_arg)
{
    rw->out->class_ = TRANSLATION_READ_WRITE;
    rw->out->plan = (struct translation_plan){
        .kind = rw->row->plan,
        .src = rw->args[src_arg],
        .dst = rw->args[dst_arg],
        .dst_db = rw->db,
        .args = rw->args,
        .arg_count = rw->count,
    };
}

bool rewrite_deadline(const struct rewrite *rw, struct bytes value, int64_t unit_ms,
                      int64_t *ret_ms)
{
    int64_t ttl;

    if (!bytes_to_i64(value, &ttl))
        return false;
    if (rewrite_source_is_redis(rw))
        return !__builtin_mul_overflow(ttl, unit_ms, &ttl) &&
               !__builtin_add_overflow(rw->now_ms, ttl, ret_ms);
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

enum expiry_option rewrite_expiry_option(const struct rewrite *rw, size_t arg, int64_t *ret_ms)
{
    bool has_value = arg + 1 < rw->count;
    struct bytes value = has_value ? rw->args[arg + 1] : bytes_of(NULL, 0);
    int64_t number;

    if (rewrite_is(rw, arg, "EX"))
        return rewrite_deadline(rw, value, 1000, ret_ms) ? EXPIRY_OTHER : EXPIRY_BAD;
    if (rewrite_is(rw, arg, "PX"))
        return rewrite_deadline(rw, value, 1, ret_ms) ? EXPIRY_OTHER : EXPIRY_BAD;
    if (!rewrite_is(rw, arg, "EXAT") && !rewrite_is(rw, arg, "PXAT"))
        return EXPIRY_NO_OPTION;
    if (!bytes_to_i64(value, &number) || number < 0 || number > INT64_MAX / 1000)
        return EXPIRY_BAD;
    if (rewrite_is(rw, arg, "PXAT")) {
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

static int slot_compare(const void *a, const void *b)
{
    const struct rewrite_slot *x = a, *y = b;

    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->arg < y->arg ? -1 : x->arg > y->arg;
}

void rewrite_split(struct rewrite *rw, const char *name)
{
    struct rewrite_pools *p = rw->pools;
    size_t n = rw->keys->count;
    size_t step = (size_t)rw->row->key_step;

    if (!rewrite_ok(rw, ARRAY_RESERVE(&p->slots, &p->slot_cap, n, "slots", rw->err)))
        return;
    for (size_t i = 0; i < n; i++) {
        p->slots[i].slot = slot_of(rw->keys->keys[i].key);
        p->slots[i].arg = rw->keys->keys[i].arg;
    }
    qsort(p->slots, n, sizeof(p->slots[0]), slot_compare);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || p->slots[i].slot != p->slots[i - 1].slot)
            rewrite_begin(rw, name);
        rewrite_put_args(rw, p->slots[i].arg, p->slots[i].arg + step);
    }
}

void rewrite_pools_clear(struct rewrite_pools *p)
{
    p->arg_count = 0;
    p->command_count = 0;
    p->number_count = 0;
    buf_clear(&p->scratch);
    buf_trim(&p->scratch, KEEP_ARGS);
}

void rewrite_finish(struct rewrite *rw)
{
    struct rewrite_pools *p = rw->pools;

    for (size_t i = 0; i < p->command_count; i++) {
        const struct rewrite_command *c = &p->pending[i];

        p->commands[i] = (struct translation_command){
            .args = c->as_is != NULL ? c->as_is : p->args + c->first,
            .count = c->count,
            .script = c->script,
        };
    }
    rw->out->commands = p->commands;
    rw->out->command_count = p->command_count;
    rw->out->keys = rw->keys->keys;
    rw->out->key_count = rw->keys->count;
}

void rewrite_pools_release(struct rewrite_pools *p)
{
    free(p->args);
    free(p->pending);
    free(p->commands);
    free(p->slots);
    buf_release(&p->scratch);
}
