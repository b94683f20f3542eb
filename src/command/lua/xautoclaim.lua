-- XAUTOCLAIM of Redis 6.2 as of a moment: what it claims was delivered then, and not when this is executed.
-- KEYS: the stream. ARGV: the time in ms; the group; the consumer; the arguments of XAUTOCLAIM after it.
-- Answers how many entries were claimed.
local k, t, g, c = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local claimed = redis.call('XAUTOCLAIM', k, unpack(ARGV, 2))[2]
local n = 0
for i = 1, #claimed do
    local id = claimed[i]
    if type(id) == 'table' then
        id = id[1]
    end
    -- before 7.0 deleted entries come as false
    if id then
        n = n + #redis.call('XCLAIM', k, g, c, 0, id, 'TIME', t, 'JUSTID')
    end
end
return n
