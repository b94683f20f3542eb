-- For Redis before 7.0: the moment is what is left and what the clock shows, read within the same
-- millisecond.
-- ARGV: as times_of_keys.lua has it.
if redis.replicate_commands then redis.replicate_commands() end
-- include: clock.lua
local function ends(key)
    while true do
        local a = clock()
        local left = redis.pcall('PTTL', key)
        if type(left) ~= 'number' or left < 0 then return left end
        if clock() == a then return a + left end
    end
end
-- include: times_of_keys.lua
