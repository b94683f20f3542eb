-- XADD with NOMKSTREAM or MINID, for Redis before 6.2. What is trimmed by an id is trimmed by the number
-- of entries from that id on.
-- KEYS: the stream. ARGV: 1: only if the stream exists; the lowest id to keep, or '-'; the arguments of
-- XADD after the key that are left. Answers the id.
local k = KEYS[1]
if ARGV[1] == '1' and redis.call('EXISTS', k) == 0 then return false end
local id = redis.call('XADD', k, unpack(ARGV, 3))
if ARGV[2] ~= '-' then
    redis.call('XTRIM', k, 'MAXLEN', #redis.call('XRANGE', k, ARGV[2], '+'))
end
return id
