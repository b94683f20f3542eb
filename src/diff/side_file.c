#include "diff/side_file.h"

#include <stdlib.h>

#include "state/state_run.h"

struct side_file {
    struct diff_side side;
    struct diff_side_options o;
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

/* The journal is applied with what B can hold in mind, or a Redis like that which applies it. */
static int read_file(struct diff_side *s, struct diff_pass *pass, struct ft_err *err)
{
    struct side_file *f = (struct side_file *)s;
    struct loss_report unwanted;
    struct state_options options = {
        .source = f->source,
        .cut = source_can(f->source, SOURCE_HAS_JOURNAL) ? &f->cut : NULL,
        .target = f->rules->target != NULL ? f->rules->target : target_default(),
        .json_as = f->rules->json_as,
        .redis_server = f->o.redis_server,
        .expired_ms = PUMP_NOTHING_EXPIRED,
        .losses = pass->losses,
        .bytes_in = &s->progress->done[s->of],
    };
    struct state_run *state;
    int rc;

    atomic_store(&s->progress->done[s->of], 0);
    atomic_store(&s->progress->total[s->of], source_snapshot_bytes(f->source));
    loss_init(&unwanted);
    if (options.losses == NULL)
        options.losses = &unwanted;
    rc = state_run_new(&state, &options, err);
    if (rc == 0) {
        rc = run(f, state, pass, err);
        state_run_free(state);
    }
    loss_release(&unwanted);
    return rc == 0 || err->kind == FT_ERR_CANCELLED ? rc : err_wrap(err, "%s", s->name);
}

static void free_file(struct diff_side *s)
{
    struct side_file *f = (struct side_file *)s;

    if (f->source != NULL)
        cut_release(&f->cut);
    source_free(f->source);
    free(s->name);
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
    if (f->side.name == NULL)
        rc = err_nomem(err, "the name of a side");
    if (rc == 0)
        rc = source_open(&f->source, path, options->generation, err);
    if (rc == 0) {
        f->source->cancel_fd = options->cancel_fd;
        f->side.kind_name = source_kind_name(f->source);
        f->side.began_ms = (int64_t)(f->source->began_us / 1000);
        find_kind(f);
        rc = source_resolve_cut(f->source, options->at != NULL ? options->at : "end", &f->cut, err);
    }
    if (rc != 0) {
        free_file(&f->side);
        return -1;
    }
    *ret = &f->side;
    return 0;
}
