-- RENAME, COPY, MOVE across names and databases: a key with its time to live in another place.
-- KEYS: source, destination. ARGV: the source's database, the destination's; 1: it replaces; 1: the source
-- goes; the database to end in. Answers 1 if something has changed.
if redis.replicate_commands then redis.replicate_commands() end
redis.call('SELECT', ARGV[1])
local v = redis.call('DUMP', KEYS[1])
if not v then return 0 end
local t = redis.call('PTTL', KEYS[1])
if t < 0 then t = 0 end
redis.call('SELECT', ARGV[2])
if ARGV[3] == '0' and redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('SELECT', ARGV[5])
    return 0
end
redis.call('RESTORE', KEYS[2], t, v, 'REPLACE')
if ARGV[4] == '1' then
    redis.call('SELECT', ARGV[1])
    redis.call('DEL', KEYS[1])
end
redis.call('SELECT', ARGV[5])
return 1
