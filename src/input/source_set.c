#include "input/source_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "input/cut.h"
#include "input/source_capture.h"
#include "input/source_nodes.h"
#include "store/capture_set.h"

struct source_set {
    struct source base; /* must be first */
    struct capture_set *set;
    struct source **nodes; /* of set->node_count */
    struct source_nodes parts;
    struct owner_guard_node *guards;
};

static const struct source_set *set_in(const struct source *s)
{
    return (const struct source_set *)s;
}

static enum source_bid bid(const char *path, const struct stat *status)
{
    return S_ISDIR(status->st_mode) && capture_set_is_dir(path) ? SOURCE_BID_SURE : SOURCE_BID_NONE;
}

/*
 * Opening
 */

static int open_node(struct source_set *s, uint32_t node, uint32_t generation, struct ft_err *err)
{
    char *path = capture_set_node_path(s->set, node);
    int rc = path == NULL ? err_nomem(err, "a path")
                          : source_open(&s->nodes[node], path, generation, err);

    free(path);
    return rc;
}

/* A generation has one at least. */
static const struct source *first_node(const struct source_set *s)
{
    uint32_t i = 0;

    while (s->nodes[i] == NULL)
        i++;
    return s->nodes[i];
}

/* What all of it is read as is one thing. */
static int join_info(struct source_set *s, struct ft_err *err)
{
    struct source *base = &s->base;

    const struct source *first = first_node(s);

    base->info = first->info;
    base->info.used_mem = 0;
    base->capabilities &= first->capabilities;
    base->began_us = first->began_us;
    base->snapshot_records = first->snapshot_records;
    for (uint32_t i = 0; i < s->set->node_count; i++) {
        const struct source *node = s->nodes[i];

        if (node == NULL)
            continue;
        if (node->capabilities != first->capabilities) {
            return err_set(err, FT_ERR_UNSUPPORTED,
                           "\"%s\": some of its nodes are a Dragonfly and some are not",
                           base->path);
        }
        if (node->release != first->release) {
            return err_set(err, FT_ERR_UNSUPPORTED,
                           "\"%s\": its nodes are of different releases, %s and %s, which write "
                           "different journals",
                           base->path, first->info.version, node->info.version);
        }
        if (node->began_us < base->began_us)
            base->began_us = node->began_us;
        if (node->snapshot_records != base->snapshot_records)
            base->snapshot_records = SNAPSHOT_RECORDS_UNKNOWN;
        base->info.used_mem += node->info.used_mem;
    }
    return 0;
}

static void take_slots(struct source_set *s, const struct set_generation *g)
{
    for (size_t slot = 0; slot < SLOT_COUNT; slot++)
        s->parts.owner[slot] = SLOT_OWNER_NONE;
    for (size_t i = 0; i < g->slots_count; i++) {
        for (uint32_t slot = g->slots[i].first; slot <= g->slots[i].last; slot++)
            s->parts.owner[slot] = g->slots[i].node;
    }
    s->parts.moments = g->moment_count == 0 ? NULL : g;
    s->parts.settled = g->settled.kept ? &g->settled : NULL;
}

static int join_streams(struct source_set *s, struct ft_err *err)
{
    struct source *base = &s->base;
    uint32_t count = s->set->node_count;
    uint32_t guard_count = 0;

    s->parts.count = count;
    s->parts.first = calloc(count + 1u, sizeof(*s->parts.first));
    s->guards = calloc(count, sizeof(*s->guards));
    if (s->parts.first == NULL || s->guards == NULL)
        return err_nomem(err, "the nodes of a set");
    for (uint32_t i = 0; i < count; i++) {
        if (s->nodes[i] != NULL) {
            s->guards[guard_count++] =
                (struct owner_guard_node){base->stream_count, &s->nodes[i]->guard};
            base->stream_count += s->nodes[i]->stream_count;
        }
        s->parts.first[i + 1] = base->stream_count;
    }
    if (base->stream_count > CAPTURE_FLOWS_MAX) {
        return err_set(err, FT_ERR_UNSUPPORTED, "\"%s\" has %" PRIu32 " flows, more than %d",
                       base->path, base->stream_count, CAPTURE_FLOWS_MAX);
    }
    base->lsns = calloc(base->stream_count + 1u, sizeof(*base->lsns));
    if (base->lsns == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < count; i++) {
        if (s->nodes[i] != NULL)
            memcpy(&base->lsns[s->parts.first[i]], s->nodes[i]->lsns,
                   s->nodes[i]->stream_count * sizeof(*base->lsns));
    }
    base->guard.has_records = true;
    base->guard.rule = first_node(s)->guard.rule; /* for who asks whether there is one */
    base->guard.nodes = s->guards;
    base->guard.node_count = guard_count;
    base->nodes = &s->parts;
    return 0;
}

