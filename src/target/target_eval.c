#include "target/target_eval.h"

#include "target/local_script.h"

#define TRIES 50u

/* A script that is run here, and the connection that it asks. */
struct evaluation {
    struct redis_pipe *pipe;
    struct local_script *script;
    uint32_t home_db; /* before and after */
    uint32_t db;      /* that is selected on the connection */
};

static int select_db(struct evaluation *e, uint32_t db, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};
    redisReply *reply;
    int rc = 0;

    if (db == e->db)
        return 0;
    if (redis_pipe_call(e->pipe, &reply, args, 2, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        rc = err_set(err, FT_ERR_PROTOCOL, "the target answered SELECT: %s", reply->str);
    reply_free(reply);
    if (rc == 0)
        e->db = db;
    return rc;
}

static int ask(void *context, uint32_t db, redisReply **ret, const struct bytes *args, size_t count,
               struct ft_err *err)
{
    struct evaluation *e = context;

    return select_db(e, db, err) == 0 ? redis_pipe_call(e->pipe, ret, args, count, err) : -1;
}

/* One command of the transaction. *refused: NULL, or the first error reply, of the caller. */
static int step(struct evaluation *e, const struct bytes *args, size_t count, redisReply **refused,
                struct ft_err *err)
{
    redisReply *reply;

    if (redis_pipe_call(e->pipe, &reply, args, count, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR && *refused == NULL)
        *refused = reply;
    else
        reply_free(reply);
    return 0;
}

static int step_text(struct evaluation *e, const char *command, redisReply **refused,
                     struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(command)};

    return step(e, args, 1, refused, err);
}

static int queue_writes(struct evaluation *e, redisReply **refused, struct ft_err *err)
{
    const struct local_script_write *writes;
    uint32_t db = e->home_db;
    size_t count;

    writes = local_script_writes(e->script, &count);
    for (size_t i = 0; i <= count && *refused == NULL; i++) {
        uint32_t next = i < count ? writes[i].db : e->home_db;
        char number[I64_TEXT_SIZE];
        const struct bytes select[] = {bytes_str("SELECT"),
                                       bytes_of(number, i64_to_text(next, number))};

        if (next != db && step(e, select, 2, refused, err) != 0)
            return -1;
        db = next;
        if (i < count && step(e, writes[i].args, writes[i].count, refused, err) != 0)
            return -1;
    }
    return 0;
}

/* The first command that failed, as a script would have raised it: taken out of the reply. */
static void take_refused_write(redisReply *executed, redisReply **refused)
{
    for (size_t i = 0; *refused == NULL && i < executed->elements; i++) {
        if (executed->element[i]->type != REDIS_REPLY_ERROR)
            continue;
        *refused = executed->element[i];
        executed->element[i] = NULL; /* reply_free takes NULL */
    }
}

/* *ret_done: false if a key has changed in between. */
static int commit(struct evaluation *e, redisReply **refused, bool *ret_done, struct ft_err *err)
{
    const struct bytes exec[] = {bytes_str("EXEC")};
    redisReply *reply;

    *ret_done = true;
    if (step_text(e, "MULTI", refused, err) != 0)
        return -1;
    if (*refused != NULL)
        return 0;
    if (queue_writes(e, refused, err) != 0)
        return -1;
    if (*refused != NULL) {
        redisReply *first = *refused; /* which a later one does not replace */

        return step_text(e, "DISCARD", &first, err);
    }
    if (redis_pipe_call(e->pipe, &reply, exec, 1, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR) {
        *refused = reply;
        return 0;
    }
    *ret_done = reply->type == REDIS_REPLY_ARRAY;
    if (*ret_done)
        take_refused_write(reply, refused);
    reply_free(reply);
    return 0;
}

static int watch(struct evaluation *e, const struct bytes *keys, size_t key_count,
                 redisReply **refused, struct ft_err *err)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct bytes args[] = {bytes_str("WATCH"), keys[i]};

        if (step(e, args, 2, refused, err) != 0)
            return -1;
    }
    return 0;
}

/* One attempt. *ret_done: false if it is to be made again. */
static int attempt(struct evaluation *e, redisReply **ret, bool *ret_done, const struct bytes *args,
                   size_t count, const struct bytes *keys, size_t key_count, struct ft_err *err)
{
    redisReply *refused = NULL;
    redisReply *answer = NULL;
    size_t writes;
    int rc;

    *ret_done = true;
    rc = watch(e, keys, key_count, &refused, err);
    if (rc == 0 && refused == NULL)
        rc = local_script_run(e->script, &answer, e->home_db, args, count, err);
    if (rc == 0)
        rc = select_db(e, e->home_db, err);
    if (rc == 0 && refused == NULL) {
        (void)local_script_writes(e->script, &writes);
        if (writes != 0)
            rc = commit(e, &refused, ret_done, err);
        else if (key_count != 0)
            rc = step_text(e, "UNWATCH", &refused, err);
    }
    if (rc != 0 || refused != NULL || !*ret_done) {
        reply_free(answer);
        answer = refused;
    }
    if (rc != 0) {
        reply_free(answer);
        return -1;
    }
    *ret = answer;
    return 0;
}

int target_eval_keys(struct redis_pipe *pipe, uint32_t db, redisReply **ret,
                     const struct bytes *args, size_t count, const struct bytes *keys,
                     size_t key_count, struct ft_err *err)
{
    struct evaluation e = {.pipe = pipe, .home_db = db, .db = db};
    bool done = false;
    int rc = local_script_new(&e.script, ask, &e, err);

    for (unsigned i = 0; rc == 0 && !done; i++) {
        rc = attempt(&e, ret, &done, args, count, keys, key_count, err);
        if (rc == 0 && !done && i + 1 == TRIES)
            rc = err_set(err, FT_ERR_NET, "the target's keys changed each time they were written");
    }
    local_script_free(e.script);
    return rc;
}

int target_eval(struct redis_pipe *pipe, bool here, redisReply **ret, const struct bytes *args,
                size_t count, struct ft_err *err)
{
    uint64_t keys = 0;

    if (!here)
        return redis_pipe_call(pipe, ret, args, count, err);
    (void)bytes_to_u64(args[2], &keys); /* ours */
    return target_eval_keys(pipe, 0, ret, args, count, args + 3, keys, err);
}

int target_eval_call(const struct target_client *t, struct target_node *node, redisReply **ret,
                     const struct bytes *args, size_t count, struct ft_err *err)
{
    redisReply *reply;

    if (target_eval(node->pipe, atomic_load(&t->no_eval), &reply, args, count, err) != 0)
        return -1;
    return target_node_take(node, ret, reply, err);
}
