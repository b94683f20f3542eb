-- Stands in front of a transaction that keeps the rest of a file away from a server which lacks a
-- database (sink_resp.h). Where it has the database, the watched key is touched, and the transaction
-- does nothing.
-- KEYS: what the transaction watches. ARGV: the database to come, the one that is selected.
local r = redis.pcall('SELECT', ARGV[1])
if type(r) == 'table' and r.err then
    return redis.error_reply('flowtape: this server has no database '..ARGV[1]..
        ', nothing more is applied')
end
redis.call('SELECT', ARGV[2])
redis.call('SET', KEYS[1], '')
redis.call('DEL', KEYS[1])
return 1
