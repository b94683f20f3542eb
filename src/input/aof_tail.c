#include "input/aof_tail.h"

static enum aof_tail choice = AOF_TAIL_CUT;

enum aof_tail aof_tail(void)
{
    return choice;
}

void aof_tail_set(enum aof_tail what)
{
    choice = what;
}
