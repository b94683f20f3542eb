-- FLUSHSLOTS on a single server: deletes the keys of slots in the selected database.
-- ARGV: first slot, last slot, for each range.
if redis.replicate_commands then redis.replicate_commands() end

-- CRC-16 (XMODEM) of the hash tag, or of the whole name.
local function slot(k)
    local a = string.find(k, '{', 1, true)
    if a then
        local b = string.find(k, '}', a + 1, true)
        if b and b > a + 1 then k = string.sub(k, a + 1, b - 1) end
    end
    local c = 0
    for i = 1, #k do
        c = bit.bxor(c, bit.lshift(string.byte(k, i), 8))
        for _ = 1, 8 do
            local x = bit.lshift(c, 1)
            if bit.band(c, 32768) ~= 0 then x = bit.bxor(x, 4129) end
            c = bit.band(x, 65535)
        end
    end
    return c % 16384
end

local at = '0'
repeat
    local page = redis.call('SCAN', at, 'COUNT', 1000)
    at = page[1]
    for _, k in ipairs(page[2]) do
        local s = slot(k)
        for i = 1, #ARGV, 2 do
            if s >= tonumber(ARGV[i]) and s <= tonumber(ARGV[i+1]) then
                redis.call('DEL', k)
                break
            end
        end
    end
until at == '0'
return 1
