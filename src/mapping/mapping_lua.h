/*
 * mapping_lua.h - scripts that records become, or are made of.
 *
 * What they are  lua/NAME.lua, made part of the program by embed-lua.awk. Each file says what its KEYS
 *                and ARGV are.
 */
#ifndef FLOWTAPE_MAPPING_MAPPING_LUA_H
#define FLOWTAPE_MAPPING_MAPPING_LUA_H

extern const char lua_dump_with_time[];
extern const char lua_make_consumer[];
extern const char lua_read_in_database[];
extern const char lua_transfer[];

#endif
