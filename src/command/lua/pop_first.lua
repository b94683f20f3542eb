-- LMPOP and ZMPOP for servers without them: the first key that is there is popped from.
-- KEYS: lists or sorted sets. ARGV: LPOP, RPOP, ZPOPMIN or ZPOPMAX, how many. Answers 1 if a key was
-- there.
for _, k in ipairs(KEYS) do
    if redis.call('EXISTS', k) == 1 then
        for i = 1, tonumber(ARGV[2]) do
            local v = redis.call(ARGV[1], k)
            if not v or #v == 0 then break end
        end
        return 1
    end
end
return 0
