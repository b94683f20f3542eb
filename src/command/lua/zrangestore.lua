-- ZRANGESTORE, for Redis before 6.2.
-- KEYS: destination, source. ARGV: the command that names the members, its arguments after the key.
-- Answers how many there are.
local scores, n = {}, 0
for _, m in ipairs(redis.call(ARGV[1], KEYS[2], unpack(ARGV, 2))) do
    scores[m] = redis.call('ZSCORE', KEYS[2], m)
    n = n + 1
end
redis.call('DEL', KEYS[1])
for m, score in pairs(scores) do redis.call('ZADD', KEYS[1], score, m) end
return n
