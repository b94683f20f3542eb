#!/bin/sh
# Limits that the user sets: the pace, signals, and how long a peer may be silent.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}" "${FILTER_PROXY:?}"

# has KEYS - the target has so many keys
has()
{
    [ "$(cli dbsize)" -ge "$1" ]
}

now_ms()
{
    date +%s%3N
}

awk 'BEGIN { v = sprintf("%0200d", 1); for (i = 1; i <= 60000; i++) print "0 1 0 SET k" i, v }' |
    "$MAKE_CAPTURE" 1 "$T/many" || fail "a capture of our own"

# The pace: what was not sent while the target stood still is not made up for.
redis_start
"$FLOWTAPE" replay "$T/many" "$REDIS" --rate 1000 >"$T/rate.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_until has 700 || fail "--rate: it begins" "$T/rate.out"
before=$(cli dbsize)
kill -STOP "$REDIS_PID"
for i in 1 2 3 4 5 6; do # long enough for a burst
    sleep 0.5
done
kill -CONT "$REDIS_PID"
again=$(now_ms)
came=$(($(cli dbsize) - before))
if [ $came -le $((1500 + $(now_ms) - again)) ]; then # what the pace allows, and half of a burst
    pass "--rate: no burst after a stall"
else
    fail "--rate: $came keys at once after a stall"
fi

# Signals: two that come together are one, and the run ends in order and sums up.
kill -INT $pid
kill -TERM $pid
ends "two signals" $pid 5 "$T/rate.out"
check "two signals: the summary" grep -Eq "not complete: [01] keys?, [0-9,]+ records?" "$T/rate.out"
redis_stop

# A snapshot that is not complete is in the summary too.
redis_start
awk 'BEGIN { for (i = 1; i <= 4000; i++) print "SET s" i " v" }' | cli >/dev/null
cli save >/dev/null
mv "$T/redis/dump.rdb" "$T/in.rdb" # no server that starts later has it
cli flushall >/dev/null
"$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --rate 200 >"$T/snap.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_until has 150 || fail "a slow snapshot: it begins" "$T/snap.out"
kill -INT $pid
ends "stopped in the snapshot" $pid 5 "$T/snap.out"
check "stopped in the snapshot: the summary" grep -Eq "not complete, sent: [1-9]" "$T/snap.out"
redis_stop

# Without commands that a service does not offer, and in requests of limited size, which a proxy sees to, the end is the same.
take live-1
equals()
{
    "$STATE_DIFF" --skip-lossy "$RECORDINGS/live-1/state.json" "$REDIS"
}
redis_start --rename-command EVAL "" --rename-command EVALSHA "" --rename-command SCRIPT "" \
    --rename-command RESTORE "" --rename-command FLUSHALL ""
check "commands that are not there" "$FLOWTAPE" replay "$T/live-1" "$REDIS" --quiet --on-loss skip --finish
check "commands that are not there: equal" equals
redis_stop
redis_start --port 7001 --bind "$T_HOST" --protected-mode no
"$FILTER_PROXY" "$T_HOST" 7001 --max-args 32 --max-bytes 32768 >"$T/proxy.port" &
PIDS="$PIDS $!"
t_until test -s "$T/proxy.port"
PROXY=redis://$T_HOST:$(cat "$T/proxy.port")
check_status "a value that no request holds" 1 'larger than one request.*such as "edge.*nothing was written' \
    "$FLOWTAPE" replay "$T/live-1" "$REDIS" --quiet --on-loss skip --max-request-bytes 8KiB
check "a value that no request holds: nothing was written" [ "$(cli exists edge:14 str:1)" = 0 ]
if server_before 7.0; then
    check_status "a service that takes no larger requests" 4 "too many arguments|max request size" \
        "$FLOWTAPE" replay "$T/live-1" "$PROXY" --quiet --on-loss skip
else # a batch is no request: an MSET that is refused goes by SETs
    check "a service that takes no larger requests" "$FLOWTAPE" replay "$T/live-1" "$PROXY" --quiet \
        --on-loss skip --finish
    check "a service that takes no larger requests: equal" equals
fi
cli flushall >/dev/null
check "requests of limited size" "$FLOWTAPE" replay "$T/live-1" "$PROXY" --quiet --on-loss skip --finish \
    --max-request-args 32 --max-request-bytes 32KiB
check "requests of limited size: equal" equals
check_status "too small a limit" 2 "from 32 on" "$FLOWTAPE" replay "$T/live-1" "$REDIS" --max-request-args 3
redis_stop
t_end
