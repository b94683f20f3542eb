#include "input/source_aof.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/parse.h"
#include "input/aof_path.h"
#include "input/aof_tail.h"
#include "input/cut.h"
#include "input/source_aux.h"
#include "input/source_digest.h"

#define READ_BYTES (256u << 10)
/* Bytes of commands from one place to the next. */
#define PLACE_EVERY (1u << 20)
#define FIRST_LSN   1u

/* Where reading can begin: between two commands that are not within a transaction. */
struct aof_place {
    uint64_t lsn; /* of the command that follows */
    size_t part;
    uint64_t offset;
    uint32_t dbid;
    uint64_t time_us; /* by the last mark before; 0: there is none */
};

struct source_aof {
    struct source_files files; /* the parts; must be first */
    size_t part_count;
    struct aof_place *places; /* the first: where the commands begin */
    size_t place_count;
    uint64_t end; /* of what is read of the last part */
    uint64_t first_mark_us, last_mark_us;
    uint64_t snapshot_bytes;
};

static const struct source_aof *aof_in(const struct source *s)
{
    return (const struct source_aof *)s;
}

/*
 * The feed
 */

struct aof_feed {
    int fd;
    size_t part;
    uint64_t at; /* how far the part was read */
    uint64_t time_us;
    bool in_journal;
    bool at_end; /* nothing comes after what was given out */
    uint8_t *buffer;
};

static void feed_free(void *feed)
{
    struct aof_feed *f = feed;

    if (f == NULL)
        return;
    if (f->fd >= 0)
        (void)close(f->fd); /* opened to read */
    free(f->buffer);
    free(f);
}

static int open_part(const struct source_stream *st, size_t part, uint64_t offset,
                     struct ft_err *err)
{
    const char *file = aof_in(st->source)->files.files[part];
    struct aof_feed *f = st->feed;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", file);
    if (f->fd >= 0)
        (void)close(f->fd); /* opened to read */
    f->fd = fd;
    f->part = part;
    f->at = offset;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
    if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
        return err_errno(err, errno, "could not read \"%s\"", file);
    return 0;
}

/* Without marks: when the last part was written last. */
static uint64_t written_us(const struct source *s)
{
    struct stat status;

    if (stat(aof_in(s)->files.files[aof_in(s)->part_count - 1], &status) != 0)
        return 0;
    return (uint64_t)status.st_mtim.tv_sec * 1000000;
}

static int feed_open(struct source_stream *st, struct flow_decoder_options *decoder,
                     struct ft_err *err)
{
    struct aof_feed *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_nomem(err, "a source");
    st->feed = f;
    f->fd = -1;
    f->time_us = written_us(st->source);
    f->buffer = malloc(READ_BYTES);
    if (f->buffer == NULL)
        return err_nomem(err, "a read buffer");
    decoder->commands = FLOW_COMMANDS_COUNTED;
    decoder->snapshot_next_lsn = FIRST_LSN;
    return open_part(st, 0, 0, err);
}

/* The last place that does not lie after the command. */
static const struct aof_place *place_of(const struct source_aof *a, uint64_t lsn)
{
    const struct aof_place *found = &a->places[0];

    for (size_t i = 1; i < a->place_count && a->places[i].lsn <= lsn; i++)
        found = &a->places[i];
    return found;
}

static int feed_start_journal(struct source_stream *st, struct ft_err *err)
{
    const struct aof_place *place = place_of(aof_in(st->source), st->options.start_lsn);
    struct aof_feed *f = st->feed;

    f->in_journal = true;
    if (place->time_us != 0)
        f->time_us = place->time_us;
    if (open_part(st, place->part, place->offset, err) != 0)
        return -1;
    return flow_decoder_start_journal(st->decoder, place->offset, place->lsn, place->dbid, err);
}

