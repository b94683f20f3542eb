/* fold_impl.h - what fold.c (first pass, setting up), fold_stream.c (second pass) and fold_read.c
 * (taking the values out) share. */
#ifndef FLOWTAPE_STATE_FOLD_IMPL_H
#define FLOWTAPE_STATE_FOLD_IMPL_H

#include "item/entry_commands.h"
#include "item/slot.h"
#include "item/times_shift.h"
#include "item/touched.h"
#include "state/fold.h"
#include "wire/private_redis.h"

#define FOLD_DATABASES 65536u

struct fold {
    const struct source *source;
    struct fold_options options;
    struct owner_guard guard;
    struct touched *touched;
    bool flushed_all;
    bool flushed_some; /* of the slots */
    uint8_t flushed_dbs[FOLD_DATABASES / 8];
    uint8_t flushed_slots[SLOT_COUNT / 8]; /* of database 0 */
    struct private_redis *server;          /* NULL: nothing is touched */
    struct target own;                     /* what the server is, with its modules */
    const struct target *engine;           /* it, once it is known */
    pthread_mutex_t suspects_mu;           /* guards options.suspects */
};

/* What a command under way was made of, for when it is refused. */
#define FOLD_UNDERWAY  16384u
#define FOLD_KEY_SHOWN 64

struct fold_underway {
    const struct command_row *row; /* NULL: an entry's command */
    uint32_t db;
    uint8_t key_size;
    uint8_t key[FOLD_KEY_SHOWN];
};

struct fold_stream {
    struct fold *fold;
    struct redis_pipe *pipe;
    struct translator *translator; /* for the private server */
    struct translator *for_target;
    struct entry_commands *entries;
    struct times_shift shift;
    bool db_known;
    uint32_t db;                    /* selected on the connection */
    struct fold_underway *underway; /* FOLD_UNDERWAY of them */
    uint64_t next_tag;
    struct fold_underway current; /* of the commands being put */
    struct fold_read *read;       /* fold_read_out is running: replies are its own */
};

/* fold_put - one command, times moved, in the selected database. */
int fold_put(struct fold_stream *s, const struct bytes *words, size_t count, struct ft_err *err);
int fold_select(struct fold_stream *s, uint32_t db, struct ft_err *err);
/* fold_read_reply - a reply while fold_read_out is running. */
int fold_read_reply(struct fold_stream *s, uint64_t tag, const redisReply *reply,
                    struct ft_err *err);

#endif
