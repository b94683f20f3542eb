-- All of the source's HSETEX for targets without it, and what Redis's form of it cannot say.
-- KEYS: the hash. ARGV: NX (field by field), FNX or FXX (all or nothing) or '-'; 1: fields that have a
-- time to live keep it; deadline in ms or '-'; field, value...
-- Answers 1, or 0 where a condition does not hold.
local k, m, keep, ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if m == 'FNX' or m == 'FXX' then
    for i = 4, #ARGV, 2 do
        if (redis.call('HEXISTS', k, ARGV[i]) == 1) == (m == 'FNX') then return 0 end
    end
end
-- All is read before anything is written: times[f] is what the field keeps, there[f] whether NX leaves it alone.
local times, there = {}, {}
for i = 4, #ARGV, 2 do
    local f = ARGV[i]
    if m == 'NX' then
        if there[f] == nil then there[f] = redis.call('HEXISTS', k, f) == 1 end
    elseif keep == '1' then
        local old = redis.call('HPEXPIRETIME', k, 'FIELDS', 1, f)
        if type(old) == 'table' and old[1] > 0 then times[f] = string.format('%.0f', old[1]) end
    end
end
for i = 4, #ARGV, 2 do
    local f = ARGV[i]
    if not there[f] then
        -- HSET takes away the time that a field has.
        redis.call('HSET', k, f, ARGV[i+1])
        local t = times[f] or ms
        if t ~= '-' then redis.call('HPEXPIREAT', k, t, 'FIELDS', 1, f) end
        there[f] = m == 'NX'
    end
end
return 1
