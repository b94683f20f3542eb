-- XADD with `*`: the id is the receive time, or the one after the last id where that is later.
-- KEYS: the stream. ARGV: the receive time in ms; 1: only if the stream exists; the place of the id among the
-- arguments that follow; the arguments of XADD after the key. Answers the id.
local k, t, i = KEYS[1], ARGV[1], tonumber(ARGV[3])
local id = t..'-0'
if redis.call('EXISTS', k) == 1 then
    local s = redis.call('XINFO', 'STREAM', k)
    for n = 1, #s, 2 do
        if s[n] == 'last-generated-id' then
            local m, q = string.match(s[n+1], '(%d+)-(%d+)')
            if tonumber(m) > tonumber(t) or (m == t) then
                id = m..'-'..string.format('%.0f', tonumber(q) + 1)
            end
        end
    end
elseif ARGV[2] == '1' then
    return false
end
local w = {unpack(ARGV, 4)}
w[i] = id
return redis.call('XADD', k, unpack(w))