static int open_set(struct source *base, uint32_t generation, struct ft_err *err)
{
    struct source_set *s = (struct source_set *)base;
    const struct set_generation *g;
    uint32_t node_count = 0;

    if (capture_set_open_read(&s->set, base->path, err) != 0)
        return -1;
    g = capture_set_find(s->set, generation);
    if (g == NULL && generation != 0) {
        return err_set(err, FT_ERR_USAGE, "\"%s\" has no generation %" PRIu32, base->path,
                       generation);
    }
    if (g == NULL) {
        return err_set(err, FT_ERR_STATE,
                       "\"%s\" does not hold a complete snapshot of each node yet; run capture "
                       "again to finish them",
                       base->path);
    }
    s->nodes = calloc(s->set->node_count, sizeof(struct source *));
    if (s->nodes == NULL)
        return err_nomem(err, "the nodes of a set");
    for (uint32_t i = 0; i < s->set->node_count; i++) {
        if (!capture_set_has(s->set, g, i))
            continue;
        if (open_node(s, i, g->nodes[i], err) != 0)
            return -1;
        node_count++;
    }
    base->generation = g->id;
    take_slots(s, g);
    if (join_streams(s, err) != 0 || join_info(s, err) != 0)
        return -1;
    if (g->settled.flow_count != 0 && g->settled.flow_count != base->stream_count)
        return err_set(err, FT_ERR_CORRUPT,
                       "\"%s\": its nodes have %" PRIu32
                       " flows, and slots are settled of %" PRIu32,
                       base->path, base->stream_count, g->settled.flow_count);
    if (s->parts.moments == NULL || base->stream_count == node_count)
        return 0;
    return err_set(err, FT_ERR_CORRUPT, "\"%s\": a node has several flows, and slots are settled",
                   base->path);
}

static void release(struct source *base)
{
    struct source_set *s = (struct source_set *)base;

    for (uint32_t i = 0; s->nodes != NULL && i < s->set->node_count; i++)
        source_free(s->nodes[i]);
    free(s->nodes);
    free(s->parts.first);
    free(s->guards);
    capture_set_free(s->set);
}

static int identify(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                    struct ft_err *err)
{
    (void)cancel_fd;
    (void)err;
    memcpy(ret, set_in(s)->set->id, SOURCE_ID_SIZE);
    return 0;
}

/* The node that has a stream; the index becomes its own. */
static const struct source *node_of(const struct source *s, uint32_t *index)
{
    uint32_t node = source_node_of(s, *index);

    *index -= source_node_first(s, node);
    return set_in(s)->nodes[node];
}

static uint64_t snapshot_bytes(const struct source *s, uint32_t index)
{
    const struct source *node = node_of(s, &index);

    return node->kind->snapshot_bytes(node, index);
}

static uint64_t journal_bytes(const struct source *s, uint32_t index)
{
    const struct source *node = node_of(s, &index);

    return node->kind->journal_bytes(node, index);
}

static uint64_t seek_time(const struct source *s, uint32_t index, uint64_t time_us)
{
    const struct source *node = node_of(s, &index);

    return node->kind->seek_time(node, index, time_us);
}

/* Another one as soon as any part of it is. */
static bool stamp(const struct source *s, struct stat *ret)
{
    const struct source_set *set = set_in(s);
    struct stat sum;

    if (fstatat(set->set->dirfd, CAPTURE_SET_FILE, &sum, 0) != 0)
        return false;
    for (uint32_t i = 0; i < set->set->node_count; i++) {
        struct stat of_node;

        if (set->nodes[i] == NULL)
            continue;
        if (!source_stamp(set->nodes[i], &of_node))
            return false;
        /* a file that takes another's place is a new one */
        sum.st_ino += of_node.st_ino;
        sum.st_mtim.tv_sec += of_node.st_mtim.tv_sec;
        sum.st_mtim.tv_nsec += of_node.st_mtim.tv_nsec;
    }
    *ret = sum;
    return true;
}

/*
 * Moments
 */

/* What is counted back from is the last byte of all. */
static int parse_time(const struct source *s, const char *text, uint64_t *ret_time_us,
                      struct ft_err *err)
{
    uint64_t last_us = 0;

    for (uint32_t i = 0; i < source_node_count(s); i++) {
        uint64_t time_us;

        if (set_in(s)->nodes[i] == NULL)
            continue;
        if (source_parse_time(set_in(s)->nodes[i], text, &time_us, err) != 0)
            return -1;
        if (time_us > last_us)
            last_us = time_us;
    }
    *ret_time_us = last_us;
    return 0;
}

/* The part of a list of LSNs that is a node's: from *at, which is moved on. NULL: no memory. */
static char *list_part(const char **at, uint32_t count)
{
    const char *begin = *at;
    size_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        n += strcspn(begin + n, ",");
        if (i + 1 < count && begin[n] == ',')
            n++;
    }
    *at = begin + n + (begin[n] == ',');
    return strndup(begin, n);
}

static int check_list(const struct source *s, const char *at, struct ft_err *err)
{
    uint32_t count = 1;

    for (const char *p = at; *p != '\0'; p++)
        count += *p == ',';
    if (count == s->stream_count)
        return 0;
    return err_set(err, FT_ERR_USAGE,
                   "--at %s: the set has %" PRIu32 " flow%s, LSNs given: %" PRIu32, at,
                   s->stream_count, plural(s->stream_count), count);
}

