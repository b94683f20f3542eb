/*
 * serve_suspects.h - keys of a served capture whose state does not follow from the journal, until somebody has put the
 * source's value of them into the stream.
 *
 * What it is   A list to which the stream's maker and the states add, and from which a cut-over takes. What is done
 *              is off the list; a later record that makes the key suspect puts it there again.
 * Threads      Everything from any thread.
 */
#ifndef FLOWTAPE_SERVE_SERVE_SUSPECTS_H
#define FLOWTAPE_SERVE_SERVE_SUSPECTS_H

#include <pthread.h>

#include "command/suspect.h"

struct serve_suspects {
    pthread_mutex_t mu;
    struct suspect_report listed;
    struct key_set done; /* of those listed */
    uint64_t changes;    /* how often something was done */
    uint64_t rebuilds;   /* how often the list was rebuilt */
};

/* A place in the list; zeroed: its beginning. Where the list was rebuilt since, the walk over it restarts. */
struct serve_suspects_at {
    uint64_t at;
    uint64_t rebuilds;
};

void serve_suspects_init(struct serve_suspects *s);
void serve_suspects_release(struct serve_suspects *s);
/* serve_suspects_clear - another generation. */
void serve_suspects_clear(struct serve_suspects *s);
int serve_suspects_add(struct serve_suspects *s, const struct suspect *suspect, struct ft_err *err);
/* serve_suspects_add_from - those of a report from *at on, which is moved to its end. */
int serve_suspects_add_from(struct serve_suspects *s, const struct suspect_report *report,
                            uint64_t *at, struct ft_err *err);
/* serve_suspects_copy - what is not done, added to *into. */
int serve_suspects_copy(struct serve_suspects *s, struct suspect_report *into, struct ft_err *err);
/* serve_suspects_next - as suspect_next, of those that are not done. */
int serve_suspects_next(struct serve_suspects *s, struct serve_suspects_at *at, struct buf *key,
                        struct suspect *ret, struct ft_err *err);
int serve_suspects_done(struct serve_suspects *s, uint32_t db, struct bytes key,
                        struct ft_err *err);
uint64_t serve_suspects_count(struct serve_suspects *s);
/* serve_suspects_changes - another number than before: keys were done since. */
uint64_t serve_suspects_changes(struct serve_suspects *s);

#endif
