#!/bin/sh
# The ways to cut over: told, with the source paused and confirmed or not, handed over, failed.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
t_begin
need_redis
live=$RECORDINGS/live-1

# begin_sync ARG... - in the background, as $SYNC_PID, its output in $T/sync.out
begin_sync()
{
    rm -rf "$T/cap" "$T/redis" "$T/sync.out"
    redis_start
    : >"$T/sync.out"
    "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" --on-loss skip "$@" >"$T/sync.out" 2>&1 &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

equal()
{
    check "$1: equals its state" "$STATE_DIFF" --skip-lossy "$live/state.json" "$REDIS"
}

over()
{
    redis_stop
    standin_check "$1"
}

# scans - how often the target's keys were gone through
scans()
{
    redis-cli -s "$T/redis/sock" info commandstats | sed -n 's/^cmdstat_scan:calls=\([0-9]*\),.*/\1/p'
}

# deferred - how many keys have a time that is not their own
deferred()
{
    redis-cli -s "$T/redis/sock" eval "local n=0 for _,k in ipairs(redis.call('KEYS','*')) do
        if redis.call('PTTL',k)>1000000000000 then n=n+1 end end return n" 0
}

follows_deferred()
{
    [ "$(redis-cli -s "$T/redis/sock" hget flowtape:replay overdue)" = 1 ] && [ "$(deferred)" -gt 0 ]
}

# source_goes_on - it has written since it was at $before
source_goes_on()
{
    [ "$(source_lsns)" != "$before" ]
}

standin_start "$live" --rate 100000
begin_sync --finish
await "caught up"
check "while it follows the expiry of keys is deferred" [ "$(deferred)" -gt 0 ]
check "manual, told by a signal: says when" grep -q "caught up" "$T/sync.out"
kill -USR1 "$SYNC_PID"
ends_with "manual, told by a signal" 0
check "manual: says that nothing was paused" grep -q "was not" "$T/sync.out"
check "manual: the keys have their own times" [ "$(deferred)" = 0 ]
equal "manual, told by a signal"
over "manual, told by a signal"

standin_start "$live"
begin_sync --finish
await "caught up"
check_status "--confirm before there is anything to confirm" 1 "nothing is waiting for a confirmation" timeout 60 "$FLOWTAPE" cutover \
    "$T/cap" --confirm
check "--confirm too early: it follows" kill -0 "$SYNC_PID"
check_status "cutover DIR shows the state" 2 "caught up" "$FLOWTAPE" cutover "$T/cap" </dev/null
"$FLOWTAPE" cutover "$T/cap" >"$T/state.out" 2>&1 </dev/null
check "and how it would be" grep -q "would be: manual" "$T/state.out"
check "and begins nothing" grep -q "nothing was begun: --mode manual begins" "$T/state.out"
"$FLOWTAPE" cutover "$T/cap" --json >"$T/state.json" 2>/dev/null </dev/null
check "the state as JSON" json_is "$T/state.json" state following
if command -v script >/dev/null; then
    check_status "asked, and not agreed" 5 "Begin it now" \
        sh -c "echo no | script -qec \"'$FLOWTAPE' cutover '$T/cap'\" /dev/null"
fi
"$FLOWTAPE" cutover "$T/cap" --mode default --json >"$T/cutover.json" || fail "cutover DIR"
check "cutover DIR" json_is "$T/cutover.json" ended cut-over
ends_with "cutover DIR" 0
equal "cutover DIR"
check_status "nobody is there" 4 "no flowtape sync" "$FLOWTAPE" cutover "$T/cap"
over "cutover DIR"

standin_start "$live" --write-rate 100
begin_sync --cutover pause
await "confirm"
before=$(source_lsns)
scans=$(scans)
sleep 0.9
check "pause: nothing is written meanwhile" [ "$before" = "$(source_lsns)" ]
check_status "pause: --confirm" 0 "cut-over" timeout 300 "$FLOWTAPE" cutover "$T/cap" --confirm
ends_with "pause, confirmed" 0
check "pause: the keys are not gone through while the source waits" [ "$scans" -gt 0 -a \
    "$scans" = "$(scans)" ]
check "pause: the keys have their own times" [ "$(deferred)" = 0 ]
applied=$(redis-cli -s "$T/redis/sock" --scan --pattern 'flowtape:*:{0}' |
    while read -r key; do redis-cli -s "$T/redis/sock" hget "$key" flow:0; done)
check "pause: applied as far as the source is" [ "$applied" = "$before" ]
redis_stop
check "pause: still paused for whoever stops it" [ "$before" = \
    "$(source_lsns)" ]
standin_check "pause, confirmed"

standin_start "$live" --write-rate 100
begin_sync --cutover pause --hold 1s
ends_with "pause, not confirmed" 5
check "pause, not confirmed: says so" grep -q "not confirmed" "$T/sync.out"
before=$(source_lsns)
check "pause, not confirmed: the source goes on" t_until source_goes_on
over "pause, not confirmed"

standin_start "$live" --write-rate 200
begin_sync --hold 1s --finish
await "caught up"
check_status "--mode pause, not confirmed" 5 "not-confirmed" timeout 300 "$FLOWTAPE" cutover "$T/cap" \
    --mode pause
check "it follows again" kill -0 "$SYNC_PID"
check "and defers the expiry of keys again" t_until follows_deferred
t_until source_wrote "$live"
check_status "--mode takeover" 0 "cut-over" timeout 300 "$FLOWTAPE" cutover "$T/cap" --mode takeover
ends_with "--mode takeover" 0
equal "--mode takeover"
over "--mode takeover"

standin_start "$live" --write-rate 100
begin_sync --cutover pause
await "confirm"
kill -INT "$SYNC_PID"
ends_with "stopped while it holds" 5
before=$(source_lsns)
check "stopped while it holds: the source goes on" t_until source_goes_on
over "stopped while it holds"

standin_start "$live" --write-rate 100
begin_sync --cutover pause
await "confirm"
kill -9 "$SYNC_PID"
wait "$SYNC_PID" 2>/dev/null
t_forget "$SYNC_PID"
before=$(source_lsns)
check "killed while it holds: the source goes on by itself" t_until source_goes_on
over "killed while it holds"

check_status "both to begin and to confirm" 2 "one of the two" "$FLOWTAPE" cutover "$T/none" --mode pause --confirm

standin_start "$live" --no-pause
begin_sync --cutover pause
ends_with "pause refused" 4
check "pause refused: says so" grep -q "refused CLIENT PAUSE" "$T/sync.out"
over "pause refused"
t_end
