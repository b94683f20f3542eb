-- Is there a replay behind a state? One that has begun, or whose lease runs.
-- KEYS, ARGV: of the file that includes this.
if redis.replicate_commands then redis.replicate_commands() end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function lives(state)
    if redis.call('HEXISTS', state, 'phase') == 1 then return true end
    local till = string.match(redis.call('HGET', state, 'lease') or '', '^%S+ (%d+) ')
    return till and tonumber(till) > now or false
end