static int resolve_node(const struct source *s, uint32_t node, const char *at, struct cut *ret,
                        struct ft_err *err)
{
    uint32_t first = source_node_first(s, node);
    const struct source *of_node = set_in(s)->nodes[node];
    struct cut cut;

    if (source_resolve_cut(of_node, at, &cut, err) != 0)
        return -1;
    memcpy(&ret->stop_lsn[first], cut.stop_lsn, of_node->stream_count * sizeof(*cut.stop_lsn));
    ret->is_snapshot = ret->is_snapshot && cut.is_snapshot;
    ret->is_end = ret->is_end && cut.is_end;
    if (cut.moment_ms > ret->moment_ms)
        ret->moment_ms = cut.moment_ms;
    cut_release(&cut);
    return 0;
}

static int resolve_nodes(const struct source *s, const char *at, struct cut *ret,
                         struct ft_err *err)
{
    bool is_list = at[0] >= '0' && at[0] <= '9' && strchr(at, 'T') == NULL;
    char absolute[FORMAT_TIME];
    uint64_t time_us;

    if (is_list && check_list(s, at, err) != 0)
        return -1;
    if (at[0] == '-') {
        if (source_parse_time(s, at, &time_us, err) != 0)
            return err_wrap(err, "--at %s", at);
        /* rounded up: what was received within the millisecond is in */
        at = format_time_us(time_us + 999, absolute);
    }
    for (uint32_t i = 0; i < source_node_count(s); i++) {
        const struct source *node = set_in(s)->nodes[i];
        char *part;
        int rc;

        if (node == NULL)
            continue;
        part = is_list ? list_part(&at, node->stream_count) : strdup(at);
        rc = part == NULL ? err_nomem(err, "a list of LSNs") : resolve_node(s, i, part, ret, err);
        free(part);
        if (rc != 0)
            return err_wrap(err, "node %s", set_in(s)->set->nodes[i].address);
    }
    return 0;
}

static int resolve_cut(const struct source *s, const char *at, struct cut *ret, struct ft_err *err)
{
    struct cut cut = {.flow_count = s->stream_count, .is_snapshot = true, .is_end = true};

    cut.stop_lsn = calloc(s->stream_count + 1u, sizeof(*cut.stop_lsn));
    if (cut.stop_lsn == NULL)
        return err_nomem(err, "a list of LSNs");
    if (resolve_nodes(s, at, &cut, err) != 0) {
        cut_release(&cut);
        return -1;
    }
    *ret = cut;
    return 0;
}

/* Whatever lies in the directory, or below it. */
static bool contains(const struct source *s, const char *path, const char *directory)
{
    return source_capture_kind.contains(s, path, directory);
}

/*
 * The feed: that of the node, which gets a stream of its own to look at.
 */

static const struct source_feed *feed_of(const struct source_stream *inner)
{
    return inner->source->kind->feed;
}

static void feed_free(void *feed)
{
    struct source_stream *inner = feed;

    if (inner == NULL)
        return;
    feed_of(inner)->free(inner->feed);
    free(inner);
}

static int feed_open(struct source_stream *st, struct flow_decoder_options *decoder,
                     struct ft_err *err)
{
    struct source_stream *inner = calloc(1, sizeof(*inner));
    uint32_t index = st->index;

    if (inner == NULL)
        return err_nomem(err, "a source");
    st->feed = inner;
    inner->source = node_of(st->source, &index);
    inner->index = index;
    inner->options = st->options;
    return feed_of(inner)->open(inner, decoder, err);
}

static int feed_start_journal(struct source_stream *st, struct ft_err *err)
{
    struct source_stream *inner = st->feed;

    inner->decoder = st->decoder;
    return feed_of(inner)->start_journal(inner, err);
}

static int feed_next(struct source_stream *st, struct ft_err *err)
{
    struct source_stream *inner = st->feed;
    int fed;

    inner->decoder = st->decoder;
    fed = feed_of(inner)->next(inner, err);
    st->bytes = inner->bytes;
    return fed;
}

static void feed_place(const struct source_stream *st, bool reading, struct ft_err *err)
{
    struct source_stream *inner = st->feed;

    inner->decoder = st->decoder;
    feed_of(inner)->place(inner, reading, err);
}

static const struct source_feed set_feed = {
    .open = feed_open,
    .start_journal = feed_start_journal,
    .next = feed_next,
    .place = feed_place,
    .free = feed_free,
};

const struct source_kind source_set_kind = {
    .name = "set",
    .capabilities = SOURCE_HAS_JOURNAL | SOURCE_WAS_RECEIVED | SOURCE_CAN_SEEK | SOURCE_CAN_FOLLOW |
                    SOURCE_HAS_GENERATIONS | SOURCE_OF_DRAGONFLY | SOURCE_LSN_IS_OFFSET,
    .size = sizeof(struct source_set),
    .feed = &set_feed,
    .bid = bid,
    .open = open_set,
    .release = release,
    .identify = identify,
    .contains = contains,
    .snapshot_bytes = snapshot_bytes,
    .journal_bytes = journal_bytes,
    .resolve_cut = resolve_cut,
    .parse_time = parse_time,
    .seek_time = seek_time,
    .stamp = stamp,
};
