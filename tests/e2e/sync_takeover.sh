#!/bin/sh
# A source that hands over: answered once, twice in one piece, or not at all.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
t_begin
need_redis
live=$RECORDINGS/live-4

# hand_over ANSWERS STATUS - a sync that is to end with the hand-over
hand_over()
{
    rm -rf "$T/cap" "$T/redis"
    redis_start
    standin_start "$live" --takeover "$1"
    "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" --on-loss skip --cutover takeover --finish \
        --give-up-after 5s >"$T/sync.out" 2>&1 &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
    ends_with "$1" "$2"
}

for answers in once twice silent; do
    hand_over "$answers" 0
    check "$answers: equals its state" "$STATE_DIFF" --skip-lossy "$live/state.json" "$REDIS"
    check "$answers: nothing about lost connections" [ "$(grep -c "trying again" "$T/sync.out")" = 0 ]
    redis_stop
    standin_check "$answers"
done
check "silent: says by what it is known" grep -q "each flow brought its last record" "$T/sync.out"
t_end
