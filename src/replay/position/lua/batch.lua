-- A batch: commands that take effect together with the position after them (replay_batch.h).
--
-- ARGV: 1 the position, a hash   2 the sequence number that it must have   3 the one that it gets
--       4 names and values of fields to write   5 the arguments of all commands, one after the other
--       6 shapes   7 tags, divided by blanks   8 fields to remove   9 the node's slots, as CLUSTER NODES
--       lists them; empty where there is no cluster   10 a letter for each argument from 11 on, which
--       continue 5: p: arguments of commands, w: one as it is
-- 4, 5, 6, 8 and those of p are MessagePack. Answers {error, {database, tag, {}, arguments...}} of each command that
-- was refused, which is also what an e: field holds.

-- In line with the one before it?
local key = ARGV[1]
local seq = redis.call('HGET', key, 'seq')
if seq ~= ARGV[2] then
    return redis.error_reply('FLOWTAPE batch '..ARGV[2]..' does not follow '..tostring(seq))
end
local args, shapes = cmsgpack.unpack(ARGV[5]), cmsgpack.unpack(ARGV[6])
local last = #args
for i = 1, #ARGV[10] do
    local more = {ARGV[10 + i]}
    if string.sub(ARGV[10], i, i) == 'p' then more = cmsgpack.unpack(more[1]) end
    for j = 1, #more do args[last + j] = more[j] end
    last = last + #more
end

-- On a cluster nothing may be done if not all can be done. A node that has just the slots that the
-- sender thinks it has, and none on its way, has all their keys; otherwise each key is looked for, and
-- one that may be on another node gives an error. The sender knows it by its beginning, TARGET_NOT_HERE of target_node.h.
local function refuse(why) return redis.error_reply('FLOWTAPE not here: '..why) end
-- In a slot on its way a key that one command removes cannot be made again by the next, so there only
-- one may name it. mine: the slots as the node lists them.
-- Newer servers look for a key in a slot on its way among those of the slot of the command before, and do not
-- find it; a command without keys in between has them look at the right place.
local function missing(mine)
    local at, seen = 1, {}
    for _, n in ipairs(shapes) do
        local keys = {}
        if n >= 20000 then
            for i = 1, n - 20000 do keys[i] = args[at+2*i-2] end
            at = at + 2 * #keys
        elseif n > 0 then
            n = n % 10000
            if string.find(args[at], '^FLUSH') then return 'slots are on their way' end
            keys = redis.pcall('COMMAND', 'GETKEYS', unpack(args, at, at + n - 1))
            if keys.err then return keys.err end
            at = at + n
        end
        for _, k in ipairs(keys) do
            redis.call('TIME')
            local r = redis.pcall('EXISTS', k)
            if type(r) == 'table' and r.err then
                return 'slot '..redis.call('CLUSTER', 'KEYSLOT', k)..': '..r.err
            end
            if seen[k] then
                local slot = redis.call('CLUSTER', 'KEYSLOT', k)
                if string.find(mine, '['..slot..'->-', 1, true) then
                    return 'slot '..slot..' is on its way'
                end
            end
            seen[k] = true
        end
    end
end
local moving = false
if ARGV[9] ~= '' then
    local nodes = redis.pcall('CLUSTER', 'NODES')
    local mine = type(nodes) == 'string' and
        string.match(nodes, 'myself[^\n]* connected ?([^\n]*)') or ''
    if type(nodes) ~= 'string' or mine ~= ARGV[9] then
        local why = missing(mine)
        if why then return refuse(why) end
        moving = true
    end
end

-- Now the position. After it nothing may end the script; a user who must not HDEL is found out before.
for _, f in ipairs(cmsgpack.unpack(ARGV[8])) do redis.call('HDEL', key, f) end
redis.call('HSET', key, 'seq', ARGV[3], unpack(cmsgpack.unpack(ARGV[4])))

-- The connection is in database 0. Who needs no other one need not be allowed, or have, SELECT.
local here = '0'
local function enter(to)
    if to == here then return {} end
    local r = redis.pcall('SELECT', to)
    if not r.err then here = to end
    return r
end

-- bad: why there is no such database as db; at: the next of args; done: commands before it.
local call, type, unpack = redis.pcall, type, unpack
local db, bad, at, done, tags, failed = '0', nil, 1, 0, nil, {}
if moving then
    call = function(...)
        redis.call('TIME')
        return redis.pcall(...)
    end
