-- LPOP or RPOP with a count, for servers that pop one element at a time.
-- KEYS: the list. ARGV: LPOP or RPOP, how many.
for i = 1, math.min(tonumber(ARGV[2]), redis.call('LLEN', KEYS[1])) do
    redis.call(ARGV[1], KEYS[1])
end
