#!/bin/sh
# A target that does not answer as it should yet, from the first connection on: waited for, and said.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
[ -d "$RECORDINGS/live-1" ] || t_skip "no recording live-1"

# answers PATTERN - what it says to PING
answers()
{
    cli ping 2>&1 | grep -Eq "$1"
}

# started URI [ARG...] - a replay in the background
started()
{
    uri=$1
    shift
    "$FLOWTAPE" replay "$T/live-1" "$uri" --on-loss skip --finish "$@" >"$T/replay.out" 2>&1 &
    REPLAY_PID=$!
    PIDS="$PIDS $REPLAY_PID"
}

# waits LABEL TEXT - it says so, and goes on trying
waits()
{
    if t_until grep -Eiq "($2).*(trying again|waiting)" "$T/replay.out" && kill -0 "$REPLAY_PID"; then
        pass "$1"
    else
        fail "$1" "$T/replay.out"
    fi
}

# ended LABEL - well, and the target has everything
ended()
{
    ends "$1: it goes on" "$REPLAY_PID" 0 "$T/replay.out"
}

equal()
{
    check "$1: equal" "$STATE_DIFF" --skip-lossy "$RECORDINGS/live-1/state.json" "$REDIS"
}

take live-1

redis_start --lua-time-limit 5
cli eval 'while true do end' 0 >/dev/null 2>&1 &
PIDS="$PIDS $!"
t_until answers BUSY || fail "a busy server"
started "$REDIS"
waits "BUSY" BUSY
cli script kill >/dev/null
ended "BUSY"
equal "BUSY"

# Many keys and a pause after each.
cli eval 'for i = 1, 3000 do redis.call("SET", "filler:" .. i, i) end' 0 >/dev/null
cli save >/dev/null
redis_stop
"$REDIS_SERVER" --port 0 --unixsocket "$T/redis/sock" --dir "$T/redis" --key-load-delay 1500 \
    --loading-process-events-interval-bytes 1024 >"$T/redis/log" 2>&1 &
REDIS_PID=$!
PIDS="$PIDS $REDIS_PID"
# is_loading - or it has loaded, or did not start
is_loading()
{
    answers 'LOADING|PONG' || ! kill -0 "$REDIS_PID" 2>/dev/null
}

if t_until is_loading && answers LOADING; then
    started "$REDIS" --flush
    waits "LOADING" "LOADING"
    ended "LOADING"
    equal "LOADING"
else
    echo "LOADING is not seen: Redis $REDIS_FOR cannot be told to load slowly (key-load-delay)"
fi
redis_stop
rm -f "$T/redis/dump.rdb"

redis_start --maxclients 3
others=
# has_no_room - or one more takes it
has_no_room()
{
    ! answers "max number" || return 0
    redis-cli -s "$T/redis/sock" subscribe nothing >/dev/null 2>&1 </dev/null &
    others="$others $!"
    PIDS="$PIDS $!"
    return 1
}
check "a server without room" t_until has_no_room
started "$REDIS"
waits "no room" "max number|closed the connection|was lost"
for pid in $others; do
    kill -9 "$pid" 2>/dev/null
    t_forget "$pid"
done
cli client kill type pubsub >/dev/null 2>&1
ended "no room"
redis_stop

CLUSTER_NODE_TIMEOUT_MS=1500 # so that it is noticed soon
start_cluster 3 0 || fail "no cluster"
kill_node 3
is_down()
{
    [ "$(node_field 1 'cluster info' cluster_state)" = fail ]
}
check "a cluster that is down" t_until is_down
started "$CLUSTER_URI" --db-map '0:0,*:prefix=db%d:'
waits "a cluster that is down" "down|connect"
restart_node 3
ended "a cluster that is down"
check "a cluster that is down: equal" cluster_diff "$RECORDINGS/live-1/state.json" --db-prefix --skip-lossy
stop_cluster

redis_start --maxmemory 2mb --maxmemory-policy noeviction
started "$REDIS"
waits "OOM" OOM
cli config set maxmemory 0 >/dev/null
ended "OOM"
equal "OOM"
cli flushall >/dev/null
cli config set min-replicas-to-write 1 >/dev/null
check_status "for so long only" 4 "NOREPLICAS" "$FLOWTAPE" replay "$T/live-1" "$REDIS" --quiet \
    --on-loss skip --give-up-after 2
redis_stop
t_end
