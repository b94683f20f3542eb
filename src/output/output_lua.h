/*
 * output_lua.h - scripts in RESP and AOF files.
 *
 * What they are  lua/NAME.lua, made part of the program by embed-lua.awk. Each file says what its KEYS
 *                and ARGV are.
 */
#ifndef FLOWTAPE_OUTPUT_OUTPUT_LUA_H
#define FLOWTAPE_OUTPUT_OUTPUT_LUA_H

extern const char lua_database_guard[];
extern const char lua_flush_slots[];

#endif
