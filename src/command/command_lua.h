/*
 * command_lua.h - scripts that commands become where the target has no command for it.
 *
 * What they are  lua/NAME.lua, made part of the program by embed-lua.awk. Each file says what its KEYS
 *                and ARGV are.
 * Rules          A script touches no key but KEYS, and answers an error only where the source's command
 *                fails too. It travels with each record, so it is short.
 */
#ifndef FLOWTAPE_COMMAND_COMMAND_LUA_H
#define FLOWTAPE_COMMAND_COMMAND_LUA_H

extern const char lua_delex[];
extern const char lua_geo_store[];
extern const char lua_hincrbyfloat[];
extern const char lua_hsetex[];
extern const char lua_incrbyfloat[];
extern const char lua_incrbyfloat_pttl[];
extern const char lua_lmove[];
extern const char lua_pop[];
extern const char lua_pop_first[];
extern const char lua_prepend[];
extern const char lua_remove_members[];
extern const char lua_rename_keeping_time[];
extern const char lua_set_keepttl[];
extern const char lua_vanished[];
extern const char lua_xadd_auto[];
extern const char lua_xadd_trim[];
extern const char lua_xautoclaim[];
extern const char lua_xautoclaim_old[];
extern const char lua_xtrim_minid[];
extern const char lua_zadd_if[];
extern const char lua_zdiffstore[];
extern const char lua_zrangestore[];

#endif
