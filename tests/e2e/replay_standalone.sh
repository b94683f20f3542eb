#!/bin/sh
# Captures go into a running redis-server; names, conflicts, refused commands, wrong targets.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"


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
check_status "--on-conflict fail" 3 'such as "a"' "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet \
    --on-conflict fail
check "it has written nothing" [ "$(cli dbsize)" = 1 ]
check "--on-conflict skip" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet --on-conflict skip
check "the key is kept" holds 0 a mine
check "the others came" holds 0 b 2
check_status "another capture's target" 1 "another capture" "$FLOWTAPE" replay "$T/live-1" "$REDIS" \
    --quiet --on-loss skip
# A copy is the same input; one that differs in its last byte, which is read no more, is another.
cp "$T/in.rdb" "$T/copy.rdb"
check "a copy of the file" "$FLOWTAPE" replay "$T/copy.rdb" "$REDIS" --quiet --on-conflict skip
size=$(wc -c <"$T/in.rdb")
{ head -c $((size - 8)) "$T/in.rdb" && printf '\000\000\000\000\000\000\000\000'; } >"$T/copy.rdb"
check_status "a file that differs in its end" 1 "another capture" "$FLOWTAPE" replay "$T/copy.rdb" \
    "$REDIS" --quiet --on-conflict skip
check_status "other rules" 1 "other filters" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet
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
if has_users; then
    cli acl setuser other on nopass '~*' '+@all' -rpush -restore >/dev/null
    cli acl setuser default on nopass '~*' '+@all' -restore -rpush >/dev/null
    check_status "refused: stop" 4 "does not allow RPUSH" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet \
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
fi

cli config set requirepass secret >/dev/null
check_status "no password" 4 "NOAUTH" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet
check_status "wrong password" 4 "refused the password" env FLOWTAPE_TARGET_PASSWORD=no \
    "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet
check "right password" env FLOWTAPE_TARGET_PASSWORD=secret "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" \
    --quiet --from-start
redis_stop

standin_start "$RECORDINGS/live-1"
check_status "a Dragonfly as target" 4 "is a Dragonfly" "$FLOWTAPE" replay "$T/in.rdb" \
    "redis://$T_HOST:$PORT"
standin_stop

# Times to live.
redis_start
at=$(($(date +%s%3N) + 600000))
cli set k v >/dev/null
cli pexpireat k $at >/dev/null
cli save >/dev/null
mv "$T/redis/dump.rdb" "$T/ttl.rdb"
check "--ttl keep" "$FLOWTAPE" replay "$T/ttl.rdb" "$REDIS" --quiet --flush --finish
check "it ends when it did" expires_at k $at
check "--ttl drop" "$FLOWTAPE" replay "$T/ttl.rdb" "$REDIS" --quiet --flush --finish --ttl drop
check "it does not end" [ "$(cli pttl k)" = -1 ]
check "--ttl shift" "$FLOWTAPE" replay "$T/ttl.rdb" "$REDIS" --quiet --flush --finish --ttl shift
check "it is as long as it was" [ "$(cli pttl k)" -gt 580000 ]
redis_stop

# Records that the target refuses: lists are streams there after the snapshot.
redis_start
check "--at snapshot" "$FLOWTAPE" replay "$T/live-1" "$REDIS" --quiet --on-loss skip --at snapshot
cli eval "for _, k in ipairs(redis.call('keys', 'l:*')) do redis.call('del', k)
    redis.call('xadd', k, '1-1', 'f', 'v') end" 0 >/dev/null
check_status "records refused: stop" 4 "refused .* WRONGTYPE" "$FLOWTAPE" replay "$T/live-1" "$REDIS" \
    --quiet --on-loss skip
check_status "said again" 4 "refused [0-9]* commands in earlier runs" "$FLOWTAPE" replay "$T/live-1" \
    "$REDIS" --quiet --on-loss skip

# accept_errors - whatever is refused: it stops with what was in flight, and again at what comes later
accept_errors()
{
    "$FLOWTAPE" replay "$T/live-1" "$REDIS" --quiet --on-loss skip --accept-errors
}
check "--accept-errors" t_until accept_errors
check "accepted" "$FLOWTAPE" replay "$T/live-1" "$REDIS" --quiet --on-loss skip
redis_stop

