#include "diff/diff.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/wake.h"
#include "diff/diff_match.h"
#include "diff/side_dragonfly.h"
#include "diff/side_file.h"
#include "diff/side_server.h"
#include "mapping/replay_saved.h"
#include "wire/uri.h"

/* The values of so many keys that diff_want names are kept, to find the place of a difference. */
#define WANTED_VALUES 1000u

struct diff {
    const struct diff_options *o;
    struct diff_rules rules;
    struct filter filter; /* with like_replay */
    struct replay_map map;
    struct diff_progress *progress;
    struct loss_report *losses;
    struct diff_result *result;
    struct diff_side *sides[DIFF_SIDES];
    struct parted_log *logs[DIFF_SIDES];
    struct diff_functions functions;
    struct diff_table table;
    enum diff_of first; /* the side that is read first where one waits for the other */
    int failed_fd;      /* of wake_open: one side has failed, the other need not go on */
    int cancel_fd;      /* an epoll: the caller's, or failed_fd */
    struct buf scratch;
    size_t wanted; /* keys that diff_want has brought in */
};

/*
 * Opening
 */

static int watch(int epoll, int fd, struct ft_err *err)
{
    struct epoll_event event = {.events = EPOLLIN};

    if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    return err_errno(err, errno, "could not watch for the end of a comparison");
}

static int open_cancelling(struct diff *d, struct ft_err *err)
{
    if (wake_open(&d->failed_fd, err) != 0)
        return -1;
    d->cancel_fd = epoll_create1(EPOLL_CLOEXEC);
    if (d->cancel_fd < 0)
        return err_errno(err, errno, "could not make an epoll descriptor");
    return watch(d->cancel_fd, d->failed_fd, err) != 0 ? -1
                                                       : watch(d->cancel_fd, d->o->cancel_fd, err);
}

static int open_side(struct diff *d, enum diff_of of, struct ft_err *err)
{
    const struct diff_input *input = &d->o->input[of];
    const struct diff_side_options options = {.at = input->at,
                                              .generation = input->generation,
                                              .redis_server = d->o->redis_server,
                                              .uri = input->uri,
                                              .rate_keys = d->o->rate_keys,
                                              .cancel_fd = d->cancel_fd,
                                              .losses = d->losses,
                                              .progress = d->progress};
    int rc;

    if (input->uri == NULL)
        rc = side_file_new(&d->sides[of], of, input->name, &options, &d->rules, err);
    else if (input->uri->scheme == URI_DRAGONFLY)
        rc = side_dragonfly_new(&d->sides[of], of, input->name, &options, err);
    else
        rc = side_server_new(&d->sides[of], of, input->name, &options, &d->rules, err);
    if (rc != 0)
        return -1;
    d->result->by_type[of] = d->sides[of]->by_type;
    d->result->kind_name[of] = d->sides[of]->kind_name;
    d->result->live[of] = d->sides[of]->live;
    return 0;
}

static int take_replay_rules(struct diff *d, struct ft_err *err)
{
    const struct diff_side *a = d->sides[DIFF_A];
    const struct diff_side *b = d->sides[DIFF_B];

    if (b->options.n == 0) {
        return err_set(err, FT_ERR_USAGE,
                       "%s holds no rules of a replay: it is no target of one, or the position was "
                       "removed; give --db-map, --rename and filters instead of --like-replay; of "
                       "several replays --shared-target says which",
                       b->name);
    }
    if (replay_saved_take(buf_bytes(&b->options), &d->filter, &d->map, &d->rules.ttl,
                          &d->rules.json_as, err) != 0)
        return -1;
    d->rules.filter = &d->filter;
    d->rules.map = &d->map;
    if (d->rules.ttl == REPLAY_TTL_SHIFT)
        d->rules.shift_ms = b->began_ms - a->began_ms;
    return 0;
}

static int open_all(struct diff *d, struct ft_err *err)
{
    if (open_cancelling(d, err) != 0 || open_side(d, DIFF_A, err) != 0 ||
        open_side(d, DIFF_B, err) != 0 || (d->o->like_replay && take_replay_rules(d, err) != 0))
        return -1;
    if (!d->o->target_given && d->sides[DIFF_B]->limited)
        d->rules.target = &d->sides[DIFF_B]->kind;
    if (d->rules.target != NULL)
        (void)snprintf(d->result->target, sizeof(d->result->target), "%s", d->rules.target->name);
    d->rules.live = d->sides[DIFF_A]->live || d->sides[DIFF_B]->live;
    d->rules.copied_ms = d->sides[DIFF_B]->live ? d->sides[DIFF_B]->began_ms : 0;
    /* what does not change is read first, and once */
    d->first = d->sides[DIFF_A]->live && !d->sides[DIFF_B]->live ? DIFF_B : DIFF_A;
    return diff_match_log(&d->logs[DIFF_A], err) != 0 ? -1 : diff_match_log(&d->logs[DIFF_B], err);
}

