#include "replay/position/replay_huge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "command/command_table.h"
#include "mapping/replay_divide.h"
#include "replay/position/replay_dead.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_suspect.h"
#include "wire/reply_kind.h"

/* Piece by piece in one batch. */
static int put_pieces(struct replay_node *node, uint32_t db, const char *tag,
                      const struct bytes *args, size_t count, size_t head, size_t step,
                      struct ft_err *err)
{
    size_t most = (REPLAY_ARGS_MAX - head) / step * step;
    struct bytes *piece = calloc(REPLAY_ARGS_MAX, sizeof(*piece));
    char piece_tag[REPLAY_TAG_TEXT];
    int rc = 0;

    if (piece == NULL)
        return err_nomem(err, "a command");
    memcpy(piece, args, head * sizeof(*piece));
    for (size_t at = head; rc == 0 && at < count; at += most) {
        size_t n = count - at < most ? count - at : most;

        memcpy(piece + head, args + at, n * sizeof(*piece));
        (void)snprintf(piece_tag, sizeof(piece_tag), "%s.%zu", tag, at); /* fits */
        rc = replay_node_put(node, db, piece_tag, piece, head + n, err);
    }
    free(piece);
    return rc;
}

/* Nobody has claimed the position since. */
static int check_seq(struct replay_node *node, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HGET"), bytes_str(node->position.key),
                                 bytes_str("seq")};
    char seq[I64_TEXT_SIZE];
    size_t n = i64_to_text((int64_t)node->position.seq, seq);
    redisReply *reply;
    int rc = 0;

    if (target_node_call(node->server, &reply, args, 3, err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_STRING ||
        !bytes_eq(bytes_of(reply->str, reply->len), bytes_of(seq, n)))
        rc = err_set(err, FT_ERR_NET, "somebody else has resumed this replay");
    reply_free(reply);
    return rc;
}

/* As a transaction with its position, which WATCH ties to the sequence of batches. Not queued: *ret
 * says why the command cannot be part of one. */
static int transact(struct replay_node *node, const struct item *item, uint32_t db,
                    const struct bytes *args, size_t count, redisReply **ret, bool *ret_queued,
                    struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    char field[REPLAY_TAG_TEXT];
    char next[I64_TEXT_SIZE];
    const struct bytes watch[] = {bytes_str("WATCH"), bytes_str(node->position.key)};
    const struct bytes multi[] = {bytes_str("MULTI")};
    const struct bytes select[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};
    const struct bytes back[] = {bytes_str("SELECT"), bytes_str("0")};
    struct bytes position[] = {bytes_str("HSET"),
                               bytes_str(node->position.key),
                               {NULL, 0},
                               bytes_of(next, i64_to_text((int64_t)item->lsn + 1, next))};
    const struct bytes exec[] = {bytes_str("EXEC")};
    const struct bytes discard[] = {bytes_str("DISCARD")};

    (void)snprintf(field, sizeof(field), "flow:%" PRIu32, item->flow); /* fits */
    position[2] = bytes_str(field);
    if (target_node_call(node->server, NULL, watch, 2, err) != 0 || check_seq(node, err) != 0 ||
        target_node_call(node->server, NULL, multi, 1, err) != 0 ||
        target_node_call(node->server, NULL, select, 2, err) != 0 ||
        target_node_ask(node->server, ret, args, count, err) != 0)
        return -1;
    if ((*ret)->type == REDIS_REPLY_ERROR) {
        *ret_queued = false;
        if (target_node_call(node->server, NULL, discard, 1, err) == 0)
            return 0;
        reply_free(*ret);
        return -1;
    }
    *ret_queued = true;
    reply_free(*ret);
    if (target_node_call(node->server, NULL, back, 2, err) != 0 ||
        target_node_call(node->server, NULL, position, 4, err) != 0 ||
        target_node_call(node->server, ret, exec, 1, err) != 0)
        return -1;
    if ((*ret)->type != REDIS_REPLY_ARRAY || (*ret)->elements != 4)
        (void)err_set(err, FT_ERR_NET, "%s did not execute a transaction", node->server->name);
    else if (reply_check((*ret)->element[1], node->server->name, args, count, err) == 0 &&
             reply_check((*ret)->element[3], node->server->name, position, 4, err) == 0)
        return 0;
    reply_free(*ret);
    return -1;
}

