-- A command that reads, in a database.
-- KEYS: what it reads. ARGV: the database, the command.
redis.call('SELECT', ARGV[1])
return redis.pcall(unpack(ARGV, 2))
