#include "diff/diff_pass.h"

#include <stdlib.h>

#include "audit/entry_compare.h"
#include "base/clock.h"
#include "item/entry_loss.h"
#include "rdb/value_walk.h"

#define BATCH_DIGESTS 256u

struct diff_reader {
    struct diff_pass *pass;
    struct entry_digester *digester;
    struct recoder *recoder; /* NULL: B can hold everything, or this is B */
    bool asked;              /* by name */
    struct buf scratch;
    struct buf value; /* of the other side */
    struct entry_digest batch[BATCH_DIGESTS];
    size_t batched;
};

void diff_pass_init(struct diff_pass *p)
{
    (void)pthread_mutex_init(&p->mu, NULL); /* default attributes: cannot fail on Linux */
}

void diff_pass_release(struct diff_pass *p)
{
    (void)pthread_mutex_destroy(&p->mu);
}

/* Which keys a table has does not change during a pass. */
bool diff_pass_wants(const struct diff_pass *p, uint32_t db, struct bytes name)
{
    struct ft_err ignored = FT_ERR_INIT;
    uint8_t hash[KEY_SET_HASH_SIZE];
    struct buf scratch = {0};
    struct diff_key key;
    bool wanted;
    int rc;

    if (p->table == NULL)
        return true;
    rc = diff_rules_name(p->rules, db, name, &scratch, &key, &ignored);
    wanted = rc < 0; /* who asks for its entry is told why */
    if (rc > 0) {
        key_set_hash(key.db[DIFF_B], key.name[DIFF_B], hash);
        wanted = diff_table_find(p->table, hash) != NULL;
    }
    buf_release(&scratch);
    return wanted;
}

static int64_t now_ms(const struct diff_rules *rules)
{
    return rules->live ? (int64_t)(clock_wall_us() / 1000) : VALUE_DIGEST_ALL;
}

int diff_reader_new(struct diff_reader **ret, struct diff_pass *pass, struct ft_err *err)
{
    const struct diff_rules *rules = pass->rules;
    struct diff_reader *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_nomem(err, "the reader of a side");
    r->pass = pass;
    if (entry_digester_new(&r->digester, err) != 0 ||
        (pass->of == DIFF_A && rules->target != NULL &&
         recoder_new(&r->recoder, rules->target, rules->json_as, err) != 0)) {
        diff_reader_free(r);
        return -1;
    }
    *ret = r;
    return 0;
}

void diff_reader_free(struct diff_reader *r)
{
    if (r == NULL)
        return;
    entry_digester_free(r->digester);
    recoder_free(r->recoder);
    buf_release(&r->scratch);
    buf_release(&r->value);
    free(r);
}

/*
 * A key as it is compared: called as on B, and what B can hold of it
 */

static int name_key(struct diff_reader *r, uint32_t db, struct bytes name, struct diff_key *ret,
                    struct ft_err *err)
{
    if (r->pass->of == DIFF_B)
        return diff_rules_takes_b(r->pass->rules, db, name, ret, err);
    return diff_rules_name(r->pass->rules, db, name, &r->scratch, ret, err);
}

/*
 * Keys of the table
 */

static bool has_ended(const struct diff_rules *rules, const struct entry_digest *d)
{
    return rules->live && d->expire_ms != RDB_NO_EXPIRY &&
           d->expire_ms <= now_ms(rules) + (int64_t)rules->slack_ms;
}

/* B is not expected to have it; should it have it all the same, the two are compared. */
static bool is_lost(const struct entry_digest *d)
{
    return d->gone && d->loss != LOSS_NONE;
}

static bool both_there(const struct diff_suspect *s)
{
    const struct entry_digest *a = &s->digest[DIFF_A];

    return s->has[DIFF_A] && s->has[DIFF_B] && !s->digest[DIFF_B].gone && (!a->gone || is_lost(a));
}

enum difference diff_classify(const struct diff_rules *rules, const struct diff_suspect *s)
{
    struct entry_digest a = s->digest[DIFF_A];
    const struct entry_digest *b = &s->digest[DIFF_B];
    bool has_a = s->has[DIFF_A] && !a.gone;
    bool has_b = s->has[DIFF_B] && !b->gone;