/* Every part but the last one is whole. */
static int next_part(struct source_stream *st, struct ft_err *err)
{
    const struct source_aof *a = aof_in(st->source);
    struct aof_feed *f = st->feed;
    struct flow_boundary boundary;
    uint64_t offset;

    if (f->at == 0 && f->part == 0) /* an empty base holds no snapshot, which the next part may */
        return open_part(st, 1, 0, err);
    if (!flow_decoder_boundary(st->decoder, &boundary, &offset) || offset != f->at) {
        return err_set(err, FT_ERR_CORRUPT,
                       "\"%s\" ends within an RDB, a command or a transaction, and is not the last "
                       "part",
                       a->files.files[f->part]);
    }
    if (f->part + 1 == a->places[0].part && boundary.next_lsn != a->places[0].lsn) {
        return err_set(err, FT_ERR_CORRUPT, "\"%s\": commands follow the RDB of a base",
                       a->files.files[f->part]);
    }
    f->in_journal = true;
    if (open_part(st, f->part + 1, 0, err) != 0)
        return -1;
    return flow_decoder_start_journal(st->decoder, 0, boundary.next_lsn, 0, err);
}

static int feed_next(struct source_stream *st, struct ft_err *err)
{
    const struct source_aof *a = aof_in(st->source);
    struct aof_feed *f = st->feed;
    bool is_last = f->part + 1 == a->part_count;
    uint64_t left = is_last ? a->end - f->at : READ_BYTES;
    ssize_t n;

    /* a piece ends with the snapshot: so that its bytes are counted for what they are */
    if (a->place_count != 0 && f->part == a->places[0].part && f->at < a->places[0].offset &&
        left > a->places[0].offset - f->at)
        left = a->places[0].offset - f->at;

    do
        n = read(f->fd, f->buffer, left < READ_BYTES ? (size_t)left : READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_errno(err, errno, "could not read \"%s\"", a->files.files[f->part]);
    if (n == 0 && !is_last)
        return next_part(st, err) != 0 ? -1 : 1;
    if (n == 0) {
        f->at_end = true;
        flow_decoder_close(st->decoder);
        return 1;
    }
    st->bytes += (uint64_t)n;
    f->at += (uint64_t)n;
    if (flow_decoder_push(st->decoder, f->in_journal ? FLOW_PART_JOURNAL : FLOW_PART_SNAPSHOT,
                          bytes_of(f->buffer, (size_t)n), f->time_us, err) != 0)
        return -1;
    return 1;
}

static void feed_place(const struct source_stream *st, bool reading, struct ft_err *err)
{
    const struct aof_feed *f = st->feed;
    const char *file = aof_in(st->source)->files.files[f->part];

    if (!reading || strstr(err->msg, file) == NULL)
        err_wrap(err, "\"%s\"", file);
}

static const struct source_feed feed = {
    .open = feed_open,
    .start_journal = feed_start_journal,
    .next = feed_next,
    .place = feed_place,
    .free = feed_free,
};

/*
 * Opening
 */

/* What a walk over the commands finds. */
struct scan {
    struct source_aof *aof;
    struct source_stream *stream;
    bool in_journal;
    struct aof_place last; /* the boundary that was come to last */
};

static int add_place(struct scan *s, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&s->aof->places, s->aof->place_count, "an append-only file", err) != 0)
        return -1;
    s->aof->places[s->aof->place_count++] = s->last;
    return 0;
}

static int note_boundary(struct scan *s, struct ft_err *err)
{
    const struct aof_feed *f = s->stream->feed;
    struct source_aof *a = s->aof;
    struct aof_place here = {.part = f->part, .time_us = flow_decoder_time_us(s->stream->decoder)};
    const struct aof_place *place;
    struct flow_boundary boundary;

    if (here.time_us != 0 && a->first_mark_us == 0)
        a->first_mark_us = here.time_us;
    if (here.time_us != 0)
        a->last_mark_us = here.time_us;
    if (!flow_decoder_boundary(s->stream->decoder, &boundary, &here.offset))
        return 0;
    here.lsn = boundary.next_lsn;
    here.dbid = boundary.dbid;
    s->last = here;
    if (a->place_count == 0)
        a->snapshot_bytes = here.offset;
    place = a->place_count == 0 ? NULL : &a->places[a->place_count - 1];
    if (place != NULL && here.part == place->part && here.offset - place->offset < PLACE_EVERY)
        return 0;
    return add_place(s, err);
}

