#include "command/suspect.h"

#include <stdlib.h>

#include "command/left_out.h"
#include "rdb/value_stream.h"

#define KEY_SHOWN_MAX 4096

/* In the spool, in front of the key's bytes. */
struct suspect_head {
    uint64_t lsn;
    uint32_t db;
    uint32_t flow;
    uint32_t key_size;
    char command[JOURNAL_NAME_MAX];
};

static int keep_shown(struct suspect_report *r, const struct suspect *s, struct ft_err *err)
{
    size_t n = s->key.n < KEY_SHOWN_MAX ? s->key.n : KEY_SHOWN_MAX;
    uint8_t *copy;

    if (r->first == NULL && (r->first = calloc(SUSPECTS_SHOWN, sizeof(*r->first))) == NULL)
        return err_nomem(err, "the list of suspect keys");
    copy = malloc(n > 0 ? n : 1);
    if (copy == NULL)
        return err_nomem(err, "the list of suspect keys");
    if (n > 0)
        memcpy(copy, s->key.p, n);
    r->first[r->first_count] = *s;
    r->first[r->first_count++].key = bytes_of(copy, n);
    return 0;
}

static int keep(struct suspect_report *r, const struct suspect *s, struct ft_err *err)
{
    struct suspect_head head;

    memset(&head, 0, sizeof(head)); /* what lies between its members too */
    head.lsn = s->lsn;
    head.db = s->db;
    head.flow = s->flow;
    head.key_size = (uint32_t)s->key.n;
    memcpy(head.command, s->command, sizeof(head.command));
    if (spool_append(&r->names, &head, sizeof(head), err) != 0)
        return -1;
    return spool_append(&r->names, s->key.p, s->key.n, err);
}

int suspect_add(struct suspect_report *r, const struct suspect *s, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];

    key_set_hash(s->db, s->key, hash);
    if (key_set_has_hash(&r->known, hash))
        return 0;
    if (key_set_add(&r->known, hash, err) != 0)
        return -1;
    if (r->filter != NULL && (!filter_db(r->filter, s->db) || !filter_key(r->filter, s->key)))
        return 0;
    if (keep(r, s, err) != 0)
        return -1;
    if (r->first_count < SUSPECTS_SHOWN && keep_shown(r, s, err) != 0)
        return -1;
    r->count++;
    return 0;
}

int suspect_group_reads(unsigned source_release, uint8_t type, struct bytes value, bool *ret,
                        struct ft_err *err)
{
    struct stream_iter *it;

    *ret = false;
    if (source_release == 0 || source_release > SUSPECT_GROUP_READS_RELEASE ||
        rdb_type_class(type) != VALUE_STREAM)
        return 0;
    if (stream_iter_new(&it, type, value, err) != 0)
        return -1;
    *ret = stream_iter_head(it)->group_count != 0;
    stream_iter_free(it);
    return 0;
}

int suspect_add_entry(struct suspect_report *r, unsigned source_release, const struct item *item,
                      struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    const struct suspect s = {
        .db = entry->db, .key = entry->key, .command = "XREADGROUP", .flow = item->flow};
    bool guessed;

    if (suspect_group_reads(source_release, entry->type, entry->value, &guessed, err) != 0)
        return -1;
    return guessed ? suspect_add(r, &s, err) : 0;
}

static bool names_known(const struct suspect_report *r, const struct translation *t)
{
    bool any = false;

    for (size_t i = 0; r->known.count != 0 && !any && i < t->key_count; i++)
        any = key_set_has(&r->known, t->keys[i].db, t->keys[i].key);
    return any;
}

int suspect_add_all(struct suspect_report *r, struct loss_report *losses, const struct item *item,
                    const struct translation *t, struct ft_err *err)
{
    struct suspect s = {.flow = item->flow, .lsn = item->lsn};
    bool joint = (translation_joins(t) && names_known(r, t)) ||
                 (losses != NULL && left_out_spreads(losses, t));

    memcpy(s.command, item->record.name, sizeof(s.command));
    for (size_t i = 0; i < t->key_count; i++) {
        const struct translation_key *k = &t->keys[i];

        s.db = k->db;
        s.key = k->key;
        if ((k->suspect || (joint && translation_changes(t, i))) && suspect_add(r, &s, err) != 0)
            return -1;
    }
    return 0;
}

int suspect_add_report(struct suspect_report *r, const struct suspect_report *more,
                       struct ft_err *err)
{
    struct buf key = {0};
    struct suspect s;
    uint64_t at = 0;
    int rc;

    while ((rc = suspect_next(more, &at, &key, &s, err)) > 0) {
        rc = suspect_add(r, &s, err);
        if (rc != 0)
            break;
    }
    buf_release(&key);
    return rc;
}

int suspect_next(const struct suspect_report *r, uint64_t *at, struct buf *key, struct suspect *ret,
                 struct ft_err *err)
{
    struct suspect_head head;

    if (*at == spool_size(&r->names))
        return 0;
    buf_clear(key);
    if (spool_read(&r->names, *at, &head, sizeof(head), err) != 0 ||
        buf_reserve(key, head.key_size, err) != 0 ||
        spool_read(&r->names, *at + sizeof(head), key->p, head.key_size, err) != 0)
        return -1;
    key->n = head.key_size;
    *at += sizeof(head) + head.key_size;
    *ret =
        (struct suspect){.db = head.db, .key = buf_bytes(key), .flow = head.flow, .lsn = head.lsn};
    memcpy(ret->command, head.command, sizeof(ret->command));
    return 1;
}

void suspect_release(struct suspect_report *r)
{
    for (size_t i = 0; i < r->first_count; i++)
        free((void *)(uintptr_t)r->first[i].key.p);
    free(r->first);
    key_set_release(&r->known);
    spool_release(&r->names);
    *r = (struct suspect_report){0};
}
