# A Redis Cluster of real servers on loopback, for end-to-end scripts; source it after sh_lib.sh and
# between t_begin and t_end. Nodes are numbered from 1: first the masters, then their replicas in
# turn. What belongs to node I is in $T/cluster/I: its files, "port", "pid", "log".
#
#   start_cluster 3 1 --appendonly yes --appendfsync always
#   check "replayed" "$FLOWTAPE" replay "$T/capture" "$CLUSTER_URI"
#   kill_node 1; restart_node 1; wait_cluster_ok
#   failover_master 2                  # in agreement; failover_master 2 hard: after a kill -9
#   migrate_slots 1 3 100
#   migrate_loop_start; ...; migrate_loop_stop
#   join_node; migrate_slots 1 "$NEW_NODE" 3; leave_node "$NEW_NODE" 1
#   cluster_dump >"$T/dump.json"
#   stop_cluster
#
# Every wait is bounded; a function whose wait was in vain says so and returns 1.
#
# A node that is slow for some seconds, as any may be on a busy machine, must not count as dead: nothing
# fails over by itself, and the cluster goes down by itself only for a script that sets a timeout of its
# own.
#
# With CLUSTER_TLS=1 (after tls_begin) nodes speak TLS with each other and, 20000 above their port, with clients that have a
# certificate; CLUSTER_TLS_URI is that of the first. The plain ports stay for this script.

CLUSTER_TLS=${CLUSTER_TLS:-}
CLUSTER_NODE_TIMEOUT_MS=${CLUSTER_NODE_TIMEOUT_MS:-60000}
CLUSTER_NODES=0
CLUSTER_LEFT=0
CLUSTER_ARGS=
MIGRATE_PID=

# node_port NODE - sets c_port as well, for which no process is started
node_port()
{
    read -r c_port <"$T/cluster/$1/port" && echo "$c_port"
}

node_address()
{
    echo "$T_HOST:$(node_port "$1")"
}

# node_cli NODE WORD... - redis-cli, which gives up after a while
node_cli()
{
    node_port "$1" >/dev/null
    shift
    timeout 60 redis-cli -h "$T_HOST" -p "$c_port" "$@"
}

node_alive()
{
    [ -e "$T/cluster/$1/pid" ] && read -r c_alive <"$T/cluster/$1/pid" && kill -0 "$c_alive" 2>/dev/null
}

# node_field NODE SECTION NAME - a line of INFO or CLUSTER INFO
node_field()
{
    # shellcheck disable=SC2086 # one word, or two
    node_cli "$1" $2 2>/dev/null | sed -n "s/^$3:\([^[:cntrl:]]*\).*/\1/p"
}

