#include "replay/replay_pops.h"

#include <stdlib.h>

#include "input/cut.h"
#include "input/journal_pass.h"
#include "input/source.h"

void replay_pops_release(struct replay_pops *p)
{
    suspect_release(&p->keys);
    free(p->next_lsn);
    *p = (struct replay_pops){0};
}

static int take_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct replay_pops *p = context;
    struct suspect s = {.flow = item->flow, .lsn = item->lsn};
    bool pops_one = t->row != NULL && item->record.arg_count == 2 &&
                    (strcmp(t->row->name, "LPOP") == 0 || strcmp(t->row->name, "RPOP") == 0);

    if (!pops_one)
        return 0;
    s.db = t->keys[0].db;
    s.key = t->keys[0].key;
    memcpy(s.command, item->record.name, sizeof(s.command));
    return suspect_add(&p->keys, &s, err);
}

/* Another generation begins with a snapshot, which has all that pops left. */
static int go_to(struct replay_pops *p, const struct source *source, struct ft_err *err)
{
    if (p->generation == source->generation)
        return 0;
    replay_pops_release(p);
    if (source_first_lsns(source, &p->next_lsn, err) != 0)
        return -1;
    p->generation = source->generation;
    p->flow_count = source->stream_count;
    return 0;
}

static int read_source(struct replay_pops *p, const struct source *source, struct ft_err *err)
{
    struct journal_pass_counts counts;
    struct translator *translator = NULL;
    struct cut cut = {0};
    int rc = -1;

    if (go_to(p, source, err) != 0 || source_resolve_cut(source, "end", &cut, err) != 0)
        return -1;
    cut.start_lsn = p->next_lsn;
    if (journal_translator_new(&translator, source, target_default(), JSON_AS_DEFAULT, err) == 0)
        rc = journal_pass_run(source, &cut, translator, take_record, p, &counts, err);
    cut.start_lsn = NULL;
    for (uint32_t i = 0; rc == 0 && i < p->flow_count; i++)
        p->next_lsn[i] = cut.stop_lsn[i];
    translator_free(translator);
    cut_release(&cut);
    return rc;
}

int replay_pops_read(struct replay_pops *p, const char *capture, struct ft_err *err)
{
    struct source *source;
    int rc;

    if (source_open(&source, capture, 0, err) != 0)
        return -1;
    rc = read_source(p, source, err);
    source_free(source);
    return rc;
}
