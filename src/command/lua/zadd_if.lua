-- ZADD with GT or LT, for Redis before 6.2.
-- KEYS: the sorted set. ARGV: GT or LT; ZADD or ZINCRBY; XX or '-'; scores and members.
local k, scores = KEYS[1], {}
for i = 4, #ARGV, 2 do
    local m = ARGV[i+1]
    if scores[m] == nil then scores[m] = tonumber(redis.call('ZSCORE', k, m) or nil) or false end
end
for i = 4, #ARGV, 2 do
    local old, new = scores[ARGV[i+1]], tonumber(ARGV[i])
    if old and ARGV[2] == 'ZINCRBY' then new = old + new end
    local go
    if not old then
        go = ARGV[3] ~= 'XX'
    elseif ARGV[1] == 'GT' then
        go = new > old
    else
        go = new < old
    end
    if go then
        scores[ARGV[i+1]] = new
        redis.call(ARGV[2], k, ARGV[i], ARGV[i+1])
    end
end
