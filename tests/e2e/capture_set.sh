#!/bin/sh
# The nodes of a cluster as one set of captures: each recorded by itself, and read as one; also while slots move
# from one node to the other.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/nodes_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
need_redis
t_begin

# same_state LABEL RECORDING - what $REDIS holds, but for what the replay keeps there
same_state()
{
    cli --raw keys 'flowtape:*' | while read -r key; do
        cli del "$key" >/dev/null
    done
    check "$1" "$STATE_DIFF" --skip-lossy "$2/state.json" "$REDIS"
}

for name in cluster cluster-migrate; do
    rec=$RECORDINGS/$name
    set=$T/$name
    nodes_start "$rec"
    check "$name: captured, its nodes found by asking one" ft capture "$NODE_1" "$set" --cluster \
        --until-caught-up --quiet
    nodes_check "$name"
    check "$name: the slots are written down" json_is "$set/set.json" 'generations/0/slots/*/*' \
        "$(printf '0\n8191\n0\n8192\n16383\n1')"
    for i in 1 2; do
        check "$name: node $i: bytes as sent" raw_equal "$set/node-000$i" "$rec/node-$i"
    done
    check "$name: verify" verify_clean "$set"
    ft inspect "$set" --json >"$T/inspect"
    check "$name: inspect counts the flows of both" json_is "$T/inspect" input/streams 4
    # shellcheck disable=SC2086
    ft convert "$set" "$T/$name.rdb" --to rdb --on-loss skip --quiet $FOR_SERVER
    load_and_compare "$name: converted" "$T/$name.rdb" "$rec/state.json"
    # shellcheck disable=SC2086
    check "$name: as commands" ft convert "$set" "$T/$name.resp" --to resp --on-loss skip --quiet \
        $FOR_SERVER
    redis_start
    redis-cli -s "$T/redis/sock" --pipe <"$T/$name.resp" >"$T/pipe" 2>&1
    same_state "$name: the commands make the state" "$rec"
    cli flushall >/dev/null
    check "$name: replayed" ft replay "$set" "$REDIS" --on-loss skip --quiet
    same_state "$name: the replay makes the state" "$rec"
    redis_stop
done

# The same nodes by name, one of which is gone before all is there, and comes back.
rec=$RECORDINGS/cluster
nodes_start "$rec"
"$FLOWTAPE" capture "$NODES" "$T/killed" --until-caught-up --quiet >"$T/killed.out" 2>&1 &
pid=$!
t_random_delay 30
kill -9 "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
check "resumed after a kill" ft capture "$NODES" "$T/killed" --until-caught-up --quiet
nodes_stop
check "after a kill: verify" verify_clean "$T/killed"
# shellcheck disable=SC2086
ft convert "$T/killed" "$T/killed.rdb" --to rdb --on-loss skip --quiet $FOR_SERVER
load_and_compare "after a kill: converted" "$T/killed.rdb" "$rec/state.json"

# A moment: the LSNs of all flows, node after node, and a time.
meta_flow "$rec/node-1" final_lsn >"$T/lsns"
meta_flow "$rec/node-2" final_lsn >>"$T/lsns"
at=$(paste -s -d , "$T/lsns")
check "the LSNs of all flows as a moment" ft convert "$T/cluster" "$T/at.rdb" --to rdb --at "$at" \
    --on-loss skip --quiet

check_status "too few LSNs" 2 'the set has 4 flows, LSNs given: 2' ft convert "$T/cluster" \
    "$T/few.rdb" --to rdb --at 1203,1019
check "a time before the end" ft convert "$T/cluster" "$T/time.rdb" --to rdb --at -0s --on-loss skip --quiet

# The rest of what there is for a capture.
check_status "status: node by node" 0 "^a capture of $T_HOST:$NODE_2_PORT, generation [12]: complete" "$FLOWTAPE" status \
    "$T/killed"
