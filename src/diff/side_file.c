#include "diff/side_file.h"

#include <stdlib.h>

#include "base/clock.h"
#include "input/source_nodes.h"
#include "state/state_run.h"

struct side_file {
    struct diff_side side;
    struct diff_side_options o;
    char *path; /* owned */
    const struct diff_rules *rules;
    struct source *source;
    struct cut cut;
};

/* One lane of a state. */
struct lane {
    struct side_file *file;
    struct diff_pass *pass;
    struct diff_reader *reader;
};

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    struct lane *lane = context;
    int64_t moment_ms = cut_moment_ms(&lane->file->cut, (int64_t)(item->time_us / 1000));

    return diff_reader_entry(lane->reader, &item->rdb.entry, moment_ms, err);
}

static int take_function(void *context, const struct item *item, struct bytes code,
                         struct ft_err *err)
{
    struct lane *lane = context;

    (void)item; /* it is about no key */
    if (lane->pass->functions == NULL)
        return 0;
    return diff_functions_add(lane->pass->functions, lane->pass->of, code, err);
}

static int take_loss(void *context, enum loss_reason reason, const char *class_name, uint32_t db,
                     struct bytes key, struct ft_err *err)
{
    struct lane *lane = context;

    if (lane->pass->log == NULL || lane->pass->losses == NULL)
        return 0;
    return loss_add(lane->pass->losses, reason, class_name, db, key, err);
}

static int finish(void *context, struct ft_err *err)
{
    return diff_reader_end(((struct lane *)context)->reader, err);
}

static void free_lane(void *context)
{
    struct lane *lane = context;

    diff_reader_free(lane->reader);
    free(lane);
}

static int open_sink(struct side_file *f, struct diff_pass *pass, struct item_sink *ret,
                     struct ft_err *err)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    if (lane == NULL)
        return err_nomem(err, "a lane of a side");
    lane->file = f;
    lane->pass = pass;
    if (diff_reader_new(&lane->reader, pass, err) != 0) {
        free(lane);
        return -1;
    }
    *ret = (struct item_sink){.context = lane,
                              .entry = take_entry,
                              .function = take_function,
                              .loss = take_loss,
                              .finish = finish,
                              .free = free_lane};
    return 0;
}

static int run(struct side_file *f, struct state_run *state, struct diff_pass *pass,
               struct ft_err *err)
{
    uint32_t count = state_run_lanes(state);
    struct item_sink *sinks = calloc(count, sizeof(*sinks));
    struct state_counts counts;
    uint32_t made = 0;
    int rc = sinks == NULL ? err_nomem(err, "the lanes of a side") : 0;

    while (rc == 0 && made < count) {
        rc = open_sink(f, pass, &sinks[made], err);
        made += rc == 0;
    }
    if (rc == 0) {
        rc = state_run_start(state, sinks, err);
        if (state_run_join(state, &counts, err) != 0)
            rc = -1;
    } else {
        while (made-- > 0)
            sinks[made].free(sinks[made].context);
    }
    free(sinks);
    return rc;
}

static const struct target *target_of(const struct side_file *f)
{
    return f->rules->target != NULL ? f->rules->target : target_default();
}

static bool wants(void *context, uint32_t db, struct bytes key)
{
    return diff_pass_wants(context, db, key);
}

/* Members whose times B cannot hold: a copy made after they ended has them not, one made before keeps them. Those that
 * ended while it was made may be there or not: what differs for that is no difference as of now. */
static void move_moment(struct side_file *f, const struct diff_pass *pass)
{
    int64_t moment_ms = f->rules->copied_ms;

    if (f->cut.moment_ms == 0 || f->side.of != DIFF_A)
        return;
    if (pass->table != NULL && f->rules->live)
        moment_ms = (int64_t)(clock_wall_us() / 1000);
    if (moment_ms > f->cut.moment_ms)
        f->cut.moment_ms = moment_ms;
}

/* The journal is applied with what B can hold in mind, or a Redis like that which applies it. */
static int read_file(struct diff_side *s, struct diff_pass *pass, struct ft_err *err)
{
    struct side_file *f = (struct side_file *)s;
    struct loss_report unwanted;
    struct state_options options = {
        .source = f->source,
        .cut = source_can(f->source, SOURCE_HAS_JOURNAL) ? &f->cut : NULL,
        .target = target_of(f),
        .json_as = f->rules->json_as,
        .redis_server = f->o.redis_server,
        .expired_ms = PUMP_NOTHING_EXPIRED,
        .losses = pass->losses,
        .suspects = pass->suspects,
        .bytes_in = &s->progress->done[s->of],
    };
    struct state_run *state;
    int rc;

    move_moment(f, pass);
    atomic_store(&s->progress->done[s->of], 0);
    atomic_store(&s->progress->total[s->of], source_snapshot_bytes(f->source));
    loss_init(&unwanted);
    if (options.losses == NULL)
        options.losses = &unwanted;
    if (s->of == DIFF_A && pass->table != NULL)
        options.choice = (struct key_choice){wants, pass};
    atomic_store(&s->progress->done[s->of], 0);
    rc = state_run_new(&state, &options, err);
    if (rc == 0) {
        rc = run(f, state, pass, err);
        state_run_free(state);
    }
    loss_release(&unwanted);
    return rc == 0 || err->kind == FT_ERR_CANCELLED ? rc : err_wrap(err, "%s", s->name);
}

static void close_source(struct side_file *f)
{
    if (f->source != NULL)
        cut_release(&f->cut);
    source_free(f->source);
    f->source = NULL;
}

static void free_file(struct diff_side *s)
{
    struct side_file *f = (struct side_file *)s;

    close_source(f);
    free(s->name);
    free(f->path);
    free(f);
}

