/*
 * soak.h - what the two files of soak-make share: soak_make.c (the reference, the recording), and
 * soak_commands.c (the commands).
 */
#ifndef FLOWTAPE_TESTS_SOAK_SOAK_H
#define FLOWTAPE_TESTS_SOAK_SOAK_H

#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/buf.h"

#define SOAK_SHARDS_MAX 16
#define SOAK_ARGS_MAX   80
/* How far the times on the reference are moved. */
#define SOAK_SHIFT_MS INT64_C(1000000000000)
/* Times to live are below this, or far above. */
#define SOAK_SHORT_MS 3000

/* The words of one command: borrowed, or texts of its own. */
struct soak_args {
    struct bytes args[SOAK_ARGS_MAX];
    size_t count;
    char texts[4096];
    size_t used;
};

/* A key that has, or had, this time to live. */
struct soak_due {
    int64_t at_ms;
    unsigned db;
    size_t n;
    char key[64];
};

struct soak_flow {
    struct buf snapshot;
    struct buf journal;
    uint64_t records;
};

struct soak {
    uint32_t shards;
    uint64_t keys; /* of each kind */
    unsigned dbs;
    bool holes;   /* commands whose effect is not in the journal */
    bool flushes; /* FLUSHDB and FLUSHALL now and then */
    bool live;
    uint64_t rate; /* live: commands a second; 0: as fast as it goes */
    redisContext *reference;
    unsigned selected;
    uint64_t random;
    int64_t now_ms;
    bool recording; /* what comes is journalled: the snapshot is made */
    struct soak_flow flows[SOAK_SHARDS_MAX];
    struct soak_due *due;
    size_t due_count, due_room;
    uint64_t done, refused, expired;
    unsigned db; /* of the command at hand */
    uint64_t txid, last_txid;
};

void soak_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void soak_must(bool holds);
uint64_t soak_random(struct soak *s, uint64_t below);

void soak_args_add(struct soak_args *w, struct bytes arg);
void soak_args_text(struct soak_args *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* soak_ask - the reply of the reference, whatever it is. */
redisReply *soak_ask(struct soak *s, const struct soak_args *w);
/* soak_run - in the command's database; NULL: an error reply. */
redisReply *soak_run(struct soak *s, const struct soak_args *w);
/* soak_do - false: an error reply. */
bool soak_do(struct soak *s, const struct soak_args *w);
/* soak_number - -1: no number. */
long long soak_number(struct soak *s, const struct soak_args *w);

uint32_t soak_shard(const struct soak *s, struct bytes key);
/* soak_write - a record of this shard's flow; soak_journal: of the one whose shard has its
 * key. */
void soak_write(struct soak *s, uint32_t shard, const struct soak_args *w);
void soak_journal(struct soak *s, const struct soak_args *w);

/* soak_shifted - a time as the reference gets it. */
int64_t soak_shifted(const struct soak *s, int64_t at_ms);
/* soak_note_time - the key has this time now. soak_time_of - -1: none. */
void soak_note_time(struct soak *s, struct bytes key, int64_t at_ms);
int64_t soak_time_of(struct soak *s, struct bytes key);

/* soak_command - a random one, executed and journalled. */
void soak_command(struct soak *s);

#endif
