#include "command/sent_key.h"

#include "command/command_table.h"

struct bytes command_sent_key(const struct bytes *args, size_t count)
{
    const struct command_row *row;
    size_t at = 1;

    if (bytes_is_word(args[0], "EVAL")) {
        at = 3;
    } else if (bytes_is_word(args[0], "XREADGROUP")) {
        at = 7; /* GROUP group consumer COUNT 1 STREAMS key: as the translation has it */
    } else if (bytes_is_word(args[0], "XINFO")) {
        at = 2;
    } else {
        row = command_find(args[0]);
        if (row != NULL && row->key_first > 0)
            at = (size_t)row->key_first;
        else if (row != NULL && row->plan == PLAN_POP)
            at = 2; /* after the number of keys */
    }
    return at < count ? args[at] : bytes_of(NULL, 0);
}
