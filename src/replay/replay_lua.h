/*
 * replay_lua.h - scripts that give keys on the target their times.
 *
 * What they are  lua/NAME.lua, made part of the program by embed-lua.awk. Each file says what its KEYS
 *                and ARGV are.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_LUA_H
#define FLOWTAPE_REPLAY_REPLAY_LUA_H

extern const char lua_times_shift[];
extern const char lua_times_shift_pttl[];

#endif
