#include "diff/copy_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "diff/key_pick.h"
#include "diff/side_file.h"
#include "mapping/replay_saved.h"
#include "wire/uri.h"

#define SHOWN       10u
#define ROUNDS      3u
#define INTERVAL_MS 200u
#define SLACK_MS    1000u

struct copy_check {
    struct copy_check_options o;
    struct diff_options compare;
    char target_name[URI_ADDRESS_SIZE];
    struct diff_progress *progress;
    struct diff *diff; /* NULL: not begun */
    char *at;          /* where the input is; owned */
    int64_t began_ms;
    struct diff_result result;
    struct loss_report losses;
    struct suspect_report suspects;
    struct diff_examples *examples; /* while it reports */
    struct key_pick random;
    struct key_pick last;
    uint64_t salt;
    uint64_t rank; /* of the record before */
};

void copy_checked_init(struct copy_checked *c)
{
    *c = (struct copy_checked){.examples = {.max = SHOWN}};
    loss_init(&c->losses);
}

void copy_checked_release(struct copy_checked *c)
{
    diff_examples_release(&c->examples);
    loss_release(&c->losses);
    diff_sums_release(&c->sums);
    buf_release(&c->rules);
    free(c->next_lsn);
}

bool copy_checked_is_equal(const struct copy_checked *c)
{
    return c->done && diff_is_equal(&c->result);
}

static int64_t now_ms(void)
{
    return (int64_t)(clock_wall_us() / 1000);
}

static int take_found(void *context, const struct diff_found *found, struct ft_err *err)
{
    struct copy_check *c = context;

    return diff_examples_add(c->examples, found, err);
}

int copy_check_new(struct copy_check **ret, const struct copy_check_options *options,
                   struct ft_err *err)
{
    struct copy_check *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_nomem(err, "a check");
    c->o = *options;
    c->salt = clock_wall_us();
    c->random.max = c->last.max = (size_t)options->sample;
    c->compare = (struct diff_options){
        .rules = {.filter = options->filter,
                  .map = options->map,
                  .ttl = options->ttl,
                  .json_as = options->json_as,
                  .slack_ms = SLACK_MS},
        .redis_server = options->redis_server,
        .rounds = ROUNDS,
        .interval_ms = INTERVAL_MS,
        .rate_keys = options->rate_keys,
        .show = SHOWN,
        .still = options->follows || options->sample != 0,
        .keep_digests = options->sample == 0,
        .suspects = options->follows ? &c->suspects : NULL,
        .cancel_fd = options->cancel_fd,
        .on_found = take_found,
        .context = c,
    };
    c->compare.input[DIFF_A] =
        (struct diff_input){.name = options->input, .generation = options->generation};
    c->compare.input[DIFF_B] = (struct diff_input){
        .name = uri_address(options->target, c->target_name), .uri = options->target};
    loss_init(&c->losses);
    *ret = c;
    return 0;
}

static void stop(struct copy_check *c)
{
    diff_free(c->diff);
    c->diff = NULL;
    loss_release(&c->losses);
    loss_init(&c->losses);
}

void copy_check_free(struct copy_check *c)
{
    if (c == NULL)
        return;
    diff_free(c->diff);
    loss_release(&c->losses);
    suspect_release(&c->suspects);
    key_pick_release(&c->random);
    key_pick_release(&c->last);
    free(c->at);
    free(c);
}

static int set_at(struct copy_check *c, const char *at, struct ft_err *err)
{
    char *copy = strdup(at);

    if (copy == NULL)
        return err_nomem(err, "a check");
    free(c->at);
    c->at = copy;
    c->compare.input[DIFF_A].at = copy;
    return 0;
}

/*
 * Some of the keys
 */

static int pick_random(void *context, uint32_t db, struct bytes name, struct ft_err *err)
{
    struct copy_check *c = context;

    if (!filter_db(c->o.filter, db) || !filter_key(c->o.filter, name))
        return 0;
    return key_pick_add(&c->random, db, name, key_pick_rank(db, name, c->salt), err);
}

static int pick_last(void *context, uint32_t db, struct bytes name, struct ft_err *err)
{
    struct copy_check *c = context;

    c->rank++;
    if (!filter_db(c->o.filter, db) || !filter_key(c->o.filter, name))
        return 0;
    return key_pick_add(&c->last, db, name, c->rank, err);
}

/* Of those that only the journal names, too. */
static int choose_random(struct copy_check *c, struct ft_err *err)
{
    struct diff_side *side = diff_side_of(c->diff, DIFF_A);

    if (side_file_list_entries(side, pick_random, c, err) != 0 ||
        side_file_list_records(side, pick_random, c, err) != 0)
        return -1;
    key_pick_finish(&c->random);
    return 0;
}

static int want_picked(struct copy_check *c, const struct key_pick *pick, struct ft_err *err)
{
    for (size_t i = 0; i < pick->count; i++) {
        if (diff_want(c->diff, pick->list[i].db, pick->list[i].name, err) != 0)
            return -1;
    }
    return 0;
}

static int want_sample(struct copy_check *c, struct ft_err *err)
{
    key_pick_release(&c->last);
    c->rank = 0;
    if (side_file_list_records(diff_side_of(c->diff, DIFF_A), pick_last, c, err) != 0)
        return -1;
    key_pick_finish(&c->last);
    return want_picked(c, &c->last, err) != 0 ? -1 : want_picked(c, &c->random, err);
}

