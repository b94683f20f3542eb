-- Renews the lease. Answers 1, or 0 when there is none, or the one that has taken its place.
-- KEYS: the state. ARGV: token, milliseconds, holder.
-- include: lease_hold.lua
if not holder then return 0 end
if holder ~= token then return old end
hold()
return 1
