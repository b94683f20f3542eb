#!/bin/sh
# A target that does not answer as it should yet, from the first connection on: waited for, and said.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
[ -d "$RECORDINGS/live-1" ] || t_skip "no recording live-1"

cli()
{
    redis-cli -s "$T/redis/sock" "$@"
}

# answers TEXT - what it says to PING
answers()
{
    case $(cli ping 2>&1) in *"$1"*) ;; *) return 1 ;; esac
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
    if cluster_until 20 grep -Eiq "($2).*(trying again|waiting)" "$T/replay.out" && kill -0 "$REPLAY_PID"; then
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
cluster_until 10 answers BUSY || fail "a busy server"
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
if cluster_until 10 answers LOADING 2>/dev/null; then
    started "$REDIS" --flush
    waits "LOADING" "LOADING"
    ended "LOADING"
    equal "LOADING"
else
    echo "a redis-server that loads fast"
fi
redis_stop
rm -f "$T/redis/dump.rdb"

redis_start --maxclients 3
others=
for i in 1 2 3 4 5 6; do # the last ones find no room
    redis-cli -s "$T/redis/sock" subscribe nothing >/dev/null 2>&1 </dev/null &
    others="$others $!"
done
PIDS="$PIDS $others"
sleep 0.5
cluster_until 10 answers "max number" || fail "a server without room"
started "$REDIS"
waits "no room" "max number|closed the connection|was lost"
for pid in $others; do
    kill -9 "$pid" 2>/dev/null
    t_forget "$pid"
done
cli client kill type pubsub >/dev/null 2>&1
ended "no room"
redis_stop

start_cluster 3 0 || fail "no cluster"
kill_node 3
cluster_until 20 sh -c "redis-cli -p $(node_port 1) cluster info | grep -q cluster_state:fail"
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
