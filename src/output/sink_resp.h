/*
 * sink_resp.h - commands into a file that appears under its name only when it is complete.
 *
 * What it is   Puts SELECT in front where the database changes, and collects small commands before
 *              writing; large words go to the file without being copied.
 * Databases    A reader that sends commands without looking at the answers (redis-cli --pipe) goes on in
 *              the wrong database when a SELECT fails. So a guard comes in front of each SELECT of a
 *              database that is higher than all before: a transaction that would subscribe the
 *              connection, after which a server refuses all other commands, and a script that makes this
 *              transaction fail if the database is there.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_OUTPUT_SINK_RESP_H
#define FLOWTAPE_OUTPUT_SINK_RESP_H

#include "base/output_file.h"
#include "output/databases.h"

/* For commands that mean the same in any database. */
#define SINK_RESP_ANY_DB UINT32_MAX

struct sink_resp {
    struct output_file file;
    struct buf buf;
    uint32_t db; /* selected; SINK_RESP_ANY_DB: none yet */
    struct databases databases;
    bool guards;       /* a guard in front of databases that the server may not have */
    uint64_t commands; /* SELECT not counted */
};

/* A zeroed struct may be released. sink_resp_append goes on behind what is in the file. The limit of
 * databases, and guards, may be set after either. */
int sink_resp_open(struct sink_resp *s, const char *path, struct ft_err *err);
int sink_resp_append(struct sink_resp *s, const char *path, struct ft_err *err);
int sink_resp_put(struct sink_resp *s, uint32_t db, const struct bytes *words, size_t count,
                  struct ft_err *err);
/* sink_resp_put_raw - something that is no command; what follows begins with a SELECT of its own
 * only if the database changes. */
int sink_resp_put_raw(struct sink_resp *s, struct bytes bytes, struct ft_err *err);
/* sink_resp_bytes - written and collected; sink_resp_written - without what is only collected. */
uint64_t sink_resp_bytes(const struct sink_resp *s);
uint64_t sink_resp_written(const struct sink_resp *s);
int sink_resp_finish(struct sink_resp *s, struct ft_err *err);
void sink_resp_release(struct sink_resp *s);

#endif
