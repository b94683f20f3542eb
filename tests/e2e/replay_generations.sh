#!/bin/sh
# A new generation takes the place of an older one on the target: what vanished is deleted, what is
# still there can be read all the time.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# two OLD NEW - a capture with a generation of each, as of two servers one after the other
two()
{
    rm -rf "$T/capture"
    standin_start "$RECORDINGS/$1"
    port=$PORT
    check "$1: capture" capture "$T/capture" --until-caught-up
    standin_stop
    standin_start "$RECORDINGS/$2" --port "$port"
    check "$2: capture" capture "$T/capture" --until-caught-up
    standin_stop
}

replay()
{
    "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet --on-loss skip --report "$T/report.json" "$@"
}

# deleted - how many keys were, says the report
deleted()
{
    json "$T/report.json" deleted
}

# over OLD NEW - both are replayed, one over the other; leaves the number of keys that OLD had in $had
over()
{
    two "$1" "$2"
    redis_start
    check "$1: replay" replay --generation 1
    had=$(redis-cli -s "$T/redis/sock" info keyspace | sed -n 's/^db.*keys=\([0-9]*\),.*/\1/p' |
        awk '{ n += $1 } END { print n }')
    check "$2: replay" replay
    check "$2: --forget" "$FLOWTAPE" replay "$T/capture" "$REDIS" --forget
    check "$2 over $1: equals its state" "$STATE_DIFF" --skip-lossy \
        "$RECORDINGS/$2/state.json" "$REDIS"
    redis_stop
}

# the same keys twice: none is away for a moment
over types-lz4 types-plain
[ "$(deleted)" = 0 ] && pass "the same keys: none is deleted" ||
    fail "the same keys: $(deleted) are deleted"

# some of the keys: the others are
over live-1 types-plain
[ "$(deleted)" -gt 0 ] && [ "$(deleted)" -lt "$had" ] && pass "some keys: the others are deleted" ||
    fail "some keys: $(deleted) of $had are deleted"

# records in the full sync and behind it
over live-4 live-1

# flowtape is killed meanwhile
two live-4 live-1
redis_start
check "killed: the first" replay --generation 1
kills=0
while [ $kills -lt "$(effort 12 4)" ]; do
    # not by replay(): the process to be killed would be the shell around it
    "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet --on-loss skip --rate 4000 2>/dev/null &
    pid=$!
    t_random_delay 500
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    kills=$((kills + 1))
done
check "killed: the second" replay
check "killed: --forget" "$FLOWTAPE" replay "$T/capture" "$REDIS" --forget
check "killed: equals its state" "$STATE_DIFF" --skip-lossy "$RECORDINGS/live-1/state.json" "$REDIS"
redis_stop
t_end
