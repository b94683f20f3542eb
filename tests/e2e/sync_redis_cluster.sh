#!/bin/sh
# A Redis Cluster as the source of a sync, under writes of all kinds: slots move, masters are replaced and killed, others join and leave, and
# flowtape is killed. In the end the target is what the cluster is, to the last counter and list.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
server_before 6.0 && t_skip 'the nodes of a cluster agree too late'

DIR=$T/set

# writes SEED COUNT - random commands; the keys of one share a slot
writes()
{
    random_lines "$1" "$2" 150 'INCR n:{%k}' 'INCR n:{%k}' 'INCRBY n:{%k} 7' 'APPEND s:{%k} x%r' 'RPUSH l:{%k} %r %r' \
        'RPUSH l:{%k} %r' 'LPOP l:{%k}' 'LMOVE l:{%k} m:{%k} LEFT RIGHT' 'SADD t:{%k} %r %r' 'SPOP t:{%k}' \
        'SMOVE t:{%k} u:{%k} %r' 'HINCRBY h:{%k} f 1' 'HDEL h:{%k} g' 'HSET h:{%k} g %r' 'ZINCRBY z:{%k} 1.5 %r' \
        'ZPOPMIN z:{%k}' 'XADD x:{%k} * a %r' 'XTRIM x:{%k} MAXLEN 5' 'SET e:{%k} %r EX 9000' 'GETDEL e:{%k}' \
        'RENAME n:{%k} o:{%k}' 'INCR o:{%k}' 'COPY l:{%k} m:{%k} REPLACE' 'DEL n:{%k}' 'UNLINK m:{%k}' 'SETRANGE s:{%k} 3 %r' \
        'EVAL return(redis.call("INCR",KEYS[1])) 1 lua:{%k}'
}

# write SEED COUNT - once
write()
{
    writes "$1" "$2" | redis-cli -c -h "$T_HOST" -p "$(node_port "$(cluster_any)")" >/dev/null
}

# writes_start - all the time, through whatever node is up, until writes_stop
writes_start()
{
    rm -f "$T/enough"
    for w_id in 1 2; do
        (n=$((w_id * 100000)) && while [ ! -e "$T/enough" ]; do
            n=$((n + 1))
            writes $n 500 | timeout 20 redis-cli -c -h "$T_HOST" -p "$(node_port "$(cluster_any)")" >/dev/null 2>&1
        done) &
        eval "WRITER_$w_id=$!"
        PIDS="$PIDS $!"
    done
}

writes_stop()
{
    : >"$T/enough"
    wait "$WRITER_1" "$WRITER_2"
    t_forget "$WRITER_1"
    t_forget "$WRITER_2"
}