# node_id NODE - it keeps that for good
node_id()
{
    if [ ! -e "$T/cluster/$1/id" ] || ! read -r c_id <"$T/cluster/$1/id"; then
        c_id=$(node_cli "$1" cluster myid)
        [ ${#c_id} != 40 ] || echo "$c_id" >"$T/cluster/$1/id"
    fi
    echo "$c_id"
}

# node_is_up - the server at the port is the one we started, and it has loaded its data
node_is_up()
{
    [ "$(node_field "$1" 'info server' process_id)" = "$(cat "$T/cluster/$1/pid")" ] &&
        [ "$(node_field "$1" 'info persistence' loading)" = 0 ]
}

# node_tls NODE - arguments
node_tls()
{
    [ -z "$CLUSTER_TLS" ] || echo "--tls-port $(($(node_port "$1") + 20000)) --cluster-port $(($(node_port "$1") + 10000))" \
        "--tls-cluster yes --tls-replication yes --tls-cert-file $T/tls/server.pem --tls-key-file $T/tls/server.key" \
        "--tls-ca-cert-file $T/tls/ca.pem"
}

# node_run NODE - start the server and leave it to come up
node_run()
{
    # shellcheck disable=SC2086,SC2046 # words without blanks
    "$REDIS_SERVER" --port "$(node_port "$1")" --bind "$T_HOST" --dir "$T/cluster/$1" --save '' \
        --appendonly no --protected-mode no --repl-diskless-sync yes \
        --repl-diskless-sync-delay 0 --cluster-enabled yes --cluster-config-file nodes.conf \
        --cluster-announce-ip "$T_HOST" --cluster-node-timeout "$CLUSTER_NODE_TIMEOUT_MS" \
        --cluster-migration-barrier 100 --cluster-replica-no-failover yes $CLUSTER_ARGS $(node_tls "$1") \
        >>"$T/cluster/$1/log" 2>&1 &
    echo $! >"$T/cluster/$1/pid"
    PIDS="$PIDS $!"
}

# node_start NODE - a new one on the first free port from $CLUSTER_PORT on; the bus is 10000 above
node_start()
{
    rm -rf "$T/cluster/$1"
    mkdir -p "$T/cluster/$1"
    c_tries=0
    while [ $c_tries -lt 50 ]; do
        c_tries=$((c_tries + 1))
        echo "$CLUSTER_PORT" >"$T/cluster/$1/port"
        CLUSTER_PORT=$((CLUSTER_PORT + 1))
        node_run "$1"
        while node_alive "$1"; do
            node_is_up "$1" && return 0
            sleep 0.05
        done
        node_forget "$1"
    done
    echo "node $1 did not start" >&2
    tail -n 5 "$T/cluster/$1/log" >&2
    return 1
}

# node_forget NODE - it has ended; its number may become somebody else's
node_forget()
{
    c_pid=$(cat "$T/cluster/$1/pid")
    wait "$c_pid" 2>/dev/null
    t_forget "$c_pid"
    rm "$T/cluster/$1/pid"
}

cluster_each()
{
    for c_node in $(seq 1 "$CLUSTER_NODES"); do
        node_alive "$c_node" || continue
        "$@" "$c_node" || return 1
    done
}

node_knows_all()
{
    [ "$(node_field "$1" 'cluster info' cluster_known_nodes)" = $((CLUSTER_NODES - CLUSTER_LEFT)) ]
}

# node_view NODE - a line for each master that has slots: its id, epoch and slots, as this node sees it
node_view()
{
    node_cli "$1" cluster nodes | awk '$3 ~ /master/ {
        slots = ""
        for (i = 9; i <= NF; i++)
            if ($i !~ /^\[/)
                slots = slots " " $i
        if (slots != "")
            print $1, $7 slots
    }' | sort
}

# node_slots NODE - the same without the epochs
node_slots()
{
    node_view "$1" | sed 's/ [0-9]*//'
}

# node_is_ok - the state is ok, it agrees with the others, and a replica follows its master
node_is_ok()
{
    [ "$(node_field "$1" 'cluster info' cluster_state)" = ok ] || return 1
    [ "$(node_field "$1" 'cluster info' cluster_slots_ok)" = 16384 ] || return 1
    [ "$(node_slots "$1")" = "$c_wanted_slots" ] || return 1
    [ "$(node_field "$1" 'info replication' role)" = master ] ||
        [ "$(node_field "$1" 'info replication' master_link_status)" = up ]
}

cluster_is_ok()
{
    c_wanted_slots=$(node_slots "$(cluster_any)")
    cluster_each node_is_ok
}

# cluster_any - a node that is up
cluster_any()
{
    for c_any in $(seq 1 "$CLUSTER_NODES"); do
        if node_alive "$c_any"; then
            echo "$c_any"
            return
        fi
    done
    echo 1
}

# wait_cluster_ok - all nodes that are up agree, and every slot is served
wait_cluster_ok()
{
    t_until cluster_is_ok
}

# cluster_form MASTERS - equal shares of the slots, and the rest as their replicas
cluster_form()
{
    for c_i in $(seq 1 "$1"); do
        # shellcheck disable=SC2046 # numbers
        node_cli "$c_i" cluster addslots \
            $(seq $((16384 * (c_i - 1) / $1)) $((16384 * c_i / $1 - 1))) >/dev/null || return 1
    done
    for c_i in $(seq 1 "$CLUSTER_NODES"); do
        node_cli "$c_i" cluster set-config-epoch "$c_i" >/dev/null
        [ "$c_i" = 1 ] || node_cli 1 cluster meet "$T_HOST" "$(node_port "$c_i")" >/dev/null
    done
    t_until cluster_each node_knows_all || return 1
    for c_i in $(seq $(($1 + 1)) "$CLUSTER_NODES"); do
        node_cli "$c_i" cluster replicate "$(node_id $(((c_i - 1) % $1 + 1)))" >/dev/null ||
            return 1
    done
    wait_cluster_ok
}

# start_cluster MASTERS REPLICAS-PER-MASTER [REDIS-SERVER ARG...] - ARGs without blanks; sets
# CLUSTER (HOST:PORT of the first node) and CLUSTER_URI
start_cluster()
{
    CLUSTER_NODES=$(($1 * (1 + $2)))
    c_masters=$1
    shift 2
    CLUSTER_ARGS=$*
    CLUSTER_LEFT=0
    CLUSTER_PORT=20000
    for c_i in $(seq 1 "$CLUSTER_NODES"); do
        node_start "$c_i" || return 1
    done
    CLUSTER=$(node_address 1)
    # shellcheck disable=SC2034 # for the script
    CLUSTER_URI=redis://$CLUSTER
    # shellcheck disable=SC2034
    CLUSTER_TLS_URI=rediss://$T_HOST:$(($(node_port 1) + 20000))
    cluster_form "$c_masters"
}

# join_node - another master, which has no slots yet; sets NEW_NODE
join_node()
{
    NEW_NODE=$((CLUSTER_NODES + 1))
    node_start "$NEW_NODE" || return 1
    CLUSTER_NODES=$NEW_NODE
    node_cli "$(cluster_any)" cluster meet "$T_HOST" "$(node_port "$NEW_NODE")" >/dev/null
    t_until cluster_each node_knows_all
}

# leave_node NODE TO - a master gives all its slots to another one, and is forgotten and ended. It has no replicas
leave_node()
{
    c_leaving=$(node_id "$1")
    migrate_slots "$1" "$2" 16384 || return 1
    CLUSTER_LEFT=$((CLUSTER_LEFT + 1))
    cluster_each node_forgets "$1"
    node_cli "$1" cluster reset soft >/dev/null
    kill_node "$1"
    t_until cluster_each node_knows_all
}

node_forgets()
{
    [ "$1" = "$2" ] || node_cli "$2" cluster forget "$c_leaving" >/dev/null
}

# kill_node NODE - kill -9; its files stay
kill_node()
{
    [ -e "$T/cluster/$1/pid" ] || return 0
    kill -9 "$(cat "$T/cluster/$1/pid")" 2>/dev/null
    node_forget "$1"
}

# restart_node NODE - with what is in its files
restart_node()
{
    node_run "$1"
    t_until node_is_up "$1"
}

stop_cluster()
{
    migrate_loop_stop
    for c_i in $(seq 1 "$CLUSTER_NODES"); do
        kill_node "$c_i"
    done
    rm -rf "$T/cluster"
    CLUSTER_NODES=0
}

# cluster_size - how many keys all masters have
cluster_size()
{
    c_size=0
    for c_of in $(cluster_masters); do
        c_size=$((c_size + $(node_cli "$c_of" dbsize)))
    done
    echo $c_size
}

# cluster_flush - the masters have no keys any more, and that not by way of flowtape
cluster_flush()
{
    c_flushed=$(cluster_masters)
    [ -n "$c_flushed" ] || return 1
    for c_of in $c_flushed; do
        node_cli "$c_of" flushall >/dev/null || return 1
    done
}

# cluster_changes - how many commands changed something, since the nodes were started
cluster_changes()
{
    c_changes=0
    for c_of in $(cluster_masters); do
        c_changes=$((c_changes + $(node_field "$c_of" 'info persistence' rdb_changes_since_last_save)))
    done
    echo $c_changes
}

# cluster_is_written_to PID COUNT - changes are made, so many from now on; or PID has ended
cluster_is_written_to()
{
    c_from=$(cluster_changes)
    t_until cluster_has_changed "$1" $((c_from + $2))
}

cluster_has_changed()
{
    [ "$(cluster_changes)" -ge "$2" ] || ! kill -0 "$1"
}

# cluster_masters - the numbers of the nodes that own slots
cluster_masters()
{
    c_owners=$(node_slots "$(cluster_any)")
    for c_node in $(seq 1 "$CLUSTER_NODES"); do
        node_alive "$c_node" || continue
        case $c_owners in *"$(node_id "$c_node")"*) echo "$c_node" ;; esac
    done
}

# replica_of NODE - one of its replicas
replica_of()
{
    c_master_port=$(node_port "$1")
    for c_node in $(seq 1 "$CLUSTER_NODES"); do
        [ "$c_node" != "$1" ] || continue
        node_alive "$c_node" || continue
        if [ "$(node_field "$c_node" 'info replication' master_port)" = "$c_master_port" ]; then
            echo "$c_node"
            return 0
        fi
    done
    echo "node $1 has no replica" >&2
    return 1
}

node_is_master()
{
    [ "$(node_field "$1" 'info replication' role)" = master ]
}

# fail_over_to NODE [HOW] - one attempt, which the server gives up after five seconds
fail_over_to()
{
    # shellcheck disable=SC2086 # nothing, or one word
    node_cli "$1" cluster failover ${2:-} >/dev/null
    c_tries=0
    until node_is_master "$1"; do
        c_tries=$((c_tries + 1))
        [ $c_tries -lt 60 ] || return 1
        sleep 0.1
    done
}

# nodes_agree - all nodes that are up know the epochs and slots of all masters, and no two have the same epoch
nodes_agree()
{
    c_wanted_view=$(node_view "$(cluster_any)")
    [ -z "$(echo "$c_wanted_view" | cut -d ' ' -f 2 | sort | uniq -d)" ] && cluster_each node_agrees
}

node_agrees()
{
    [ "$(node_view "$1")" = "$c_wanted_view" ]
}

# wait_agreement - to be called before a node gets a new epoch, which is one above all that it has heard of. If it
# has not heard of the last one, two nodes may have the same, and one of them loses its slots; for ever, when the
# other has been killed. And if a third has not heard who took a slot under the last one, it goes on believing the
# giver, and once the giver has a newer epoch, it makes the taker believe the giver again: that deletes the
# keys, and each of them points to the other. No server before 7.2 ever notices. Gossip takes many seconds when
# the node timeout is long, so each master sends to all what it knows.
wait_agreement()
{
    nodes_agree && return
    for c_of in $(cluster_masters); do
        cluster_each node_hears "$c_of"
    done
    t_until nodes_agree
}

# node_hears FROM NODE - who is met again gets the whole state of the one that meets it
node_hears()
{
    [ "$1" = "$2" ] || node_cli "$1" cluster meet "$T_HOST" "$(node_port "$2")" >/dev/null
}

# failover_master NODE [hard] - a replica takes its place; sets NEW_MASTER
failover_master()
{
    NEW_MASTER=$(replica_of "$1") || return 1
    wait_agreement || return 1
    c_how=
    if [ "${2:-}" = hard ]; then
        kill_node "$1"
        c_how=takeover
    fi
    t_until fail_over_to "$NEW_MASTER" $c_how
}

# Keys are moved by a script of the source, so that their names may be any bytes.
c_migrate_script='local keys = redis.call("CLUSTER", "GETKEYSINSLOT", ARGV[1], ARGV[3])
if #keys == 0 then return 0 end
local r = redis.pcall("MIGRATE", ARGV[4], ARGV[2], "", 0, 5000, "REPLACE", "KEYS", unpack(keys))
return type(r) == "table" and r.err or #keys'

# migrate_slot FROM TO SLOT - a node that is away is waited for; a failover of one of the two would
# forget what has been moved, so do not combine them. Returns 1 if that did not work. After wait_agreement.
migrate_slot()
{
    c_from_id=$(node_id "$1") c_to_id=$(node_id "$2")
    [ ${#c_from_id} = 40 ] && [ ${#c_to_id} = 40 ] || return 1
    node_cli "$2" cluster setslot "$3" importing "$c_from_id" >/dev/null 2>&1
    node_cli "$1" cluster setslot "$3" migrating "$c_to_id" >/dev/null 2>&1
    c_failures=0
    while :; do
        c_moved=$(node_cli "$1" eval "$c_migrate_script" 0 "$3" "$(node_port "$2")" 3 \
            "$T_HOST" 2>&1)
        case $c_moved in
        0) break ;;
        '' | *[!0-9]*) c_failures=$((c_failures + 1)) ;;
        esac
        if [ $c_failures -gt 300 ]; then
            echo "slot $3 from node $1 to $2: $c_moved" >&2
            return 1
        fi
        [ -z "${c_moved##[0-9]*}" ] || sleep 0.1
    done
    node_cli "$2" cluster setslot "$3" node "$c_to_id" >/dev/null 2>&1
    node_cli "$1" cluster setslot "$3" node "$c_to_id" >/dev/null 2>&1
}

# slots_of NODE COUNT - the first of its slots
slots_of()
{
    node_slots "$1" | grep "^$(node_id "$1")" | tr ' ' '\n' | sed 1d |
        awk -F- -v left="$2" '{
            last = $2 == "" ? $1 : $2
            for (i = $1; i <= last && left-- > 0; i++)
                print i
        }'
}