end

-- Writes down that command n was refused; part: the place of its key, where only that was.
local function fail(n, why, what, part)
    if not tags then
        tags = {}
        for t in string.gmatch(ARGV[7], '%S+') do tags[#tags+1] = t end
    end
    local c = {db, tags[n]..(part and '.'..part or ''), {}, unpack(what)}
    enter('0')
    redis.call('HSET', key, 'e:'..c[2], cmsgpack.pack({why, c}))
    enter(db)
    failed[#failed+1] = {why, c}
end

-- FLUSHALL and FLUSHDB, followed by the replay's own keys of database 0, which stay.
local function flush(n)
    local kept = {}
    enter('0')
    for i = at + 1, at + n - 1 do kept[i] = redis.call('DUMP', args[i]) end
    enter(db)
    redis.call(args[at])
    enter('0')
    for i = at + 1, at + n - 1 do
        if kept[i] then redis.call('RESTORE', args[i], '0', kept[i], 'REPLACE') end
    end
end

-- EVAL, which scripts may not call. made: the functions of those that have been run; batches have few,
-- many times. They select databases as the batch does.
local made = {}
local function selecting(f)
    return function(name, ...)
        if name == 'SELECT' then
            local r = enter(...)
            if r.err and f == redis.call then error(r) end
            return r
        end
        return f(name, ...)
    end
end
local own_redis = setmetatable({call = selecting(redis.call), pcall = selecting(redis.pcall)}, {__index = redis})
local function run(n)
    if args[at] == 'FLUSHALL' or args[at] == 'FLUSHDB' then return flush(n) end
    local f = made[args[at+1]]
    if not f then
        f = assert(loadstring('local KEYS,ARGV,redis=... '..args[at+1]))
        made[args[at+1]] = f
    end
    local first = at + 3 + tonumber(args[at+2])
    return f({unpack(args, at + 3, first - 1)}, {unpack(args, first, at + n - 1)}, own_redis)
end
local function own(n)
    local ok, r = true, {err = bad}
    if not bad then
        if moving then redis.call('TIME') end
        ok, r = pcall(run, n)
        enter(db)
    end
    if not ok and type(r) ~= 'table' then r = {err = tostring(r)} end
    done = done + 1
    if type(r) == 'table' and r.err then fail(done, r.err, {unpack(args, at, at + n - 1)}) end
    at = at + n
end

-- A command on several keys that do not depend on each other was refused: one of them may be the reason,
-- and shall not take the others along.
local one = {MSET = 'SET', DEL = 'DEL', UNLINK = 'UNLINK'}
local function apart(n, why)
    local name = one[string.upper(args[at])]
    local step = name == 'SET' and 2 or 1
    if not name or n <= 1 + step then
        return fail(done, why, {unpack(args, at, at + n - 1)})
    end
    for i = 1, n - 1, step do
        local c = {name, unpack(args, at + i, at + i + step - 1)}
        local r = call(unpack(c))
        if type(r) == 'table' and r.err then fail(done, r.err, c, i) end
    end
end

-- n keys and values, which were n commands SET.
local function sets(n)
    if bad or call('MSET', unpack(args, at, at + 2 * n - 1)).err then
        for i = 1, n do
            local c = {'SET', args[at+2*i-2], args[at+2*i-1]}
            local why = bad or call(unpack(c)).err
            if why then fail(done + i, why, c) end
        end
    end
    at, done = at + 2 * n, done + n
end

-- 10000 is REPLAY_SHAPE_OWN, 20000 REPLAY_SHAPE_SETS. Commands of two to four arguments are called without
-- unpack, which costs more than they do.
for i = 1, #shapes do
    local n, r = shapes[i], nil
    if n < 0 then
        db = tostring(-1-n)
        bad = enter(db).err
    elseif n >= 20000 then
        sets(n - 20000)
    elseif n >= 10000 or bad then
        own(n % 10000)
    else
        if n == 3 then
            r = call(args[at], args[at+1], args[at+2])
        elseif n == 2 then
            r = call(args[at], args[at+1])
        elseif n == 4 then
            r = call(args[at], args[at+1], args[at+2], args[at+3])
        else
            r = call(unpack(args, at, at + n - 1))
        end
        done = done + 1
        if type(r) == 'table' and r.err then apart(n, r.err) end
        at = at + n
    end
end
return failed
