-- Writes down that a flow's snapshot is there, in the state that this replay began and in no other.
-- KEYS: the state. ARGV: began_ms of the replay, the field.
if redis.call('HGET', KEYS[1], 'began_ms') ~= ARGV[1] then
    return redis.error_reply('FLOWTAPE the state of the replay is gone: somebody has emptied the target')
end
redis.call('HSET', KEYS[1], ARGV[2], '1')
return 1
