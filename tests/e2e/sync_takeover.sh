#!/bin/sh
# A source that hands over: answered once, twice in one piece, or not at all; asked before it has resumed.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
t_begin
need_redis
live=$RECORDINGS/live-4

# hand_over LABEL STATUS ARG... - a sync that is to end with the hand-over of a stand-in with these arguments
hand_over()
{
    h_label=$1 h_status=$2
    shift 2
    redis_start
    standin_start "$live" "$@"
    "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" --on-loss skip --cutover takeover --finish \
        --give-up-after 5s >"$T/sync.out" 2>&1 &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
    ends_with "$h_label" "$h_status"
}

for answers in once twice silent; do
    rm -rf "$T/cap" "$T/redis"
    hand_over "$answers" 0 --takeover "$answers"
    check "$answers: equals its state" "$STATE_DIFF" --skip-lossy "$live/state.json" "$REDIS"
    check "$answers: nothing about lost connections" [ "$(grep -c "trying again" "$T/sync.out")" = 0 ]
    redis_stop
    standin_check "$answers"
done
check "silent: says by what it is known" grep -q "each flow brought its last record" "$T/sync.out"

# All that there is has been stored, so the target has it before the source has taken the session up again.
rm -rf "$T/cap" "$T/redis"
standin_start "$live"
check "late: capture" capture "$T/cap" --until-caught-up
standin_stop
hand_over late 0 --late-stable 2000
check "late: equals its state" "$STATE_DIFF" --skip-lossy "$live/state.json" "$REDIS"
standin_check late
t_end
