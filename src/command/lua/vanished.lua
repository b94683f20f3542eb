-- In front of a RENAME or COPY whose source the target may lack: what it replaced at the source of the
-- replay is gone there.
-- KEYS: source, destination. ARGV: the source's database, the destination's.
redis.call('SELECT', ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('SELECT', ARGV[2])
    redis.call('DEL', KEYS[2])
    redis.call('SELECT', ARGV[1])
end
return 0
