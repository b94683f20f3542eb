-- Gives keys their own times to live, or defers these: moves them so far into the future that the
-- target's own clock ends nothing. Keys without one stay as they are.
-- ARGV: what to do; a limit in ms; when this is no longer wanted, in ms of the server's clock; keys.
-- A time from `moved` on is a deferred one, by `shift`. With the limit:
--   release  times after the limit become the keys' own, the others are deferred; answers the deferred
--            keys, each followed by its own time
--   defer    the same, but says nothing of the keys
--   end      as at the very end: deferred keys get their own times, and those that ended are deleted,
--            the limit being how far the source's clock is ahead of this server's; answers how many keys
--            were deleted
-- A key that may be on another node is answered with the time "?".
-- From the file that includes this: clock() is now in ms; ends(key) when the key ends, below 0 if it does
-- not, no number if it may be elsewhere.
local kind, limit, deadline = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local shift, moved = 2000000000000, 2800000000000
local now = clock()
if now > deadline then return redis.error_reply('FLOWTAPE too late') end
local function set(key, at) redis.call('PEXPIREAT', key, string.format('%.0f', at)) end
local out, gone = {}, 0
for i = 4, #ARGV do
    local key = ARGV[i]
    local at = ends(key)
    if type(at) ~= 'number' then
        out[#out+1] = key
        out[#out+1] = '?'
    elseif at >= 0 then
        local far = at >= moved
        local own = far and at - shift or at
        if kind == 'end' then
            if far then
                if own <= now + limit then
                    redis.call('DEL', key)
                    gone = gone + 1
                elseif own <= now then
                    set(key, own - limit)
                else
                    set(key, own)
                end
            end
        elseif own > limit then
            if far then set(key, own) end
        else
            if not far then set(key, own + shift) end
            if kind == 'release' then
                out[#out+1] = key
                out[#out+1] = string.format('%.0f', own)
            end
        end
    end
end
if kind == 'end' then out[#out+1] = tostring(gone) end
return out
