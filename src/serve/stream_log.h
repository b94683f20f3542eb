/*
 * stream_log.h - the replication stream of a served input, on disk.
 *
 * What it is   The commands that replicas get, one after the other in a file, and beside it an index of points: up
 *              to a position in that stream, each flow was taken before some LSN. Translating once and keeping
 *              the result is what makes the stream the same bytes for every replica, at any pace, and after a
 *              restart: what a record becomes depends on those before it, and the order between flows on when
 *              their blocks came.
 * Offsets      A replica has executed everything up to its offset. The stream begins after offset 1, as that
 *              of a new Redis does; positions count from 0.
 * Points       A commit makes commands durable, then the point after them; only then may a replica have them. What
 *              lies after the last point when the log is opened was never handed out, and is cut off.
 * Identity     A replication id is made with the log. A copy of the log gets another one: it could go on in
 *              another order than the original.
 * Locking      One process has a log at a time: FT_ERR_STATE for the others.
 * Threads      One writes (stream_log_file, stream_log_commit); any may read, and wait.
 */
#ifndef FLOWTAPE_SERVE_STREAM_LOG_H
#define FLOWTAPE_SERVE_STREAM_LOG_H

#include "output/resp_file.h"

#define STREAM_ID_LENGTH 40
/* The offset of a replica that has executed nothing of the stream. */
#define STREAM_FIRST_OFFSET UINT64_C(1)

struct stream_log;

struct stream_log_options {
    const char *dir;  /* NULL: files without names, which end with the process */
    const char *name; /* of the files in it, without ".stream" and ".index" */
    uint8_t input[16];
    uint32_t generation;
    uint32_t flow_count;
    const uint64_t *first_lsn; /* per flow: where the stream begins; flow_count of them */
    bool by_offset;            /* LSNs do not count records */
};

/* A moment of the stream. lsn: flow_count of them, of the caller's. */
struct stream_point {
    uint64_t position;
    uint64_t time_us; /* when it was written */
    uint32_t db;      /* that the commands so far leave selected; RESP_FILE_ANY_DB: none */
    uint64_t *lsn;    /* per flow: everything before it is in the stream */
};

/* stream_log_open - the directory is made if need be. */
int stream_log_open(struct stream_log **ret, const struct stream_log_options *options,
                    struct ft_err *err);
void stream_log_free(struct stream_log *l);
/* stream_log_id - STREAM_ID_LENGTH hex digits, and NUL. */
const char *stream_log_id(const struct stream_log *l);

#define STREAM_UNCOUNTED UINT64_MAX

/* What somebody at a position does not have yet. */
struct stream_lag {
    uint64_t bytes;
    /* of all flows; those that come to nothing are counted too; STREAM_UNCOUNTED: see by_offset */
    uint64_t records;
    uint64_t ms; /* since the first of it was written */
};

/*
 * The writer's side
 */

/* stream_log_file - where commands are put; resp_file_finish is not for it. */
struct resp_file *stream_log_file(struct stream_log *l);
/* stream_log_commit - what was put since the last point; lsn: per flow, as in a point. */
int stream_log_commit(struct stream_log *l, const uint64_t *lsn, struct ft_err *err);

/*
 * For everybody
 */

/* stream_log_end - the position up to which replicas may have it. */
uint64_t stream_log_end(const struct stream_log *l);
/* stream_log_read - up to n bytes from a position before the end. *ret_n is more than 0. */
int stream_log_read(struct stream_log *l, uint64_t position, void *p, size_t n, size_t *ret_n,
                    struct ft_err *err);
/* stream_log_first, stream_log_last - the point where the stream begins; the one where it ends now. */
void stream_log_first(const struct stream_log *l, struct stream_point *ret);
int stream_log_last(struct stream_log *l, struct stream_point *ret, struct ft_err *err);
/* stream_log_at - the last point that is not after a position. */
int stream_log_at(struct stream_log *l, uint64_t position, struct stream_point *ret,
                  struct ft_err *err);
/* stream_log_lag - how far a position is from the end. Records are counted as points have them: those after the last
 * one at or before the position. */
int stream_log_lag(struct stream_log *l, uint64_t position, struct stream_lag *ret,
                   struct ft_err *err);
/* stream_log_watch - wake_set(fd) with every commit; until unwatched. */
int stream_log_watch(struct stream_log *l, int fd, struct ft_err *err);
void stream_log_unwatch(struct stream_log *l, int fd);

#endif
