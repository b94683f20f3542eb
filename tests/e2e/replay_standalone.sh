#!/bin/sh
# Captures go into a running redis-server; names, conflicts, refused commands, wrong targets.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis


# take RECORDING - into $T/NAME
take()
{
    standin_start "$RECORDINGS/$1"
    capture "$T/$1" --until-caught-up || fail "capture of $1"
    standin_stop
}

cli()
{
    redis-cli -s "$T/redis/sock" "$@"
}

holds()
{
    [ "$(cli -n "$1" get "$2")" = "$3" ]
}

for name in live-1 live-4 flushes types-lz4; do
    [ -d "$RECORDINGS/$name" ] || continue
    take $name
    redis_start
    check "$name: replay" "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet --on-loss skip --finish
    check "$name: equals its state" "$STATE_DIFF" --skip-lossy "$RECORDINGS/$name/state.json" "$REDIS"
    check "$name: again over itself" "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet --on-loss skip
    check "$name: nothing is left to do" "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet --on-loss skip
    check "$name: from the start" "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet --on-loss skip \
        --from-start --finish
    check "$name: still equal" "$STATE_DIFF" --skip-lossy "$RECORDINGS/$name/state.json" "$REDIS"
    redis_stop
done

redis_start
check "--at snapshot" "$FLOWTAPE" replay "$T/live-1" "$REDIS" --quiet --on-loss skip --at snapshot
check "and then to the end" "$FLOWTAPE" replay "$T/live-1" "$REDIS" --quiet --on-loss skip --finish
check "equals the state" "$STATE_DIFF" --skip-lossy "$RECORDINGS/live-1/state.json" "$REDIS"
redis_stop

# Small inputs of our own.
cat >"$T/data.resp" <<'END'
SET a 1
SET b 2
RPUSH l x y
SELECT 1
SET a other
END
redis_start --save '' --dbfilename in.rdb
cli <"$T/data.resp" >/dev/null
cli save >/dev/null
cp "$T/redis/in.rdb" "$T/in.rdb"
redis_stop
rm -rf "$T/redis"

redis_start
cli set a mine >/dev/null
check_status "--on-conflict fail" 3 'a" is one' "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet \
    --on-conflict fail
check "it has written nothing" [ "$(cli dbsize)" = 1 ]
check "--on-conflict skip" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet --on-conflict skip
check "the key is kept" holds 0 a mine
check "the others came" holds 0 b 2
check_status "another capture's target" 2 "another capture" "$FLOWTAPE" replay "$T/live-1" "$REDIS" \
    --quiet --on-loss skip
check_status "other rules" 2 "other filters" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet
check "--forget" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --forget
check "nothing of ours is left" [ -z "$(cli keys 'flowtape:*')" ]
check "--flush, --db-map, --rename" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet --flush --finish \
    --db-map '1:prefix=db%d:' --rename 'b=prefix:new:'
check "a prefix of the database" holds 0 db1:a other
check "a new name" holds 0 new:b 2
check "nothing else" [ "$(cli dbsize)" = 4 ]
check "--flush --db-map drop" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet --flush --finish \
    --db-map '0:5,*:drop'
check "in another database" holds 5 a 1
check "filters" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet --flush --finish --db 0 --key '[ab]' \
    --no-key b
check "one key passed" [ "$(cli dbsize)" = 1 ]
cli hset flowtape:replay version 9 >/dev/null
check_status "a newer version's record" 3 "newer flowtape" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" \
    --quiet
cli del flowtape:replay >/dev/null

# A command that the target refuses: stop, say so again, and the ways out of it.
cli acl setuser other on nopass '~*' '+@all' -rpush -restore >/dev/null
cli acl setuser default on nopass '~*' '+@all' -restore >/dev/null
check_status "refused: stop" 4 "refused RESTORE" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet \
    --from-start
check "refused: dead letter" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet --from-start \
    --on-error "dead-letter=$T/dead"
check "one letter" [ "$(wc -l <"$T/dead")" = 1 ]
check_status "refused again" 4 "refused again" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet \
    --retry-dead-letter "$T/dead"
cli acl setuser default on nopass '~*' '+@all' >/dev/null
check "retried" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet --retry-dead-letter "$T/dead"
check "no letter is left" [ ! -s "$T/dead" ]
check "the list is there" [ "$(cli llen l)" = 2 ]

cli config set requirepass secret >/dev/null
check_status "no password" 4 "NOAUTH" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet
check_status "wrong password" 4 "refused the password" env FLOWTAPE_TARGET_PASSWORD=no \
    "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet
check "right password" env FLOWTAPE_TARGET_PASSWORD=secret "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" \
    --quiet --from-start
redis_stop
redis_start --replicaof 127.0.0.1 1
check_status "a replica" 4 "is a replica" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet
redis_stop
check_status "wrong port" 4 "refused|connect" "$FLOWTAPE" replay "$T/in.rdb" redis://127.0.0.1:1 --quiet
check_status "wrong scheme" 2 "TARGET" "$FLOWTAPE" replay "$T/in.rdb" dragonfly://127.0.0.1 --quiet
t_end
