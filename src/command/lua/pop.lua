-- LPOP or RPOP with a count, for servers that pop one element at a time.
-- KEYS: the list. ARGV: LPOP or RPOP, how many.
for i = 1, tonumber(ARGV[2]) do
    if not redis.call(ARGV[1], KEYS[1]) then break end
end
