#!/bin/sh
# A Redis brought into another one: sync is killed while the source is written to, then cuts over. The target is what the source is, to
# the last counter.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/redis_source_lib.sh"
t_begin
need_redis

SOURCE=redis://$T_HOST:7001
TARGET=redis://$T_HOST:7002
DIR=$T/cap
server_start a 7001 --repl-backlog-size 20mb --repl-diskless-sync-delay 0
server_start b 7002

# sync_start ARG... - its process is $pid
sync_start()
{
    "$FLOWTAPE" sync "$SOURCE" "$TARGET" --dir "$DIR" "$@" >"$T/log" 2>&1 &
    pid=$!
    PIDS="$PIDS $pid"
}

sync_end()
{
    kill -"$1" $pid
    wait $pid 2>/dev/null
    t_forget $pid
}

check_status "what a Redis cannot do" 2 'does not hand over' "$FLOWTAPE" sync "$SOURCE" "$TARGET" --dir "$DIR" --cutover takeover
writes 1 500 | ask a >/dev/null
writes_start a
sync_start
t_until t_says "$T/log" 'caught up with the source'
i=0
while [ $i -lt "$(effort 8 3)" ]; do
    i=$((i + 1))
    sync_end KILL
    sync_start
    t_until test -S "$DIR/sync.sock"
    t_random_delay 300
done
t_until t_says "$T/log" 'caught up with the source'
check_status "a lag of bytes" 2 'lag of the target: [0-9.]* [KM]*i*B,' "$FLOWTAPE" cutover "$DIR"
# Its LSNs are offsets in bytes, which nobody calls records.
lag_is_seen()
{
    "$FLOWTAPE" status "$DIR" >"$T/status" && grep -Eq 'flow 0: .* lag [0-9.]+ [KM]*i*B,' "$T/status"
}
t_until lag_is_seen && pass "a lag of bytes: status" || fail "a lag of bytes: status" "$T/status"
"$FLOWTAPE" status "$DIR" --json >"$T/runs.json"
check "a lag of bytes: as JSON" [ -n "$(json "$T/runs.json" 'runs/*/numbers/lag_bytes')" ]
check "a lag of bytes: none of records" [ -z "$(json "$T/runs.json" 'runs/*/numbers/lag_records')" ]
check_status "a takeover while it runs" 4 'does not hand over' "$FLOWTAPE" cutover "$DIR" --mode takeover
writes_stop
sync_end INT
sync_start --cutover pause --check all
t_until t_says "$T/log" 'confirm by'
check "confirmed" "$FLOWTAPE" cutover "$DIR" --confirm
wait $pid && pass "the sync is done" || fail "sync" "$T/log"
t_forget $pid
check "the target is what the capture says" "$FLOWTAPE" diff "$DIR" "$TARGET"
check "and so is the source" "$FLOWTAPE" diff "$DIR" "$SOURCE"
# So it is where the capture alone says so: no replica, and no report, has a lag of records.
"$FLOWTAPE" serve "$DIR" --as redis $FOR_SERVER --listen "$T_HOST:7003" --on-loss skip --json >"$T/serve.json" 2>"$T/log" &
pid=$!
PIDS="$PIDS $pid"
t_says "$T/log" 'listening on'
ask b replicaof "$T_HOST" 7003 >/dev/null
t_until server_says b 'master_link_status:up' info replication
redis-cli -h "$T_HOST" -p 7003 info replication >"$T/info"
check "served: the lag of a replica is in bytes" grep -q '^slave0:.*,lag_bytes=[0-9]*,lag_ms=' "$T/info"
kill -INT $pid
ends "served" $pid 0 "$T/log"
check "served: none of records" json_is "$T/serve.json" 'replicas/0/lag_records' null
grep -c 'replication_id' "$DIR/capture.json" | grep -qx 1 && pass "all in one generation" || fail "generations" "$DIR/capture.json"
t_end
