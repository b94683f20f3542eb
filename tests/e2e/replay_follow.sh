#!/bin/sh
# A replay follows a capture that another process is still making: from its first moment on, over new
# generations, over kills of either and of the target, and ends as the source does.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
KILLS=${E2E_KILLS:-$(effort 12 3)}

# start_capture DIR ARG... - in the background
start_capture()
{
    "$FLOWTAPE" capture "$URI" "$@" --quiet --give-up-after 60s >"$T/capture.out" 2>&1 &
    CAPTURE_PID=$!
    PIDS="$PIDS $CAPTURE_PID"
}

# start_follow DIR ARG...
start_follow()
{
    "$FLOWTAPE" replay "$1" "$REDIS" --quiet --on-loss skip --follow --give-up-after 60s \
        >>"$T/follow.out" 2>&1 &
    FOLLOW_PID=$!
    PIDS="$PIDS $FOLLOW_PID"
}

# stop PID NAME STATUS - by SIGINT
stop()
{
    t_at_work "$1"
    kill -INT "$1"
    wait "$1"
    t_status=$?
    t_forget "$1"
    [ $t_status -eq "$3" ] && pass "$label: $2 ends by a signal" ||
        fail "$label: $2 ended with status $t_status" "$T/$2.out"
}

# kill_it PID
kill_it()
{
    t_forget "$1"
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

await_manifest()
{
    until [ -f "$1/capture.json" ] || ! kill -0 "$CAPTURE_PID" 2>/dev/null; do
        sleep 0.02
    done
}

redis_args= # of the target

# run RECORDING STANDIN-ARG... - capture and replay side by side
run()
{
    rec=$RECORDINGS/$1
    shift
    rm -rf "$T/capture" "$T/redis"
    : >"$T/follow.out"
    # shellcheck disable=SC2086 # words
    redis_start $redis_args
    standin_start "$rec" "$@"
    start_capture "$T/capture"
    await_manifest "$T/capture"
    start_follow "$T/capture"
}

finish()
{
    check "$label: comes to the end" t_until applied_all "$rec"
    stop "$FOLLOW_PID" follow 5
    stop "$CAPTURE_PID" capture 0
    check "$label: --forget" "$FLOWTAPE" replay "$T/capture" "$REDIS" --forget
    check "$label: equals the state" "$STATE_DIFF" --skip-lossy "$rec/state.json" "$REDIS"
    standin_stop
    redis_stop
}

for name in live-4 live-8-fast flushes; do
    [ -d "$RECORDINGS/$name" ] || continue
    label="$name"
    run $name --rate 200000
    check "$label: comes to the end" t_until applied_all "$rec"
    stop "$FOLLOW_PID" follow 5 # and again, with nothing new
    start_follow "$T/capture"
    finish
done

live=$RECORDINGS/live-4
cut=$(($(meta_flow "$live" stable_start | head -n 1) + 60000))
label="reconnect of the capture"
run live-4 --rate 200000 --drop-at 0:$cut
finish
label="another server"
run live-4 --rate 100000 --drop-at 0:$cut --new-replid-after 1
finish
[ -d "$T/capture/gen-0002" ] && pass "$label: another generation" || fail "$label: one generation"
label="LSN gap"
run live-4 --rate 100000 --drop-at 0:$cut --lsn-gap
finish
label="flush in the full sync"
run live-4 --rate 200000 --flush-in-sync
finish

# another number of flows, and keys that are gone: the same address, later another server
label="another number of flows"
run live-4 --rate 400000
check "$label: the first" t_until applied_all "$rec"
port=$PORT
standin_stop
rec=$RECORDINGS/live-1
standin_start "$rec" --rate 200000 --port "$port"
finish

label="killed replays"
run live-4 --rate 60000
kills=0
while [ $kills -lt "$KILLS" ]; do
    t_random_delay 300
    kill_it "$FOLLOW_PID"
    start_follow "$T/capture"
    kills=$((kills + 1))
done
finish

label="killed captures"
run live-4 --rate 60000
kills=0
while [ $kills -lt "$KILLS" ]; do
    t_random_delay 300
    kill_it "$CAPTURE_PID"
    start_capture "$T/capture"
    kills=$((kills + 1))
done
finish

label="killed targets"
redis_args="--appendonly yes --appendfsync always" # what was acknowledged is there again
run live-4 --rate 60000
wait_for_client "$FOLLOW_PID"
kills=0
while [ $kills -lt $(((KILLS + 2) / 3)) ]; do
    t_random_delay 400
    redis_stop
    redis_start $redis_args
    kills=$((kills + 1))
done
finish
t_end
