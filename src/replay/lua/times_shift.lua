#!lua flags=allow-cross-slot-keys
-- For Redis 7.0 and later, which tell the moment at which a key ends.
-- ARGV: as times_of_keys.lua has it.
-- include: clock.lua
local function ends(key) return redis.pcall('PEXPIRETIME', key) end
-- include: times_of_keys.lua
