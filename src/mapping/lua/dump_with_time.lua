-- A value as DUMP gives it, and when it ends in ms (0: never), or nothing if the key is not there.
-- Database 0, in which a connection begins, can do without SELECT.
-- KEYS: the key. ARGV: its database.
if redis.replicate_commands then redis.replicate_commands() end
local there = redis.pcall('SELECT', ARGV[1])
if there.err and ARGV[1] ~= '0' then return there end
local v = redis.call('DUMP', KEYS[1])
if not v then return false end
local t = redis.call('PTTL', KEYS[1])
if t >= 0 then
    local at = redis.pcall('PEXPIRETIME', KEYS[1])
    if type(at) == 'number' then
        t = at
    else
        local n = redis.call('TIME')
        t = t + n[1] * 1000 + math.floor(n[2] / 1000)
    end
else
    t = 0
end
return {v, string.format('%.0f', t)}
