-- LMOVE, for Redis before 6.2. Pushed before it is popped, so that a list of one element that is moved onto
-- itself keeps its time to live, and nothing is lost where the destination is not a list.
-- KEYS: source, destination. ARGV: the index of the element (0 or -1), the push, the pop. Answers the element.
local v = redis.call('LINDEX', KEYS[1], ARGV[1])
if v then
    redis.call(ARGV[2], KEYS[2], v)
    redis.call(ARGV[3], KEYS[1])
end
return v
