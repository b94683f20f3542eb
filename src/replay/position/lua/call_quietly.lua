-- A command of a transaction, without its answer: that may be long, and nobody is to read it.
-- ARGV: the command. Answers its error, or 1.
local r = redis.pcall(unpack(ARGV))
if type(r) == 'table' and r.err then return r end
return 1