    if (!diff_rules_type(rules, has_a ? a.class_ : -1, has_b ? b->class_ : -1))
        return DIFFERENCE_NONE;
    if (both_there(s)) {
        a.gone = false;
        return entry_digest_compare(&a, b, rules->slack_ms);
    }
    if (has_a)
        return has_ended(rules, &a) ? DIFFERENCE_NONE : DIFFERENCE_ONLY_A;
    if (has_b)
        return has_ended(rules, b) ? DIFFERENCE_NONE : DIFFERENCE_ONLY_B;
    return DIFFERENCE_NONE;
}

/* With the value of the side that was read first, this side's entry in hand. */
static int compare_values(struct diff_reader *r, struct diff_suspect *s,
                          const struct rdb_entry *entry, struct ft_err *err)
{
    const struct diff_rules *rules = r->pass->rules;
    const struct compare_rules how = {.slack_ms = rules->slack_ms, .now_ms = now_ms(rules)};
    enum diff_of other_of = r->pass->of == DIFF_A ? DIFF_B : DIFF_A;
    struct rdb_entry other = {.type = s->value_type,
                              .expire_ms = s->digest[other_of].expire_ms,
                              .value_bytes = s->value_size};
    struct comparison found;
    struct bytes view;

    if (spool_view(&r->pass->table->values, &view, err) != 0)
        return -1;
    other.value = bytes_of(view.p + s->value_at, (size_t)s->value_size);
    if (entry_compare(r->pass->of == DIFF_A ? entry : &other,
                      r->pass->of == DIFF_A ? &other : entry, &how, &found, err) != 0)
        return -1;
    s->kind = (uint8_t)found.kind;
    return found.kind == DIFFERENCE_NONE ? 0 : diff_table_place(r->pass->table, s, &found, err);
}

/* The lock is held. */
static int update(struct diff_reader *r, struct diff_suspect *s, const struct diff_key *key,
                  const struct rdb_entry *entry, const struct entry_digest *digest,
                  struct ft_err *err)
{
    struct diff_table *table = r->pass->table;
    const struct diff_rules *rules = r->pass->rules;
    enum diff_of of = r->pass->of;

    if (!s->has[of] ||
        entry_digest_compare(&s->digest[of], digest, rules->slack_ms) != DIFFERENCE_NONE)
        s->changes += s->changes != UINT8_MAX;
    s->digest[of] = *digest;
    s->has[of] = true;
    s->seen[of] = true;
    s->unknown &= !r->asked;
    if (!s->named && diff_table_name(table, s, key, err) != 0)
        return -1;
    if (!r->pass->second)
        return s->valued && (!digest->gone || is_lost(digest))
                   ? diff_table_put_value(table, s, entry->type, entry->value, err)
                   : 0;
    s->kind = (uint8_t)diff_classify(rules, s);
    if (s->kind == DIFFERENCE_NONE || !both_there(s) || !s->has_value)
        return 0;
    return compare_values(r, s, entry, err);
}

/* The value of a key that only one side has is shown as what it is. */
static int show_alone(struct diff_reader *r, struct diff_suspect *s, const struct rdb_entry *entry,
                      struct ft_err *err)
{
    enum diff_of of = r->pass->of;
    struct comparison c = {.kind = of == DIFF_A ? DIFFERENCE_ONLY_A : DIFFERENCE_ONLY_B};

    if (entry_show(entry, of == DIFF_A ? c.a : c.b, err) != 0)
        return -1;
    comparison_text(of == DIFF_A ? c.b : c.a, COMPARISON_MISSING);
    return diff_table_place(r->pass->table, s, &c, err);
}

static int take_suspect(struct diff_reader *r, const struct diff_key *key,
                        const struct rdb_entry *entry, const struct entry_digest *digest,
                        struct ft_err *err)
{
    struct diff_suspect *s;
    int rc = 0;

