-- SET with KEEPTTL for a server without that.
-- KEYS: the string. ARGV: the value.
local t = redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
if t > 0 then redis.call('PEXPIRE', KEYS[1], t) end
