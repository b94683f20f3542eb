#!/bin/sh
# A capture that grows is served while links are cut, flowtape is killed and a replica restarted: after its first state a replica
# only ever gets the rest, and nothing twice. Replicas do not hold up each other, nor the source.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/serve_lib.sh"
t_begin
need_redis

SEED=${E2E_SEED:-$$}
echo "E2E_SEED=$SEED"
RATE=${E2E_RATE:-$(effort 80 120)} # of records, a second and flow

# grow RECORDING - captured in the background, into $T/cap, while the source writes
grow()
{
    rm -rf "$T/cap" "$T/serve.all" "$T/serve.err"
    standin_start "$RECORDINGS/$1" --write-rate "$RATE"
    "$FLOWTAPE" capture "$URI" "$T/cap" --quiet 2>"$T/capture.err" &
    CAPTURE_PID=$!
    PIDS="$PIDS $CAPTURE_PID"
    t_until has_generation || fail "the capture has a full sync" "$T/capture.err"
}

has_generation()
{
    "$FLOWTAPE" inspect "$T/cap" --quiet >/dev/null 2>&1 || "$FLOWTAPE" inspect "$T/cap" >/dev/null 2>&1
}

# capture_end - orderly, with all that the source has written
capture_end()
{
    kill "$CAPTURE_PID"
    wait "$CAPTURE_PID"
    t_forget "$CAPTURE_PID"
    standin_stop
}

link_is_up()
{
    [ "$(replica_field master_link_status)" = up ]
}

# has_all SOCKET - a replica has executed everything that the source has written
has_all()
{
    t_info=$(redis-cli -s "$1" info replication 2>/dev/null)
    printf '%s' "$t_info" | grep -q '^master_link_status:up' || return 1
    t_offset=$(serve_field master_repl_offset)
    [ -n "$t_offset" ] && [ "$t_offset" = "$(printf '%s' "$t_info" | sed -n 's/^slave_repl_offset:\([0-9]*\).*/\1/p')" ]
}

# serve_drained - the stream has what the capture has: it stays as it is
serve_drained()
{
    t_size=$(cat "$T"/cap/serve/*.stream | wc -c)
    sleep 0.3
    [ "$t_size" = "$(cat "$T"/cap/serve/*.stream | wc -c)" ]
}

# Interrupted at random moments, in the proportion of 5 cuts, 2 kills and 1 restart, while the source writes.
grow live-4
serve_start "$T/cap" --follow
replica_start --save 3600 1
t_until link_is_up || fail "the replica attaches" "$T/redis/log"
cuts=0 kills=0 restarts=0
# at least one, however slowly the replica has attached
while [ $((cuts + kills + restarts)) = 0 ] ||
    { ! source_wrote "$RECORDINGS/live-4" && [ $((cuts + kills + restarts)) -lt "${E2E_ROUNDS:-1000}" ]; }; do
    t_random_delay 120
    t_random 8
    case $R in
    [0-4])
        redis-cli -s "$T/redis/sock" client kill type master >/dev/null
        cuts=$((cuts + 1))
        ;;
    [56])
        serve_kill
        serve_start "$T/cap" --follow
        kills=$((kills + 1))
        ;;
    7)
        replica_restart --save 3600 1
        restarts=$((restarts + 1))
        ;;
    esac
done
t_until source_wrote "$RECORDINGS/live-4"
capture_end
t_until serve_drained
t_until has_all "$T/redis/sock" || fail "the replica has everything" "$T/redis/log"
echo "$cuts cuts, $kills kills, $restarts restarts"
check "after interruptions: equals live-4" "$STATE_DIFF" --skip-lossy "$RECORDINGS/live-4/state.json" "$REDIS"
cat "$T/serve.err" >>"$T/serve.all"
echo "$(grep -c 'resumes after offset' "$T/serve.all") times resumed"
[ "$(grep -c 'gets the whole state' "$T/serve.all")" = 1 ] && pass "one full sync, the first one" ||
    fail "more than one full sync" "$T/serve.all"
redis_stop
serve_stop "after interruptions"

# Three replicas: one that does not stop, one that stops again and again, one that stands still.
grow live-4
SERVE_PORT=
serve_start "$T/cap" --follow --max-replicas 3
for i in 1 2 3; do
    mkdir -p "$T/r$i"
    "$REDIS_SERVER" --port 0 --unixsocket "$T/r$i/sock" --dir "$T/r$i" --save '' --databases 64 \
        --repl-diskless-sync no --replicaof 127.0.0.1 "$SERVE_PORT" >"$T/r$i/log" 2>&1 &
    eval "R$i=$!"
    PIDS="$PIDS $!"
done
for i in 1 2 3; do
    t_until sh -c "redis-cli -s '$T/r$i/sock' info replication | grep -q '^master_link_status:up'" ||
        fail "replica $i attaches" "$T/r$i/log"
done
check_status "a fourth replica is refused" 1 "" redis-cli -p "$SERVE_PORT" --rdb "$T/fourth.rdb"
kill -STOP "$R3"
least=0 # of records that it does not get now; a slow machine may have come too late for any
source_wrote "$RECORDINGS/live-4" || least=1
while ! source_wrote "$RECORDINGS/live-4"; do
    kill -STOP "$R2"
    t_random_delay 200
    kill -CONT "$R2"
    t_random_delay 50
done
capture_end
check "the source was kept up with" [ "$(report_number 'violations/*' | wc -l)" = 0 ]
t_until serve_drained
t_until has_all "$T/r1/sock" && pass "the first has everything while the third stands still" ||
    fail "the first has everything while the third stands still" "$T/serve.err"
t_until has_all "$T/r2/sock" && pass "so has the second" || fail "so has the second" "$T/serve.err"
lag=$(redis-cli -p "$SERVE_PORT" info replication | sed -n 's/.*lag_records=\([0-9]*\),.*/\1/p' | sort -n | tail -n 1)
check "its lag is known in records" [ "$lag" -ge $least ]
kill -CONT "$R3"
t_until has_all "$T/r3/sock" && pass "the third, when it goes on" || fail "the third, when it goes on" "$T/serve.err"
for i in 1 2 3; do
    check "replica $i equals live-4" "$STATE_DIFF" --skip-lossy "$RECORDINGS/live-4/state.json" "unix:$T/r$i/sock"
done
# all_acknowledged - no replica has said less than it has, which each does once a second
all_acknowledged()
{
    redis-cli -p "$SERVE_PORT" info replication >"$T/info"
    [ "$(grep -c ',lag_bytes=0,lag_records=0,' "$T/info")" = 3 ]
}
t_until all_acknowledged
serve_stop "three replicas"
{ cat "$T/info" && json "$T/serve.json" 'replicas/*/lag_records'; } >"$T/lags"
[ "$(tail -n 3 "$T/lags" | tr '\n' ' ')" = "0 0 0 " ] && pass "the report has all three" ||
    fail "the report has all three" "$T/lags"
t_end
