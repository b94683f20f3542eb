#include "command/suspect.h"

#include <stdlib.h>

#define KEY_SHOWN_MAX 4096

static int keep(struct suspect_report *r, const struct item *item, const struct translation_key *k,
                struct ft_err *err)
{
    struct suspect *s;
    size_t n = k->key.n < KEY_SHOWN_MAX ? k->key.n : KEY_SHOWN_MAX;
    uint8_t *copy;

    if (r->first == NULL && (r->first = calloc(SUSPECTS_SHOWN, sizeof(*r->first))) == NULL)
        return err_nomem(err, "the list of suspect keys");
    copy = malloc(n > 0 ? n : 1);
    if (copy == NULL)
        return err_nomem(err, "the list of suspect keys");
    if (n > 0)
        memcpy(copy, k->key.p, n);
    s = &r->first[r->first_count++];
    s->db = k->db;
    s->key = bytes_of(copy, n);
    memcpy(s->command, item->record.name, sizeof(s->command));
    s->flow = item->flow;
    s->lsn = item->lsn;
    return 0;
}

int suspect_add_all(struct suspect_report *r, const struct item *item, const struct translation *t,
                    struct ft_err *err)
{
    for (size_t i = 0; i < t->key_count; i++) {
        if (!t->keys[i].suspect)
            continue;
        if (r->first_count < SUSPECTS_SHOWN && keep(r, item, &t->keys[i], err) != 0)
            return -1;
        r->count++;
    }
    return 0;
}

void suspect_release(struct suspect_report *r)
{
    for (size_t i = 0; i < r->first_count; i++)
        free((void *)(uintptr_t)r->first[i].key.p);
    free(r->first);
    *r = (struct suspect_report){0};
}
