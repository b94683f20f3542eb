#!/bin/sh
# A cluster as the source of a sync: all nodes are captured, paused, and asked for their offsets, and what the target
# has then is what they had; also when the run is killed meanwhile, and when slots move.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/nodes_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
need_redis
t_begin

start_sync()
{
    "$FLOWTAPE" sync "$NODE_1" "$TARGET" --cluster --dir "$T/dir" --on-loss skip "$@" \
        >"$T/sync.out" 2>>"$T/sync.err" &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
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
    t_until test -S "$T/dir/sync.sock"
    "$FLOWTAPE" cutover "$T/dir" --mode pause --quiet >"$T/begun" 2>&1 &
    begun=$!
    PIDS="$PIDS $begun"
    t_says "$T/sync.err" 'target has everything'
    check "$1: confirmed" timeout 120 "$FLOWTAPE" cutover "$T/dir" --confirm --quiet
    ends "$1: who began it is told" "$begun" 0 "$T/begun"
    ends "$1: the sync" "$SYNC_PID" 0 "$T/sync.err"
    nodes_check "$1"
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
    kill -9 "$SYNC_PID" 2>/dev/null
    wait "$SYNC_PID" 2>/dev/null
    t_forget "$SYNC_PID"
done
start_sync
cut_over 'a slot that moves, and kills'
check "the target is what the nodes were" sh -c "redis-cli -s '$T/redis/sock' --raw keys 'flowtape:*' |
    xargs -r redis-cli -s '$T/redis/sock' del && '$STATE_DIFF' --skip-lossy '$rec/state.json' '$REDIS'"
redis_stop
rm -rf "$T/dir" "$T/sync.err"

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
