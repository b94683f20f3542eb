#include "replay/position/replay_steps.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "resp/resp_write.h"

#define KEEP_BYTES (1u << 20)

/* Of a command that is larger than REPLAY_STEP_BYTES, what stays in memory: room for the text of a script, and its keys. */
#define HEAD_BYTES (64u << 10)

static int put_text(struct replay_texts *t, struct bytes text, struct ft_err *err)
{
    if (ARRAY_RESERVE(&t->ends, &t->cap, t->count + 1, "a batch", err) != 0 ||
        buf_append(&t->text, text.p, text.n, err) != 0)
        return -1;
    t->ends[t->count++] = t->text.n;
    return 0;
}

struct bytes replay_texts_at(const struct replay_texts *t, size_t index)
{
    size_t start = index == 0 ? 0 : t->ends[index - 1];

    /* there is no memory where all are empty */
    return bytes_of(start > 0 ? t->text.p + start : t->text.p, t->ends[index] - start);
}

size_t replay_texts_fill(const struct replay_texts *t, size_t end, size_t *at, size_t together,
                         struct bytes *args, size_t count, size_t most)
{
    while (*at < end && (most == 0 || count + together <= most)) {
        for (size_t i = 0; i < together; i++)
            args[count++] = replay_texts_at(t, (*at)++);
    }
    return count;
}

static void free_more(struct replay_step *step)
{
    if (step->more == NULL)
        return;
    spool_release(step->more);
    free(step->more);
    step->more = NULL;
}

static int put_more(struct spool *more, struct bytes arg, struct ft_err *err)
{
    struct buf head = {0};
    int rc = resp_put_arg_head(&head, arg.n, err);

    if (rc == 0)
        rc = spool_append(more, head.p, head.n, err);
    buf_release(&head);
    if (rc != 0 || spool_append(more, arg.p, arg.n, err) != 0)
        return -1;
    return spool_append(more, RESP_LINE_END, strlen(RESP_LINE_END), err);
}

/* How many arguments stay in memory. */
static size_t count_head(const struct bytes *args, size_t count, size_t bytes)
{
    size_t head_bytes = 0;

    if (bytes <= REPLAY_STEP_BYTES)
        return count;
    for (size_t i = 0; i < count; i++) {
        head_bytes += args[i].n;
        if (head_bytes > HEAD_BYTES)
            return i == 0 ? 1 : i;
    }
    return count;
}

static int put_args(struct replay_steps *s, struct replay_step *step, const struct bytes *args,
                    size_t head, struct ft_err *err)
{
    for (size_t i = 0; i < head; i++) {
        if (put_text(&s->args, args[i], err) != 0)
            return -1;
    }
    if (head == step->count)
        return 0;
    step->more = calloc(1, sizeof(*step->more));
    if (step->more == NULL)
        return err_nomem(err, "a batch");
    step->more_count = step->count - head;
    for (size_t i = head; i < step->count; i++) {
        if (put_more(step->more, args[i], err) != 0)
            return -1;
    }
    return spool_flush(step->more, err);
}

int replay_steps_add(struct replay_steps *s, uint32_t db, const char *tag, const struct bytes *args,
                     size_t count, struct ft_err *err)
{
    struct replay_step step = {.db = db, .first = s->args.count + 1, .count = count};
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += args[i].n;
    if (ARRAY_RESERVE(&s->steps, &s->step_cap, s->step_count + 1, "a batch", err) != 0 ||
        put_text(&s->args, bytes_str(tag), err) != 0)
        return -1;
    if (put_args(s, &step, args, count_head(args, count, bytes), err) != 0) {
        free_more(&step);
        return -1;
    }
    s->steps[s->step_count++] = step;
    s->bytes += bytes;
    return 0;
}

bool replay_steps_mark_ahead(struct replay_steps *s)
{
    struct replay_step *step = &s->steps[s->step_count - 1];

    step->ahead = step->more == NULL;
    return step->ahead;
}

int replay_steps_head(const struct replay_steps *s, size_t index, struct bytes **args, size_t *cap,
                      size_t *ret_count, struct ft_err *err)
{
    const struct replay_step *step = &s->steps[index];
    const size_t count = step->count - step->more_count;

    if (ARRAY_RESERVE(args, cap, step->count, "a command", err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        (*args)[i] = replay_texts_at(&s->args, step->first + i);
    *ret_count = count;
    return 0;
}

/* What is looked at later comes into memory again. */
static int take_more(const struct replay_step *step, struct bytes *args, struct ft_err *err)
{
    struct bytes all;
    struct bytes left;

    if (spool_view(step->more, &all, err) != 0)
        return -1;
    left = all;
    for (size_t i = step->count - step->more_count; i < step->count; i++) {
        if (!resp_take_arg(&left, &args[i]))
            return err_set(err, FT_ERR_BUG, "what was put into a batch is not a command");
    }
    spool_passed(step->more, all.n);
    return 0;
}

int replay_steps_args(const struct replay_steps *s, size_t index, struct bytes **args, size_t *cap,
                      char tag[REPLAY_TAG_TEXT], struct ft_err *err)
{
    const struct replay_step *step = &s->steps[index];
    const struct bytes text = replay_texts_at(&s->args, step->first - 1);
    size_t head;

    if (replay_steps_head(s, index, args, cap, &head, err) != 0 ||
        (step->more != NULL && take_more(step, *args, err) != 0))
        return -1;
    (void)snprintf(tag, REPLAY_TAG_TEXT, "%.*s", (int)text.n, (const char *)text.p); /* fits */
    return 0;
}

int replay_step_put(const struct replay_step *step, struct redis_pipe *pipe, uint64_t reply_tag,
                    const struct bytes *args, size_t count, struct ft_err *err)
{
    if (step->more == NULL)
        return redis_pipe_put(pipe, reply_tag, args, count, err);
    if (redis_pipe_append_more(pipe, reply_tag, args, count, step->more_count, step->more, err) !=
        0)
        return -1;
    return redis_pipe_keep_up(pipe, err);
}

int replay_steps_field(struct replay_steps *s, struct bytes name, struct bytes value,
                       struct ft_err *err)
{
    return put_text(&s->fields, name, err) != 0 ? -1 : put_text(&s->fields, value, err);
}

int replay_steps_forget(struct replay_steps *s, struct bytes field, struct ft_err *err)
{
    return put_text(&s->forget, field, err);
}

bool replay_steps_name(const struct replay_steps *s, struct bytes key)
{
    for (size_t i = 0; i < s->args.count; i++) {
        if (bytes_eq(replay_texts_at(&s->args, i), key))
            return true;
    }
    for (size_t i = 0; i < s->step_count; i++) {
        if (s->steps[i].more != NULL)
            return true;
    }
    return false;
}

static void clear_texts(struct replay_texts *t)
{
    buf_clear(&t->text);
    buf_trim(&t->text, KEEP_BYTES);
    t->count = 0;
}

static void clear_steps(struct replay_steps *s)
{
    for (size_t i = 0; i < s->step_count; i++)
        free_more(&s->steps[i]);
    s->step_count = 0;
    s->bytes = 0;
}

void replay_steps_clear(struct replay_steps *s)
{
    clear_texts(&s->args);
    clear_texts(&s->fields);
    clear_texts(&s->forget);
    clear_steps(s);
}

static void release_texts(struct replay_texts *t)
{
    buf_release(&t->text);
    free(t->ends);
}

void replay_steps_release(struct replay_steps *s)
{
    release_texts(&s->args);
    release_texts(&s->fields);
    release_texts(&s->forget);
    clear_steps(s);
    free(s->steps);
    *s = (struct replay_steps){0};
}
