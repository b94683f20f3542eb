#!lua flags=allow-cross-slot-keys
-- For Redis 7.0 and later, which wants to be told that keys may be in several slots of the node.
-- ARGV: as batch.lua has it.
-- include: batch.lua
