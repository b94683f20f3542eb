#!/bin/sh
# A cluster as the source of a sync: all nodes are captured, paused, and asked for their offsets, and what the target
# has then is what they had; also when the run is killed meanwhile, and when slots move.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/nodes_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
. "${0%/*}/../lib/serve_lib.sh"
need_redis
t_begin

start_sync()
{
    "$FLOWTAPE" sync "$NODE_1" "$TARGET" --cluster --dir "$T/dir" --on-loss skip "$@" \
        >"$T/sync.out" 2>>"$T/sync.err" &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

# serve_sync SOURCE - as start_sync, for replicas; sets SERVE_PORT
serve_sync()
{
    : >"$T/sync.err"
    # shellcheck disable=SC2086 # words
    "$FLOWTAPE" sync "$1" --cluster --serve "127.0.0.1:${SERVE_PORT:-0}" --dir "$T/dir" --on-loss skip $FOR_SERVER \
        --databases 64 >"$T/sync.out" 2>>"$T/sync.err" &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
    t_says "$T/sync.err" 'listening on' || fail "it does not serve" "$T/sync.err"
    SERVE_PORT=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$T/sync.err" | head -n 1)
}

kill_sync()
{
    kill -9 "$SYNC_PID" 2>/dev/null
    wait "$SYNC_PID" 2>/dev/null
    t_forget "$SYNC_PID"
}

# node_wrote NUMBER PORT - the stand-in has written all its records
node_wrote()
{
    [ "$(redis-cli -h "$T_HOST" -p "$2" dfly replicaoffset)" = "$(meta_flow "$rec/node-$1" final_lsn)" ]
}

# cut_over LABEL - once both have written everything
cut_over()
{
    t_until node_wrote 1 "$NODE_1_PORT"
    t_until node_wrote 2 "$NODE_2_PORT"
    pause_and_confirm "$1"
    nodes_check "$1"
}

# pause_and_confirm LABEL - a cut-over now
pause_and_confirm()
{
    t_until test -S "$T/dir/sync.sock"
    "$FLOWTAPE" cutover "$T/dir" --mode pause --quiet >"$T/begun" 2>&1 &
    begun=$!
    PIDS="$PIDS $begun"
    t_says "$T/sync.err" 'confirm by'
    check "$1: confirmed" timeout 120 "$FLOWTAPE" cutover "$T/dir" --confirm --quiet
    ends "$1: who began it is told" "$begun" 0 "$T/begun"
    ends "$1: the sync" "$SYNC_PID" 0 "$T/sync.err"
}

# What a run that was killed has brought is not brought again.
rec=$RECORDINGS/cluster-migrate
redis_start
TARGET=$REDIS
nodes_start "$rec" --write-rate 1000
kills=0
while [ $kills -lt "$(effort 4 2)" ]; do
    kills=$((kills + 1))
    start_sync
    t_at_work "$SYNC_PID"
    t_random_delay 300
    kill_sync
done
start_sync
cut_over 'a slot that moves, and kills'
check "the target is what the nodes were" sh -c "redis-cli -s '$T/redis/sock' --raw keys 'flowtape:*' |
    xargs -r redis-cli -s '$T/redis/sock' del && '$STATE_DIFF' --skip-lossy '$rec/state.json' '$REDIS'"
redis_stop
rm -rf "$T/dir" "$T/sync.err"

# Served to a replica, in one stream, which resumes after each kill.
nodes_start "$rec" --write-rate 1000
serve_sync "$NODE_1"
replica_start
kills=0
while [ $kills -lt "$(effort 4 2)" ]; do
    kills=$((kills + 1))
    t_random_delay 300
    kill_sync
    serve_sync "$NODE_1"
done
cut_over 'served'
cli replicaof no one >/dev/null
check "served: the replica is what the nodes were" "$STATE_DIFF" --skip-lossy "$rec/state.json" "$REDIS"
redis_stop
rm -rf "$T/dir" "$T/sync.err" "$T/redis"
SERVE_PORT=

# write SEED - random commands, few of which may be executed twice
write()
{
    random_lines "$1" 400 30 'INCR n:{%k}' 'APPEND s:{%k} x%r' 'RPUSH l:{%k} %r %r' 'LPOP l:{%k}' 'LMOVE l:{%k} m:{%k} LEFT RIGHT' \
        'SPOP t:{%k}' 'SADD t:{%k} %r %r' 'HINCRBY h:{%k} f 1' 'ZINCRBY z:{%k} 1.5 %r' 'DEL n:{%k}' 'XADD x:{%k} * a %r' |
        redis-cli -c -h "$T_HOST" -p "$(node_port 1)" >/dev/null
}

replica_follows()
{
    [ "$(replica_field master_link_status)" = up ]
}

# moved FROM TO COUNT - slots with keys, while they are written
moved()
{
    write "$w_seed" &
    w_pid=$!
    w_seed=$((w_seed + 1))
    check "slots from $1 to $2" migrate_keyed "$1" "$2" "$3"
    wait $w_pid
}

# So is a Redis Cluster, whose slots move from one journal to the other; and when a node joins, the replica gets all of it.
w_seed=1
if ! server_before 6.0 && start_cluster 2 0; then
    write 0
    serve_sync "$CLUSTER_URI"
    replica_start
    moved 1 2 3
    kill_sync
    moved 2 1 4
    serve_sync "$CLUSTER_URI"
    moved 1 2 2
    t_until replica_follows || fail 'the replica has the first generation' "$T/sync.err"
    join_node
    moved 2 "$NEW_NODE" 3
    t_says "$T/sync.err" 'a newer generation is there' || fail 'a node that joins' "$T/sync.err"
    moved 1 "$NEW_NODE" 1
    pause_and_confirm 'a Redis Cluster, served'
    cli replicaof no one >/dev/null
    check 'a Redis Cluster, served: the replica is what it is' ft diff "$CLUSTER_URI" "$REDIS"
    check 'a Redis Cluster, served: which is sound' verify_clean "$T/dir"
    check 'a Redis Cluster: as an AOF' ft convert "$T/dir" "$T/aof" --to aof --quiet
    check 'a Redis Cluster: which is equal' ft diff "$T/aof" "$REDIS"
    stop_cluster
    redis_stop
fi
rm -rf "$T/dir" "$T/sync.err" "$T/redis"

# Into a Redis Cluster of another shape.
rec=$RECORDINGS/cluster
if start_cluster 3 0; then
    TARGET=$CLUSTER_URI
    nodes_start "$rec" --write-rate 2000
    start_sync --finish
    cut_over 'into a Redis Cluster'
    check "the cluster is what the nodes were" cluster_diff "$rec/state.json" --skip-lossy
    stop_cluster
fi
rm -rf "$T/dir" "$T/sync.err"

# Nobody confirms: both nodes go on.
redis_start
TARGET=$REDIS
nodes_start "$rec" --write-rate 200
start_sync --cutover pause --hold 300ms
ends 'not confirmed' "$SYNC_PID" 5 "$T/sync.err"
check 'node 1 writes again' t_until node_wrote 1 "$NODE_1_PORT"
check 'node 2 writes again' t_until node_wrote 2 "$NODE_2_PORT"
nodes_check 'not confirmed'
check_status 'a takeover of several' 2 'by a pause of all of them' ft sync "$NODES" "$TARGET" --dir "$T/dir" \
    --cutover takeover
redis_stop
t_end
