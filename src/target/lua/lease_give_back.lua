-- Ends the lease, if it is still one's own.
-- KEYS: the state. ARGV: token.
local old = redis.call('HGET', KEYS[1], 'lease')
if old and string.match(old, '^%S+') == ARGV[1] then redis.call('HDEL', KEYS[1], 'lease') end
return 1
