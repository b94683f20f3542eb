-- What a position holds of commands that were refused: a list of {error, {db, tag, {}, arguments...}}.
-- ARGV: the position.
local all, out = redis.call('HGETALL', ARGV[1]), {}
for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'e:' then out[#out+1] = cmsgpack.unpack(all[i+1]) end
end
return out
