#include "replay/replay_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "input/source_nodes.h"
#include "replay/replay_impl.h"

/*
 * Who is who
 */

static void hex(const uint8_t *p, char out[REPLAY_ID_SIZE])
{
    for (int i = 0; i < 16; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", p[i]); /* 32 digits fit */
}

static int identify(struct replay *r, struct ft_err *err)
{
    uint8_t id[SOURCE_ID_SIZE];
    char text[REPLAY_ID_SIZE];

    if (source_identify(r->source, r->o->cancel_fd, id, err) != 0)
        return -1;
    hex(id, text);
    replay_position_set_name(&r->set, text);
    return 0;
}

/* What decides which arguments are written: a run that goes on must have the same. */
static int digest_rules(struct replay *r, struct ft_err *err)
{
    const struct replay_options *o = r->o;
    XXH128_canonical_t digest;
    struct buf text = {0};
    int rc = buf_printf(&text, err, "%d %d %d %u", o->ttl, o->json_as,
                        o->on_conflict == REPLAY_CONFLICT_SKIP, o->filter.classes);

    for (size_t i = 0; rc == 0 && i < o->map.db_count; i++) {
        const struct replay_db_rule *d = &o->map.dbs[i];

        rc = buf_printf(&text, err, " d%d:%u:%d:%u:%s", d->any, d->db, d->fate, d->to,
                        d->prefix == NULL ? "" : d->prefix);
    }
    for (size_t i = 0; rc == 0 && i < o->map.name_count; i++)
        rc = buf_printf(&text, err, " n%s:%d:%s", o->map.names[i].glob, o->map.names[i].strip,
                        o->map.names[i].text);
    for (size_t i = 0; rc == 0 && i < o->filter.db_count; i++)
        rc = buf_printf(&text, err, " f%u", o->filter.dbs[i]);
    for (size_t i = 0; rc == 0 && i < o->filter.key_count; i++)
        rc = buf_printf(&text, err, " k%s", o->filter.keys[i]);
    for (size_t i = 0; rc == 0 && i < o->filter.no_key_count; i++)
        rc = buf_printf(&text, err, " x%s", o->filter.no_keys[i]);
    for (size_t i = 0; rc == 0 && i < o->map.claim.count; i++)
        rc = buf_printf(&text, err, " s%s", key_claim_part_text(&o->map.claim, i));
    XXH128_canonicalFromHash(&digest, XXH3_128bits(text.p, text.n));
    hex(digest.digest, r->rules);
    buf_release(&text);
    return rc;
}

/*
 * Input
 */

/* What grows has no end yet. */
static void open_end(struct cut *cut)
{
    cut->is_snapshot = false;
    for (uint32_t i = 0; i < cut->flow_count; i++)
        cut->stop_lsn[i] = UINT64_MAX;
}

/* No record of the journal has come yet. */
static int begin_cut(struct replay *r, struct ft_err *err)
{
    r->cut = (struct cut){.flow_count = r->source->stream_count};
    if (source_first_lsns(r->source, &r->cut.stop_lsn, err) != 0)
        return -1;
    if (r->follow == NULL)
        r->cut.is_snapshot = true;
    else
        open_end(&r->cut);
    return 0;
}

static int resolve_cut(struct replay *r, struct ft_err *err)
{
    if (r->growing != NULL)
        return begin_cut(r, err);
    if (source_resolve_cut(r->source, r->o->at, &r->cut, err) != 0)
        return -1;
    /* nothing comes any more that would bring what is on its way */
    if (r->o->finish && r->follow == NULL && source_nodes_check_end(r->source, &r->cut, err) != 0)
        return -1;
    if (r->follow != NULL && source_can(r->source, SOURCE_CAN_FOLLOW))
        open_end(&r->cut);
    return 0;
}

static int check_types(const struct replay *r, struct ft_err *err)
{
    if (r->o->filter.classes == 0 || !source_can(r->source, SOURCE_HAS_JOURNAL) ||
        r->cut.is_snapshot)
        return 0;
    return err_set(err, FT_ERR_USAGE,
                   "--type: journal records do not say which type their key has; add --at "
                   "snapshot to replay the snapshot alone");
}

void replay_input_close(struct replay *r)
{
    cut_release(&r->cut);
    source_free((struct source *)r->source);
    r->source = NULL;
    replay_position_set_close(&r->set);
}

/* The number of flows may be another one than that of the input before. */
static int begin_flows(struct replay *r, struct ft_err *err)
{
    uint32_t n = r->source->stream_count;

    free(r->flushed);
    r->flushed = calloc(n + 1u, sizeof(*r->flushed));
    if (r->flushed == NULL)
        return err_nomem(err, "the flows");
    if (replay_position_set_open(&r->set, n, source_can(r->source, SOURCE_HAS_JOURNAL),
                                 source_journal_release(r->source), err) != 0)
        return -1;
    return replay_report_input(&r->report, r->source->generation, n, err);
}

static int open_source(struct replay *r, struct ft_err *err)
{
    struct source *source;
    int rc = r->growing != NULL
                 ? source_open_growing(&source, r->o->input, r->growing->generation, err)
                 : source_open(&source, r->o->input, r->o->generation, err);

    if (rc != 0)
        return -1;
    source->progress = &r->report.progress->read;
    r->source = source;
    r->guard = source->guard;
    if (resolve_cut(r, err) != 0 || check_types(r, err) != 0 || identify(r, err) != 0)
        return -1;
    return begin_flows(r, err);
}

int replay_input_reopen(struct replay *r, struct ft_err *err)
{
    replay_input_close(r);
    return open_source(r, err);
}

int replay_input_open(struct replay *r, struct ft_err *err)
{
    if (open_source(r, err) != 0)
        return -1;
    return digest_rules(r, err);
}
