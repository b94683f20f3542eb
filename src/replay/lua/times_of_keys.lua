-- Gives keys their own times to live, or defers these: moves them so far into the future that the
-- target's own clock ends nothing. Keys without one stay as they are. So do fields of hashes, each by itself.
-- ARGV: what to do; a limit in ms; when this is no longer wanted, in ms of the server's clock; empty: only keys
-- have times, or 0, or where to continue with the fields of the one key that follows; keys.
-- A time from `moved` on is a deferred one, by `shift`. With the limit:
--   release  times after the limit become the own ones, the others are deferred; answers the keys,
--            each followed by its own time, of all that is deferred: of a hash perhaps several times
--   defer    the same, but says nothing of the keys
--   end      as at the very end: what is deferred gets its own time, and what ended is deleted,
--            the limit being how far the source's clock is ahead of this server's; answers how many keys
--            were deleted
-- A key that may be on another node is answered with the time "?"; a hash of which fields are left to be looked at with
-- "+" and where to continue.
-- From the file that includes this: clock() is now in ms; ends(key) when the key ends, below 0 if it does
-- not, no number if it may be elsewhere.
local kind, limit, deadline = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local shift, moved = 2000000000000, 2800000000000
local now = clock()
if now > deadline then return redis.error_reply('FLOWTAPE too late') end
local out, gone = {}, 0
local function text(at) return string.format('%.0f', at) end

-- What becomes of a time: another one, 0 if it is over, nil if it stays.
local function change(key, at)
    local far = at >= moved
    local own = far and at - shift or at
    if kind == 'end' then
        if not far then return nil end
        if own <= now + limit then return 0 end
        return own <= now and own - limit or own
    end
    if own > limit then return far and own or nil end
    if kind == 'release' then
        out[#out+1] = key
        out[#out+1] = text(own)
    end
    return not far and own + shift or nil
end

-- A portion that fits the stack and holds nobody up. A hash whose encoding has no room for times is not looked at.
local function change_fields(key, from)
    if redis.call('TYPE', key).ok ~= 'hash' or redis.call('OBJECT', 'ENCODING', key) == 'listpack' then
        return
    end
    local scanned = redis.call('HSCAN', key, from, 'COUNT', 1000, 'NOVALUES')
    local fields, all = scanned[2], {}
    for first = 1, #fields, 25 do
        local last = math.min(first + 24, #fields)
        local times = redis.call('HPEXPIRETIME', key, 'FIELDS', last - first + 1, unpack(fields, first, last))
        for i = 1, #times do all[first+i-1] = times[i] end
    end
    for i, field in ipairs(fields) do
        local to = nil
        if all[i] > 0 then to = change(key, all[i]) end
        if to == 0 then
            redis.call('HDEL', key, field)
        elseif to then
            redis.call('HPEXPIREAT', key, text(to), 'FIELDS', 1, field)
        end
    end
    if scanned[1] ~= '0' then
        out[#out+1] = key
        out[#out+1] = '+'..scanned[1]
    end
end

local from = ARGV[4]
for i = 5, #ARGV do
    local key = ARGV[i]
    local at = -1
    if from == '' or from == '0' then at = ends(key) end
    if type(at) ~= 'number' then
        clock() -- a command without keys: see missing() in batch.lua
        at = ends(key)
    end
    if type(at) ~= 'number' then
        out[#out+1] = key
        out[#out+1] = '?'
    else
        local to = nil
        if at >= 0 then to = change(key, at) end
        if to == 0 then
            redis.call('DEL', key)
            gone = gone + 1
        else
            if from ~= '' then change_fields(key, from) end
            if to then redis.call('PEXPIREAT', key, text(to)) end
        end
    end
end
if kind == 'end' then out[#out+1] = tostring(gone) end
return out
