-- LMPOP and ZMPOP for servers without them: the first key that is there is popped from.
-- KEYS: lists or sorted sets. ARGV: LPOP, RPOP, ZPOPMIN or ZPOPMAX, how many. Answers 1 if a key was
-- there.
local length = string.sub(ARGV[1], 1, 1) == 'Z' and 'ZCARD' or 'LLEN'
for _, k in ipairs(KEYS) do
    local n = redis.call(length, k)
    if n > 0 then
        for i = 1, math.min(tonumber(ARGV[2]), n) do redis.call(ARGV[1], k) end
        return 1
    end
end
return 0
