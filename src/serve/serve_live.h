/*
 * serve_live.h - what a service of replicas and the cut-over know of each other, where the capture that is served is made
 * in the same process.
 *
 * What it is   The service brings its stream and its replicas here (serve_live_attach) as long as it serves a generation. Who
 *              runs the cut-over looks how far they are, and puts commands of its own into the stream while this stands
 *              at the goal. How far replicas are becomes LIVE_APPLIED of the capture's live_flows, by the points of the
 *              stream.
 * Standing     The stream goes as far as the goal of live_flows, and stays there.
 * Who counts   Replicas that came by PSYNC for more than a state, and have said where they listen, or acknowledged something, which
 *              redis-cli does not. One that has said where it listens is known by that from
 *              then on (replica_roll.h): when it is away, it is missing.
 * Writing      Whoever holds the writer's lock may write to the stream: its maker all the time but while it waits, so others
 *              get it as soon as the stream stands.
 * Threads      Everything from any thread, but for _init, _release, and serve_live_look, which is one thread's.
 */
#ifndef FLOWTAPE_SERVE_SERVE_LIVE_H
#define FLOWTAPE_SERVE_SERVE_LIVE_H

#include "serve/replica_list.h"
#include "serve/replica_roll.h"
#include "serve/serve_suspects.h"
#include "serve/stream_log.h"
#include "store/live_flows.h"

/* Where the stream is. */
enum serve_standing {
    SERVE_MOVING,
    SERVE_AT_GOAL,  /* of live_flows */
    SERVE_AT_FLUSH, /* before the goal: a flush that only some flows have before it */
    SERVE_AT_END,   /* the capture has ended, and there is no more */
};

struct serve_live {
    struct live_flows *flows;
    const char *dir;       /* where the roll is kept */
    pthread_mutex_t write; /* the writer's lock */
    struct serve_suspects suspects;
    pthread_mutex_t mu; /* guards what follows, but for the roll */
    struct stream_log *log;
    struct replica_list *replicas;
    uint32_t generation; /* 0: none is served now */
    uint32_t flow_count;
    enum serve_standing standing;
    uint64_t
        content; /* position of the stream after the last command that is not only a sign of life */
    struct replica_roll roll; /* of the thread that looks */
};

/* What a look has shown. */
struct serve_seen {
    uint32_t generation; /* 0: none is served now */
    enum serve_standing standing;
    uint32_t attached;                 /* replicas that count */
    uint32_t missing;                  /* known ones that are not attached */
    char waits_for[REPLICA_ROLL_NAME]; /* one that is missing, or has not all yet; "" */
    bool ready;                        /* none is missing, and those attached get the stream */
    bool acknowledged;                 /* likewise, and have all that is in the stream */
};

/* serve_live_init - dir: the capture's directory. Known replicas are read from there, if there are any. */
int serve_live_init(struct serve_live *l, struct live_flows *flows, const char *dir,
                    struct ft_err *err);
void serve_live_release(struct serve_live *l);

/*
 * The service
 */

void serve_live_attach(struct serve_live *l, struct stream_log *log, struct replica_list *replicas,
                       uint32_t generation, uint32_t flow_count);
void serve_live_detach(struct serve_live *l);
/* serve_live_stand - what the stream has come to; content: see above. */
void serve_live_stand(struct serve_live *l, enum serve_standing standing, uint64_t content);
uint64_t serve_live_content(struct serve_live *l);

/*
 * The cut-over
 */

/* serve_live_look - and publish how far the replicas are. */
int serve_live_look(struct serve_live *l, struct serve_seen *ret, struct ft_err *err);
/*
 * serve_live_put - a command for the stream of that generation, which stands. FT_ERR_NET: it is served no more.
 * serve_live_commit - what was put becomes a part of the stream.
 */
int serve_live_put(struct serve_live *l, uint32_t generation, uint32_t db, const struct bytes *args,
                   size_t count, struct ft_err *err);
int serve_live_commit(struct serve_live *l, uint32_t generation, struct ft_err *err);
/* serve_live_forget - a replica that is not attached is not missing any more. FT_ERR_USAGE: it is not one of those. */
int serve_live_forget(struct serve_live *l, const char *name, struct ft_err *err);

#endif
