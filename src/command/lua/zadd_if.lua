-- ZADD with GT or LT, for Redis before 6.2.
-- KEYS: the sorted set. ARGV: GT or LT; ZADD or ZINCRBY; XX or '-'; scores and members.
local k = KEYS[1]
for i = 4, #ARGV, 2 do
    local old, new = tonumber(redis.call('ZSCORE', k, ARGV[i+1]) or nil), tonumber(ARGV[i])
    if old and ARGV[2] == 'ZINCRBY' then new = old + new end
    local go
    if not old then
        go = ARGV[3] ~= 'XX'
    elseif ARGV[1] == 'GT' then
        go = new > old
    else
        go = new < old
    end
    if go then redis.call(ARGV[2], k, ARGV[i], ARGV[i+1]) end
end
