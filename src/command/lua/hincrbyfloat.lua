-- HINCRBYFLOAT as the source computes it.
-- KEYS: the hash. ARGV: field, increment, 1: a time to live that the field has is kept. Answers the new
-- value.
-- include: float_sum.lua
local k, f, t = KEYS[1], ARGV[1], nil
local old = redis.pcall('HGET', k, f)
if type(old) == 'table' then return old end
local v, why = sum(old, ARGV[2], 'hash value is not a float')
if not v then return why end
if old and ARGV[3] == '1' then t = redis.call('HPEXPIRETIME', k, 'FIELDS', 1, f)[1] end
redis.call('HSET', k, f, v)
if t and t > 0 then
    redis.call('HPEXPIREAT', k, string.format('%.0f', t), 'FIELDS', 1, f)
end
return v
