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
grep -c 'replication_id' "$DIR/capture.json" | grep -qx 1 && pass "all in one generation" || fail "generations" "$DIR/capture.json"
t_end