/* The last part ends within a command, or a transaction, at whose beginning the error is. */
static int take_tail(struct scan *s, struct ft_err *err)
{
    struct source_aof *a = s->aof;
    const char *file = a->files.files[a->part_count - 1];
    uint64_t size = ((const struct aof_feed *)s->stream->feed)->at;

    if (aof_tail() == AOF_TAIL_FAIL || err->offset > size)
        return -1;
    a->end = err->offset;
    err_clear(err);
    if (asprintf(&a->files.base.left_out,
                 "\"%s\" ends within a command or a transaction: its last %" PRIu64
                 " bytes, from offset %" PRIu64 " on, are left out, as a redis-server does",
                 file, size - a->end, a->end) < 0) {
        a->files.base.left_out = NULL;
        return err_nomem(err, "an append-only file");
    }
    return 0;
}

static int scan_items(struct scan *s, struct ft_err *err)
{
    struct item item;
    enum step step;

    while ((step = source_stream_next(s->stream, &item, err)) == STEP_ITEM) {
        s->in_journal |= item.kind == ITEM_SNAPSHOT_END;
        if (s->in_journal && note_boundary(s, err) != 0)
            return -1;
    }
    if (step == STEP_END) {
        s->aof->end = ((const struct aof_feed *)s->stream->feed)->at;
        return 0;
    }
    if (!((const struct aof_feed *)s->stream->feed)->at_end || !s->in_journal ||
        err->kind != FT_ERR_CORRUPT)
        return -1;
    return take_tail(s, err);
}

/* A base that is an RDB by its name is not gone through: its commands would be refused when it is read. */
static bool begins_with_rdb(const struct source_aof *a)
{
    size_t n = strlen(a->files.files[0]);

    return a->part_count > 1 && n > 4 && strcmp(a->files.files[0] + n - 4, ".rdb") == 0;
}

static int scan(struct source_aof *a, struct ft_err *err)
{
    struct source_stream_options options = {.skip_values = true};
    struct scan s = {.aof = a, .last = {.lsn = FIRST_LSN}};
    int rc = 0;

    a->end = UINT64_MAX;
    if (begins_with_rdb(a)) {
        options.journal_only = true;
        s.in_journal = true;
        s.last.part = 1;
        a->snapshot_bytes = source_files_bytes(&a->files.base, 0);
        rc = add_place(&s, err);
    }
    if (rc == 0)
        rc = source_stream_open(&s.stream, &a->files.base, 0, &options, err);
    if (rc != 0)
        return -1;
    rc = scan_items(&s, err);
    source_stream_free(s.stream);
    if (rc == 0)
        a->files.base.lsns[0] = (struct lsn_range){FIRST_LSN, s.last.lsn};
    return rc;
}

static int open_aof(struct source *s, uint32_t generation, struct ft_err *err)
{
    struct source_aof *a = (struct source_aof *)s;
    struct source_aux aux;

    (void)generation; /* has none */
    s->of_redis = true;
    s->stream_count = 1;
    a->end = UINT64_MAX;
    s->lsns = calloc(1, sizeof(*s->lsns));
    if (s->lsns == NULL)
        return err_nomem(err, "an append-only file");
    if (aof_path_find(&a->files, &a->part_count, err) != 0 || scan(a, err) != 0 ||
        source_read_aux(s, 0, &aux, err) != 0)
        return -1;
    s->info = aux.info;
    s->began_us = s->info.ctime_s * 1000000;
    return owner_guard_init(&s->guard, SHARDING_UNKNOWN, 1, err);
}

static void release(struct source *s)
{
    free(((struct source_aof *)s)->places);
    source_files_release(s);
}

/* All parts, however many streams they are. */
static int identify(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                    struct ft_err *err)
{
    return source_digest(aof_in(s)->files.files, (uint32_t)aof_in(s)->part_count, cancel_fd, ret,
                         err);
}

