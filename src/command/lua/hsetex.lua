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
for i = 4, #ARGV, 2 do
    local f, t = ARGV[i], false
    if m == 'NX' then
        if redis.call('HSETNX', k, f, ARGV[i+1]) == 1 and ms ~= '-' then t = ms end
    else
        -- HSET takes away the time that a field has.
        if keep == '1' then
            local old = redis.call('HPEXPIRETIME', k, 'FIELDS', 1, f)
            if type(old) == 'table' and old[1] > 0 then t = string.format('%.0f', old[1]) end
        end
        redis.call('HSET', k, f, ARGV[i+1])
        if not t and ms ~= '-' then t = ms end
    end
    if t then redis.call('HPEXPIREAT', k, t, 'FIELDS', 1, f) end
end
return 1