/*
 * The stages
 */

int copy_check_begin(struct copy_check *c, const char *at, struct diff_progress *progress,
                     struct ft_err *err)
{
    c->progress = progress;
    c->began_ms = now_ms();
    stop(c);
    if (set_at(c, at, err) != 0 ||
        diff_open(&c->diff, &c->compare, progress, &c->losses, &c->result, err) != 0)
        return err_wrap(err, "--check");
    if ((c->o.sample != 0 ? choose_random(c, err) : diff_read(c->diff, err)) != 0)
        return err_wrap(err, "--check");
    return 0;
}

/* To another moment. */
static int advance(struct copy_check *c, const char *at, struct ft_err *err)
{
    bool flushed = false;

    if (strcmp(at, c->at) != 0) {
        if (diff_move(c->diff, at, c->o.sample == 0, &flushed, err) != 0 || set_at(c, at, err) != 0)
            return -1;
    }
    if (flushed)
        return copy_check_begin(c, at, c->progress, err);
    return c->o.sample != 0 ? want_sample(c, err) : 0;
}

int copy_check_refine(struct copy_check *c, const char *at, uint64_t *ret_keys, struct ft_err *err)
{
    *ret_keys = 0;
    if (c->o.sample != 0)
        return 0;
    if (advance(c, at, err) != 0)
        return err_wrap(err, "--check");
    *ret_keys = diff_count_due(c->diff);
    return diff_resolve(c->diff, err) == 0 ? 0 : err_wrap(err, "--check");
}

/*
 * The result
 */

static int describe_source(struct copy_check *c, struct copy_checked *r, struct ft_err *err)
{
    const struct diff_side *side = diff_side_of(c->diff, DIFF_A);
    const struct source *source = side_file_source(side);
    const struct cut *cut = side_file_cut(side);
    uint8_t id[SOURCE_ID_SIZE];

    if (source_identify(source, c->o.cancel_fd, id, err) != 0)
        return -1;
    bytes_to_hex(bytes_of(id, sizeof(id)), r->source_id);
    (void)snprintf(r->source_version, sizeof(r->source_version), "%s",
                   source->info.version); /* the same size */
    r->generation = source->generation;
    r->flow_count = cut->flow_count;
    r->next_lsn = calloc(cut->flow_count + 1u, sizeof(*r->next_lsn));
    if (r->next_lsn == NULL)
        return err_nomem(err, "a position");
    for (uint32_t i = 0; i < cut->flow_count; i++)
        r->next_lsn[i] = cut->stop_lsn[i];
    return 0;
}

static int describe(struct copy_check *c, struct copy_checked *r, struct ft_err *err)
{
    const struct replay_rules rules = {
        .filter = c->o.filter, .map = c->o.map, .ttl = c->o.ttl, .json_as = c->o.json_as};
    const struct target *kind = diff_kind_of_b(c->diff);

    r->sample = c->o.sample;
    r->began_ms = c->began_ms;
    (void)snprintf(r->target_name, sizeof(r->target_name), "%s", c->target_name); /* cut */
    (void)snprintf(r->target_kind, sizeof(r->target_kind), "%s", kind->name);     /* fits */
    r->target_modules = kind->modules;
    if (replay_saved_put(&r->rules, &rules, err) != 0)
        return -1;
    return describe_source(c, r, err);
}

/* They have changed although no record says so. Of a sample only those that are in it count. */
static int want_brought(struct copy_check *c, const struct suspect_report *brought,
                        struct ft_err *err)
{
    struct buf key = {0};
    struct suspect s;
    uint64_t at = 0;
    int rc = 1;

    if (brought == NULL || c->o.sample != 0)
        return 0;
    while ((rc = suspect_next(brought, &at, &key, &s, err)) > 0 &&
           (rc = diff_want(c->diff, s.db, s.key, err)) >= 0)
        ;
    buf_release(&key);
    return rc;
}

static int report(struct copy_check *c, const struct suspect_report *brought,
                  struct copy_checked *r, struct ft_err *err)
{
    const struct key_set *sets[] = {&c->suspects.known, brought != NULL ? &brought->known : NULL};
    size_t count = c->o.follows ? (brought != NULL ? 2 : 1) : 0;

    c->examples = &r->examples;
    if (diff_report(c->diff, sets, count, err) != 0)
        return -1;
    r->result = c->result;
    r->ended_ms = now_ms();
    if (diff_sum_up(c->diff, r->ended_ms, &r->sums, err) != 0)
        return -1;
    for (int of = DIFF_A; of <= DIFF_B; of++)
        r->result.keys[of] = diff_sums_total(&r->sums, (enum diff_of)of, DIFF_SUMS_ALL).keys;
    return loss_add_report(&r->losses, &c->losses, err);
}

int copy_check_end(struct copy_check *c, const char *at, const struct suspect_report *brought,
                   struct copy_checked *ret, struct ft_err *err)
{
    copy_checked_release(ret);
    copy_checked_init(ret);
    if (advance(c, at, err) != 0 || want_brought(c, brought, err) != 0 ||
        diff_resolve(c->diff, err) != 0 || describe(c, ret, err) != 0 ||
        report(c, brought, ret, err) != 0)
        return err_wrap(err, "--check");
    ret->done = true;
    return 0;
}
