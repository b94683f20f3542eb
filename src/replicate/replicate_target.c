#include "replicate/replicate_target.h"

#include <string.h>

#include "wire/redis_info.h"

static void parse(const char *info, struct replicate_state *ret)
{
    const char *dbs = info;
    char text[16];
    uint64_t keys;
    uint32_t db;

    *ret = (struct replicate_state){0};
    redis_info_copy(info, "run_id", ret->run_id, sizeof(ret->run_id));
    redis_info_copy(info, "role", text, sizeof(text));
    ret->replica = strcmp(text, "slave") == 0;
    redis_info_copy(info, "master_link_status", text, sizeof(text));
    ret->link_up = ret->replica && strcmp(text, "up") == 0;
    ret->loading = redis_info_number(info, "loading") != 0;
    redis_info_copy(info, "master_host", ret->master, sizeof(ret->master));
    ret->master_port = (uint16_t)redis_info_number(info, "master_port");
    redis_info_copy(info, "master_replid", ret->id, sizeof(ret->id));
    redis_info_copy(info, "master_replid2", ret->before, sizeof(ret->before));
    ret->offset =
        redis_info_number(info, ret->replica ? "slave_repl_offset" : "master_repl_offset");
    ret->replicas = redis_info_number(info, "connected_slaves");
    while (redis_info_next_db(&dbs, &db, &keys))
        ret->keys += keys;
}

int replicate_target_look(struct target_node *node, struct replicate_state *ret, struct ft_err *err)
{
    const struct bytes arg = bytes_str("INFO");
    redisReply *reply;
    int rc = 0;

    if (target_node_call(node, &reply, &arg, 1, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING && redis_info_value(reply->str, "role") != NULL)
        parse(reply->str, ret);
    else
        rc = err_set(err, FT_ERR_PROTOCOL, "%s does not say how it replicates (INFO)", node->name);
    reply_free(reply);
    return rc;
}

int replicate_target_attach(struct target_node *node, const char *command, const char *host,
                            uint16_t port, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str(command), bytes_str(host),
                                 bytes_of(number, i64_to_text(port, number))};

    return target_node_call(node, NULL, args, 3, err);
}

int replicate_target_detach(struct target_node *node, const char *command, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str(command), bytes_str("NO"), bytes_str("ONE")};

    return target_node_call(node, NULL, args, 3, err);
}
