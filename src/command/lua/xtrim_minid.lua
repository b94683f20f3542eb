-- XTRIM with MINID, for Redis before 6.2.
-- KEYS: the stream. ARGV: the lowest id to keep. Answers how many entries went.
return redis.call('XTRIM', KEYS[1], 'MAXLEN', #redis.call('XRANGE', KEYS[1], ARGV[1], '+'))
