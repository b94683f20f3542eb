#include "replay/position/replay_steps.h"

#include <stdlib.h>

#include "base/array.h"

#define KEEP_BYTES (1u << 20)

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

int replay_steps_add(struct replay_steps *s, uint32_t db, const char *tag, const struct bytes *args,
                     size_t count, struct ft_err *err)
{
    if (ARRAY_RESERVE(&s->steps, &s->step_cap, s->step_count + 1, "a batch", err) != 0 ||
        put_text(&s->args, bytes_str(tag), err) != 0)
        return -1;
    s->steps[s->step_count] =
        (struct replay_step){.db = db, .first = s->args.count, .count = count};
    for (size_t i = 0; i < count; i++) {
        if (put_text(&s->args, args[i], err) != 0)
            return -1;
    }
    s->step_count++;
    return 0;
}

void replay_steps_mark_ahead(struct replay_steps *s)
{
    s->steps[s->step_count - 1].ahead = true;
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
    return false;
}

static void clear_texts(struct replay_texts *t)
{
    buf_clear(&t->text);
    buf_trim(&t->text, KEEP_BYTES);
    t->count = 0;
}

void replay_steps_clear(struct replay_steps *s)
{
    clear_texts(&s->args);
    clear_texts(&s->fields);
    clear_texts(&s->forget);
    s->step_count = 0;
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
    free(s->steps);
    *s = (struct replay_steps){0};
}
