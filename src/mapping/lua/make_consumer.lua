-- Makes a consumer of a group. XREADGROUP, which does that, may not be part of a script before Redis 6.0.
-- XCLAIM makes consumers too, but only where it moves an entry: one that nobody has is taken and
-- acknowledged, one of another consumer is taken and given back as it was; a stream without entries gets
-- one for the moment.
-- KEYS: the stream. ARGV: group, consumer. Answers 1, or 0 if it was there.
if redis.replicate_commands then redis.replicate_commands() end
local key, group, name = KEYS[1], ARGV[1], ARGV[2]
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
    if c[2] == name then return 0 end
end
local newest, last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', '1')[1], nil
local id = newest and newest[1]
if not id then
    local info = redis.call('XINFO', 'STREAM', key)
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then last = info[i+1] end
    end
    local ms, seq = string.match(last, '(%d+)-(%d+)')
    id = ms..'-'..string.format('%.0f', seq + 1)
    redis.call('XADD', key, id, 'f', 'v')
end
local owned = redis.call('XPENDING', key, group, id, id, '1')[1]
if owned then
    redis.call('XCLAIM', key, group, name, '0', id, 'JUSTID')
    redis.call('XCLAIM', key, group, owned[2], '0', id, 'IDLE', owned[3], 'RETRYCOUNT', owned[4], 'JUSTID')
else
    redis.call('XCLAIM', key, group, name, '0', id, 'FORCE', 'JUSTID')
    redis.call('XACK', key, group, id)
end
if last then
    redis.call('XDEL', key, id)
    redis.call('XSETID', key, last)
end
return 1
