/*
 * wire_lua.h - what scripts get in front of them on their way to a server.
 *
 * What it is  lua/NAME.lua, made part of the program by embed-lua.awk. The file says what it does.
 */
#ifndef FLOWTAPE_WIRE_WIRE_LUA_H
#define FLOWTAPE_WIRE_WIRE_LUA_H

extern const char lua_renamed[];

#endif
