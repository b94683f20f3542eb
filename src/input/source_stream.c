#include "input/source_stream.h"

#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "input/script_texts.h"
#include "input/source_kind.h"

struct source_large {
    sem_t permits;
};

int source_large_new(struct source_large **ret, struct ft_err *err)
{
    struct source_large *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return err_nomem(err, "a source");
    (void)sem_init(&l->permits, 0, SOURCE_LARGE_COUNT); /* cannot fail for so few */
    *ret = l;
    return 0;
}

void source_large_free(struct source_large *l)
{
    if (l == NULL)
        return;
    (void)sem_destroy(&l->permits); /* all streams have given theirs back */
    free(l);
}

void source_large_want(struct source_large *l, bool *has, bool wanted)
{
    if (l == NULL || *has == wanted)
        return;
    *has = wanted;
    if (!wanted)
        (void)sem_post(&l->permits); /* was taken below */
    while (wanted && sem_wait(&l->permits) != 0)
        ; /* interrupted */
}

int source_stream_open(struct source_stream **ret, const struct source *s, uint32_t index,
                       const struct source_stream_options *options, struct ft_err *err)
{
    const struct source_feed *feed = s->kind->feed;
    struct source_stream *st = calloc(1, sizeof(*st));
    struct flow_decoder_options decoder = {
        .rdb = {.skip_values = options->skip_values,
                .dragonfly = source_can(s, SOURCE_OF_DRAGONFLY),
                .detect = !source_can(s, SOURCE_OF_DRAGONFLY),
                .verify_checksum = options->verify_checksum},
        .flow = index,
        .skip_args = options->skip_values && !options->keep_args,
    };

    if (st == NULL)
        return err_nomem(err, "a source");
    st->source = s;
    st->index = index;
    st->options = *options;
    st->options.follow |= s->growing;
    if (options->scripts && !decoder.skip_args && !source_can(s, SOURCE_OF_DRAGONFLY) &&
        script_texts_new(&st->scripts, err) != 0) {
        free(st);
        return -1;
    }
    if (feed->open(st, &decoder, err) != 0 || flow_decoder_new(&st->decoder, &decoder, err) != 0 ||
        (options->stretch != NULL && options->stretch->place.offset != 0 &&
         flow_decoder_start_rdb(st->decoder, &options->stretch->place, err) != 0) ||
        (options->journal_only && feed->start_journal != NULL &&
         feed->start_journal(st, err) != 0)) {
        source_stream_free(st);
        return -1;
    }
    *ret = st;
    return 0;
}

/*
 * The stream owns a permit from the moment that its decoder collects something large until it has let go
 * of that: between two calls of source_stream_next the caller may well look at the item. So a permit is no
 * lock: the stream gives it back from whatever thread it is read or freed in.
 */
static void want_permit(struct source_stream *st, bool wanted)
{
    const struct source_turn *turn = st->options.turn;

    if (turn == NULL) {
        source_large_want(st->options.large, &st->has_permit, wanted);
    } else if (st->has_permit != wanted) {
        st->has_permit = wanted;
        turn->hold(turn->context, st->index, wanted);
    }
}

/* Once in a millisecond: a block of a slow source has one record, and to ask for each takes longer than all else. */
static int check_cancelled(struct source_stream *st, struct ft_err *err)
{
    struct pollfd fd = {.fd = st->source->cancel_fd, .events = POLLIN};
    uint64_t now_ms = clock_mono_ms();

    if (fd.fd < 0 || now_ms == st->looked_ms)
        return 0;
    st->looked_ms = now_ms;
    return poll(&fd, 1, 0) > 0 ? err_set(err, FT_ERR_CANCELLED, "stopped") : 0;
}

