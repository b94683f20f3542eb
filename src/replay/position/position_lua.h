/*
 * position_lua.h - scripts that read and write what lies on the target.
 *
 * What they are  lua/NAME.lua, made part of the program by embed-lua.awk. Each file says what its KEYS
 *                and ARGV are.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_POSITION_LUA_H
#define FLOWTAPE_REPLAY_POSITION_POSITION_LUA_H

extern const char lua_batch_before_flags[];
extern const char lua_batch_flags[];
extern const char lua_call_quietly[];
extern const char lua_claim_drop[];
extern const char lua_claim_take[];
extern const char lua_count_refused[];
extern const char lua_flush_keeping[];
extern const char lua_mark_snapshot[];
extern const char lua_read_refused[];
extern const char lua_set_in_state[];

#endif