/*
 * The first reading: both sides at once
 */

struct reading {
    struct diff *diff;
    struct diff_pass pass;
    bool failed; /* for the reason in err */
    struct ft_err err;
};

static void *read_main(void *context)
{
    struct reading *r = context;
    struct diff_side *side = r->diff->sides[r->pass.of];

    r->failed = side->ops->read(side, &r->pass, &r->err) != 0;
    if (r->failed)
        (void)wake_set(r->diff->failed_fd);
    return NULL;
}

/* A side that was cancelled only echoes the failure of the other one. */
static int first_cause(const struct reading *readings, struct ft_err *err)
{
    const struct reading *cause = NULL;

    for (int of = DIFF_A; of <= DIFF_B; of++) {
        const struct reading *r = &readings[of];

        if (r->failed && (cause == NULL || cause->err.kind == FT_ERR_CANCELLED))
            cause = r;
    }
    return cause == NULL ? 0 : err_copy(err, &cause->err);
}

static int read_both(struct diff *d, struct ft_err *err)
{
    struct reading readings[DIFF_SIDES];
    pthread_t thread;
    int rc;

    for (int of = DIFF_A; of <= DIFF_B; of++) {
        readings[of] = (struct reading){.diff = d,
                                        .pass = {.rules = &d->rules,
                                                 .of = (enum diff_of)of,
                                                 .log = d->logs[of],
                                                 .functions = &d->functions,
                                                 .losses = of == DIFF_A ? d->losses : NULL,
                                                 .keys = &d->progress->keys[of]},
                                        .err = FT_ERR_INIT};
        diff_pass_init(&readings[of].pass);
    }
    rc = pthread_create(&thread, NULL, read_main, &readings[DIFF_B]);
    if (rc != 0) {
        rc = err_errno(err, rc, "could not start a thread");
    } else {
        (void)read_main(&readings[DIFF_A]);
        (void)pthread_join(thread, NULL); /* joined only here */
        rc = first_cause(readings, err);
    }
    for (int of = DIFF_A; of <= DIFF_B; of++)
        diff_pass_release(&readings[of].pass);
    return rc;
}

/*
 * Later readings
 */

/* Not known by now. */
int diff_want(struct diff *d, uint32_t db, struct bytes name, struct ft_err *err)
{
    struct diff_suspect fresh = {.unstable = true};
    struct diff_suspect *s;
    struct diff_key key;
    int rc = diff_rules_name(&d->rules, db, name, &d->scratch, &key, err);

    if (rc <= 0)
        return rc;
    key_set_hash(key.db[DIFF_B], key.name[DIFF_B], fresh.digest[DIFF_A].key);
    s = diff_table_find(&d->table, fresh.digest[DIFF_A].key);
    if (s == NULL) {
        fresh.valued = d->wanted++ < WANTED_VALUES;
        if (diff_table_add(&d->table, &fresh, err) != 0)
            return -1;
        s = diff_table_find(&d->table, fresh.digest[DIFF_A].key);
    }
    s->unstable = true;
    return s->named ? 0 : diff_table_name(&d->table, s, &key, err);
}

static int want_key(void *context, uint32_t db, struct bytes name, struct ft_err *err)
{
    return diff_want(context, db, name, err);
}

int diff_move(struct diff *d, const char *at, bool want, bool *ret_flushed, struct ft_err *err)
{
    diff_table_drop_values(&d->table);
    return side_file_move(d->sides[DIFF_A], at, want ? want_key : NULL, d, ret_flushed, err);
}

/* What a side did not bring, it does not have. */
static void take_missing(struct diff *d, enum diff_of of, bool second)
{
    for (size_t i = 0; i < d->table.capacity; i++) {
        struct diff_suspect *s = &d->table.slots[i];

        if (!diff_table_is_due(s))
            continue;
        if (!s->seen[of] && s->has[of]) {
            s->has[of] = false;
            s->changes += s->changes != UINT8_MAX;
        }
        if (second && !s->seen[of])
            s->kind = (uint8_t)diff_classify(&d->rules, s);
        s->seen[of] = false;
        s->unstable &= !second;
    }
}

static int read_again(struct diff *d, enum diff_of of, bool second, struct ft_err *err)
{
    struct diff_side *side = d->sides[of];
    struct diff_pass pass = {.rules = &d->rules,
                             .of = of,
                             .second = second,
                             .table = &d->table,
                             .suspects = of == DIFF_A ? d->o->suspects : NULL,
                             .keys = &d->progress->keys[of]};
    int rc;

    diff_pass_init(&pass);
    rc = side->ops->read(side, &pass, err);
    diff_pass_release(&pass);
    if (rc == 0)
        take_missing(d, of, second);
    return rc;
}

