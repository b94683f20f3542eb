#include "diff/diff_match.h"

#include "diff/diff_pass.h"

#define BLOCK_DIGESTS 256u
/* Values are kept of more keys than are shown, as some will be found to be equal later. */
#define SPARE_FACTOR 4u

struct pair {
    struct entry_digest digest[DIFF_SIDES];
    bool has[DIFF_SIDES];
    bool unstable;
};

struct match {
    const struct diff_rules *rules;
    struct diff_table *table;
    struct diff_match_counts *counts;
    size_t valued_max;
    size_t valued[DIFFERENCE_COUNT];
    /* of one part */
    struct table_memory memory;
    struct pair *pairs; /* open addressing */
    size_t mask;
    enum diff_of of; /* the side whose digests are being taken */
    int (*take)(struct match *m, const struct pair *p, struct ft_err *err);
    /* of sums */
    struct diff_sums *sums;
    const struct diff_table *known; /* its keys are left out */
    int64_t moment_ms;
};

int diff_match_log(struct parted_log **ret, struct ft_err *err)
{
    /* the first byte of a key's hash is never even */
    const struct parted_log_options options = {.record_bytes = sizeof(struct entry_digest),
                                               .part_byte = offsetof(struct entry_digest, key) + 1,
                                               .block_records = BLOCK_DIGESTS,
                                               .what = "digests of keys"};

    return parted_log_new(ret, &options, err);
}

static struct pair *find_pair(const struct match *m, const uint8_t *key)
{
    uint64_t start;
    size_t i;

    memcpy(&start, key + 8, sizeof(start));
    for (i = (size_t)start & m->mask; m->pairs[i].has[DIFF_A] || m->pairs[i].has[DIFF_B];
         i = (i + 1) & m->mask) {
        const struct pair *p = &m->pairs[i];

        if (memcmp(p->digest[p->has[DIFF_A] ? DIFF_A : DIFF_B].key, key, KEY_SET_HASH_SIZE) == 0)
            break;
    }
    return &m->pairs[i];
}

/* A key may come more than once: SCAN repeats keys, and a slot that moves shows it on two nodes. */
static int take_digests(void *context, const void *records, size_t count, struct ft_err *err)
{
    const struct entry_digest *digests = records;
    struct match *m = context;

    (void)err; /* there is room for all */
    for (size_t i = 0; i < count; i++) {
        struct pair *p = find_pair(m, digests[i].key);

        if (!p->has[m->of])
            m->counts->keys[m->of] += !digests[i].gone;
        else if (entry_digest_compare(&p->digest[m->of], &digests[i], m->rules->slack_ms) !=
                 DIFFERENCE_NONE)
            p->unstable = true;
        p->unstable |= digests[i].touched;
        if (digests[i].touched && p->has[m->of])
            continue;
        p->digest[m->of] = digests[i];
        p->has[m->of] = true;
    }
    return 0;
}

static int add_suspect(struct match *m, const struct pair *p, struct ft_err *err)
{
    struct diff_suspect s = {.unstable = p->unstable};
    bool unsure;

    memcpy(s.digest, p->digest, sizeof(s.digest));
    memcpy(s.has, p->has, sizeof(s.has));
    s.kind = (uint8_t)diff_classify(m->rules, &s);
    if (s.has[DIFF_A] && s.digest[DIFF_A].loss != LOSS_NONE)
        m->counts->expected++;
    if (s.kind == DIFFERENCE_NONE && !p->unstable)
        return 0;
    unsure = s.has[DIFF_A] && s.has[DIFF_B] &&
             entry_digest_is_unsure(&s.digest[DIFF_A], &s.digest[DIFF_B]);
    s.valued = unsure || m->valued[s.kind] < m->valued_max;
    m->valued[s.kind] += !unsure;
    return diff_table_add(m->table, &s, err);
}

static int match_part(struct match *m, struct parted_log *const logs[DIFF_SIDES], unsigned part,
                      struct ft_err *err)
{
    size_t count = parted_log_count(logs[DIFF_A], part) + parted_log_count(logs[DIFF_B], part);
    size_t capacity = 64;
    int rc = 0;

    while (capacity < count + count / 2)
        capacity *= 2;
    if (table_memory_init(&m->memory, capacity * sizeof(*m->pairs), "digests of keys", err) != 0)
        return -1;
    m->pairs = m->memory.p;
    m->mask = capacity - 1;
    for (int of = DIFF_A; rc == 0 && of <= DIFF_B; of++) {
        m->of = (enum diff_of)of;
        rc = parted_log_read(logs[of], part, take_digests, m, err);
    }
    for (size_t i = 0; rc == 0 && i < capacity; i++) {
        if (m->pairs[i].has[DIFF_A] || m->pairs[i].has[DIFF_B])
            rc = m->take(m, &m->pairs[i], err);
    }
    table_memory_release(&m->memory);
    return rc;
}

static int match_all(struct match *m, struct parted_log *const logs[DIFF_SIDES], struct ft_err *err)
{
    for (unsigned part = 0; part < PARTED_LOG_PARTS; part++) {
        if (match_part(m, logs, part, err) != 0)
            return -1;
    }
    return 0;
}

int diff_match_run(struct parted_log *const logs[DIFF_SIDES], const struct diff_rules *rules,
                   size_t show, struct diff_table *ret, struct diff_match_counts *counts,
                   struct ft_err *err)
{
    struct match m = {.rules = rules,
                      .table = ret,
                      .counts = counts,
                      .valued_max = SPARE_FACTOR * show,
                      .take = add_suspect};

    *counts = (struct diff_match_counts){0};
    return match_all(&m, logs, err);
}

/*
 * Sums
 */

/* What A's digest does not tell of a key, B's is not asked for. */
static int add_key(struct match *m, const bool has[DIFF_SIDES],
                   const struct entry_digest digest[DIFF_SIDES], struct ft_err *err)
{
    bool apart = diff_sum_is_apart(&digest[has[DIFF_A] ? DIFF_A : DIFF_B]);

    for (int of = DIFF_A; of <= DIFF_B; of++) {
        const struct entry_digest *d = &digest[of];

        if (has[of] && filter_class(m->rules->filter, (enum value_class)d->class_) &&
            diff_sums_add(m->sums, (enum diff_of)of, d, apart, m->moment_ms, err) != 0)
            return -1;
    }
    return 0;
}

static int add_pair(struct match *m, const struct pair *p, struct ft_err *err)
{
    const uint8_t *key = p->digest[p->has[DIFF_A] ? DIFF_A : DIFF_B].key;

    return diff_table_find(m->known, key) != NULL ? 0 : add_key(m, p->has, p->digest, err);
}

int diff_match_sum(struct parted_log *const logs[DIFF_SIDES], const struct diff_rules *rules,
                   const struct diff_table *table, int64_t moment_ms, struct diff_sums *ret,
                   struct ft_err *err)
{
    struct diff_match_counts ignored = {0};
    struct match m = {.rules = rules,
                      .counts = &ignored,
                      .take = add_pair,
                      .sums = ret,
                      .known = table,
                      .moment_ms = moment_ms};

    for (size_t i = 0; i < table->capacity; i++) {
        const struct diff_suspect *s = &table->slots[i];

        if (s->used && add_key(&m, s->has, s->digest, err) != 0)
            return -1;
    }
    return match_all(&m, logs, err);
}
