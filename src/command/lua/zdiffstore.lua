-- ZDIFFSTORE, for Redis before 6.2. A set is a sorted set whose scores are 1, as the command has it.
-- KEYS: destination, sources. Answers how many members are left.
local scores, n = {}, 0
for i = 2, #KEYS do
    local set = redis.call('TYPE', KEYS[i]).ok == 'set'
    local found = set and redis.call('SMEMBERS', KEYS[i]) or redis.call('ZRANGE', KEYS[i], 0, -1)
    for _, m in ipairs(found) do
        scores[m] = i == 2 and (set and '1' or redis.call('ZSCORE', KEYS[i], m)) or nil
    end
end
redis.call('DEL', KEYS[1])
for m, score in pairs(scores) do
    redis.call('ZADD', KEYS[1], score, m)
    n = n + 1
end
return n
