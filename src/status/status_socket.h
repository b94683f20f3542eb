/*
 * status_socket.h - a run's status for `flowtape status DIR`.
 *
 * Channel      A unix socket DIR/status-PID.sock, for its owner only, while the run lasts: who connects is sent the
 *              status as JSON, and is let go. Sockets of runs that were killed are removed when the next one begins.
 *              And a file DIR/COMMAND.status.json, written now and then and at the end, for after it.
 * Errors       A directory that cannot be written to has neither, which is no error.
 * Threads      Belongs to one thread.
 */
#ifndef FLOWTAPE_STATUS_STATUS_SOCKET_H
#define FLOWTAPE_STATUS_STATUS_SOCKET_H

#include <jansson.h>

#include "base/err.h"

#define STATUS_FILE_END   ".status.json"
#define STATUS_SOCKET     "status-"
#define STATUS_SOCKET_END ".sock"

struct status_socket {
    int dirfd; /* -1: closed */
    int fd;    /* -1: none */
    char name[64];
    char file[64];
};

void status_socket_init(struct status_socket *s);
/* status_socket_open - name: of the file, without its end. */
void status_socket_open(struct status_socket *s, const char *dir, const char *name);
/* status_socket_serve - everybody who has connected, without waiting. json is borrowed. */
void status_socket_serve(struct status_socket *s, const char *json, size_t n);
void status_socket_save(struct status_socket *s, const char *json, size_t n);
/* status_socket_forget - the file, of a run that has left all that there is to know. */
void status_socket_forget(struct status_socket *s);
void status_socket_close(struct status_socket *s);

/*
 * status_socket_read - the client: what there is in a directory, as an array of statuses; of a run that has gone
 * without saying so, "running" is false and "ended" is "gone". An empty array: none.
 */
int status_socket_read(json_t **ret, const char *dir, struct ft_err *err);

#endif
