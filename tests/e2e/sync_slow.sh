#!/bin/sh
# A target that is slow, or stands still: the source does not feel it, what is told about the lag is true,
# and a limit of the directory ends it with all that was stored on the target. A source that is slow: the target gets the
# snapshot while it comes, and has nothing of it should it not come to its end.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
rec=$RECORDINGS/live-4
DIR=$T/capture

cli()
{
    redis-cli -s "$T/redis/sock" --raw "$@"
}

# sync_into ARG... - bounded in time
sync_into()
{
    timeout 300 "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$DIR" --on-loss skip --quiet "$@"
}

# start_sync ARG... - in the background
start_sync()
{
    "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$DIR" --on-loss skip --quiet --json "$@" \
        >"$T/report.json" 2>"$T/sync.out" &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

# end_sync LABEL STATUS [SIGNAL]
end_sync()
{
    [ $# -lt 3 ] || kill -"$3" "$SYNC_PID"
    ends "$1" "$SYNC_PID" "$2" "$T/sync.out"
}

position_is_there()
{
    [ -n "$(cli --scan --pattern 'flowtape:*:{*}')" ]
}

# of_flows NAME - a number of all flows in the report
of_flows()
{
    json "$T/report.json" "flows/*/$1"
}

# applied - where the target is, flow by flow
applied()
{
    key=$(cli --scan --pattern 'flowtape:*:{*}')
    for flow in 0 1 2 3; do
        cli hget "$key" flow:$flow
    done
}

equal()
{
    check "$1: equals its state" "$STATE_DIFF" --skip-lossy "$rec/state.json" "$REDIS"
}

# over LABEL
over()
{
    standin_check "$1"
    check "$1: the source was not held up" [ "$(report_number longest_send_ms)" -lt 10000 ]
    redis_stop
    rm -rf "$DIR" "$T/redis"
}

meta_flow "$rec" final_lsn >"$T/final"

label="a target that stands still"
standin_start "$rec" --write-rate 100 --check-dir "$DIR"
redis_start
start_sync
check "$label: it has begun with the journal" t_until position_is_there
cli client pause 100000 write >/dev/null
check "$label: the source writes everything" t_until source_wrote "$rec"
sleep 0.5
applied >"$T/applied"
end_sync "$label" 5 INT
of_flows received >"$T/received"
of_flows durable >"$T/durable"
check "$label: all that was written is received" cmp "$T/final" "$T/received"
check "$label: and durable" cmp "$T/final" "$T/durable"
of_flows applied >"$T/told"
check "$label: what is on the target is told" cmp "$T/applied" "$T/told"
paste "$T/final" "$T/applied" | while read -r final there; do
    echo $((final - there))
done >"$T/wanted"
of_flows lag_records >"$T/told"
check "$label: so is the lag" cmp "$T/wanted" "$T/told"
lag=$(of_flows lag_ms | sort -n | tail -n 1)
# Before 6.2 there is no pause of writes alone.
server_before 6.2 || check "$label: and since when" [ "$lag" -ge 500 ]
cli client unpause >/dev/null
check "$label: the rest" sync_into --cutover takeover --finish
equal "$label"
over "$label"

# The directory fills at 10 times the rate of the target.
label="slow, and no room"
standin_start "$rec" --stamps 4000 --check-dir "$DIR"
redis_start
start_sync --rate 2000 --max-dir-size 1500K
end_sync "$label" 5
check "$label: says so" json_is "$T/report.json" ended full
of_flows durable >"$T/durable"
of_flows applied >"$T/told"
check "$label: the target has what was stored" cmp "$T/durable" "$T/told"
applied >"$T/applied"
check "$label: it is there" cmp "$T/durable" "$T/applied"
over "$label"

# has_early - entries of a full sync that is still running are on the target
has_early()
{
    [ -n "$(cli hget flowtape:replay early)" ] && [ "$(cli dbsize)" -gt 20 ]
}

# hold_source - a full sync that does not go on after its half
hold_source()
{
    standin_start "$rec" --pause-at 0:40000:1000000 "$@"
}

# source_dies - and another one, that goes on, takes its place
source_dies()
{
    kill -9 "$STANDIN_PID"
    wait "$STANDIN_PID" 2>/dev/null
    t_forget "$STANDIN_PID"
    standin_start "$rec" --port "$PORT"
}

label="killed in the full sync"
hold_source --check-dir "$DIR"
redis_start
start_sync
check "$label: entries are on the target" t_until has_early
kill -9 "$SYNC_PID"
wait "$SYNC_PID" 2>/dev/null
t_forget "$SYNC_PID"
cli set vanished 1 >/dev/null
check "$label: their state says so" [ "$(cli hget flowtape:replay phase)" = snapshot ]
if ! server_before 7.0; then # what the source no longer has may not stay
    cli function load '#!lua name=vanished
        redis.register_function("vanished", function() return 1 end)' >/dev/null
    cli acl setuser default '-function|flush' >/dev/null
    check_status "$label: functions that stay" 4 "FUNCTION" timeout 300 "$FLOWTAPE" sync "$URI" "$REDIS" \
        --dir "$DIR" --on-loss skip --cutover takeover --finish
    check "$label: functions that stay: so does the state" [ "$(cli hexists flowtape:replay early)" = 1 ]
    cli acl setuser default +@all >/dev/null
fi
check_status "$label: the rest" 0 "was not complete, and is emptied" timeout 300 "$FLOWTAPE" sync "$URI" "$REDIS" \
    --dir "$DIR" --on-loss skip --cutover takeover --finish
check "$label: no functions" [ -z "$(cli function list | grep vanished)" ]
equal "$label"
over "$label"

# complete_meanwhile - the full sync, with a part of it on the target
complete_meanwhile()
{
    [ -n "$(cli hget flowtape:replay phase)" ] && grep -q '"state": "complete"' "$DIR/capture.json"
}

label="killed when the full sync is complete"
standin_start "$rec" --late-stable 2000
redis_start
start_sync --rate 100
check "$label: a part of it is on the target" t_until complete_meanwhile
kill -9 "$SYNC_PID"
wait "$SYNC_PID" 2>/dev/null
t_forget "$SYNC_PID"
check_status "$label: the rest" 0 "after an earlier run" timeout 300 "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$DIR" \
    --on-loss skip --cutover takeover --finish
check "$label: what is there stays" [ -z "$(grep "is emptied" "$T/check.out")" ]
equal "$label"
over "$label"

label="a source that dies in the full sync"
hold_source
redis_start
start_sync --cutover takeover --finish
check "$label: entries are on the target" t_until has_early
source_dies
end_sync "$label" 0
check "$label: another generation" json_is "$T/report.json" replay/generation 2
check "$label: what is counted came by that" json_is "$T/report.json" replay/resumed false
equal "$label"
over "$label"

# start_noted ARG... - as start_sync, with its notes and no report
start_noted()
{
    "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$DIR" --snapshot-only "$@" >"$T/sync.out" 2>&1 &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

# A loss that is found when half of the keys are there: all of it is known in the end, and nothing is there.
label="a loss that is found late"
hold_source
redis_start
start_noted
check "$label: the rest is recorded first" t_until grep -q "recorded to its end before it is replayed: .*cannot hold" \
    "$T/sync.out"
source_dies
end_sync "$label" 3
check "$label: is told" grep -q "nothing was written" "$T/sync.out"
check "$label: the target has nothing" [ -z "$(cli keys '*')" ]
over "$label"

# What could not be taken back is not begun.
if ! server_before 7.0; then
    label="functions of the target's own"
    hold_source
    redis_start
    cli function load "#!lua name=own
redis.register_function('f', function() return 1 end)" >/dev/null
    start_noted --on-loss skip
    check "$label: the snapshot is recorded first" t_until grep -q \
        "recorded to its end before it is replayed: .*function libraries" "$T/sync.out"
    source_dies
    end_sync "$label" 0
    check "$label: they stay" [ "$(cli fcall f 0)" = 1 ]
    over "$label"
fi
t_end