static const struct diff_side_ops file_ops = {read_file, free_file};

/* What such a server loads, and any module may have written. Dragonfly's own files hold more than any Redis does. */
static void find_kind(struct side_file *f)
{
    const struct source_info *info = &f->source->info;
    struct ft_err ignored = FT_ERR_INIT;
    const struct target *kind;

    if (source_can(f->source, SOURCE_OF_DRAGONFLY) || info->dragonfly || info->version[0] == '\0' ||
        target_parse(info->version, &kind, &ignored) != 0)
        return;
    f->side.kind = *kind;
    f->side.limited = true;
}

static int open_source(struct side_file *f, const char *at, uint32_t generation, struct ft_err *err)
{
    if (source_open(&f->source, f->path, generation, err) != 0)
        return -1;
    f->source->cancel_fd = f->o.cancel_fd;
    if (source_resolve_cut(f->source, at, &f->cut, err) != 0)
        return -1;
    return source_nodes_check_end(f->source, &f->cut, err);
}

int side_file_new(struct diff_side **ret, enum diff_of of, const char *path,
                  const struct diff_side_options *options, const struct diff_rules *rules,
                  struct ft_err *err)
{
    struct side_file *f = calloc(1, sizeof(*f));
    int rc = 0;

    if (f == NULL)
        return err_nomem(err, "a side");
    f->o = *options;
    f->rules = rules;
    f->side = (struct diff_side){
        .of = of, .ops = &file_ops, .progress = options->progress, .name = diff_side_escape(path)};
    f->path = strdup(path);
    if (f->side.name == NULL || f->path == NULL)
        rc = err_nomem(err, "the name of a side");
    if (rc == 0)
        rc = open_source(f, options->at != NULL ? options->at : "end", options->generation, err);
    if (rc != 0) {
        free_file(&f->side);
        return -1;
    }
    f->side.kind_name = source_kind_name(f->source);
    f->side.began_ms = (int64_t)(f->source->began_us / 1000);
    find_kind(f);
    *ret = &f->side;
    return 0;
}

/*
 * Names alone
 */

struct names {
    side_file_key_fn *take;
    void *context;
    bool flushed;
};

static int take_names(void *context, const struct item *item, const struct translation *t,
                      struct ft_err *err)
{
    struct names *names = context;

    (void)item; /* its keys are with the translation */
    names->flushed |= t->class_ == TRANSLATION_FLUSH;
    for (size_t i = 0; i < t->key_count; i++) {
        if (names->take(names->context, t->keys[i].db, t->keys[i].key, err) != 0)
            return -1;
    }
    return 0;
}

/* start_lsn: NULL: from the beginning. A flush that not all flows have counts as one. */
static int walk_records(struct side_file *f, const uint64_t *start_lsn, struct names *names,
                        struct ft_err *err)
{
    struct journal_pass_counts counts;
    struct translator *translator;
    struct cut cut = f->cut;
    int rc;

    if (!source_can(f->source, SOURCE_HAS_JOURNAL))
        return 0;
    cut.start_lsn = start_lsn;
    if (journal_translator_new(&translator, f->source, target_of(f), f->rules->json_as, err) != 0)
        return -1;
    rc = journal_pass_run(f->source, &cut, translator, take_names, names, &counts, err);
    translator_free(translator);
    names->flushed |=
        rc == 0 && (counts.partial_flush_flows != 0 || counts.foreign_slot_flows != 0);
    return rc;
}

static int list_stream(struct side_file *f, uint32_t index, side_file_key_fn *take, void *context,
                       struct ft_err *err)
{
    const struct source_stream_options options = {.skip_values = true, .snapshot_only = true};
    struct source_stream *stream;
    struct item item;
    enum step step;

    if (source_stream_open(&stream, f->source, index, &options, err) != 0)
        return -1;
    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        const struct rdb_entry *entry = item_entry(&item);

        if (entry != NULL && take(context, entry->db, entry->key, err) != 0)
            break;
    }
    source_stream_free(stream);
    return step == STEP_END ? 0 : -1;
}

static int fail(const struct diff_side *s, struct ft_err *err)
{
    return err->kind == FT_ERR_CANCELLED ? -1 : err_wrap(err, "%s", s->name);
}

int side_file_list_entries(struct diff_side *s, side_file_key_fn *take, void *context,
                           struct ft_err *err)
{
    struct side_file *f = (struct side_file *)s;

    for (uint32_t i = 0; i < f->source->stream_count; i++) {
        if (list_stream(f, i, take, context, err) != 0)
            return fail(s, err);
    }
    return 0;
}

int side_file_list_records(struct diff_side *s, side_file_key_fn *take, void *context,
                           struct ft_err *err)
{
    struct names names = {.take = take, .context = context};

    return walk_records((struct side_file *)s, NULL, &names, err) == 0 ? 0 : fail(s, err);
}

int side_file_move(struct diff_side *s, const char *at, side_file_key_fn *take, void *context,
                   bool *ret_flushed, struct ft_err *err)
{
    struct side_file *f = (struct side_file *)s;
    struct names names = {.take = take, .context = context};
    uint32_t generation = f->source->generation;
    uint64_t *from = f->cut.stop_lsn;
    int rc;

    f->cut.stop_lsn = NULL;
    close_source(f);
    rc = open_source(f, at, generation, err);
    if (rc == 0 && take != NULL)
        rc = walk_records(f, from, &names, err);
    free(from);
    *ret_flushed = names.flushed;
    return rc == 0 ? 0 : fail(s, err);
}

const struct source *side_file_source(const struct diff_side *s)
{
    return ((const struct side_file *)s)->source;
}

const struct cut *side_file_cut(const struct diff_side *s)
{
    return &((const struct side_file *)s)->cut;
}
