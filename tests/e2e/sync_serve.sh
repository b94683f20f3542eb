#!/bin/sh
# A live source is recorded and served in one process: replicas have everything when it is cut over, suspect keys too, in
# every mode; who is missing is waited for; links are cut, and flowtape is killed.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
t_begin
need_redis
catalogue=$RECORDINGS/catalogue
live=$RECORDINGS/live-4
REPLICA_PORT=$((20000 + $$ * 41 % 12000))

# serve_sync ARG... - in the background; it listens on $SERVE_PORT, the same one when it is started again
serve_sync()
{
    cat "$T/sync.out" >>"$T/sync.all" 2>/dev/null
    : >"$T/sync.out"
    # shellcheck disable=SC2086 # words
    "$FLOWTAPE" sync "$URI" --serve "127.0.0.1:${SERVE_PORT:-0}" --dir "$T/cap" $FOR_SERVER --databases 64 \
        --on-loss skip --json "$@" >"$T/sync.json" 2>"$T/sync.out" &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

# listens - sets SERVE_PORT
listens()
{
    await "listening on"
    SERVE_PORT=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$T/sync.out" | head -n 1)
}

begin_sync()
{
    rm -rf "$T/cap" "$T/sync.out" "$T/sync.all"
    SERVE_PORT=
    serve_sync "$@"
    listens
}

# replica_start N [ARG...] - in $T/rN, with what is there, as $RN
replica_start()
{
    t_n=$1
    shift
    mkdir -p "$T/r$t_n"
    "$REDIS_SERVER" --port $((REPLICA_PORT + t_n)) --bind 127.0.0.1 --unixsocket "$T/r$t_n/sock" --dir "$T/r$t_n" \
        --save '' --databases 64 --repl-diskless-sync no --replicaof 127.0.0.1 "$SERVE_PORT" "$@" \
        >>"$T/r$t_n/log" 2>&1 &
    eval "R$t_n=$!"
    PIDS="$PIDS $!"
}

replicas_start()
{
    for i in $REPLICAS; do
        replica_start "$i"
    done
}

replicas_stop()
{
    for i in $REPLICAS; do
        eval "pid=\$R$i"
        kill -9 "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        t_forget "$pid"
        rm -rf "$T/r$i"
    done
}

# equal LABEL RECORDING [ARG...] - each replica, as a master
equal()
{
    t_equal=$1 t_state=$2/state.json
    shift 2
    for i in $REPLICAS; do
        redis-cli -s "$T/r$i/sock" replicaof no one >/dev/null
        check "$t_equal: replica $i equals its state" "$STATE_DIFF" --skip-lossy "$@" "$t_state" "unix:$T/r$i/sock"
    done
}

counts()
{
    t_counts=
    for t_name in corrected deleted equal unread; do
        t_counts="$t_counts $(json "$T/sync.json" "suspects/$t_name")"
    done
    [ "$t_counts" = " $2 $3 $4 $5" ] && pass "$1: counts" ||
        fail "$1: corrected, deleted, equal, unread:$t_counts" "$T/sync.json"
}

over()
{
    replicas_stop
    standin_check "$1"
}

check_status "--serve: nothing about a target" 2 "with --serve: there is no option --rename" "$FLOWTAPE" sync dragonfly://127.0.0.1:1 \
    --serve 127.0.0.1:0 --dir "$T/none" --rename 'a=prefix:b'
check_status "--min-replicas: not of a target" 2 "is for --serve" "$FLOWTAPE" sync dragonfly://127.0.0.1:1 \
    redis://127.0.0.1:1 --dir "$T/none" --min-replicas 2

# Every mode. SORT ... STORE across shards made l11 of l4, and the source counts LMPOP with COUNT, which took from l2.
REPLICAS="1 2 3"
for mode in manual pause takeover; do
    standin_start "$catalogue" --pops 1
    begin_sync --cutover $mode --min-replicas 3
    replicas_start
    if [ $mode = manual ]; then
        await "caught up"
        kill -USR1 "$SYNC_PID"
    fi
    if [ $mode = pause ]; then
        await "confirm by"
        check_status "pause: --confirm" 0 "cut-over" timeout 300 "$FLOWTAPE" cutover "$T/cap" --confirm
    fi
    ends_with "$mode" 0
    check "$mode: says what to do" grep -q "all 3 replicas have acknowledged everything.*REPLICAOF NO ONE" "$T/sync.out"
    check "$mode: suspect keys were brought" [ "$(json "$T/sync.json" suspects/corrected)" -ge 3 ]
    check "$mode: all of them" json_is "$T/sync.json" suspects/unread 0
    check "$mode: the report has the replicas" [ "$(json "$T/sync.json" 'serve/replicas/*/state' | tr '\n' ' ')" = "online online online " ]
    check "$mode: and no lag" [ "$(json "$T/sync.json" 'flows/*/lag_records' | sort -u)" = 0 ]
    equal "$mode" "$catalogue" --ignore 0/hshort
    over "$mode"
done

# link_is_up N - replica N gets the stream
link_is_up()
{
    redis-cli -s "$T/r$1/sock" info replication | grep -q '^master_link_status:up'
}

one_is_attached()
{
    redis-cli -p "$SERVE_PORT" info replication | grep -q '^connected_slaves:1'
}

# Who is missing is waited for: without a replica, or with one that has gone, nothing is confirmed.
REPLICAS="1 2"
standin_start "$catalogue"
begin_sync --cutover pause --give-up-after 500ms --hold 100s
check "without a replica: it does not begin" [ "$(grep -c paused "$T/sync.out")" = 0 ]
check_status "without a replica: told to, it says so" 4 "0 replicas are attached, 1 is needed" \
    timeout 60 "$FLOWTAPE" cutover "$T/cap" --mode manual
kill -INT "$SYNC_PID"
ends_with "without a replica: it goes on until it is stopped" 5
serve_sync --cutover manual
listens
replicas_start
t_until link_is_up 1
t_until link_is_up 2
await "caught up"
"$FLOWTAPE" cutover "$T/cap" --mode pause >"$T/cutover.out" 2>&1 &
CUTOVER_PID=$!
PIDS="$PIDS $CUTOVER_PID"
await "confirm by"
eval "kill -9 $R2; wait $R2" 2>/dev/null
t_forget "$R2"
t_until one_is_attached # that its link has ended is noticed when its last bytes are read
kill -USR1 "$SYNC_PID"
await "waiting: replica 127.0.0.1:$((REPLICA_PORT + 2)) is away"
check "one that has gone: it is not over" kill -0 "$SYNC_PID"
rm -f "$T/r2/sock"
replica_start 2
ends_with "one that came back" 0
ends "one that came back: cutover" "$CUTOVER_PID" 0 "$T/cutover.out"
equal "one that came back" "$catalogue" --ignore 0/l2 --ignore 0/hshort
replicas_stop

# One that was attached before flowtape was restarted is missed, too, unless it is said that it is not needed.
REPLICAS=1
standin_stop
standin_start "$catalogue"
begin_sync
replica_start 1
replica_start 2
t_until link_is_up 1
t_until link_is_up 2
await "caught up"
kill -9 "$SYNC_PID" "$R2"
wait "$SYNC_PID" "$R2" 2>/dev/null
t_forget "$SYNC_PID"
t_forget "$R2"
serve_sync
listens
t_until link_is_up 1
check_status "gone for good: done without" 0 "cut-over" timeout 60 "$FLOWTAPE" cutover "$T/cap" \
    --mode takeover --without "127.0.0.1:$((REPLICA_PORT + 2))"
ends_with "gone for good" 0
equal "gone for good" "$catalogue" --ignore 0/l2 --ignore 0/hshort
check "after a restart the stream is resumed" grep -q "resumes after offset" "$T/sync.out"
over "gone for good"

# A source that goes on while suspect keys are read; one of three comes late, while writes wait, and gets a state at the end.
REPLICAS="1 2"
standin_start "$catalogue" --stamps 50
begin_sync
replicas_start
await "caught up"
kill -USR1 "$SYNC_PID"
ends_with "a busy source" 0
check "a busy source: not paused" grep -q "it is not paused" "$T/sync.out"
equal "a busy source" "$catalogue" --ignore 0/l2 --ignore 0/hshort --ignore-prefix stamps-
over "a busy source"
standin_start "$catalogue"
begin_sync --state-at end --cutover pause
replica_start 1
await "confirm by"
replica_start 2
t_until link_is_up 2
kill -USR1 "$SYNC_PID"
ends_with "one that came late" 0
check "one that came late: it is counted" grep -q "all 2 replicas" "$T/sync.out"
equal "one that came late" "$catalogue" --ignore 0/l2 --ignore 0/hshort
over "one that came late"

# The source has to send all of it again: so replicas get all of it again, and it is cut over to them.
REPLICAS="1 2"
cut=$(($(meta_flow "$live" stable_start | head -n 1) + 60000))
standin_start "$live" --rate 80000 --drop-at "0:$cut" --new-replid-after 1
begin_sync --min-replicas 2
replicas_start
await "a newer generation is there"
t_until source_wrote "$live"
check_status "another generation: takeover" 0 "cut-over" timeout 300 "$FLOWTAPE" cutover "$T/cap" --mode takeover
ends_with "another generation" 0
equal "another generation" "$live"
over "another generation"

# Links are cut and flowtape is killed while the source writes: each replica gets one whole state.
REPLICAS="1 2 3"
standin_start "$live" --write-rate "$(effort 80 160)"
begin_sync --min-replicas 3
replicas_start
for i in $REPLICAS; do
    t_until link_is_up $i
done
while ! source_wrote "$live"; do
    t_random_delay 150
    t_random 5
    case $R in
    [0-2]) redis-cli -s "$T/r$((R + 1))/sock" client kill type master >/dev/null ;;
    *)
        kill -9 "$SYNC_PID"
        wait "$SYNC_PID" 2>/dev/null
        t_forget "$SYNC_PID"
        serve_sync --min-replicas 3
        listens
        ;;
    esac
done
await "caught up"
kill -9 "$SYNC_PID"
wait "$SYNC_PID" 2>/dev/null
t_forget "$SYNC_PID"
serve_sync --min-replicas 3 --cutover takeover
ends_with "interrupted" 0
equal "interrupted" "$live"
cat "$T/sync.out" >>"$T/sync.all"
[ "$(grep -c 'gets the whole state' "$T/sync.all")" = 3 ] && pass "interrupted: one full sync for each" ||
    fail "interrupted: full syncs" "$T/sync.all"
over "interrupted"
t_end