check "packed: an archive of each node" ft pack "$T/cluster" "$T/packed" --quiet
# shellcheck disable=SC2086
check "packed: is an input" ft diff "$T/cluster" "$T/packed" --quiet $PRIVATE_SERVER
check "packed: verify" verify_clean "$T/packed"
check "unpacked" ft unpack "$T/packed" "$T/unpacked" --quiet
check "unpacked: the same files" diff -r -x '*.lock' "$T/unpacked/node-0002" "$T/cluster/node-0002"
check "unpacked: verify" verify_clean "$T/unpacked"
check_status "not into a pipe" 2 'becomes a directory of archives' ft pack "$T/cluster" -

nodes_start "$rec"
check_status "a limit is that of the whole set" 5 "\"$T/limited\" holds .*--max-dir-size is" timeout 60 "$FLOWTAPE" capture "$NODES" \
    "$T/limited" --max-dir-size 10KiB
check_status "a set that is full already" 1 "\"$T/limited\" holds .*: nothing is begun" "$FLOWTAPE" capture "$NODES" \
    "$T/limited" --max-dir-size 10KiB
nodes_stop

# Of node 1 a second generation: the set is still of the first one.
nodes_start "$rec" --partial none
check "one node alone is synced anew" ft capture "$NODE_1" "$T/unpacked/node-0001" --until-caught-up --quiet
nodes_stop
check_status "what the set needs is kept" 0 'generation 1.*kept, a part of a generation of the set' \
    "$FLOWTAPE" prune "$T/unpacked" --remove
# shellcheck disable=SC2086
check "and it can still be read" ft diff "$T/unpacked" "$T/cluster" --quiet $PRIVATE_SERVER

# Killed when node 1 has given up its slots, and before node 2's records of their keys are there.
rec=$RECORDINGS/cluster-migrate
NODE_2_ARGS='--rate 3000'
nodes_start "$rec"
NODE_2_ARGS=
"$FLOWTAPE" capture "$NODES" "$T/early" --quiet >"$T/early.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
gave_up()
{
    ft inspect "$T/early/node-0001" --records | grep -q FLUSHSLOTS
}
t_until json_is "$T/early/set.json" generations/0/id 1
t_until gave_up
kill -9 "$pid"
wait "$pid" 2>/dev/null
nodes_stop
on_way='slots were on their way between nodes where ".*" ends'
# shellcheck disable=SC2086
check_status "slots given up, killed before their keys: not converted" 1 "$on_way" ft convert "$T/early" \
    "$T/early.rdb" --to rdb --on-loss skip --quiet $FOR_SERVER
check "slots given up, killed before their keys: no file" [ ! -e "$T/early.rdb" ]
# shellcheck disable=SC2086
check_status "slots given up, killed before their keys: no state to compare" 1 "$on_way" ft diff "$T/early" \
    "$T/cluster-migrate" --quiet $PRIVATE_SERVER
check_status "slots given up, killed before their keys: verify says so" 0 "^note: set.json: $on_way" "$FLOWTAPE" verify \
    "$T/early"
redis_start
check "slots given up, killed before their keys: replayed" ft replay "$T/early" "$REDIS" --on-loss skip --quiet \
    --report "$T/early.json"
check "slots given up, killed before their keys: named" json_is "$T/early.json" given_up_nodes 1
check_status "slots given up, killed before their keys: not finished" 1 "$on_way" ft replay "$T/early" "$REDIS" \
    --on-loss skip --quiet --finish
# shellcheck disable=SC2086
ft convert "$T/early" "$T/early.rdb" --to rdb --on-loss skip --quiet $FOR_SERVER 2>"$T/early.err"
at=$(sed -n 's/.*--at \([0-9,]*\).*/\1/p' "$T/early.err")
# shellcheck disable=SC2086
check "slots given up, killed before their keys: the moment before" ft convert "$T/early" "$T/early.rdb" --to rdb \
    --at "$at" --on-loss skip --quiet $FOR_SERVER
nodes_start "$rec"
check "slots given up: captured to the end" ft capture "$NODES" "$T/early" --until-caught-up --quiet
nodes_stop
check "slots given up: replayed to the end" ft replay "$T/early" "$REDIS" --on-loss skip --quiet --finish \
    --report "$T/early.json"