static int feed(struct source_stream *st, struct ft_err *err)
{
    uint64_t before = st->bytes;
    int fed;

    if (check_cancelled(st, err) != 0)
        return -1;
    fed = st->source->kind->feed->next(st, err);
    read_progress_add(st->source->progress, st->bytes - before);
    want_permit(st, flow_decoder_held_bytes(st->decoder) > SOURCE_LARGE_BYTES);
    return fed;
}

/* After the snapshot a caller may not want to go on. */
static bool is_last(const struct source_stream *st, const struct item *item)
{
    return st->options.snapshot_only && item->kind == ITEM_SNAPSHOT_END;
}

/*
 * Scripts
 */

/* What came before the place where the stream began; once. */
static int seek_scripts(struct source_stream *st, struct ft_err *err)
{
    struct source_stream_options options = {.skip_values = true, .keep_args = true};
    struct source_stream *before;
    enum step step = STEP_END;
    struct item item;

    if (st->scripts_sought || !st->options.journal_only || st->options.start_lsn == 0)
        return 0;
    st->scripts_sought = true;
    options.journal_only = true;
    if (source_stream_open(&before, st->source, st->index, &options, err) != 0)
        return -1;
    while ((step = source_stream_next(before, &item, err)) == STEP_ITEM &&
           item.lsn < st->options.start_lsn) {
        if (item_command(&item) != NULL && script_texts_see(st->scripts, &item.record, err) != 0) {
            step = STEP_ERROR;
            break;
        }
    }
    source_stream_free(before);
    return step == STEP_ERROR ? -1 : 0;
}

/* EVALSHA becomes EVAL, where its script is known. */
static int put_script(struct source_stream *st, struct journal_record *r, struct ft_err *err)
{
    struct bytes text;

    if (strcmp(r->name, "EVALSHA") != 0 || r->arg_count < 2)
        return script_texts_see(st->scripts, r, err);
    if (!script_texts_find(st->scripts, r->args[1], &text)) {
        if (seek_scripts(st, err) != 0)
            return -1;
        if (!script_texts_find(st->scripts, r->args[1], &text))
            return 0;
    }
    if (ARRAY_RESERVE(&st->script_args, &st->script_arg_cap, r->arg_count, "a command", err) != 0)
        return -1;
    memcpy(st->script_args, r->args, r->arg_count * sizeof(*r->args));
    st->script_args[0] = bytes_str("EVAL");
    st->script_args[1] = text;
    r->args = st->script_args;
    memcpy(r->name, "EVAL", sizeof("EVAL"));
    return 0;
}

enum step source_stream_next(struct source_stream *st, struct item *ret, struct ft_err *err)
{
    enum step step;

    if (st->ended)
        return STEP_END;
    while ((step = flow_decoder_next(st->decoder, ret, err)) == STEP_MORE) {
        int fed = feed(st, err);

        if (fed == 0)
            return STEP_MORE;
        if (fed < 0) {
            if (err->kind != FT_ERR_CANCELLED)
                st->source->kind->feed->place(st, true, err);
            st->ended = true;
            return STEP_ERROR;
        }
    }
    if (step == STEP_ERROR)
        st->source->kind->feed->place(st, false, err);
    if (step == STEP_ITEM && st->scripts != NULL && item_command(ret) != NULL &&
        put_script(st, &ret->record, err) != 0)
        step = STEP_ERROR;
    st->ended = step != STEP_ITEM || is_last(st, ret);
    return step;
}

int source_stream_run(struct source_stream *st, struct rdb_run *ret, struct ft_err *err)
{
    ret->count = 0;
    return st->ended ? 0 : flow_decoder_run(st->decoder, ret, err);
}

uint64_t source_stream_bytes(const struct source_stream *st)
{
    return st->bytes;
}

void source_stream_free(struct source_stream *st)
{
    if (st == NULL)
        return;
    want_permit(st, false);
    flow_decoder_free(st->decoder);
    st->source->kind->feed->free(st->feed);
    script_texts_free(st->scripts);
    free(st->script_args);
    free(st);
}
