-- INCRBYFLOAT as the source computes it, for a server without KEEPTTL.
-- KEYS: the string. ARGV: the increment. Answers the new value.
-- include: string_sum.lua
local t = redis.call('PTTL', k)
redis.call('SET', k, v)
if t > 0 then redis.call('PEXPIRE', k, t) end
return v
