#include "input/source_aux.h"

static void copy_text(char *out, size_t out_size, struct bytes text)
{
    size_t n = text.n < out_size - 1 ? text.n : out_size - 1;

    memcpy(out, text.p, n);
    out[n] = '\0';
}

/* As target_parse names it, so that nobody takes it for a version of Redis. */
static void note_valkey(struct source_info *info, struct bytes version)
{
    static const char prefix[] = "valkey-";

    copy_text(info->version, sizeof(info->version), bytes_str(prefix));
    copy_text(info->version + sizeof(prefix) - 1, sizeof(info->version) - sizeof(prefix) + 1,
              version);
}

static void note_aux(struct source_aux *aux, const struct rdb_item *item)
{
    struct bytes name = item->name;
    struct bytes value = item->bytes;

    if (bytes_eq_str(name, "ctime"))
        (void)bytes_to_u64(value, &aux->info.ctime_s); /* stays 0 when it is no number */
    else if (bytes_eq_str(name, "used-mem"))
        (void)bytes_to_u64(value, &aux->info.used_mem); /* likewise */
    else if (bytes_eq_str(name, "df-ver"))
        copy_text(aux->info.version, sizeof(aux->info.version), value);
    else if (bytes_eq_str(name, "redis-ver") && aux->info.version[0] == '\0')
        copy_text(aux->info.version, sizeof(aux->info.version), value);
    else if (bytes_eq_str(name, "valkey-ver"))
        note_valkey(&aux->info, value);
    else if (bytes_eq_str(name, "snapshot-id"))
        copy_text(aux->snapshot_id, sizeof(aux->snapshot_id), value);
    else if (bytes_eq_str(name, "shard-count"))
        aux->has_shard_count = bytes_to_u64(value, &aux->shard_count);
    else if (bytes_eq_str(name, "shard-id"))
        aux->has_shard_id = bytes_to_u64(value, &aux->shard_id);
}

int source_read_aux(const struct source *s, uint32_t index, struct source_aux *ret,
                    struct ft_err *err)
{
    struct source_stream_options options = {.skip_values = true, .snapshot_only = true};
    struct source_stream *st;
    struct item item;
    enum step step;

    memset(ret, 0, sizeof(*ret));
    if (source_stream_open(&st, s, index, &options, err) != 0)
        return -1;
    while ((step = source_stream_next(st, &item, err)) == STEP_ITEM) {
        if (item.kind == ITEM_AUX)
            note_aux(ret, &item.rdb);
        else if (!item.is_record && item.rdb.kind == RDB_ITEM_HEADER)
            ret->info.rdb_version = (unsigned)item.rdb.number;
        else {
            ret->complete = true;
            break;
        }
    }
    ret->info.dragonfly =
        source_can(s, SOURCE_OF_DRAGONFLY) || strncmp(ret->info.version, "df-", 3) == 0;
    source_stream_free(st);
    return step == STEP_ERROR ? -1 : 0;
}
