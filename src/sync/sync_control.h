/*
 * sync_control.h - `flowtape cutover DIR` talks to the `flowtape sync` that writes to DIR.
 *
 * Channel      A unix socket DIR/sync.sock, for its owner only. A client sends one line, is sent
 *              lines, and at last how it ended.
 *                begin manual|pause|takeover|default     confirm     state
 *              "without REPLICA" follows "begin" or "confirm", or stands alone
 *                note TEXT
 *                end STATUS BYTES\n, and so many bytes of JSON: the report; of "state" what sync_state_text has
 * Threads      The server belongs to one thread at a time, but for sync_control_post and sync_control_note.
 */
#ifndef FLOWTAPE_SYNC_SYNC_CONTROL_H
#define FLOWTAPE_SYNC_SYNC_CONTROL_H

#include <pthread.h>
#include <stdbool.h>

#include "base/buf.h"

#define SYNC_CONTROL_SOCKET  "sync.sock"
#define SYNC_CONTROL_CLIENTS 8
#define SYNC_CONTROL_LINE    320

struct sync_control_client {
    int fd; /* -1: none */
    char line[SYNC_CONTROL_LINE];
    size_t n;
    bool asked;
};

struct sync_control {
    int dirfd;
    int fd; /* -1: closed */
    pthread_mutex_t clients_mu;
    struct sync_control_client clients[SYNC_CONTROL_CLIENTS]; /* guarded by clients_mu */
    size_t last;                                              /* whose request came last */
    pthread_mutex_t mu;
    char posted[SYNC_CONTROL_LINE]; /* guarded by mu; "": nothing */
};

void sync_control_init(struct sync_control *c);
/* sync_control_open - only who holds the capture's lock may: a socket that is there is replaced. */
int sync_control_open(struct sync_control *c, const char *dir, struct ft_err *err);
/* sync_control_next - a request that has come, without waiting; false: none. */
bool sync_control_next(struct sync_control *c, char ret_line[SYNC_CONTROL_LINE]);
/* sync_control_post - a request of this process, from any thread. false: another one is still to be taken. */
bool sync_control_post(struct sync_control *c, const char *line);
/* sync_control_note - a line for everybody who has asked for something. */
void sync_control_note(struct sync_control *c, const char *text);
/* sync_control_reply - the end, for the one whose request came last; for nobody if it was posted. */
void sync_control_reply(struct sync_control *c, int status, const char *json);
/* sync_control_answer - the end, for everybody who has asked; they are let go. */
void sync_control_answer(struct sync_control *c, int status, const char *json);
void sync_control_close(struct sync_control *c);
void sync_control_release(struct sync_control *c);

/* sync_control_ask - the client: send a line, show notes, wait for the end. *ret_json is filled.
 * FT_ERR_NET: nobody is there. */
int sync_control_ask(const char *dir, const char *line, void (*on_note)(const char *text),
                     int *ret_status, struct buf *ret_json, struct ft_err *err);

#endif
