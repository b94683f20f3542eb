#include "replay/position/replay_script.h"

#include "replay/position/position_lua.h"
#include "replay/position/replay_batch.h"

_Static_assert(REPLAY_ARGS_MAX < REPLAY_SHAPE_OWN && REPLAY_SHAPE_OWN == 10000 &&
                   REPLAY_SHAPE_SETS == 20000,
               "the numbers in batch.lua");

const char *replay_script(unsigned version)
{
    return version >= REPLAY_SCRIPT_FLAGS_VERSION ? lua_batch_flags : lua_batch_before_flags;
}
