-- A command that reads, in a database; 0, in which a connection begins, can do without SELECT.
-- KEYS: what it reads. ARGV: the database, the command.
local there = redis.pcall('SELECT', ARGV[1])
if there.err and ARGV[1] ~= '0' then return there end
return redis.pcall(unpack(ARGV, 2))
