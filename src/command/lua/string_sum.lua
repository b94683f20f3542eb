-- k: the name of the string KEYS[1]; v: its value with ARGV[1] added.
-- include: float_sum.lua
local k = KEYS[1]
local old = redis.pcall('GET', k)
if type(old) == 'table' then return old end
local v, why = sum(old, ARGV[1], 'value is not a valid float')
if not v then return why end
