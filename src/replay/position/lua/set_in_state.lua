-- Sets a field of a state that is there; no field makes a state anew.
-- KEYS: the state. ARGV: field, value.
if redis.call('HEXISTS', KEYS[1], 'phase') == 0 then
    return redis.error_reply('FLOWTAPE the state of the replay is gone')
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
