#!/bin/sh
# A stand-in master is migrated into a Redis Cluster: every recording, and while slots move, masters are
# killed and replaced, and flowtape itself is killed; in one process and in two.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
KILLS=${E2E_KILLS:-$(effort 12 4)}
MERGE='0:0,*:prefix=db%d:'
DIR=$T/capture

# target - a node that is up
target()
{
    echo "redis://$(node_address "$(cluster_any)")"
}

# empty_cluster - not by --flush: a kill may come before it is executed
empty_cluster()
{
    rm -rf "$DIR"
    for node in $(cluster_masters); do
        node_cli "$node" flushall >/dev/null || fail "an empty cluster"
    done
}

# sync_into [ARG...] - up to the handing over; bounded in time
sync_into()
{
    timeout 300 "$FLOWTAPE" sync "$URI" "$(target)" --dir "$DIR" --on-loss skip --db-map "$MERGE" \
        --cutover takeover --finish --quiet "$@"
}

# in_background NAME COMMAND... - sets PID; what it says is added to $T/NAME.out
in_background()
{
    name=$1
    shift
    "$@" >>"$T/$name.out" 2>&1 &
    PID=$!
    PIDS="$PIDS $PID"
}

# start_sync [ARG...] - in the background, as $SYNC_PID
start_sync()
{
    in_background sync "$FLOWTAPE" sync "$URI" "$(target)" --dir "$DIR" --on-loss skip \
        --db-map "$MERGE" --quiet "$@"
    SYNC_PID=$PID
}

# equal LABEL RECORDING
equal()
{
    # shellcheck disable=SC2046 # lists of words
    check "$1: equals its state" cluster_diff "$2/state.json" --db-prefix --skip-lossy \
        $(not_in_journal "$2") $(state_options "$2")
}

# begin NAME STANDIN-ARG... - a recording whose journal grows as time goes by
begin()
{
    rec=$RECORDINGS/$1
    shift
    : >"$T/sync.out"
    empty_cluster
    standin_start "$rec" --check-dir "$DIR" "$@"
}

# finish LABEL - all that is written is brought over; two starts, the first is stopped by a signal
finish()
{
    start_sync
    check "$1: everything is written" t_until source_wrote "$rec"
    t_at_work "$SYNC_PID"
    kill -INT "$SYNC_PID"
    ends "$1: stopped" "$SYNC_PID" 5 "$T/sync.out"
    check "$1: the end" sync_into
    migrate_loop_stop # a key that moves while it is looked for can be missed
    equal "$1" "$rec"
    standin_check "$1"
}

start_cluster 3 1 --appendonly yes --appendfsync always || fail "no cluster"

for path in "$RECORDINGS"/* "$RECORDINGS"/older/*/*; do
    [ -f "$path/state.json" ] && [ -f "$path/flow-0.bin" ] || continue
    name=${path#"$RECORDINGS/"}
    [ "$name" != resume-b ] || continue
    begin "$name"
    sync_into --json >"$T/report.json" 2>"$T/sync.out"
    status=$?
    # 3: keys are named of which the journal does not say all
    if [ $status -eq 0 ] ||
        { [ $status -eq 3 ] && json "$T/report.json" 'replay/suspects/keys/*/lsn' >"$T/lsns"; }; then
        pass "$name: sync"
    else
        fail "$name: sync (status $status)" "$T/sync.out"
    fi
    equal "$name" "$path"
    standin_check "$name"
done

label="slots move"
begin live-4 --write-rate "$(effort 30 100)"
migrate_loop_start
finish "$label"
check "$label: slots have moved" [ -s "$T/cluster/migrated" ]

label="two processes, a master restarts, another is replaced"
begin live-4 --write-rate 100
in_background capture "$FLOWTAPE" capture "$URI" "$DIR" --quiet
CAPTURE_PID=$PID
t_until test -f "$DIR/capture.json"
in_background replay "$FLOWTAPE" replay "$DIR" "$(target)" --follow --quiet --on-loss skip \
    --db-map "$MERGE"
REPLAY_PID=$PID
cluster_is_written_to "$REPLAY_PID" 300
kill_node 1
restart_node 1
failover_master 2 hard
check "$label: everything is written" t_until source_wrote "$rec"
kill -INT "$CAPTURE_PID"
ends "$label: the capture" "$CAPTURE_PID" 0 "$T/capture.out"
kill -INT "$REPLAY_PID"
ends "$label: the replay that follows" "$REPLAY_PID" 5 "$T/replay.out"
check "$label: the rest" "$FLOWTAPE" replay "$DIR" "$(target)" --quiet --on-loss skip \
    --db-map "$MERGE" --finish
equal "$label" "$rec"
standin_check "$label"

label="killed $KILLS times"
begin live-4 --write-rate 100 --drops 3 --seed 7
kills=0
while [ $kills -lt "$KILLS" ]; do
    kills=$((kills + 1))
    start_sync
    t_random_delay 1200
    t_forget "$SYNC_PID"
    if kill -9 "$SYNC_PID" 2>/dev/null; then
        wait "$SYNC_PID" 2>/dev/null
    else
        fail "$label: it ended by itself" "$T/sync.out"
    fi
done
finish "$label"
stop_cluster

start_cluster 1 0 || fail "no cluster of one"
node_cli 1 cluster delslots 100 >/dev/null
begin live-1
check_status "a slot without a master" 4 "no master for 1 of 16384 slots, such as 100-100" sync_into
check "a slot without a master: nothing is recorded" [ ! -e "$DIR" ]
standin_check "a slot without a master"
stop_cluster
t_end