# SETs in a row go as one MSET; where that is refused, each goes, or is refused, by itself.
redis_start
check "--at snapshot, live-4" "$FLOWTAPE" replay "$T/live-4" "$REDIS" --quiet --on-loss skip \
    --at snapshot
if has_users; then
    cli acl setuser default -mset >/dev/null
    check "no MSET" "$FLOWTAPE" replay "$T/live-4" "$REDIS" --quiet --on-loss skip \
        --on-error "dead-letter=$T/dead-mset"
    check "no MSET: no letter is about SET" [ "$(grep -c '"SET"' "$T/dead-mset")" = 0 ]
    cli acl setuser default +mset >/dev/null
    check "no SET: --at snapshot" "$FLOWTAPE" replay "$T/live-4" "$REDIS" --quiet --on-loss skip \
        --flush --at snapshot
    cli acl setuser default -mset -set >/dev/null
    check "no SET" "$FLOWTAPE" replay "$T/live-4" "$REDIS" --quiet --on-loss skip \
        --on-error "dead-letter=$T/dead-set"
    check "no SET: letters" [ "$(grep -c '"SET"' "$T/dead-set")" -gt 100 ]
    cp "$T/dead-set" "$T/dead-set.all"
    cli acl setuser default +set +mset >/dev/null
    # What later records have changed stays, and is all that may differ then.
    check_status "no SET: retried" 1 "0 were refused again, [0-9]* were not sent" "$FLOWTAPE" replay \
        "$T/live-4" "$REDIS" --quiet --on-loss skip --retry-dead-letter "$T/dead-set"
    sent=$(grep -c . "$T/dead-set.all") left=$(grep -c . "$T/dead-set")
    check "no SET: some are sent: $left of $sent stay" [ "$left" -gt 0 -a "$left" -lt "$sent" ]
    check "no SET: --forget" "$FLOWTAPE" replay "$T/live-4" "$REDIS" --forget
    check "no SET: others equal the state" "$STATE_DIFF" --skip-lossy \
        $(sed -n 's/.*"db":\([0-9]*\),"command":\["[A-Z]*","\([^"]*\)".*/--ignore \1\/\2/p' \
            "$T/dead-set" | sort -u) "$RECORDINGS/live-4/state.json" "$REDIS"
    check_status "no SET: what stays differs" 1 "differ" "$STATE_DIFF" --skip-lossy \
        "$RECORDINGS/live-4/state.json" "$REDIS"
fi
redis_stop

# Flushes where names are changed.
if [ -d "$RECORDINGS/flushes" ]; then
    redis_start
    check "flushes" "$FLOWTAPE" replay "$T/flushes" "$REDIS" --quiet --on-loss skip --finish
    cli --scan | sort >"$T/wanted"
    cli flushall >/dev/null
    cli set mine 1 >/dev/null
    check "flushes, --db-map prefix" "$FLOWTAPE" replay "$T/flushes" "$REDIS" --quiet --on-loss skip \
        --finish --db-map '*:prefix=db%d:'
    cli --scan | sed -n 's/^db0://p' | sort >"$T/got"
    check "the keys that they left" cmp "$T/wanted" "$T/got"
    check "other keys stay" holds 0 mine 1
    redis_stop
fi

# A flush takes what came from this source, and nothing that the target has of its own.
printf '%s\n' '0 1 0 SET a:old 1' '0 1 0 RPUSH b:list x' '0 1 1 SET a:other 1' '0 2 0 FLUSHALL' \
    '0 3 0 SET a:new 1' '0 3 1 SET a:one 1' '0 3 1 SET a:both 1' '0 3 0 SET a:both 0' \
    '0 4 1 FLUSHDB' '0 5 1 SET a:last 1' |
    "$MAKE_CAPTURE" 1 "$T/flushed" || fail "a capture of our own"
