#!/bin/sh
# Snapshots into a Redis Cluster: where the keys go, what stands in the way, and slots, masters and
# failovers on the move meanwhile.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
MERGE='0:0,*:prefix=db%d:'

# take_both RECORDING - and into $T/NAME.json what a single server has of its snapshot
take_both()
{
    take "$1"
    single "$1" "$T/$1" --at snapshot
}

# single NAME INPUT [ARG...] - $T/NAME.json
single()
{
    json=$T/$1.json
    shift
    redis_start
    check "${json##*/}" "$FLOWTAPE" replay "$@" "$REDIS" --quiet --on-loss skip --finish \
        --db-map "$MERGE"
    "$STATE_DIFF" dump "$REDIS" >"$json"
    redis_stop
}

# into INPUT [ARG...] - a replay into the cluster
into()
{
    input=$1
    shift
    "$FLOWTAPE" replay "$input" "$CLUSTER_URI" --on-loss skip --db-map "$MERGE" "$@"
}

# flush_all - the cluster is as new
flush_all()
{
    for node in $(cluster_masters); do
        node_cli "$node" flushall >/dev/null
    done
}

# own_keys - what the replay has written down about itself
own_keys()
{
    for node in $(cluster_masters); do
        node_cli "$node" --scan --pattern 'flowtape:*'
    done
}

# key WORD... - a command on whoever has the key
key()
{
    timeout 300 redis-cli -c -h "$T_HOST" -p "$(node_port "$(cluster_any)")" "$@"
}

holds()
{
    [ "$(key get "$1")" = "$2" ]
}

# started ARG... - a replay that goes on behind; waits until it has written something
started()
{
    into "$@" >"$T/replay.out" 2>&1 &
    REPLAY_PID=$!
    PIDS="$PIDS $REPLAY_PID"
    t_until has_begun
}

has_begun()
{
    [ "$(cluster_size)" -gt 20 ] || ! kill -0 "$REPLAY_PID" 2>/dev/null
}

# ended LABEL - it ended well
ended()
{
    ends "$1" "$REPLAY_PID" 0 "$T/replay.out"
}

is_equal()
{
    check "$1" cluster_diff "$T/$2.json" --skip-lossy --ignore-prefix flowtape:
}

take_both live-1
take_both live-4
take_both types-lz4
files=$RECORDINGS/files
single set "$files/types-summary.dfs"
single plain "$files/plain.rdb"

# One of our own: many keys, and values that go in pieces.
reference_start --dbfilename many.rdb --rdbcompression no --enable-debug-command yes
cli()
{
    redis-cli -s "$T/redis/sock" "$@" >/dev/null
}
cli debug populate "$(effort 60000 15000)" many 60
cli eval "for i = 1, 8 do for j = 1, 40 do redis.call('rpush', 'list:' .. i, string.rep(i, 40000), j) end
    redis.call('hset', 'hash:' .. i, 'f', i, 'g', string.rep('x', 2000000))
    redis.call('pexpireat', 'list:' .. i, '4000000000000') end" 0
"$STATE_DIFF" dump "$REDIS" >"$T/many.json"
cli save
redis_stop
mv "$T/redis/many.rdb" "$T"
rm -rf "$T/redis"

start_cluster 3 1 --appendonly yes --appendfsync always || fail "no cluster"

# Inputs.
check_status "databases that a cluster does not have" 2 "only database 0.*--db-map" \
    "$FLOWTAPE" replay "$T/live-4" "$CLUSTER_URI" --quiet --on-loss skip
check "nothing was written" [ "$(cluster_size)" = 0 ]
for name in live-1 live-4 types-lz4; do
    check "$name" into "$T/$name" --at snapshot --quiet --finish --flush
    is_equal "$name: equals the single server's" $name
done
check "the same over itself" into "$T/types-lz4" --at snapshot --quiet
is_equal "still equal" types-lz4
check "set" into "$files/types-summary.dfs" --quiet --flush --finish
is_equal "set: equal" set
check "plain.rdb" into "$files/plain.rdb" --quiet --flush --finish
is_equal "plain.rdb: equal" plain
check "a replica as TARGET" "$FLOWTAPE" replay "$T/many.rdb" \
    "redis://$(node_address "$(replica_of 1)")" --quiet --flush
is_equal "many.rdb: equal" many
check "its replicas have it" [ "$(node_cli "$(replica_of 2)" dbsize)" = "$(node_cli 2 dbsize)" ]