int replay_classify(struct replay_position_set *set, const struct replay_node *node,
                    const struct item *item, const char *part, uint32_t db,
                    const struct bytes *args, size_t count, const redisReply *reply,
                    struct ft_err *err)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    if (target_node_is_transient(reply->str))
        return target_node_refused(node->server, reply->str, err);
    if (replay_is_foreign_script(args, count, reply->str))
        return replay_report_loss(set->report, LOSS_NOTE_SCRIPT, "script", 0, bytes_of(NULL, 0),
                                  err);
    if (command_error_expected(command_find(args[0]), reply->str) ||
        replay_doubt_explains(part, reply->str)) {
        replay_report_error(set->report,
                            !command_error_expected(command_find(args[0]), reply->str));
        return 0;
    }
    return replay_dead_refuse(set, item, part, db, args, count, reply->str, err);
}

/* After a transaction that was executed: nobody else remembers that this was refused. */
static int remember(struct replay_node *node, const char *field, uint32_t db,
                    const struct bytes *args, size_t count, const char *error, struct ft_err *err)
{
    struct buf value = {0};
    int rc = replay_refusal_put(&value, db, field + 2, args, count, error, err);

    if (rc == 0)
        rc = replay_batch_field(&node->batch, bytes_str(field), buf_bytes(&value), err);
    buf_release(&value);
    return rc == 0 ? replay_drain(node->set, err) : -1;
}

static int classify_transacted(struct replay_position_set *set, struct replay_node *node,
                               const struct item *item, const char *tag, uint32_t db,
                               const struct bytes *args, size_t count, const redisReply *reply,
                               struct ft_err *err)
{
    char field[REPLAY_TAG_TEXT + 2];

    const char *part = strrchr(tag, ':') + 1;

    if (reply->type != REDIS_REPLY_ERROR ||
        command_error_expected(command_find(args[0]), reply->str) ||
        replay_doubt_explains(part, reply->str))
        return replay_classify(set, node, item, part, db, args, count, reply, err);
    (void)snprintf(field, sizeof(field), "e:%s", tag); /* fits */
    if (remember(node, field, db, args, count, reply->str, err) != 0 ||
        replay_dead_add(set, item->flow, item->lsn, part, db, args, count, reply->str, err) != 0)
        return -1;
    return set->letters == NULL ? 0 : replay_batch_forget(&node->batch, bytes_str(field), err);
}

int replay_put_huge(struct replay_position_set *set, struct replay_node *node,
                    const struct item *item, uint32_t db, const char *tag, const struct bytes *args,
                    size_t count, struct ft_err *err)
{
    char error[REPLAY_TOO_LONG_TEXT];
    redisReply *reply;
    bool queued;
    size_t head;
    size_t step;
    int rc;

    /* as a whole: what comes after an argument that is not sent must not come before it */
    if (!replay_divide_by_key(args, count, &step) && replay_is_too_long(set, args, count, error))
        return replay_dead_refuse(set, item, strrchr(tag, ':') + 1, db, args, count, error, err);
    if (replay_divide(args, count, &head, &step))
        return put_pieces(node, db, tag, args, count, head, step, err);
    if (set->target->cluster)
        return replay_dead_refuse(set, item, strrchr(tag, ':') + 1, db, args, count,
                                  "too many arguments for a script", err);
    if (replay_drain(set, err) != 0 ||
        transact(node, item, db, args, count, &reply, &queued, err) != 0)
        return -1;
    set->units++;
    rc = classify_transacted(set, node, item, tag, db, args, count,
                             queued ? reply->element[1] : reply, err);
    reply_free(reply);
    return rc;
}
