-- Removes a claim that no replay is behind: the run that made it has begun nothing, or is forgotten.
-- KEYS: the claims, the state. ARGV: the capture.
if redis.call('HEXISTS', KEYS[2], 'phase') == 1 then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