# migrate_slots FROM TO COUNT - one after the other, with their keys
migrate_slots()
{
    wait_agreement || return 1
    for c_slot in $(slots_of "$1" "$3"); do
        migrate_slot "$1" "$2" "$c_slot" || return 1
    done
}

# migrate_keyed FROM TO COUNT - likewise, of slots that have keys
migrate_keyed()
{
    wait_agreement || return 1
    for c_slot in $(keyed_slots "$1" "$3"); do
        migrate_slot "$1" "$2" "$c_slot" || return 1
    done
}

# keyed_slots NODE COUNT - of its slots, the first of those that have keys
keyed_slots()
{
    node_cli "$1" eval 'local left, slots = tonumber(ARGV[1]), {}
        for i = 1, #ARGV - 1 do
            if left > 0 and redis.call("CLUSTER", "COUNTKEYSINSLOT", ARGV[i + 1]) > 0 then
                slots[#slots + 1] = ARGV[i + 1]
                left = left - 1
            end
        end
        return slots' 0 "$2" $(slots_of "$1" 16384)
}

# migrate_once - the slot of a random key goes from a random master to another
migrate_once()
{
    # shellcheck disable=SC2046 # numbers
    set -- $(cluster_masters)
    [ $# -ge 2 ] || return 0
    t_random $#
    shift "$R"
    c_from=$1
    # shellcheck disable=SC2046
    set -- $(cluster_masters | grep -vx "$c_from")
    [ $# -ge 1 ] || return 0
    t_random $#
    shift "$R"
    c_slot=$(node_cli "$c_from" eval \
        'return redis.call("CLUSTER", "KEYSLOT", redis.call("RANDOMKEY") or "")' 0)
    slots_of "$c_from" 16384 | grep -qx "$c_slot" || return 0
    wait_agreement || return 0
    migrate_slot "$c_from" "$1" "$c_slot" && echo "$c_slot from $c_from to $1"
}

migrate_loop()
{
    while [ ! -e "$T/cluster/stop-migrating" ]; do
        migrate_once
    done
}

# migrate_loop_start - slots move all the time until migrate_loop_stop, which lets the last one
# arrive; a line for each is in $T/cluster/migrated
migrate_loop_start()
{
    rm -f "$T/cluster/stop-migrating"
    migrate_loop >>"$T/cluster/migrated" 2>>"$T/cluster/migrate.err" &
    MIGRATE_PID=$!
    PIDS="$PIDS $MIGRATE_PID"
}

migrate_loop_stop()
{
    [ -n "$MIGRATE_PID" ] || return 0
    touch "$T/cluster/stop-migrating"
    wait "$MIGRATE_PID" 2>/dev/null
    t_forget "$MIGRATE_PID"
    MIGRATE_PID=
}

# cluster_ask STATE-DIFF-ARG... - again as long as masters do not answer, or change meanwhile: status 2
cluster_ask()
{
    c_give_up=$(($(date +%s) + 120))
    while :; do
        "$STATE_DIFF" --cluster "$@" "$(node_address "$(cluster_any)")" >"$T/cluster/answer" \
            2>"$T/cluster/answer.err"
        c_status=$?
        [ $c_status = 2 ] && [ "$(date +%s)" -le $c_give_up ] || break
        sleep 0.2
    done
    cat "$T/cluster/answer.err" >&2
    cat "$T/cluster/answer"
    return $c_status
}

# cluster_dump [STATE-DIFF OPTION...] - all keys as JSON
cluster_dump()
{
    cluster_ask "$@" dump
}

# cluster_diff STATE.json [STATE-DIFF OPTION...] - 0 if all masters together hold it
cluster_diff()
{
    c_state=$1
    shift
    cluster_ask "$@" "$c_state"
}
