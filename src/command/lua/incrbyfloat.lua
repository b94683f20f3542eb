-- INCRBYFLOAT as the source computes it.
-- KEYS: the string. ARGV: the increment. Answers the new value.
-- include: string_sum.lua
redis.call('SET', k, v, 'KEEPTTL')
return v
