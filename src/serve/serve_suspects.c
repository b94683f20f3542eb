#include "serve/serve_suspects.h"

void serve_suspects_init(struct serve_suspects *s)
{
    *s = (struct serve_suspects){0};
    (void)pthread_mutex_init(&s->mu, NULL); /* default attributes: cannot fail on Linux */
}

static void clear(struct serve_suspects *s)
{
    suspect_release(&s->listed);
    key_set_release(&s->done);
    s->rebuilds++;
}

void serve_suspects_clear(struct serve_suspects *s)
{
    pthread_mutex_lock(&s->mu);
    clear(s);
    pthread_mutex_unlock(&s->mu);
}

void serve_suspects_release(struct serve_suspects *s)
{
    clear(s);
    (void)pthread_mutex_destroy(&s->mu); /* nobody holds it any more */
}

/* Under mu, as everything that follows. */
static int next_left(const struct serve_suspects *s, uint64_t *at, struct buf *key,
                     struct suspect *ret, struct ft_err *err)
{
    int rc;

    do
        rc = suspect_next(&s->listed, at, key, ret, err);
    while (rc > 0 && key_set_has(&s->done, ret->db, ret->key));
    return rc;
}

static int copy_left(const struct serve_suspects *s, struct suspect_report *into,
                     struct ft_err *err)
{
    struct buf key = {0};
    struct suspect left;
    uint64_t at = 0;
    int rc;

    while ((rc = next_left(s, &at, &key, &left, err)) > 0) {
        rc = suspect_add(into, &left, err);
        if (rc != 0)
            break;
    }
    buf_release(&key);
    return rc;
}

/* A report forgets no key: one that is suspect again can only be added to a list without what is done. */
static int forget_done(struct serve_suspects *s, struct ft_err *err)
{
    struct suspect_report left = {0};

    if (copy_left(s, &left, err) != 0) {
        suspect_release(&left);
        return -1;
    }
    clear(s);
    s->listed = left;
    return 0;
}

static int add(struct serve_suspects *s, const struct suspect *suspect, struct ft_err *err)
{
    if (key_set_has(&s->done, suspect->db, suspect->key) && forget_done(s, err) != 0)
        return -1;
    return suspect_add(&s->listed, suspect, err);
}

int serve_suspects_add(struct serve_suspects *s, const struct suspect *suspect, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&s->mu);
    rc = add(s, suspect, err);
    pthread_mutex_unlock(&s->mu);
    return rc;
}

int serve_suspects_add_from(struct serve_suspects *s, const struct suspect_report *report,
                            uint64_t *at, struct ft_err *err)
{
    struct buf key = {0};
    struct suspect more;
    int rc;

    pthread_mutex_lock(&s->mu);
    while ((rc = suspect_next(report, at, &key, &more, err)) > 0) {
        rc = add(s, &more, err);
        if (rc != 0)
            break;
    }
    pthread_mutex_unlock(&s->mu);
    buf_release(&key);
    return rc;
}

int serve_suspects_copy(struct serve_suspects *s, struct suspect_report *into, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&s->mu);
    rc = copy_left(s, into, err);
    pthread_mutex_unlock(&s->mu);
    return rc;
}

int serve_suspects_next(struct serve_suspects *s, struct serve_suspects_at *at, struct buf *key,
                        struct suspect *ret, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&s->mu);
    if (at->rebuilds != s->rebuilds)
        *at = (struct serve_suspects_at){.rebuilds = s->rebuilds};
    rc = next_left(s, &at->at, key, ret, err);
    pthread_mutex_unlock(&s->mu);
    return rc;
}

int serve_suspects_done(struct serve_suspects *s, uint32_t db, struct bytes key, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    int rc = 0;

    key_set_hash(db, key, hash);
    pthread_mutex_lock(&s->mu);
    if (key_set_has_hash(&s->listed.known, hash))
        rc = key_set_add(&s->done, hash, err);
    s->changes++;
    pthread_mutex_unlock(&s->mu);
    return rc;
}

uint64_t serve_suspects_count(struct serve_suspects *s)
{
    uint64_t count;

    pthread_mutex_lock(&s->mu);
    count = s->listed.count - s->done.count;
    pthread_mutex_unlock(&s->mu);
    return count;
}

uint64_t serve_suspects_changes(struct serve_suspects *s)
{
    uint64_t changes;

    pthread_mutex_lock(&s->mu);
    changes = s->changes;
    pthread_mutex_unlock(&s->mu);
    return changes;
}
