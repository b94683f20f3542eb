-- XAUTOCLAIM, for Redis before 6.2, and where it must not make a consumer that gets nothing. Pending entries that are
-- deleted are acknowledged, as Redis 7.0 does it.
-- KEYS: the stream. ARGV: group, consumer, the least idle time in ms, the first id, how many entries, when
-- they were claimed (Unix time in ms), JUSTID or nothing.
if redis.replicate_commands then redis.replicate_commands() end
local k, group, n = KEYS[1], ARGV[1], tonumber(ARGV[5])
local not_this = string.match(ARGV[4], '^%((.+)')
local commands = {} -- all is read before anything is written
for _, p in ipairs(redis.call('XPENDING', k, group, not_this or ARGV[4], '+', string.format('%.0f', n * 10))) do
    if n == 0 then break end
    local id = p[1]
    if id == not_this then
        -- the first one is excluded
    elseif #redis.call('XRANGE', k, id, id) == 0 then
        commands[#commands+1] = {'XACK', k, group, id}
        n = n - 1
    elseif p[3] >= tonumber(ARGV[3]) then
        commands[#commands+1] = {'XCLAIM', k, group, ARGV[2], '0', id, 'TIME', ARGV[6], unpack(ARGV, 7)}
        n = n - 1
    end
end
for _, c in ipairs(commands) do redis.call(unpack(c)) end