static const char *stream_file(const struct source *s, uint32_t index)
{
    (void)index; /* there is one */
    return aof_in(s)->part_count == 1 ? aof_in(s)->files.files[0] : s->path;
}

static bool contains(const struct source *s, const char *path, const char *directory)
{
    return source_files_contain(s, path, directory) || source_files_same(s->path, path);
}

static uint64_t snapshot_bytes(const struct source *s, uint32_t index)
{
    (void)index; /* there is one */
    return aof_in(s)->snapshot_bytes;
}

static uint64_t journal_bytes(const struct source *s, uint32_t index)
{
    const struct source_aof *a = aof_in(s);
    uint64_t bytes = 0;
    struct stat status;

    (void)index; /* there is one */
    for (size_t i = a->places[0].part; i + 1 < a->part_count; i++)
        bytes += stat(a->files.files[i], &status) == 0 ? (uint64_t)status.st_size : 0;
    return bytes + a->end - a->places[0].offset;
}

/*
 * Cuts
 */

static int parse_time(const struct source *s, const char *text, uint64_t *ret_time_us,
                      struct ft_err *err)
{
    uint64_t last_us = aof_in(s)->last_mark_us;
    uint64_t ms;

    if (last_us == 0) {
        return err_set(err, FT_ERR_USAGE,
                       "\"%s\" does not say when its commands were executed: it has no #TS: marks "
                       "(aof-timestamp-enabled)",
                       s->path);
    }
    if (text[0] != '-')
        return parse_time_us(text, ret_time_us, err);
    if (parse_duration(text + 1, &ms, err) != 0)
        return -1;
    *ret_time_us = ms > last_us / 1000 ? 0 : last_us - ms * 1000;
    return 0;
}

/* Marks never go back. */
static uint64_t seek_time(const struct source *s, uint32_t index, uint64_t time_us)
{
    const struct source_aof *a = aof_in(s);
    size_t i = 0;

    (void)index; /* there is one */
    if (time_us > a->last_mark_us)
        return s->lsns[0].next;
    while (i + 1 < a->place_count && a->places[i + 1].time_us < time_us)
        i++;
    return a->places[i].lsn;
}

/* Goes through the commands up to a cut. */
struct cut_walk {
    uint64_t until_lsn; /* the last one that is applied */
    uint64_t until_us;  /* likewise, by the marks */
    uint64_t stop_lsn;  /* found: the first that is not applied */
    uint64_t
        applied_us; /* found: when the last one that is applied was executed; 0: not known, or none */
    bool in_transaction; /* found: the cut lies within one */
};

static bool is_after_cut(const struct cut_walk *w, const struct item *item, bool has_time)
{
    return item->lsn > w->until_lsn ||
           (has_time && !w->in_transaction && item->time_us > w->until_us);
}

static int walk_to_cut(const struct source *s, uint64_t start_lsn, struct cut_walk *w,
                       struct ft_err *err)
{
    const struct source_stream_options options = {
        .skip_values = true, .journal_only = true, .start_lsn = start_lsn};
    struct source_stream *stream;
    struct item item;
    enum step step;

    w->stop_lsn = start_lsn;
    if (source_stream_open(&stream, s, 0, &options, err) != 0)
        return -1;
    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        bool has_time = flow_decoder_time_us(stream->decoder) != 0;

        if (item_command(&item) == NULL) {
            w->in_transaction &= !(item.is_record && item.record.op == JOURNAL_OP_EXEC);
            continue;
        }
        if (is_after_cut(w, &item, has_time))
            break;
        w->in_transaction = item.record.txid != 0;
        w->stop_lsn = item.lsn + 1;
        w->applied_us = has_time ? item.time_us : 0;
    }
    source_stream_free(stream);
    return step == STEP_ERROR ? -1 : 0;
}

