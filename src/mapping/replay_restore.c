#include "mapping/replay_restore.h"

#include <stdlib.h>

#include "base/clock.h"
#include "item/dump.h"

struct replay_restorer {
    struct entry_commands *commands;
};

int replay_restorer_new(struct replay_restorer **ret, const struct target *target,
                        enum json_as json_as, struct ft_err *err)
{
    const struct entry_commands_options options = {
        .target = target, .json_as = json_as, .no_restore = true};
    struct replay_restorer *x = calloc(1, sizeof(*x));

    if (x == NULL)
        return err_nomem(err, "a RESTORE as commands");
    if (entry_commands_new(&x->commands, &options, err) != 0) {
        free(x);
        return -1;
    }
    *ret = x;
    return 0;
}

void replay_restorer_free(struct replay_restorer *x)
{
    if (x == NULL)
        return;
    entry_commands_free(x->commands);
    free(x);
}

int replay_restorer_run(struct replay_restorer *x, const struct bytes *args, size_t count,
                        command_fn *put, void *context, enum loss_reason *ret_loss,
                        struct ft_err *err)
{
    struct rdb_entry entry = {.key = args[1], .expire_ms = RDB_NO_EXPIRY};
    struct dump dump;
    int64_t ms;

    *ret_loss = LOSS_NONE;
    if (count < 4 || !bytes_to_i64(args[2], &ms))
        return err_set(err, FT_ERR_BUG, "a RESTORE without its payload");
    if (dump_parse(args[3], &dump, err) != 0)
        return -1;
    if (ms != 0)
        entry.expire_ms = ms;
    entry.type = dump.type;
    entry.value = dump.value;
    entry.value_bytes = dump.value.n;
    return entry_commands_run(x->commands, &entry, (int64_t)(clock_wall_us() / 1000), true, put,
                              context, ret_loss, err) == RECODE_ERROR
               ? -1
               : 0;
}