check "slots given up: not named any more" json_is "$T/early.json" given_up_nodes 0
same_state "slots given up: the replay makes the state" "$rec"
redis_stop

# What cannot be right is refused.
check_status "another number of nodes" 1 'has 2 nodes, not 3' ft capture \
    "dragonfly://$T_HOST:1,$T_HOST:2,$T_HOST:3" "$T/cluster"
check_status "one node twice" 2 'comes twice' ft capture "dragonfly://$T_HOST:1,$T_HOST:1" "$T/twice"
take live-1
check_status "into the capture of one source" 1 'a set needs another directory' ft capture \
    "dragonfly://$T_HOST:1,$T_HOST:2" "$T/live-1"
check_status "a set as if it were one source" 1 'neither a capture nor empty' ft capture \
    "dragonfly://$T_HOST:1" "$T/cluster"
standin_start "$RECORDINGS/live-1"
check_status "a source that is no cluster" 2 'is not part of a cluster' ft capture "$URI" \
    "$T/single" --cluster
standin_stop
nodes_start "$rec"
{
    printf '*2\r\n'
    slots_row 0 8191 "$NODE_1_PORT"
    slots_row 8192 16383 1
} >"$T/slots"
check_status "not all masters of the cluster" 2 'has a master at .*:1, which is not one of the nodes' \
    ft capture "$NODES" "$T/some" --until-caught-up
nodes_stop

# The masters of a Redis Cluster, written to while they are recorded.
write_keys()
{
    for c_i in $(seq 1 30); do
        printf '%s k%d %s\n' "$1" "$c_i" "$2"
    done | redis-cli -c -h "$T_HOST" -p "$(node_port 1)" >/dev/null
}

# records_are COUNT - in all flows of the set
records_are()
{
    [ "$(ft inspect "$T/redis-set" --records --json | json - lsn | wc -l)" = "$1" ]
}

if start_cluster 2 0; then
    write_keys set first
    server_before 7.0 || for node in 1 2; do
        node_cli $node function load '#!lua name=lib
redis.register_function("answer", function() return 42 end)' >/dev/null
    done
    "$FLOWTAPE" capture "$CLUSTER_URI" "$T/redis-set" --cluster --quiet >"$T/redis-set.out" 2>&1 &
    pid=$!
    PIDS="$PIDS $pid"
    t_until json_is "$T/redis-set/set.json" generations/0/id 1
    write_keys append -second
    t_until records_are 30
    cluster_dump >"$T/redis-state.json"
    kill -INT "$pid"
    ends "a Redis Cluster: captured" "$pid" 0 "$T/redis-set.out"
    server_before 7.0 || {
        node_cli 2 function load replace '#!lua name=lib
redis.register_function("answer", function() return 43 end)' >/dev/null
        check "nodes that differ in a library: captured" \
            ft capture "$CLUSTER_URI" "$T/two-libs" --cluster --until-caught-up --quiet
        # shellcheck disable=SC2086
        check_status "nodes that differ in a library" 3 'two nodes .*same name, but not the same code' \
            ft convert "$T/two-libs" "$T/two-libs.rdb" --to rdb --quiet $FOR_SERVER
        check "nodes that differ in a library: no file" [ ! -e "$T/two-libs.rdb" ]
    }
    stop_cluster
    check "a Redis Cluster: verify" verify_clean "$T/redis-set"
    # shellcheck disable=SC2086
    check "a Redis Cluster: converted" ft convert "$T/redis-set" "$T/redis.rdb" --to rdb --quiet $FOR_SERVER
    load_and_compare "a Redis Cluster: converted" "$T/redis.rdb" "$T/redis-state.json"
    server_before 7.0 ||
        check "a Redis Cluster: a library that all nodes have" [ "$(grep -ac register_function "$T/redis.rdb")" = 1 ]
    redis_start
    check "a Redis Cluster: replayed" ft replay "$T/redis-set" "$REDIS" --finish --quiet
    check "a Redis Cluster: equal" "$STATE_DIFF" "$T/redis-state.json" "$REDIS"
    redis_stop
fi
t_end