static int cut_at_time(const struct source *s, const char *at, struct cut *cut, struct ft_err *err)
{
    const struct source_aof *a = aof_in(s);
    struct cut_walk w = {.until_lsn = UINT64_MAX};
    char text[FORMAT_TIME];

    if (parse_time(s, at, &w.until_us, err) != 0)
        return -1;
    if (w.until_us < a->first_mark_us) {
        return err_set(err, FT_ERR_USAGE,
                       "the first mark is of %s; there is no earlier state but "
                       "the snapshot",
                       format_time_us(a->first_mark_us, text));
    }
    if (walk_to_cut(s, seek_time(s, 0, w.until_us), &w, err) != 0)
        return -1;
    cut->stop_lsn[0] = w.stop_lsn;
    cut->moment_ms = (int64_t)(w.until_us / 1000);
    return 0;
}

static int cut_at_lsn(const struct source *s, const char *at, struct cut *cut, struct ft_err *err)
{
    const struct lsn_range *lsns = &s->lsns[0];
    struct cut_walk w = {.until_us = UINT64_MAX};
    uint64_t lsn;

    if (parse_u64(at, &lsn, err) != 0)
        return -1;
    if (lsn == lsns->next) /* "the next one" is taken for the last one */
        lsn--;
    if (lsn >= lsns->next) {
        return err_set(err, FT_ERR_USAGE, "its commands are %" PRIu64 " (its snapshot) to %" PRIu64,
                       lsns->first - 1, lsns->next - 1);
    }
    w.until_lsn = lsn;
    if (walk_to_cut(s, place_of(aof_in(s), lsn)->lsn, &w, err) != 0)
        return -1;
    if (w.in_transaction)
        return err_set(err, FT_ERR_USAGE, "command %" PRIu64 " lies within a transaction", lsn);
    cut->stop_lsn[0] = lsn + 1;
    cut->moment_ms = (int64_t)(w.applied_us / 1000);
    return 0;
}

/* When the state was, as far as anything says. A time that is too early only leaves in what has ended meanwhile. */
static int64_t moment_of(const struct source *s, const struct cut *cut)
{
    const struct source_aof *a = aof_in(s);

    if (cut->is_end && a->last_mark_us != 0)
        return (int64_t)(a->last_mark_us / 1000);
    if (cut->is_end && !cut->is_snapshot)
        return (int64_t)(written_us(s) / 1000);
    return s->began_us != 0 ? (int64_t)(s->began_us / 1000) : 1;
}

static int resolve_cut(const struct source *s, const char *at, struct cut *ret, struct ft_err *err)
{
    struct cut cut = {.flow_count = 1};
    int rc = 0;

    cut.stop_lsn = calloc(1, sizeof(*cut.stop_lsn));
    if (cut.stop_lsn == NULL)
        return err_nomem(err, "a moment");
    if (strcmp(at, "snapshot") == 0)
        cut.stop_lsn[0] = s->lsns[0].first;
    else if (strcmp(at, "end") == 0)
        cut.stop_lsn[0] = s->lsns[0].next;
    else if (at[0] == '-' || strchr(at, 'T') != NULL)
        rc = cut_at_time(s, at, &cut, err);
    else
        rc = cut_at_lsn(s, at, &cut, err);
    if (rc != 0) {
        (void)err_wrap(err, "--at %s", at);
        cut_release(&cut);
        return -1;
    }
    cut.is_snapshot = cut.stop_lsn[0] == s->lsns[0].first;
    cut.is_end = cut.stop_lsn[0] == s->lsns[0].next;
    if (cut.moment_ms == 0)
        cut.moment_ms = moment_of(s, &cut);
    *ret = cut;
    return 0;
}

const struct source_kind source_aof_kind = {
    .name = "aof",
    .capabilities = SOURCE_HAS_JOURNAL | SOURCE_CAN_SEEK | SOURCE_KEYS_MAY_REPEAT,
    .size = sizeof(struct source_aof),
    .feed = &feed,
    .bid = aof_path_bid,
    .open = open_aof,
    .release = release,
    .identify = identify,
    .contains = contains,
    .stream_file = stream_file,
    .snapshot_bytes = snapshot_bytes,
    .journal_bytes = journal_bytes,
    .resolve_cut = resolve_cut,
    .parse_time = parse_time,
    .seek_time = seek_time,
};
