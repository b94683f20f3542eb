/*
 * server_value.h - the value of a key of a running server, by whichever commands the user may use.
 *
 * What it is   Each type has commands of its own (server_stream.h has those of streams); what they bring is put together
 *              again (typed_value.h). For small values that costs a server much less than DUMP, by which all others
 *              come where it is allowed.
 * Two ways     Most values come with one command and can be asked for in a pipeline: server_value_command, then
 *              server_value_take of its answer. One that does not (SERVER_VALUE_LONG) is asked for by DUMP in the same
 *              way; where that is not allowed it is read page by page by server_value_read, twice or more often,
 *              until two readings bring the same: a value that changes all the time is handed on as one that is
 *              being changed.
 * Threads      A struct server_value belongs to one thread.
 */
#ifndef FLOWTAPE_DIFF_SERVER_VALUE_H
#define FLOWTAPE_DIFF_SERVER_VALUE_H

#include "diff/diff_pass.h"
#include "diff/server_call.h"
#include "diff/server_means.h"
#include "diff/typed_stream.h"
#include "diff/typed_value.h"

/* What became of it. */
enum server_value_end {
    SERVER_VALUE_TAKEN, /* by the reader; or there is no such key any more */
    SERVER_VALUE_LONG,
    SERVER_VALUE_OTHER_TYPE, /* than it had when it was asked for */
    SERVER_VALUE_ELSEWHERE,  /* its slot is, or may be */
};

/* What is asked of a key in a pipeline, in this order: the last part of a tag. */
enum server_question {
    QUESTION_TIME,
    QUESTION_TYPE,
    QUESTION_VALUE,
    QUESTION_DUMP,    /* of one that was longer than a page */
    QUESTION_STRINGS, /* of this key and those after it: the values of those that are strings */
    QUESTION_COUNT,
};

struct server_value {
    const struct server_means *means;
    const char *server; /* for messages */
    struct diff_reader *reader;
    struct typed_value typed;
    struct typed_stream stream;
};

#define SERVER_VALUE_ARGS 6

/* server_value_begin - of a zeroed struct; the others outlive it. */
void server_value_begin(struct server_value *v, const struct server_means *means,
                        const char *server, struct diff_reader *reader);
/* server_value_command - what asks for it; key is pointed to. 0: no command brings it. */
size_t server_value_command(const struct server_means *means, enum value_class class_,
                            struct bytes key, struct bytes args[SERVER_VALUE_ARGS]);
/* server_value_take - the answer. entry: database, key and time. enum server_value_end, or -1. */
int server_value_take(struct server_value *v, struct rdb_entry *entry, enum value_class class_,
                      const redisReply *reply, struct ft_err *err);
/* server_value_dump, server_value_take_dump - the same by DUMP, whatever it is. */
size_t server_value_dump(struct bytes key, struct bytes args[SERVER_VALUE_ARGS]);
int server_value_take_dump(struct server_value *v, struct rdb_entry *entry, const redisReply *reply,
                           struct ft_err *err);
/* server_value_read - the same without DUMP, but never SERVER_VALUE_LONG. */
int server_value_read(struct server_value *v, struct rdb_entry *entry, enum value_class class_,
                      const struct server_call *call, struct ft_err *err);
void server_value_release(struct server_value *v);

#endif