    pthread_mutex_lock(&r->pass->mu);
    s = diff_table_find(r->pass->table, digest->key);
    if (s != NULL && !diff_table_is_due(s) && !s->seen[r->pass->of])
        s = NULL;
    if (s != NULL)
        rc = update(r, s, key, entry, digest, err);
    if (rc == 0 && s != NULL && s->valued && !digest->gone && !both_there(s))
        rc = show_alone(r, s, entry, err);
    pthread_mutex_unlock(&r->pass->mu);
    return rc;
}

/*
 * Keys of the first pass
 */

static int flush_batch(struct diff_reader *r, struct ft_err *err)
{
    size_t count = r->batched;

    r->batched = 0;
    atomic_fetch_add(r->pass->keys, count);
    return parted_log_add(r->pass->log, r->batch, count, err);
}

static bool in_table(struct diff_reader *r, const struct diff_key *key)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    bool found;

    if (r->pass->table == NULL)
        return true;
    key_set_hash(key->db[DIFF_B], key->name[DIFF_B], hash);
    pthread_mutex_lock(&r->pass->mu);
    found = diff_table_find(r->pass->table, hash) != NULL;
    pthread_mutex_unlock(&r->pass->mu);
    return found;
}

int diff_reader_wants(struct diff_reader *r, uint32_t db, struct bytes name, struct ft_err *err)
{
    struct diff_key key;
    int rc = name_key(r, db, name, &key, err);

    return rc > 0 ? in_table(r, &key) : rc;
}

int diff_reader_entry(struct diff_reader *r, const struct rdb_entry *entry, int64_t moment_ms,
                      struct ft_err *err)
{
    const struct diff_rules *rules = r->pass->rules;
    struct rdb_entry seen = *entry;
    enum loss_reason loss = LOSS_NONE;
    struct entry_digest digest;
    struct diff_key key;
    bool lost = false;
    int rc = name_key(r, entry->db, entry->key, &key, err);

    if (rc <= 0 || !in_table(r, &key))
        return rc < 0 ? -1 : 0;
    if (r->recoder != NULL &&
        entry_for_target(r->recoder, rules->target, &seen, moment_ms, &loss, &lost, err) != 0)
        return -1;
    seen.db = key.db[DIFF_B];
    seen.key = key.name[DIFF_B];
    if (r->pass->of == DIFF_A)
        seen.expire_ms = diff_rules_expiry(rules, entry->expire_ms);
    if (entry_digester_run(r->digester, &seen, now_ms(rules), &digest, err) != 0)
        return -1;
    digest.gone |= lost;
    digest.loss = (uint8_t)loss;
    if (r->pass->table != NULL)
        return take_suspect(r, &key, &seen, &digest, err);
    if (loss != LOSS_NONE && filter_class(rules->filter, rdb_type_class(entry->type)) &&
        entry_add_loss(r->pass->losses, entry, loss, err) != 0)
        return -1;
    r->batch[r->batched++] = digest;
    return r->batched < BATCH_DIGESTS ? 0 : flush_batch(r, err);
}

/* A key of which there is no value. */
static int put_digest(struct diff_reader *r, const struct diff_key *key, bool touched,
                      struct ft_err *err)
{
    struct entry_digest *d = &r->batch[r->batched];

    *d = (struct entry_digest){
        .db = key->db[DIFF_B], .expire_ms = RDB_NO_EXPIRY, .gone = true, .touched = touched};
    key_set_hash(key->db[DIFF_B], key->name[DIFF_B], d->key);
    return ++r->batched < BATCH_DIGESTS ? 0 : flush_batch(r, err);
}

void diff_reader_ask(struct diff_reader *r)
{
    r->asked = true;
}

/* Nothing is known of it: because it is being changed, or because it cannot be read. */
static int put_unknown(struct diff_reader *r, uint32_t db, struct bytes name, bool unread,
                       struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    struct diff_suspect *s;
    struct diff_key key;
    int rc = name_key(r, db, name, &key, err);

    if (rc <= 0)
        return rc;
    if (r->pass->table == NULL)
        return put_digest(r, &key, true, err);
    key_set_hash(key.db[DIFF_B], key.name[DIFF_B], hash);
    pthread_mutex_lock(&r->pass->mu);
    s = diff_table_find(r->pass->table, hash);
    if (s != NULL) {
        s->unknown = true;
        s->unread |= unread;
        rc = s->named ? 0 : diff_table_name(r->pass->table, s, &key, err);
    }
    pthread_mutex_unlock(&r->pass->mu);
    return rc < 0 ? -1 : 0;
}

