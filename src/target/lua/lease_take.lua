-- Takes the lease, unless somebody else's still runs. Answers 1 when it is taken, 0 when there is no
-- state, otherwise the lease that is in the way and for how many ms it still runs.
-- KEYS: the state. ARGV: token, milliseconds, holder; token of a lease that may be taken though it runs;
-- 1: there need be no state.
-- include: lease_hold.lua
if holder and holder ~= token and holder ~= ARGV[4] and tonumber(till) > now then
    return {old, string.format('%.0f', till - now)}
end
if ARGV[5] ~= '1' and redis.call('EXISTS', key) == 0 then return 0 end
hold()
return 1
