-- FIELDEXPIRE with a time that is over: the members go. The record does not say of which type the key is.
-- KEYS: a hash or a set. ARGV: members. Answers how many there were.
local t = redis.call('TYPE', KEYS[1]).ok
local c = t == 'hash' and 'HDEL' or t == 'set' and 'SREM'
if not c then return 0 end
return redis.call(c, KEYS[1], unpack(ARGV))
