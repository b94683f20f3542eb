-- RENAME of sources up to 1.37: where both keys have a time to live, the destination keeps its own.
-- KEYS: source, destination. ARGV: the commands that ask for a time to live and set it, in the same unit
-- (PEXPIRETIME and PEXPIREAT; before Redis 7.0 PTTL and PEXPIRE). Answers what RENAME does.
local src, dst, t = KEYS[1], KEYS[2], 0
if redis.call('PTTL', src) > 0 then t = redis.call(ARGV[1], dst) end
local r = redis.pcall('RENAME', src, dst)
if t > 0 and not r.err then redis.call(ARGV[2], dst, string.format('%.0f', t)) end
return r
