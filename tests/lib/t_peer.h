/*
 * t_peer.h - servers that answer RESP commands as a test has scripted it.
 *
 * What it is   Some nodes on loopback, each a thread. What a command is answered with, a list of rules
 *              says: the first that is for this node, begins as the command does and is not used up.
 *              Each node keeps what it was asked, one command a line, long words cut.
 * Text         A command is its words with blanks between them, "SET a 1". In a reply "@1" stands for
 *              the port of node 1; one that begins with "=" is the text of a bulk string. An empty one
 *              closes the connection.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_PEER_H
#define FLOWTAPE_TESTS_LIB_T_PEER_H

#include <pthread.h>
#include <stdint.h>

#include "target/target_host.h"
#include "wire/uri.h"

#define T_PEERS_MAX  4u
#define T_PEER_ARG   80u
#define T_PEER_ANY   -1
#define T_PEER_RULES 32u

struct t_peer_rule {
    int node; /* T_PEER_ANY: all of them */
    const char *command;
    const char *reply;
    unsigned times; /* 0: always */
};

struct t_peers;

struct t_peer {
    struct t_peers *peers;
    int index;
    int listener;
    uint16_t port;
    pthread_t thread;
    char log[16384];
};

struct t_peers {
    struct t_peer peer[T_PEERS_MAX];
    unsigned count;
    int stop[2];
    pthread_mutex_t mu; /* guards what follows, and the logs */
    struct t_peer_rule rules[T_PEER_RULES];
    unsigned used[T_PEER_RULES];
    size_t rule_count;
};

/* t_peers_start - later lists may be added by t_peers_rules, which comes after what is there. */
void t_peers_start(struct t_peers *p, unsigned count, const struct t_peer_rule *rules,
                   size_t rule_count);
void t_peers_rules(struct t_peers *p, const struct t_peer_rule *rules, size_t rule_count);
/* t_peers_end - then the logs may be read. */
void t_peers_end(struct t_peers *p);
struct uri t_peers_uri(const struct t_peers *p, unsigned node);
/* t_peers_count - how many lines of a node's log begin so. */
unsigned t_peers_count(const struct t_peers *p, unsigned node, const char *command);

/* A single master; and two that share the slots: node 0 has those up to 8191, "b" and "c" among them,
 * node 1 the others, "a" and "foo" among them. */
extern const struct t_peer_rule t_peer_single[];
extern const size_t t_peer_single_count;
extern const struct t_peer_rule t_peer_cluster[];
extern const size_t t_peer_cluster_count;

/* What a target has told. */
struct t_told {
    char notes[2048]; /* one a line */
    unsigned note_count;
    unsigned sleeps; /* each a millisecond, whatever was asked for */
    uint64_t commands, bytes;
    atomic_uint_fast64_t sent_bytes;
};

struct target_host t_told_host(struct t_told *told, uint64_t give_up_ms);

#endif
