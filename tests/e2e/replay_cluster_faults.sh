#!/bin/sh
# What goes wrong on a cluster and is easily not noticed: a master that comes back empty while
# snapshots are on their way, reads that fail, errors that the source had too.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"
FLOWS=40

# on_key COMMAND KEY [WORD...] - by the node that has it
on_key()
{
    timeout 300 redis-cli -c -h "$T_HOST" -p "$(node_port 1)" "$@"
}

# all_keys - each flow's one key is there
all_keys()
{
    flow=0
    while [ $flow -lt $FLOWS ]; do
        [ "$(on_key exists key-of-flow-$flow)" = 1 ] || {
            echo "key-of-flow-$flow is not there"
            return 1
        }
        flow=$((flow + 1))
    done
}

snapshots_done()
{
    [ "$(on_key hkeys flowtape:replay | grep -c '^snap:')" -ge 12 ]
}

start_cluster 3 0 || fail "no cluster"

seq 0 $((FLOWS - 1)) | sed 's/$/ 1 0 PING/' | "$MAKE_CAPTURE" $FLOWS "$T/many" || fail "a capture of many flows"
"$FLOWTAPE" replay "$T/many" "$CLUSTER_URI" --quiet --rate 8 >"$T/replay.out" 2>&1 &
REPLAY_PID=$!
PIDS="$PIDS $REPLAY_PID"
check "some snapshots are there" t_until snapshots_done
for node in 1 2 3; do
    # not the one that knows which
    [ "$(node_cli $node exists flowtape:replay 2>/dev/null)" = 1 ] || break
done
kill_node $node
restart_node $node
wait "$REPLAY_PID"
status=$?
t_forget "$REPLAY_PID"
[ $status = 0 ] || fail "a master came back empty: status $status" "$T/replay.out"
check "a master came back empty: nothing is missing" all_keys

"$MAKE_CAPTURE" 1 "$T/sort" <<END || fail "a capture"
0 1 0 RPUSH words b a c
0 2 0 RPUSH {1}result before
0 3 0 SORT words STORE {1}result
0 4 0 RPUSH {1}result behind
END
check "SORT that failed at the source too" "$FLOWTAPE" replay "$T/sort" "$CLUSTER_URI" --flush \
    --quiet --finish
check "its result is left alone" [ "$(on_key lrange '{1}result' 0 -1 | tr '\n' ' ')" = \
    "before behind " ]

"$MAKE_CAPTURE" 1 "$T/copy" <<END || fail "a capture"
0 1 0 SET from 1
0 2 0 COPY from {1}to
END
# A master comes back with older data behind a complete replay. {1} is of another one than the other
# names: what went there from these is nowhere else, what was to be removed there is known from the record.
values()
{
    echo "$(on_key lrange '{1}renamed' 0 -1) $(on_key smembers '{1}union') $(on_key exists list)" \
        "$(on_key lrange '{1}moved' 0 -1) $(on_key lrange left 0 -1) $(on_key smembers set)"
}
# back_older NODE LAST - replayed up to LAST seconds, saved there, completed; then NODE is back
back_older()
{
    "$FLOWTAPE" replay "$T/older" "$CLUSTER_URI" --flush --quiet --at "$2" || fail "the first part"
    node_cli "$1" save >/dev/null
    "$FLOWTAPE" replay "$T/older" "$CLUSTER_URI" --quiet || fail "the second part"
    before=$(values)
    kill_node "$1"
    restart_node "$1"
    wait_cluster_ok
    rm -f "$T/cluster/$1/dump.rdb"
}
"$MAKE_CAPTURE" 1 "$T/older" <<END || fail "a capture"
0 1 0 RPUSH list v
0 1 0 RPUSH left 1 2 3
0 1 0 SADD set m
0 1 0 SET {1}x 1
0 9 0 RENAME list {1}renamed
0 9 0 LMOVE left {1}moved LEFT RIGHT
0 9 0 SUNIONSTORE {1}union set
0 9 0 SADD set n
END
with_key()
{
    for with in 1 2 3; do
        node_cli $with exists "$1" 2>/dev/null | grep -q '^[01]$' && echo $with && return
    done
}
holder=$(with_key '{1}x')
back_older "$holder" 15
check_status "what another master no longer has is asked for" 1 'came back.*--from-start' \
    "$FLOWTAPE" replay "$T/older" "$CLUSTER_URI"
check "--from-start brings everything again" "$FLOWTAPE" replay "$T/older" "$CLUSTER_URI" \
    --quiet --from-start
check "the same as before" [ "$(values)" = "$before" ]
losing=$(with_key left)
if [ "$losing" != "$holder" ] && [ "$losing" = "$(with_key list)" ]; then
    back_older "$losing" 15
    check "what was to be removed is removed again" "$FLOWTAPE" replay "$T/older" "$CLUSTER_URI" \
        --quiet
    check "the same as before, again" [ "$(values)" = "$before" ]
else
    fail "the names are not where the test wants them"
fi

# A key that is there when the batch begins, and whose slot is on its way: once removed, it can be made
# again only where the slot goes.
{
    echo "0 1 0 SET there 1"
    seq 50 | sed 's/.*/0 1 0 RPUSH moving &\n0 1 0 DEL moving/'
    echo "0 1 0 RPUSH moving new"
} | "$MAKE_CAPTURE" 1 "$T/again" || fail "a capture"
"$FLOWTAPE" replay "$T/older" "$CLUSTER_URI" --forget --quiet || fail "--forget"
on_key rpush moving old >/dev/null
slot=$(node_cli 1 cluster keyslot moving)
from=$(with_key moving)
to=$((from % 3 + 1))
exists()
{
    [ "$(on_key exists "$1")" = "$2" ]
}
wait_agreement
"$FLOWTAPE" replay "$T/again" "$CLUSTER_URI" --quiet --rate 40 >"$T/replay.out" 2>&1 &
REPLAY_PID=$!
PIDS="$PIDS $REPLAY_PID"
check "the replay has begun" t_until exists there 1
node_cli $to cluster setslot "$slot" importing "$(node_id "$from")" >/dev/null
node_cli "$from" cluster setslot "$slot" migrating "$(node_id $to)" >/dev/null
check "the key is removed" t_until exists moving 0
migrate_slot "$from" $to "$slot"
ends "a key made again in a slot on its way" "$REPLAY_PID" 0 "$T/replay.out"
check "it is there" [ "$(on_key lrange moving 0 -1)" = new ]

if has_users; then
    for node in 1 2 3; do
        node_cli $node acl setuser limited on '>secret' '~*' '+@all' -dump >/dev/null
    done
    check_status "a read that is not allowed ends the replay" 4 "refused COPY .*(NOPERM|run this command|no permissions)" "$FLOWTAPE" replay \
        "$T/copy" "redis://limited:secret@$CLUSTER" --flush
fi
stop_cluster
t_end
