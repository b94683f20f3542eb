#include "replay/position/replay_transaction.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/parse.h"
#include "mapping/replay_divide.h"

/* An MSET of what were several SETs. */
#define SETS_MAX   500u
#define SETS_BYTES (256u << 10)

static int put_tagged(struct replay_queue *q, uint64_t tag, const struct bytes *args, size_t count,
                      struct ft_err *err)
{
    if (redis_pipe_append(q->pipe, tag, args, count, err) != 0)
        return -1;
    return q->no_wait ? 0 : redis_pipe_keep_up(q->pipe, err);
}

int replay_queue_put(struct replay_queue *q, enum replay_answer answer, const struct bytes *args,
                     size_t count, struct ft_err *err)
{
    return put_tagged(q, (uint64_t)answer << REPLAY_ANSWER_SHIFT, args, count, err);
}

int replay_queue_text(struct replay_queue *q, enum replay_answer answer, const char *name,
                      struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(name)};

    return replay_queue_put(q, answer, args, 1, err);
}

void replay_queue_release(struct replay_queue *q)
{
    replay_multi_scripts_free(q->scripts);
    free(q->args);
}

/*
 * Queueing
 */

int replay_transaction_note(struct replay_transaction *t, size_t step, struct ft_err *err)
{
    if (ARRAY_RESERVE(&t->elements, &t->element_cap, t->element_count + 1, "a transaction", err) !=
        0)
        return -1;
    t->elements[t->element_count++] = step;
    return 0;
}

void replay_transaction_reset(struct replay_transaction *t)
{
    t->is_open = false;
    t->queued = 0;
    t->queued_bytes = 0;
    t->db = 0;
    t->element_count = 0;
}

int replay_transaction_open(struct replay_queue *q, struct replay_transaction *t,
                            struct ft_err *err)
{
    replay_transaction_reset(t);
    if (q->scripts != NULL)
        replay_multi_scripts_begin(q->scripts);
    t->is_open = true;
    return replay_queue_text(q, REPLAY_ANSWER_MULTI, "MULTI", err);
}

int replay_transaction_select(struct replay_queue *q, struct replay_transaction *t, uint32_t db,
                              struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};

    if (t->db == db)
        return 0;
    t->db = db;
    return replay_transaction_note(t, REPLAY_NO_STEP, err) == 0
               ? replay_queue_put(q, REPLAY_ANSWER_PLAIN, args, 2, err)
               : -1;
}

static int queue_step(struct replay_queue *q, struct replay_transaction *t, size_t index,
                      struct ft_err *err)
{
    struct replay_step *step = &t->steps.steps[index];
    const uint64_t tag = (uint64_t)REPLAY_ANSWER_STEP << REPLAY_ANSWER_SHIFT | index;
    const struct bytes *args;
    size_t count;

    if (replay_steps_head(&t->steps, index, &q->args, &q->arg_cap, &count, err) != 0 ||
        replay_transaction_note(t, index, err) != 0)
        return -1;
    args = q->args;
    if (q->scripts != NULL &&
        replay_multi_script_form(q->scripts, &args, &count, step->more_count, err) != 0)
        return -1;
    step->is_trim = q->scripts != NULL && replay_multi_script_is_trim(q->scripts, args);
    return step->more == NULL ? put_tagged(q, tag, args, count, err)
                              : replay_step_put(step, q->pipe, tag, args, count, err);
}

/* From this one on, as far as they go together: *ret is the one after them. */
static int queue_sets(struct replay_queue *q, struct replay_transaction *t, size_t index,
                      size_t *ret, struct ft_err *err)
{
    const struct replay_steps *steps = &t->steps;
    size_t count = 1;
    size_t bytes = 0;

    if (ARRAY_RESERVE(&q->args, &q->arg_cap, 1 + 2 * SETS_MAX, "a command", err) != 0)
        return -1;
    q->args[0] = bytes_str("MSET");
    for (; index < steps->step_count && count < 2 * SETS_MAX && bytes < SETS_BYTES; index++) {
        const struct replay_step *step = &steps->steps[index];

        if (!step->ahead)
            continue;
        if (step->db != t->db)
            break;
        q->args[count] = replay_texts_at(&steps->args, step->first + 1);
        q->args[count + 1] = replay_texts_at(&steps->args, step->first + 2);
        bytes += q->args[count].n + q->args[count + 1].n;
        count += 2;
    }
    *ret = index;
    return replay_transaction_note(t, REPLAY_NO_STEP, err) == 0
               ? replay_queue_put(q, REPLAY_ANSWER_SETS, q->args, count, err)
               : -1;
}

/* The SETs that may come first, or all others. */
static int queue_part(struct replay_queue *q, struct replay_transaction *t, bool ahead,
                      struct ft_err *err)
{
    size_t next;

    for (size_t i = t->queued; i < t->steps.step_count; i = next) {
        const struct replay_step *step = &t->steps.steps[i];

        next = i + 1;
        if (step->ahead != ahead)
            continue;
        if (replay_transaction_select(q, t, step->db, err) != 0 ||
            (ahead && !q->no_mset ? queue_sets(q, t, i, &next, err) : queue_step(q, t, i, err)) !=
                0)
            return -1;
    }
    return 0;
}

int replay_transaction_queue(struct replay_queue *q, struct replay_transaction *t,
                             struct ft_err *err)
{
    if (queue_part(q, t, true, err) != 0 || queue_part(q, t, false, err) != 0)
        return -1;
    t->queued = t->steps.step_count;
    t->queued_bytes = t->steps.bytes;
    return 0;
}

/*
 * The next attempt
 */

/* A command for each of its keys. */
static int add_apart(struct replay_steps *to, uint32_t db, const char *tag,
                     const struct bytes *args, size_t count, struct ft_err *err)
{
    char key_tag[2 * REPLAY_TAG_TEXT];
    struct bytes one[3];
    size_t each;

    (void)replay_divide_by_key(args, count, &each); /* as it was when this was found */
    for (size_t at = 1; at < count; at += each) {
        replay_divide_take(args, at, each, one);
        (void)snprintf(key_tag, sizeof(key_tag), "%s.%zu", tag, at); /* fits */
        if (replay_steps_add(to, db, key_tag, one, 1 + each, err) != 0)
            return -1;
    }
    return 0;
}

int replay_transaction_leave_out(struct replay_queue *q, struct replay_transaction *t,
                                 struct ft_err *err)
{
    struct replay_steps left = {0};
    struct replay_steps all;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < t->steps.step_count; i++) {
        const struct replay_step *step = &t->steps.steps[i];
        char tag[REPLAY_TAG_TEXT];

        if (step->left_out)
            continue;
        rc = replay_steps_args(&t->steps, i, &q->args, &q->arg_cap, tag, err);
        if (rc == 0)
            rc = step->apart ? add_apart(&left, step->db, tag, q->args, step->count, err)
                             : replay_steps_add(&left, step->db, tag, q->args, step->count, err);
        if (rc == 0 && step->ahead)
            (void)replay_steps_mark_ahead(&left);
    }
    all = t->steps;
    t->steps = (struct replay_steps){.args = left.args,
                                     .steps = left.steps,
                                     .step_count = left.step_count,
                                     .step_cap = left.step_cap,
                                     .bytes = left.bytes,
                                     .fields = all.fields,
                                     .forget = all.forget};
    all.fields = (struct replay_texts){0};
    all.forget = (struct replay_texts){0};
    replay_steps_release(&all);
    return rc;
}

void replay_transaction_release(struct replay_transaction *t)
{
    replay_steps_release(&t->steps);
    free(t->elements);
}
