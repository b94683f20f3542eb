-- Has the server refused something of a transaction? First in it, and last: by what it has refused so far, of whomever, as
-- nobody else is served in between. Which commands these are is known from the replies alone, so the position says of which
-- records they may be until these have been read. A server that does not say how much it refuses may have refused something.
-- KEYS: the position. ARGV: nothing, or the records of the transaction. Answers 1: the position says so.
local list, n = redis.pcall('INFO', 'errorstats'), nil
if type(list) == 'string' and string.find(list, '^# Errorstats') and not string.find(list, 'ERRORSTATS_') then
    n = 0
    for c in string.gmatch(list, 'count=(%d+)') do n = n + c end
end
if not ARGV[1] then return redis.call('HSET', KEYS[1], 'refused', n and string.format('%.0f', n) or '') end
local before = tonumber(redis.call('HGET', KEYS[1], 'refused') or '')
redis.call('HDEL', KEYS[1], 'refused', 'unread')
if n and n == before then return 0 end
redis.call('HSET', KEYS[1], 'unread', (n and before and string.format('%.0f of ', n - before) or '')..ARGV[1])
return 1
