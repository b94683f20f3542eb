#!/bin/sh
# The replay, and then the target, is killed at random moments: each record takes effect once.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
KILLS=${E2E_KILLS:-$(effort 50 6)}

HOW= # further options: how the target is written to

# kill_replay NAME RATE - killed and started again; restarted when it was through
kill_replay()
{
    name=$1
    redis_start
    kills=0 starts=0 anew=
    while [ $kills -lt "$KILLS" ] && [ $starts -lt $((4 * KILLS)) ]; do
        starts=$((starts + 1))
        "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet --on-loss skip --rate "$2" $HOW $anew \
            >"$T/killed.out" 2>&1 &
        pid=$!
        anew=
        PIDS="$PIDS $pid"
        t_random_delay 250
        t_forget "$pid"
        if kill -9 "$pid" 2>/dev/null; then
            kills=$((kills + 1))
            wait "$pid" 2>/dev/null
        elif wait "$pid"; then
            t_random 2
            [ "$R" = 0 ] && anew=--from-start || anew=--flush
        else
            fail "$name: replay" "$T/killed.out"
        fi
    done
    check "$name: the rest after $kills kills" "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet \
        --on-loss skip $HOW --finish
    check "$name: equals its state" "$STATE_DIFF" --skip-lossy "$RECORDINGS/$name/state.json" "$REDIS"
    redis_stop
    rm -rf "$T/redis"
}

# kill_target NAME RATE - the server is killed and comes back with its data
kill_target()
{
    name=$1
    redis_start --appendonly yes --appendfsync always
    "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet --on-loss skip $HOW --rate "$2" >"$T/replay.out" 2>&1 &
    pid=$!
    PIDS="$PIDS $pid"
    wait_for_client "$pid"
    kills=0
    while [ $kills -lt $(((KILLS + 4) / 5)) ] && kill -0 "$pid" 2>/dev/null; do
        t_random_delay 250
        redis_stop
        redis_start --appendonly yes --appendfsync always || break
        kills=$((kills + 1))
    done
    t_forget "$pid"
    wait "$pid"
    status=$?
    if [ $status -eq 0 ]; then
        pass "$name: replay, its target killed $kills times"
    else
        fail "$name: replay, its target killed $kills times" "$T/replay.out"
    fi
    check "$name: the end of it" "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet --on-loss skip $HOW --finish
    check "$name: equals its state" "$STATE_DIFF" --skip-lossy "$RECORDINGS/$name/state.json" "$REDIS"
    redis_stop
    rm -rf "$T/redis"
}

for name in live-1 live-4 live-8-fast; do
    [ -d "$RECORDINGS/$name" ] || continue
    take $name
    case $name in
    live-8-fast) rate=20000 ;;
    *) rate=4000 ;;
    esac
    kill_replay $name $rate
    kill_target $name $((rate / 4))
done

# Without scripts a batch is a transaction.
HOW="--without eval,restore"
KILLS=$(effort 20 4)
kill_replay live-4 4000
kill_target live-4 1000
t_end
