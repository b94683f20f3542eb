#!/bin/sh
# What an earlier replay has left behind, in the server and on its way there, does no harm; and
# targets that do not allow, or do not take, everything.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"

"$MAKE_CAPTURE" 1 "$T/capture" <<END || fail "a capture"
0 1 0 RPUSH list a
0 2 0 RPUSH list b
END
redis_start
check "replay" "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet
id=$(cli hget flowtape:replay capture)

# a connection that was given up
mkfifo "$T/words"
cli <"$T/words" >/dev/null 2>&1 &
PIDS="$PIDS $!"
exec 9>"$T/words"
echo "client setname flowtape-$id-0000000000000000" >&9
is_there()
{
    cli client list | grep -q "name=flowtape-$id-0000000000000000 "
}
check "a connection of an earlier attempt" t_until is_there
check "replay once more" "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet
check "it has been closed" eval '! is_there'
exec 9>&-

# a position that nobody knows any more: the state was evicted, or deleted by hand
cli hset "flowtape:$id:{0}" lane:0 "0-16383|1000000" e:0:11:0 x d:0:11 1 >/dev/null
cli del flowtape:replay list >/dev/null
check "the position was left, but not the state" "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet
check "every record took effect" [ "$(cli lrange list 0 -1 | tr '\n' ' ')" = "a b " ]

cli flushall >/dev/null

# the source was the target of a replay itself
"$MAKE_CAPTURE" 1 "$T/second" <<END || fail "a capture"
0 1 0 SET flowtape:replay x
0 2 0 RPUSH list a
0 3 0 DEL flowtape:replay flowtape:mine
0 4 0 SET flowtape:mine 1
0 5 0 RPUSH list b
END
check_status "keys named like the replay's own" 0 "flowtape:replay.* left out" "$FLOWTAPE" replay \
    "$T/second" "$REDIS"
check "the state is the replay's" [ "$(cli hget flowtape:replay phase)" = journal ]
check "other keys are the source's" [ "$(cli get flowtape:mine)" = 1 ]
check "every record took effect again" [ "$(cli lrange list 0 -1 | tr '\n' ' ')" = "a b " ]
cli flushall >/dev/null

# a batch that is refused is refused as a whole, and database 0 needs no SELECT
"$MAKE_CAPTURE" 1 "$T/flushed" <<END || fail "a capture"
0 1 0 SET before 1
0 2 0 FLUSHALL
0 3 0 SET behind 1
0 4 1 SET behind 1
END
if has_users; then
    cli acl setuser default -select >/dev/null
    check "a user who must not SELECT, in database 0" "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet --finish
    check_status "a user who must not SELECT" 4 "does not allow SELECT" "$FLOWTAPE" replay "$T/flushed" \
        "$REDIS"
    cli acl setuser default +select >/dev/null
    check "the same replay, when he may" "$FLOWTAPE" replay "$T/flushed" "$REDIS" --quiet
    check "nothing was left out" [ "$(cli exists before),$(cli get behind)" = 0,1 ]
fi
cli flushall >/dev/null

# a value that the target does not take is no reason to try for ever
cli eval 'redis.call("HSET", "hash", "field", string.rep("x", 2000000), "other", 1)' 0 >/dev/null
cli config set rdbcompression no >/dev/null
cli save >/dev/null
mv "$T/redis/dump.rdb" "$T/large.rdb"
cli flushall >/dev/null
cli config set proto-max-bulk-len 1mb >/dev/null
check_status "a value too long for the target" 4 "proto-max-bulk-len" timeout 300 "$FLOWTAPE" replay \
    "$T/large.rdb" "$REDIS"
redis_stop

redis_start --rename-command CLIENT "" --maxmemory 50mb --maxmemory-policy allkeys-lru
check_status "a server without CLIENT" 0 "does not let connections" "$FLOWTAPE" replay "$T/capture" \
    "$REDIS"
check_status "a server that evicts keys" 0 "evicts keys at maxmemory 52428800 .*allkeys-lru" \
    "$FLOWTAPE" replay "$T/capture" "$REDIS"
redis_stop
t_end
