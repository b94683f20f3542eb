/*
 * resp_file.h - commands into a file that appears under its name only when it is complete.
 *
 * What it is   Puts SELECT in front where the database changes, and collects small commands before
 *              writing; large arguments go to the file without being copied.
 * Databases    A reader that sends commands without looking at the answers (redis-cli --pipe) goes on in
 *              the wrong database when a SELECT fails. So a guard comes in front of each SELECT of a
 *              database that is higher than all before: a transaction that would subscribe the
 *              connection, after which a server refuses all other commands, and a script that makes this
 *              transaction fail if the database is there.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_OUTPUT_RESP_FILE_H
#define FLOWTAPE_OUTPUT_RESP_FILE_H

#include "base/output_file.h"
#include "output/databases.h"

/* For commands that mean the same in any database. */
#define RESP_FILE_ANY_DB UINT32_MAX

struct resp_file {
    struct output_file file;
    struct buf buf;
    uint32_t db; /* selected; RESP_FILE_ANY_DB: none yet */
    struct databases databases;
    bool guards;       /* a guard in front of databases that the server may not have */
    uint64_t commands; /* SELECT not counted */
};

/* A zeroed struct may be released. resp_file_append continues after what is in the file. The limit of
 * databases, and guards, may be set after either. */
int resp_file_open(struct resp_file *s, const char *path, struct ft_err *err);
int resp_file_append(struct resp_file *s, const char *path, struct ft_err *err);
/* resp_file_adopt - to fd, as output_file_adopt; resp_file_finish then writes and syncs what was put so far. */
int resp_file_adopt(struct resp_file *s, int fd, const char *name, struct ft_err *err);
int resp_file_put(struct resp_file *s, uint32_t db, const struct bytes *args, size_t count,
                  struct ft_err *err);
/* resp_file_put_raw - something that is no command; what follows begins with a SELECT of its own
 * only if the database changes. */
int resp_file_put_raw(struct resp_file *s, struct bytes bytes, struct ft_err *err);
/* resp_file_bytes - written and collected; resp_file_written - without what is only collected. */
uint64_t resp_file_bytes(const struct resp_file *s);
uint64_t resp_file_written(const struct resp_file *s);
int resp_file_finish(struct resp_file *s, struct ft_err *err);
void resp_file_release(struct resp_file *s);

#endif
