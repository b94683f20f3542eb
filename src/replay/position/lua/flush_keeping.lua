-- A flush that leaves the replay's own keys. In database 0.
-- KEYS: these. ARGV: FLUSHALL or FLUSHDB.
local kept = {}
for i, k in ipairs(KEYS) do kept[i] = redis.call('DUMP', k) end
redis.call(ARGV[1])
for i, k in ipairs(KEYS) do
    if kept[i] then redis.call('RESTORE', k, '0', kept[i], 'REPLACE') end
end
return 1