# mine LABEL WANTED [ARG...] - what a target of our own keys has then, databases 0 and 1
mine()
{
    label=$1 wanted=$2
    shift 2
    cli flushall >/dev/null
    for key in a:mine c:mine db1:a:mine a:old; do
        cli set $key mine >/dev/null
    done
    cli -n 1 set a:mine mine >/dev/null
    check "a flush, $label" "$FLOWTAPE" replay "$T/flushed" "$REDIS" --quiet --finish "$@"
    got=$( (cli --scan; cli -n 1 --scan | sed 's/^/1:/') | grep -v '^flow:' | sort | tr '\n' ' ')
    check "a flush, $label: $got" [ "$got" = "$wanted" ]
}
redis_start
mine "a target with keys" "1:a:last 1:a:mine a:both a:mine a:new c:mine db1:a:mine "
mine "--key" "1:a:last 1:a:mine a:both a:mine a:new c:mine db1:a:mine " --key 'a:*'
mine "--db-map prefix" "1:a:mine a:both a:mine a:new c:mine db1:a:last db1:a:mine " \
    --db-map '1:prefix=db%d:'
mine "databases under one name" "1:a:mine a:last a:mine a:new c:mine db1:a:mine " --db-map '1:0'
mine "--on-conflict skip" "1:a:last 1:a:mine a:both a:mine a:new a:old c:mine db1:a:mine " \
    --on-conflict skip
mine "--flush" "1:a:last a:both a:new " --flush
redis_stop

# Records of two keys, of which a filter lets one through: as far as it can be known.
cat <<'EOF' | "$MAKE_CAPTURE" 1 "$T/pairs" || fail "a capture of our own"
0 1 0 SET out:1 v
0 1 0 SET in:gone v
0 1 0 RENAME in:gone out:2
0 1 0 RENAME out:1 in:unknown
0 1 0 RPUSH in:list a b c
0 1 0 LMOVE in:list out:list LEFT RIGHT
0 1 0 SADD in:set a b
0 1 0 SMOVE in:set out:set a
0 1 0 SET in:copied v
0 1 0 COPY in:copied out:copied
0 1 0 SUNIONSTORE out:union in:set
0 1 0 SUNIONSTORE in:union in:set out:set
0 1 0 SET in:moved v
0 1 0 MOVE in:moved 1
EOF
redis_start
check "one key of two" "$FLOWTAPE" replay "$T/pairs" "$REDIS" --quiet --finish --key 'in:*' --db 0 \
    --report "$T/pairs.json"
got=$(cli --scan | sort | tr '\n' ' ')$(cli lrange in:list 0 -1 | tr '\n' ' ')$(cli smembers in:set)
[ "$got" = "in:copied in:list in:set b c b" ] && pass "one key of two: what is there" ||
    fail "one key of two: \"$got\""
check "one key of two: what is suspect" \
    [ "$(json "$T/pairs.json" 'suspects/keys/*/key' | sort | tr '\n' ' ')" = "in:union in:unknown " ]
check "one key of two: no other is" json_is "$T/pairs.json" suspects/count 2
redis_stop

# A capture that grows meanwhile, with a new generation in the middle.
live=$RECORDINGS/live-4
cut=$(($(meta_flow "$live" stable_start | head -n 1) + 60000))
standin_start "$live" --rate 80000 --drop-at 0:$cut --new-replid-after 1
redis_start
capture "$T/growing" --until-caught-up &
capture_pid=$!
PIDS="$PIDS $capture_pid"
until [ -f "$T/growing/capture.json" ] || ! kill -0 "$capture_pid" 2>/dev/null; do
    sleep 0.05
done
"$FLOWTAPE" replay "$T/growing" "$REDIS" --quiet --on-loss skip --follow >"$T/follow.out" 2>&1 &
follow_pid=$!
PIDS="$PIDS $follow_pid"
wait "$capture_pid"
check "--follow: capture" [ $? = 0 ]
t_forget "$capture_pid"
check "--follow: to the end" t_until applied_all "$live"
kill -INT "$follow_pid"
wait "$follow_pid"
check "--follow: ends by a signal" [ $? = 5 ]
t_forget "$follow_pid"
standin_stop
check "--follow: --forget" "$FLOWTAPE" replay "$T/growing" "$REDIS" --forget
check "--follow: equals the state" "$STATE_DIFF" --skip-lossy "$live/state.json" "$REDIS"
redis_stop

redis_start --replicaof 127.0.0.1 1
check_status "a replica" 4 "is a replica" "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet
redis_stop
check_status "wrong port" 4 "refused|connect" "$FLOWTAPE" replay "$T/in.rdb" redis://127.0.0.1:1 --quiet
check_status "wrong scheme" 2 "TARGET" "$FLOWTAPE" replay "$T/in.rdb" dragonfly://127.0.0.1 --quiet
t_end
