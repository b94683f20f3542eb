-- GEORADIUS with STORE, for Redis before 7.0: some leave the destination as it is where the source is not there.
-- KEYS: source, destination. ARGV: the command, STORE or STOREDIST, and what stands between the source and that. Answers
-- how many there are.
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('DEL', KEYS[2])
    return 0
end
local command = {ARGV[1], KEYS[1]}
for i = 3, #ARGV do command[i] = ARGV[i] end
command[#command + 1] = ARGV[2]
command[#command + 1] = KEYS[2]
return redis.call(unpack(command))
