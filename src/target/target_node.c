#include "target/target_node.h"

#include <inttypes.h>

#include "wire/reply_error.h"

bool target_node_is_transient(const char *text)
{
    return reply_text_is_passing(bytes_str(text)) ||
           reply_error_kind_of(bytes_str(text)) == REPLY_ERROR_NOSCRIPT ||
           strncmp(text, TARGET_REFUSED, strlen(TARGET_REFUSED)) == 0;
}

/* A new slot map may help. */
static bool is_topology(const char *text)
{
    return reply_error_is_topology(reply_error_kind_of(bytes_str(text))) ||
           strncmp(text, TARGET_NOT_HERE, strlen(TARGET_NOT_HERE)) == 0;
}

int target_node_refused(struct target_node *node, const char *text, struct ft_err *err)
{
    if (is_topology(text))
        atomic_store(&node->redirected, true);
    return err_set(err, target_node_is_transient(text) ? FT_ERR_NET : FT_ERR_PROTOCOL,
                   "%s answered: %s", node->name, text);
}

int target_node_keep(struct target_node *node, redisReply **ret, redisReply *reply,
                     struct ft_err *err)
{
    if (reply->type == REDIS_REPLY_ERROR && target_node_is_transient(reply->str)) {
        (void)target_node_refused(node, reply->str, err);
        reply_free(reply);
        return -1;
    }
    *ret = reply;
    return 0;
}

int target_node_ask(struct target_node *node, redisReply **ret, const struct bytes *args,
                    size_t count, struct ft_err *err)
{
    redisReply *reply;

    if (redis_pipe_call(node->pipe, &reply, args, count, err) != 0)
        return -1;
    return target_node_keep(node, ret, reply, err);
}

int target_node_take(struct target_node *node, redisReply **ret, redisReply *reply,
                     struct ft_err *err)
{
    int rc = 0;

    if (reply->type == REDIS_REPLY_ERROR)
        rc = target_node_refused(node, reply->str, err);
    if (rc == 0 && ret != NULL)
        *ret = reply;
    else
        reply_free(reply);
    return rc;
}

int target_node_call(struct target_node *node, redisReply **ret, const struct bytes *args,
                     size_t count, struct ft_err *err)
{
    redisReply *reply;

    if (redis_pipe_call(node->pipe, &reply, args, count, err) != 0)
        return -1;
    return target_node_take(node, ret, reply, err);
}

/* The answer to SELECT of a database. */
static int select_db(struct target_node *node, uint32_t db, bool *ret_there, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};
    redisReply *reply;
    int rc = 0;

    if (target_node_ask(node, &reply, args, 2, err) != 0)
        return -1;
    *ret_there = reply->type != REDIS_REPLY_ERROR;
    if (!*ret_there && strstr(reply->str, "out of range") == NULL)
        rc = err_set(err, FT_ERR_PROTOCOL, "%s does not let database %" PRIu32 " be used: %s",
                     node->name, db, reply->str);
    reply_free(reply);
    return rc;
}

int target_node_has_db(struct target_node *node, uint32_t db, bool *ret, struct ft_err *err)
{
    bool back;

    return select_db(node, db, ret, err) != 0 ? -1 : select_db(node, 0, &back, err);
}
