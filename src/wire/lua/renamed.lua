-- What stands in front of a script for a server that has other names for commands: redis.call and redis.pcall as usual, by
-- these names. reach.c puts the call of it, with the names, after it: local redis = named(redis, {["SET"] = "other"})
local function named(real, names)
    local function by_name(f)
        return function(name, ...)
            local upper = string.upper(tostring(name))
            if upper == 'COMMAND' then
                local a = {...}
                if a[2] then a[2] = names[string.upper(a[2])] or a[2] end
                return f(names[upper] or name, unpack(a))
            end
            return f(names[upper] or name, ...)
        end
    end
    return setmetatable({call = by_name(real.call), pcall = by_name(real.pcall)}, {__index = real})
end
