/*
 * server_means.h - by which commands the keys of a server can be read.
 *
 * What it is   What its version has and the user may do, found out beforehand by asking for a key that is not there. If
 *              there is no way to the values of a type, or to times, that is said then, and nothing is read.
 */
#ifndef FLOWTAPE_DIFF_SERVER_MEANS_H
#define FLOWTAPE_DIFF_SERVER_MEANS_H

#include "diff/diff_side.h"
#include "mapping/replay_own_key.h"
#include "target/target_client.h"

struct server_means {
    unsigned version;
    bool dump;           /* values come by DUMP */
    bool types;          /* by the commands of their types; with DUMP only those that are short */
    bool absolute_times; /* PEXPIRETIME; else PTTL */
    bool field_times;    /* fields of hashes may have times */
    bool full_streams;   /* XINFO STREAM FULL; else XINFO GROUPS, XINFO CONSUMERS and XPENDING */
    bool json;           /* JSON.GET */
    bool many_strings;   /* MGET of any keys: not where each slot has a server */
    char state
        [REPLAY_KEY_SIZE]; /* of the replay whose keys are compared, or that has the server alone */
    bool deferred;         /* a replay has moved the times of keys, and not given them back yet */
};

/* server_means_find - of an open target. FT_ERR_PROTOCOL names what is not allowed and would be needed. */
int server_means_find(struct target_client *t, const struct diff_side *side,
                      const struct diff_rules *rules, struct server_means *ret, struct ft_err *err);
/* server_means_class - of what TYPE says; VALUE_MODULE of what is not of Redis itself; -1: there is no such key. */
int server_means_class(const char *type);
/* server_means_time_command - what asks when a key ends. */
const char *server_means_time_command(const struct server_means *m);
/* server_means_take_time - from its answer. false: there is no such key. */
bool server_means_take_time(const struct server_means *m, const redisReply *reply, int64_t *ret_ms);

#endif
