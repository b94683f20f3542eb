-- DELEX with a condition on the value.
-- KEYS: the string. ARGV: IFEQ or IFNE, the value to compare with. Answers how many keys were deleted.
local v = redis.call('GET', KEYS[1])
if v and (v == ARGV[2]) == (ARGV[1] == 'IFEQ') then return redis.call('DEL', KEYS[1]) end
return 0
