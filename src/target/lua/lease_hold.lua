-- What all that write a lease begin with.
-- KEYS: the state. ARGV: token of whoever asks, milliseconds, what else is to be known of him.
-- The lease is "token until host pid started place"; until is by the server's clock, in ms.
if redis.replicate_commands then redis.replicate_commands() end
local key, token = KEYS[1], ARGV[1]
local old = redis.call('HGET', key, 'lease')
local holder, till = string.match(old or '', '^(%S+) (%d+) ')
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function hold()
    redis.call('HSET', key, 'lease', token..' '..string.format('%.0f', now + ARGV[2])..' '..ARGV[3])
end