# What the target holds already.
check_status "another capture's target" 1 "another capture" into "$T/live-1" --quiet --at snapshot
check "--forget" "$FLOWTAPE" replay "$T/many.rdb" "$CLUSTER_URI" --forget
check "nothing of ours is left" [ -z "$(own_keys)" ]
flush_all
key set many:7 mine >/dev/null
key rpush other 1 >/dev/null
check_status "--on-conflict fail" 3 'such as "many:7"' into "$T/many.rdb" --quiet --on-conflict fail
check "it has written nothing" [ "$(cluster_size)" = 2 ]
check "--on-conflict skip" into "$T/many.rdb" --quiet --on-conflict skip
check "the key is kept" holds many:7 mine
check "the others came" [ "$(key hget hash:3 f)" = 3 ]
check "--forget" "$FLOWTAPE" replay "$T/many.rdb" "$CLUSTER_URI" --forget
check "nothing of ours is left" [ -z "$(own_keys)" ]
check "--on-conflict replace" into "$T/many.rdb" --quiet
check "the key is replaced" [ "$(key get many:7 | cut -c 1-7)" = value:7 ]
check "other keys stay" [ "$(key llen other)" = 1 ]
migrate_slots 1 2 20
migrate_slots 2 3 20
check "--forget, slots have moved" "$FLOWTAPE" replay "$T/many.rdb" "$CLUSTER_URI" --forget
check "nothing of ours is left" [ -z "$(own_keys)" ]

# Refused commands.
if has_users; then
    for node in $(cluster_masters); do
        node_cli "$node" acl setuser default on nopass '~*' '+@all' -rpush >/dev/null
    done
    check "refused: dead letters" into "$T/many.rdb" --quiet --flush --on-error "dead-letter=$T/dead"
    check "a letter for each" [ "$(wc -l <"$T/dead")" -ge 8 ]
    for node in $(cluster_masters); do
        node_cli "$node" acl setuser default on nopass '~*' '+@all' >/dev/null
    done
    check "retried" into "$T/many.rdb" --quiet --retry-dead-letter "$T/dead"
    check "no letter is left" [ ! -s "$T/dead" ]
    check "the lists are whole" [ "$(key llen list:8)" = 80 ]
fi
check "--forget" "$FLOWTAPE" replay "$T/many.rdb" "$CLUSTER_URI" --forget

# Slots on the move.
flush_all
check "live-4 again" into "$T/live-4" --quiet --at snapshot --finish
for run in $(seq "$(effort 4 1)"); do
    migrate_loop_start
    check "slots move: live-4, run $run" into "$T/live-4" --at snapshot --quiet --from-start \
        --finish --rate 150
    migrate_loop_stop
    is_equal "equal" live-4
done
check "slots have moved" [ -s "$T/cluster/migrated" ]
migrate_loop_start
check "slots move: many.rdb" into "$T/many.rdb" --quiet --flush --finish --rate 8000
migrate_loop_stop
is_equal "equal" many

# A master that is killed and comes back, and one that does not.
flush_all
started "$T/live-4" --at snapshot --rate 150
kill_node 1
sleep 0.3
restart_node 1
ended "a master was killed and came back"
is_equal "equal" live-4
flush_all
wait_cluster_ok
started "$T/live-4" --at snapshot --rate 150
failover_master "$(cluster_masters | head -n 1)"
ended "a failover by hand"
is_equal "equal" live-4
flush_all
wait_cluster_ok
started "$T/live-4" --at snapshot --rate 150
failover_master "$(cluster_masters | tail -n 1)" hard
ended "a failover after a kill"
is_equal "equal" live-4

# A cluster that is not whole. A node that still has an owner of the slots tells the others, so they
# are taken away until nobody has one.
slots_are_gone()
{
    [ "$(node_field "$1" 'cluster info' cluster_slots_assigned)" = 16284 ] && return 0
    # shellcheck disable=SC2086 # numbers
    node_cli "$1" cluster delslots $slots >/dev/null
    return 1
}
all_slots_are_gone()
{
    s_gone=0
    for node in $(seq 1 "$CLUSTER_NODES"); do
        ! node_alive "$node" || slots_are_gone "$node" || s_gone=1
    done
    return $s_gone
}
flush_all
slots=$(slots_of 2 100 | tr '\n' ' ')
# shellcheck disable=SC2086 # numbers
node_cli 2 cluster delslots $slots >/dev/null
check_status "slots of which one node alone knows that nobody has them" 4 \
    "no master for 100 of 16384 slots|100 of 16384 slots do not answer" into "$T/many.rdb" --quiet \
    --give-up-after 1s
check "100 slots have no master" t_until all_slots_are_gone
check_status "uncovered slots" 4 "no master for 100 of 16384 slots" into "$T/many.rdb" --quiet
stop_cluster
t_end
