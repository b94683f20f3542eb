-- Writes a claim, unless what was seen of the others is not so any more, or a replay is behind one that is in the way.
-- KEYS: the claims, the state of a replay that has the target alone, states of those in the way. ARGV: the capture, its
-- claim, 1: to be written, how many claims there were, each with its capture before it; captures of those in the way.
-- Answers 1, 0 when the others have changed, the capture in the way, or "all".
-- include: claim_hold.lua
local seen = tonumber(ARGV[4])
if redis.call('HLEN', KEYS[1]) ~= seen then return 0 end
for i = 5, 3 + 2 * seen, 2 do
    if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i+1] then return 0 end
end
if lives(KEYS[2]) then return 'all' end
local first = 4 + 2 * seen - 2
for i = 3, #KEYS do
    local capture = ARGV[first+i]
    if lives(KEYS[i]) then return capture end
    if ARGV[3] == '1' then redis.call('HDEL', KEYS[1], capture) end
end
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
return 1
