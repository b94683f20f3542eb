-- PREPEND. Writing the joined value from offset 0 on keeps the time to live on every version.
-- KEYS: the string. ARGV: what goes in front. Answers the new length.
return redis.call('SETRANGE', KEYS[1], 0, ARGV[1]..(redis.call('GET', KEYS[1]) or ''))