# sync_start ARG... - through any node that is up
sync_start()
{
    "$FLOWTAPE" sync "redis://$(node_address "$(cluster_any)")" "$REDIS" --cluster --dir "$DIR" "$@" >>"$T/log" 2>&1 &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

# sync_end SIGNAL
sync_end()
{
    [ "$1" = KILL ] || t_at_work "$SYNC_PID"
    kill -"$1" "$SYNC_PID" 2>/dev/null
    wait "$SYNC_PID" 2>/dev/null
    t_forget "$SYNC_PID"
}

# follows - it has caught up since it was started
follows()
{
    t_until grep -q 'caught up with the source' "$T/log"
}

# generations - of the set
generations()
{
    json "$DIR/set.json" 'generations/*/id' | wc -l
}

# equal LABEL - the cut-over of a sync that follows
equal()
{
    : >"$T/log"
    sync_start --cutover pause
    if ! t_until grep -q 'confirm by' "$T/log"; then
        fail "$1: it does not come so far" "$T/log"
        sync_end KILL
        return
    fi
    check "$1: confirmed" ft cutover "$DIR" --confirm --quiet
    ends "$1: the sync" "$SYNC_PID" 0 "$T/log"
    check "$1: the target is what the cluster is" ft diff "$CLUSTER_URI" "$REDIS"
    check "$1: and what the capture says" ft diff "$DIR" "$REDIS"
    check "$1: which is sound" verify_clean "$DIR"
    for node in $(cluster_masters); do
        node_cli "$node" client unpause >/dev/null
    done
}

# move_as_a_whole FROM TO COUNT - slots, by a server that can (Valkey 9); else one after the other
move_as_a_whole()
{
    if ! node_cli "$1" cluster getslotmigrations >/dev/null 2>&1 ||
        node_cli "$1" cluster getslotmigrations | grep -q '^ERR'; then
        migrate_slots "$1" "$2" "$3"
        return
    fi
    wait_agreement || return 1
    m_first=$(slots_of "$1" 1)
    node_cli "$1" cluster migrateslots slotsrange "$m_first" "$m_first" node "$(node_id "$2")" >/dev/null || return 1
    t_until has_moved_as_a_whole "$1"
}

has_moved_as_a_whole()
{
    ! node_cli "$1" cluster getslotmigrations | awk 'p == "state" && !/success|failed|canceled/ { b = 1 } { p = $0 } END { exit !b }'
}

# one_event - something that happens to a cluster, or to those who read it
one_event()
{
    t_random 9
    case $R in
    0 | 1 | 6)
        [ "$R" != 6 ] && e_move=migrate_keyed || e_move=move_as_a_whole
        # shellcheck disable=SC2046 # numbers
        set -- $(cluster_masters)
        t_random $#
        e_from=$(echo "$@" | cut -d ' ' -f $((R + 1)))
        e_to=$(echo "$@" | cut -d ' ' -f $(((R + 1) % $# + 1)))
        t_random 4
        $e_move "$e_from" "$e_to" $((R + 1)) || fail "slots that move from $e_from to $e_to"
        ;;
    2)
        # shellcheck disable=SC2046
        set -- $(cluster_masters)
        t_random $#
        e_of=$(echo "$@" | cut -d ' ' -f $((R + 1)))
        replica_of "$e_of" >/dev/null 2>&1 || return 0
        case "$FAILED_OVER " in *" $e_of "*) return 0 ;; esac # the others vote only once in two timeouts
        FAILED_OVER="$FAILED_OVER $e_of"
        failover_master "$e_of" || fail "a failover of $e_of"
        ;;
    3)
        # shellcheck disable=SC2046
        set -- $(cluster_masters)
        t_random $#
        e_of=$(echo "$@" | cut -d ' ' -f $((R + 1)))
        replica_of "$e_of" >/dev/null 2>&1 || return 0
        if ! failover_master "$e_of" hard; then
            fail "a kill of $e_of"
            return
        fi
        restart_node "$e_of" || fail "a restart of $e_of"
        wait_cluster_ok
        ;;
    4)
        node_cli "$(cluster_any)" bgrewriteaof >/dev/null
        ;;
    5)
        sync_end KILL
        sync_start
        ;;
    7 | 8)
        if [ -n "$JOINED" ]; then
            e_leave
        else
            e_join
        fi
        ;;
    esac
}

# e_join - a master that gets slots, perhaps while nobody looks
e_join()
{
    t_random 3
    [ "$R" = 0 ] && sync_end KILL
    join_node || fail 'a node that joins'
    JOINED=$NEW_NODE
    # shellcheck disable=SC2046
    migrate_keyed $(cluster_masters | sed q) "$JOINED" 2 || fail 'slots that move to a node that has joined'
    kill -0 "$SYNC_PID" 2>/dev/null || sync_start
}

# e_leave - with its last slot a master becomes a replica, if its server does that and is not told otherwise
e_leave()
{
    t_random 2
    [ "$R" = 0 ] && node_cli "$JOINED" config set cluster-allow-replica-migration no >/dev/null
    t_random 3
    [ "$R" = 0 ] && sync_end KILL
    leave_node "$JOINED" "$(cluster_masters | grep -vx "$JOINED" | sed q)" || fail 'a node that leaves'
    JOINED=
    kill -0 "$SYNC_PID" 2>/dev/null || sync_start
}

# newest_has NODE - the set's newest generation
newest_has()
{
    case $(json "$DIR/set.json" "generations/*/nodes/$(($1 - 1))" | tail -n 1) in '' | 0) return 1 ;; esac
}

start_cluster 3 1 --repl-backlog-size 20mb || fail 'a cluster'
redis_start
write 1 500

# Slots that move while they are recorded, a master that is replaced, another one that is killed.
writes_start
sync_start
follows || fail 'it does not catch up' "$T/log"
migrate_slots 1 2 4 || fail 'slots that move'
failover_master 1 || fail 'a failover'
migrate_slots "$NEW_MASTER" 3 3 || fail 'slots that move after a failover'
writes_stop
sync_end INT
equal 'slots that move, and a failover'
check 'all of it is one generation' [ "$(generations)" = 1 ]
check 'the new master was followed' grep -q '"resumptions": [1-9]' "$DIR/node-0001/capture.json"
for node in 1 2 3; do
    check "node $node: no full sync but the first" [ "$(grep -c '"replication_id"' "$DIR/node-000$node/capture.json")" = 1 ]