uint64_t diff_count_due(const struct diff *d)
{
    uint64_t n = 0;

    for (size_t i = 0; i < d->table.capacity; i++)
        n += diff_table_is_due(&d->table.slots[i]);
    return n;
}

static int nap(const struct diff *d, struct ft_err *err)
{
    struct pollfd stop = {.fd = d->cancel_fd, .events = POLLIN};

    if (poll(&stop, 1, (int)d->o->interval_ms) <= 0)
        return 0;
    return err_set(err, FT_ERR_CANCELLED, "cancelled");
}

int diff_resolve(struct diff *d, struct ft_err *err)
{
    enum diff_of second = d->first == DIFF_A ? DIFF_B : DIFF_A;
    uint64_t due = diff_count_due(d);

    d->result->suspects = d->table.count;
    if (due == 0)
        return 0;
    atomic_store(&d->progress->suspects, due);
    atomic_store(&d->progress->round, 1);
    if (read_again(d, d->first, false, err) != 0 || read_again(d, second, true, err) != 0)
        return -1;
    for (d->result->rounds = 1; d->rules.live && !d->o->still && d->result->rounds < d->o->rounds;
         d->result->rounds++) {
        uint64_t left = diff_count_due(d);

        atomic_store(&d->progress->suspects, left);
        if (left == 0)
            return 0;
        atomic_store(&d->progress->round, d->result->rounds + 1);
        if (nap(d, err) != 0)
            return -1;
        if (d->sides[d->first]->live) {
            diff_table_drop_values(&d->table);
            if (read_again(d, d->first, false, err) != 0)
                return -1;
        }
        if (read_again(d, second, true, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * What lasts
 */

/* It was another one with each reading. */
static bool is_changing(const struct diff *d, const struct diff_suspect *s)
{
    if (s->unknown)
        return true;
    return d->rules.live && !d->o->still && d->result->rounds > 1 &&
           s->changes >= d->result->rounds;
}

/* Has its place been found, for what it differs in now? */
static bool has_place(const struct diff *d, const struct diff_suspect *s)
{
    return s->place != 0 && d->table.comparisons[s->place - 1].kind == (enum difference)s->kind;
}

/* Its state is not told by any file. */
static int is_apart(struct diff *d, const struct diff_suspect *s,
                    const struct key_set *const *apart, size_t count, struct ft_err *err)
{
    int found = 0;

    if (!s->named || count == 0)
        return 0;
    buf_clear(&d->scratch);
    if (diff_table_read_name(&d->table, s, DIFF_A, &d->scratch, err) != 0)
        return -1;
    for (size_t i = 0; i < count && !found; i++)
        found = key_set_has(apart[i], s->db[DIFF_A], buf_bytes(&d->scratch));
    return found;
}

static int report_key(struct diff *d, const struct diff_suspect *s, struct buf *name,
                      struct ft_err *err)
{
    bool of_a = s->has[DIFF_A] && s->kind != DIFFERENCE_ONLY_B;
    struct diff_found found = {.kind = (enum difference)s->kind,
                               .db = s->db[DIFF_B],
                               .class_ = s->digest[of_a ? DIFF_A : DIFF_B].class_};

    buf_clear(name);
    if (diff_table_read_name(&d->table, s, DIFF_B, name, err) != 0)
        return -1;
    found.key = buf_bytes(name);
    if (has_place(d, s))
        found.c = &d->table.comparisons[s->place - 1];
    return d->o->on_found(d->o->context, &found, err);
}

/* The keys whose place is known come first, as the first ones are shown. */
static int report_keys(struct diff *d, bool placed, const struct key_set *const *apart,
                       size_t apart_count, struct ft_err *err)
{
    struct buf name = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < d->table.capacity; i++) {
        const struct diff_suspect *s = &d->table.slots[i];

        if (!diff_table_is_due(s) || has_place(d, s) != placed)
            continue;
        if (s->unread) {
            d->result->unread++;
            continue;
        }
        if (is_changing(d, s)) {
            d->result->changing++;
            continue;
        }
        rc = is_apart(d, s, apart, apart_count, err);
        if (rc != 0) {
            d->result->apart += rc > 0;
            rc = rc > 0 ? 0 : -1;
            continue;
        }
        d->result->kinds[s->kind]++;
        d->result->unnamed += !s->named;
        if (d->o->on_found != NULL && s->named)
            rc = report_key(d, s, &name, err);
    }
    buf_release(&name);
    return rc;
}

static int report_functions(struct diff *d, struct ft_err *err)
{
    /* filters choose keys; who compares a part of them does not compare functions */
    if (!filter_is_empty(d->rules.filter) || !key_claim_is_empty(&d->rules.map->claim))
        return 0;
    for (int of = DIFF_A; of <= DIFF_B; of++)
        d->result->no_functions[of] = diff_functions_unknown(&d->functions, (enum diff_of)of);
    for (size_t i = 0; i < d->functions.count; i++) {
        const struct diff_library *l = &d->functions.libraries[i];
        enum difference kind = diff_functions_kind(&d->functions, l);
        struct diff_found found = {
            .kind = kind, .function = true, .key = bytes_str(l->name), .class_ = -1};

        if (kind == DIFFERENCE_NONE)
            continue;
        if (kind == DIFFERENCE_ONLY_A && d->rules.target != NULL && !d->rules.target->functions) {
            if (loss_add(d->losses, LOSS_FUNCTION, "function", 0, bytes_of("", 0), err) != 0)
                return -1;
            continue;
        }
        d->result->functions++;
        if (d->o->on_found != NULL && d->o->on_found(d->o->context, &found, err) != 0)
            return -1;
    }
    return 0;
}

int diff_read(struct diff *d, struct ft_err *err)
{
    struct diff_match_counts counts;

    if (read_both(d, err) != 0 ||
        diff_match_run(d->logs, &d->rules, d->o->show, &d->table, &counts, err) != 0)
        return -1;
    memcpy(d->result->keys, counts.keys, sizeof(counts.keys));
    d->result->expected = counts.expected;
    d->result->suspects = d->table.count;
    /* their files are not wanted any more */
    for (int of = DIFF_A; of <= DIFF_B && !d->o->keep_digests; of++) {
        parted_log_free(d->logs[of]);
        d->logs[of] = NULL;
    }
    return 0;
}

int diff_report(struct diff *d, const struct key_set *const *apart, size_t apart_count,
                struct ft_err *err)
{
    struct diff_result *r = d->result;

    memset(r->kinds, 0, sizeof(r->kinds));
    r->functions = r->unnamed = r->changing = r->apart = 0;
    if (report_keys(d, true, apart, apart_count, err) != 0 ||
        report_keys(d, false, apart, apart_count, err) != 0)
        return -1;
    return report_functions(d, err);
}

int diff_sum_up(struct diff *d, int64_t moment_ms, struct diff_sums *ret, struct ft_err *err)
{
    return diff_match_sum(d->logs, &d->rules, &d->table, moment_ms, ret, err);
}

struct diff_side *diff_side_of(struct diff *d, enum diff_of of)
{
    return d->sides[of];
}

const struct target *diff_kind_of_b(const struct diff *d)
{
    return d->rules.target;
}

int diff_open(struct diff **ret, const struct diff_options *options, struct diff_progress *progress,
              struct loss_report *losses, struct diff_result *result, struct ft_err *err)
{
    struct diff *d = calloc(1, sizeof(*d));

    *ret = NULL;
    *result = (struct diff_result){0};
    if (d == NULL)
        return err_nomem(err, "a comparison");
    d->o = options;
    d->rules = options->rules;
    d->progress = progress;
    d->losses = losses;
    d->result = result;
    d->failed_fd = d->cancel_fd = -1;
    diff_functions_init(&d->functions);
    if (open_all(d, err) != 0) {
        diff_free(d);
        return -1;
    }
    *ret = d;
    return 0;
}

void diff_free(struct diff *d)
{
    if (d == NULL)
        return;
    for (int of = DIFF_A; of <= DIFF_B; of++) {
        parted_log_free(d->logs[of]);
        if (d->sides[of] != NULL)
            d->sides[of]->ops->free(d->sides[of]);
    }
    diff_functions_release(&d->functions);
    diff_table_release(&d->table);
    filter_release(&d->filter);
    replay_map_release(&d->map);
    buf_release(&d->scratch);
    if (d->cancel_fd >= 0)
        (void)close(d->cancel_fd); /* nothing is written to it */
    if (d->failed_fd >= 0)
        (void)close(d->failed_fd);
    free(d);
}

int diff_run(const struct diff_options *options, struct diff_progress *progress,
             struct loss_report *losses, struct diff_result *ret, struct ft_err *err)
{
    struct diff *d;
    int rc;

    if (diff_open(&d, options, progress, losses, ret, err) != 0)
        return -1;
    rc = diff_read(d, err);
    if (rc == 0)
        rc = diff_resolve(d, err);
    if (rc == 0)
        rc = diff_report(d, NULL, 0, err);
    diff_free(d);
    return rc;
}

bool diff_is_equal(const struct diff_result *r)
{
    uint64_t n =
        r->functions + r->changing + r->unread + r->no_functions[DIFF_A] + r->no_functions[DIFF_B];

    for (int kind = DIFFERENCE_NONE + 1; kind < DIFFERENCE_COUNT; kind++)
        n += r->kinds[kind];
    return n == 0;
}
