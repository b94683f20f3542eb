-- Sums as the source makes them: it adds doubles, which is what Lua's numbers are, and writes the
-- shortest text that reads back.

-- The shortest decimal that reads back as the double x; of several, the one closest to it. Without
-- exponent from 1e-6 up to below 1e21. So do Dragonfly's replies and values (double-conversion,
-- ToShortest). Fifteen digits always read back if they are enough, but for numbers below 2.3e-308;
-- next to a power of two the digits that are right may be those above the nearest ones.
local function text(x)
    if x ~= x then return 'nan' end
    if x == 1/0 or x == -1/0 then return x > 0 and 'inf' or '-inf' end
    if x == 0 then return '0' end
    local p, t = math.abs(x) < 2.3e-308 and 0 or 14
    repeat
        t = string.format('%.'..p..'e', x)
        p = p + 1
        if tonumber(t) ~= x then
            -- The decimal above: the last digit below 9 counts up, nines after it become zeros.
            local h, d, n, e = string.match(t, '^(.*)([0-8])([9.]*)(e.*)$')
            if h then t = h..(d + 1)..string.gsub(n, '9', '0')..e end
        end
    until tonumber(t) == x
    -- sign, first digit, the others, exponent
    local s, a, b, e = string.match(t, '^(%-?)(%d)%.?(%d*)e(.*)$')
    e = tonumber(e)
    b = string.gsub(b, '0+$', '')
    if e < -6 or e > 20 then
        return s..a..(b == '' and '' or '.'..b)..(e < 0 and 'e-' or 'e+')..math.abs(e)
    end
    if e < 0 then return s..'0.'..string.rep('0', -e-1)..a..b end
    if #b <= e then return s..a..b..string.rep('0', e - #b) end
    return s..a..string.sub(b, 1, e)..'.'..string.sub(b, e + 1)
end

-- The text of old + more; old may be false, which counts as nothing. Otherwise nil and the error that
-- the source gives; what: what it says of a value that is not a number.
local function sum(old, more, what)
    local a, b = 0, tonumber(more)
    if old then a = tonumber(old) end
    if not a or not b then return nil, redis.error_reply('ERR '..what) end
    local x = b
    if old then
        x = a + b
        if x ~= x or x == 1/0 or x == -1/0 then
            return nil, redis.error_reply('ERR increment would produce NaN or Infinity')
        end
    end
    return text(x)
end