int diff_reader_touch(struct diff_reader *r, uint32_t db, struct bytes name, struct ft_err *err)
{
    return put_unknown(r, db, name, false, err);
}

/* The lock is held. */
static int update_type(struct diff_reader *r, struct diff_suspect *s, const struct diff_key *key,
                       const struct entry_digest *digest, struct ft_err *err)
{
    enum diff_of of = r->pass->of;
    struct comparison c;

    s->digest[of] = *digest;
    s->has[of] = true;
    s->seen[of] = true;
    s->unknown &= !r->asked;
    if (!s->named && diff_table_name(r->pass->table, s, key, err) != 0)
        return -1;
    if (r->pass->second)
        s->kind = (uint8_t)diff_classify(r->pass->rules, s);
    if (s->kind != DIFFERENCE_TYPE || !both_there(s))
        return 0;
    (void)comparison_set(&c, DIFFERENCE_TYPE, "type");
    comparison_text(c.a, value_class_name((enum value_class)s->digest[DIFF_A].class_));
    comparison_text(c.b, value_class_name((enum value_class)s->digest[DIFF_B].class_));
    return diff_table_place(r->pass->table, s, &c, err);
}

int diff_reader_filtered(struct diff_reader *r, uint32_t db, struct bytes name,
                         enum value_class class_, struct ft_err *err)
{
    struct entry_digest digest = {.expire_ms = RDB_NO_EXPIRY, .class_ = (uint8_t)class_};
    struct diff_suspect *s;
    struct diff_key key;
    int rc;

    if (filter_class(r->pass->rules->filter, class_))
        return 0;
    rc = name_key(r, db, name, &key, err);
    if (rc <= 0)
        return rc < 0 ? -1 : 1;
    digest.db = key.db[DIFF_B];
    key_set_hash(key.db[DIFF_B], key.name[DIFF_B], digest.key);
    if (r->pass->table == NULL) {
        r->batch[r->batched++] = digest;
        return r->batched < BATCH_DIGESTS || flush_batch(r, err) == 0 ? 1 : -1;
    }
    pthread_mutex_lock(&r->pass->mu);
    s = diff_table_find(r->pass->table, digest.key);
    rc = s == NULL ? 0 : update_type(r, s, &key, &digest, err);
    pthread_mutex_unlock(&r->pass->mu);
    return rc == 0 ? 1 : -1;
}

int diff_reader_unread(struct diff_reader *r, uint32_t db, struct bytes name, struct ft_err *err)
{
    return put_unknown(r, db, name, true, err);
}

int diff_reader_gone(struct diff_reader *r, uint32_t db, struct bytes name, struct ft_err *err)
{
    enum diff_of of = r->pass->of;
    uint8_t hash[KEY_SET_HASH_SIZE];
    struct diff_suspect *s;
    struct diff_key key;
    int rc = name_key(r, db, name, &key, err);

    if (rc <= 0)
        return rc;
    if (r->pass->table == NULL)
        return put_digest(r, &key, false, err);
    key_set_hash(key.db[DIFF_B], key.name[DIFF_B], hash);
    pthread_mutex_lock(&r->pass->mu);
    s = diff_table_find(r->pass->table, hash);
    if (s != NULL) {
        s->changes += s->has[of] && s->changes != UINT8_MAX;
        s->has[of] = false;
        s->seen[of] = true;
        s->unknown &= !r->asked;
        if (r->pass->second)
            s->kind = (uint8_t)diff_classify(r->pass->rules, s);
    }
    pthread_mutex_unlock(&r->pass->mu);
    return 0;
}

int diff_reader_end(struct diff_reader *r, struct ft_err *err)
{
    return r->pass->log == NULL ? 0 : flush_batch(r, err);
}
