#!/bin/sh
# A Redis as the source, under writes of all kinds: kills of flowtape, a replica that takes its place, transactions. What
# was captured is what the server holds.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/redis_source_lib.sh"
t_begin
need_redis

SOURCE=redis://$T_HOST:7001
DIR=$T/cap
server_start a 7001 --repl-backlog-size 20mb --repl-diskless-sync-delay 0
server_start b 7002 --replicaof "$T_HOST" 7001 --repl-diskless-sync-delay 0
t_until server_says b 'master_link_status:up' info replication

check_status "a database of the source" 2 'all of them are replicated' "$FLOWTAPE" capture "$SOURCE/1" "$DIR"
writes 1 500 | ask a >/dev/null
check "a first capture" "$FLOWTAPE" capture "$SOURCE" "$DIR" --until-caught-up
grep -q '"major": 2' "$DIR/capture.json" && pass "older programs refuse it" || fail "major" "$DIR/capture.json"
check_status "a Dragonfly is not captured into it" 1 'capture of a Redis' "$FLOWTAPE" capture "dragonfly://$T_HOST:7001" "$DIR"

# killed at random, while the source is written to
writes_start a
i=0
while [ $i -lt "$(effort 12 5)" ]; do
    i=$((i + 1))
    "$FLOWTAPE" capture "$SOURCE" "$DIR" --quiet --sync always >"$T/log" 2>&1 &
    pid=$!
    PIDS="$PIDS $pid"
    t_random_delay 300
    kill -9 $pid
    wait $pid 2>/dev/null
    t_forget $pid
done
writes_stop
check "a capture after the kills" "$FLOWTAPE" capture "$SOURCE" "$DIR" --until-caught-up
generations=$(grep -c '"replication_id"' "$DIR/capture.json")
[ "$generations" -eq 1 ] && pass "it resumed each time" || fail "$generations generations" "$DIR/capture.json"
check "the capture is what the source holds" "$FLOWTAPE" diff "$DIR" "$SOURCE"

# the replica takes its place
was=$(grep '"replication_id"' "$DIR/capture.json")
t_until server_says b "master_repl_offset:$(ask a info replication | sed -n 's/^master_repl_offset:\([0-9]*\).*/\1/p')" \
    info replication
ask b replicaof no one >/dev/null
writes 99 500 | ask b >/dev/null
check "a capture of the one that took its place" "$FLOWTAPE" capture "redis://$T_HOST:7002" "$DIR" --until-caught-up
[ "$(grep -c '"replication_id"' "$DIR/capture.json")" -eq 1 ] && [ "$(grep '"replication_id"' "$DIR/capture.json")" != "$was" ] &&
    pass "it resumed under the new id" || fail "the id after the failover" "$DIR/capture.json"
check "the capture is what the new master holds" "$FLOWTAPE" diff "$DIR" "redis://$T_HOST:7002"
check "the capture is sound" "$FLOWTAPE" verify "$DIR"

# cut where a transaction ends, and nowhere within it
lsn=$("$FLOWTAPE" inspect "$DIR" --records | awk '$6 == "EXEC" { n = $4 } END { print n }')
check "packed up to a transaction" "$FLOWTAPE" pack "$DIR" "$T/part.tar.zst" --until "$lsn"
check "the packed part is sound" "$FLOWTAPE" verify "$T/part.tar.zst"
check_status "a cut within a transaction" 2 'within a command or a transaction' "$FLOWTAPE" pack "$DIR" "$T/no.tar.zst" \
    --until "$((lsn - 14))"

# a wait of a client is answered by what is durable
"$FLOWTAPE" capture "redis://$T_HOST:7002" "$DIR" --quiet >"$T/log" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_until server_says b 'connected_slaves:1' info replication
printf 'SET waited 1\nWAIT 1 20000\n' | ask b >"$T/waited"
[ "$(tail -n 1 "$T/waited")" = 1 ] && pass "WAIT is answered" || fail "WAIT" "$T/waited"
kill -9 $pid
wait $pid 2>/dev/null
t_forget $pid
"$FLOWTAPE" convert "$DIR" "$T/out.json" --to json --quiet
grep -q '"SET","waited"' "$T/out.json" && pass "what was waited for is on disk" || fail "what was waited for"

# a stream that the source does not have any more is a new generation
server_start c 7003 --repl-diskless-sync no
ask c set other 1 >/dev/null
check_status "another source" 1 'another source needs another' "$FLOWTAPE" capture "redis://$T_HOST:7003" "$DIR"
ask c replicaof "$T_HOST" 7002 >/dev/null
t_until server_says c 'master_link_status:up' info replication
check "a capture of a replica, sent with its length" "$FLOWTAPE" capture "redis://$T_HOST:7003" "$T/chained" --snapshot-only
writes 77 300 | ask b >/dev/null
t_until server_says c "master_repl_offset:$(ask b info replication | sed -n 's/^master_repl_offset:\([0-9]*\).*/\1/p')" \
    info replication
check "it goes on" "$FLOWTAPE" capture "redis://$T_HOST:7003" "$T/chained" --until-caught-up
ask c replicaof no one >/dev/null
check "the replica's capture is what it holds" "$FLOWTAPE" diff "$T/chained" "redis://$T_HOST:7003"
kill -9 "$PID_c"
wait "$PID_c" 2>/dev/null
t_forget "$PID_c"
server_start c 7003
ask c set instead 1 >/dev/null
check "after it has lost all" "$FLOWTAPE" capture "redis://$T_HOST:7003" "$T/chained" --until-caught-up
[ "$(grep -c '"replication_id"' "$T/chained/capture.json")" -eq 2 ] && pass "a new generation" ||
    fail "generations" "$T/chained/capture.json"
check "its state" "$FLOWTAPE" diff "$T/chained" "redis://$T_HOST:7003"
t_end