done

# A moment within a reshard is none of the cluster's.
lsns=$(json "$DIR/set.json" 'generations/0/moments/1/from/*' | awk '{ print $1 - 1 }' | paste -s -d ,)
check 'the moment before slots moved' ft convert "$DIR" "$T/before.rdb" --to rdb --at "$lsns" --quiet
inside=$(echo "$lsns" | awk -F, '{ print $1 "," $2 + 2000 "," $3 }')
check_status 'a moment while slots moved' 1 'on their way between nodes' ft convert "$DIR" "$T/within.rdb" --to rdb --at "$inside"

# A capture that ends while a slot is on its way has no end that could be converted, until it has come to rest.
slot=$(slots_of 2 1)
"$FLOWTAPE" capture "$CLUSTER_URI" "$DIR" --cluster --quiet >"$T/capture.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_at_work "$pid"
node_cli 3 cluster setslot "$slot" importing "$(node_id 2)" >/dev/null
node_cli 2 cluster setslot "$slot" migrating "$(node_id 3)" >/dev/null
t_until grep -q '"moving"' "$DIR/set.json" || fail 'a slot on its way is not seen'
kill -INT "$pid"
ends 'a capture while a slot is on its way' "$pid" 0 "$T/capture.out"
check_status 'its end' 1 'run capture again until they are at rest' ft convert "$DIR" "$T/end.rdb" --to rdb
node_cli 2 cluster setslot "$slot" stable >/dev/null
node_cli 3 cluster setslot "$slot" stable >/dev/null
check 'it comes to rest' ft capture "$CLUSTER_URI" "$DIR" --cluster --until-caught-up --quiet
check 'and has an end' ft convert "$DIR" "$T/end.rdb" --to rdb --quiet
check_status 'one node alone is said to be one' 0 'only its own slots' ft capture "$CLUSTER_URI" "$T/alone" --until-caught-up

# A master joins, and leaves while nobody looks.
cli flushall >/dev/null
rm -rf "$DIR"
: >"$T/log"
write 1 500
sync_start
follows || fail 'it does not catch up' "$T/log"
join_node || fail 'a node that joins'
migrate_keyed 2 "$NEW_NODE" 3 || fail 'slots that move to it'
write 2 500
t_until grep -q 'has joined the cluster and has slots' "$T/log"
sync_end KILL
check_status 'the generation before has no end' 1 'on their way between nodes' ft convert "$DIR" "$T/old.rdb" --to rdb --generation 1
sync_start
t_until newest_has 4 || fail 'it is not in a generation' "$T/log"
migrate_keyed 3 "$NEW_NODE" 1 || fail 'another slot that moves to it'
sync_end INT
equal 'a node has joined'
for node in 1 2 3; do
    check "node $node: no full sync but the first" [ "$(grep -c '"replication_id"' "$DIR/node-000$node/capture.json")" = 1 ]
done
check 'older programs refuse it' [ "$(json "$DIR/set.json" major)" = 3 ]
leave_node "$NEW_NODE" 3 || fail 'a node that leaves'
write 3 500
equal 'a node has left'
check 'it was seen' grep -q 'has left the cluster' "$T/log"
newest_has 4 && fail 'it is in the newest generation' || pass 'it is not in the newest generation'
check 'its records are kept' verify_clean "$DIR/node-0004"
check 'packed' ft pack "$DIR" "$T/packed" --generation "$(generations)" --quiet
check 'which has no archive of what is not in it' [ ! -e "$T/packed/node-0004" ]
check 'packed it is the same' ft diff "$T/packed" "$REDIS"
check 'unpacked' ft unpack "$T/packed" "$T/unpacked" --quiet
check 'unpacked it is the same' ft diff "$T/unpacked" "$REDIS"
check 'its status' ft status "$T/unpacked"
check 'what no generation needs is pruned' ft prune "$DIR" --retain 1 --remove --quiet
check 'and what is left is the same' ft diff "$DIR" "$REDIS"

# All of it at random.
JOINED=
FAILED_OVER=' 1'
cli flushall >/dev/null
rm -rf "$DIR"
echo "seed $SEED"
writes_start
: >"$T/log"
sync_start
follows || fail 'at random: it does not catch up' "$T/log"
events=0
while [ $events -lt "${E2E_EVENTS:-$(effort 8 4)}" ]; do
    events=$((events + 1))
    one_event
done
writes_stop
sync_end INT
wait_cluster_ok
equal "at random"
stop_cluster
redis_stop
t_end
