-- For Redis before 7.0, which may be set to replicate the script instead of what it did.
-- ARGV: as batch.lua has it.
if redis.replicate_commands then redis.replicate_commands() end
-- include: batch.lua
