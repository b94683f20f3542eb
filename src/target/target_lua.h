/*
 * target_lua.h - scripts that keep the lease of a target.
 *
 * What they are  lua/NAME.lua, made part of the program by embed-lua.awk. Each file says what its KEYS
 *                and ARGV are.
 */
#ifndef FLOWTAPE_TARGET_TARGET_LUA_H
#define FLOWTAPE_TARGET_TARGET_LUA_H

extern const char lua_lease_give_back[];
extern const char lua_lease_renew[];
extern const char lua_lease_take[];

#endif
