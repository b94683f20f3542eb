#include "command/left_out.h"

#include "command/command_lua.h"
#include "command/presence.h"

static bool has(struct loss_report *r, const struct translation_key *k)
{
    return loss_has_left_out(r, k->db, k->key);
}

bool left_out_moves(struct loss_report *r, const struct translation *t)
{
    return translation_moves(t) && has(r, &t->keys[0]);
}

bool left_out_spreads(struct loss_report *r, const struct translation *t)
{
    bool any = false;

    if (!translation_joins(t) || left_out_moves(r, t))
        return false;
    for (size_t i = 0; !any && i < t->key_count; i++)
        any = has(r, &t->keys[i]);
    return any;
}

bool left_out_replaces(const struct journal_record *record, const struct translation *t)
{
    return translation_moves(t) && !record_is_conditional(record, t);
}

int left_out_take(struct loss_report *r, const struct item *item, const struct translation *t,
                  bool *ret_vanishes, struct ft_err *err)
{
    *ret_vanishes = false;
    if (!left_out_moves(r, t))
        return 0;
    *ret_vanishes = left_out_replaces(&item->record, t);
    return loss_add(r, LOSS_MADE_OF_LOST, t->row->name, t->keys[1].db, t->keys[1].key, err);
}

void left_out_command(struct left_out_command *c, const struct translation_key *src,
                      const struct translation_key *dst)
{
    c->args[0] = bytes_str("EVAL");
    c->args[1] = bytes_str(lua_vanished);
    c->args[2] = bytes_str("2");
    c->args[3] = src->key;
    c->args[4] = dst->key;
    c->args[5] = bytes_of(c->numbers[0], i64_to_text(src->db, c->numbers[0]));
    c->args[6] = bytes_of(c->numbers[1], i64_to_text(dst->db, c->numbers[1]));
}
