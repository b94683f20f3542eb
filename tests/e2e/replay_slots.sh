#!/bin/sh
# A journal goes into a Redis Cluster whose user may run no scripts, nor close connections: each record takes effect once,
# whoever is killed, stopped or refused meanwhile.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"
has_users || t_skip "the server has no users"
server_before 7.0 && t_skip "its ACL has no subcommands in full"
KILLS=${E2E_KILLS:-$(effort 12 4)}
echo "seed $SEED"

# into NAME [ARG...] - a replay into the cluster
into()
{
    name=$1
    shift
    timeout 300 "$FLOWTAPE" replay "$T/$name" "$CLUSTER_URI" --user ft-cluster-multi "$@"
}

# started OUTPUT NAME [ARG...] - in the background
started()
{
    output=$1 name=$2
    shift 2
    "$FLOWTAPE" replay "$T/$name" "$CLUSTER_URI" --user ft-cluster-multi "$@" >"$T/$output" 2>&1 &
    REPLAY_PID=$!
    PIDS="$PIDS $REPLAY_PID"
}

# exists KEY - on any node
exists()
{
    for node in 1 2 3; do
        [ "$(node_cli $node exists "$1" 2>/dev/null)" != 1 ] || return 0
    done
    return 1
}

# own_keys - how many keys of replays all masters have
own_keys()
{
    own=0
    for node in 1 2 3; do
        own=$((own + $(node_cli $node --raw keys 'flowtape:*' | grep -c flowtape)))
    done
    echo $own
}

# Counters and lists show every repetition; what a script computes, and records of two slots, some of one node.
awk 'BEGIN {
    at = 1
    for (i = 0; i < 1500; i++) {
        k = i % 60
        print 0, at++, 0, "INCR counter:" k
        print 0, at++, 0, "LPUSH list:" k, "v" i, "w" i
        if (i % 7 == 0)
            print 0, at++, 0, "INCRBYFLOAT float:" k, "0.25"
        if (i % 11 == 0)
            print 0, at++, 0, "LMOVE list:" k, "list:" (k + 2 * i) % 60, "LEFT RIGHT"
        if (i % 13 == 0)
            print 0, at++, 0, "RENAME counter:" k, "renamed:" (k + i % 17 * 2) % 60
        if (i % 10 == 0)
            print 0, at++, 0, "MSET a:" i % 50, i, "b:" i % 50, i
    }
}' | "$MAKE_CAPTURE" 1 "$T/journal" || fail "a capture of our own"
redis_start
check "a single server" "$FLOWTAPE" replay "$T/journal" "$REDIS" --quiet --finish
"$STATE_DIFF" dump "$REDIS" >"$T/single.json"
redis_stop
export FLOWTAPE_TARGET_PASSWORD=SECRET
start_cluster 3 0 || fail "no cluster"
for node in 1 2 3; do
    sed -n 's/^    ACL SETUSER/acl setuser/p' "$T_FIXTURES/../doc/permissions.md" | node_cli $node >"$T/acl.out"
done

# Killed at any time.
kills=0
while [ $kills -lt "$KILLS" ]; do
    started replay.out journal --rate 3000
    t_random_delay 400
    t_forget "$REPLAY_PID"
    kill -9 "$REPLAY_PID" 2>/dev/null || { wait "$REPLAY_PID" && break; }
    wait "$REPLAY_PID" 2>/dev/null
    kills=$((kills + 1))
done
check "the rest after $kills kills" into journal --quiet
check "equal" cluster_diff "$T/single.json" --ignore-prefix flowtape:
check "--check all, with all slots' marks" into journal --quiet --check all
check "it is at its end" into journal --quiet --finish
check "nothing of ours is left" [ "$(own_keys)" = 0 ]
check "equal, again" cluster_diff "$T/single.json" --ignore-prefix flowtape:

# Stopped, and overtaken by another one: what it still wants to write is not executed.
cluster_flush || fail "an empty cluster"
started first.out journal --rate 2000
first=$REPLAY_PID
check "it has begun" t_until exists counter:20
kill -STOP "$first"
check "another one takes over" into journal --quiet --take-over
kill -CONT "$first"
# it ends as it has lost the lease, or, as that was given back, when it has found that there is nothing left to do
wait "$first"
status=$?
check "the first one ends well, or gives up: status $status" [ $status -le 1 ]
t_forget "$first"
check "equal after the take-over" cluster_diff "$T/single.json" --ignore-prefix flowtape:
check "--forget" into journal --quiet --forget
check "nothing of ours is left after --forget" [ "$(own_keys)" = 0 ]

# What is not queued is written down by the slot's mark, found by the next run, and left out or made a letter.
for node in 1 2 3; do
    node_cli $node acl setuser ft-cluster-multi resetkeys '~flowtape:*' '~ok:*' '~key-of-flow-*' >"$T/acl.out"
done
"$MAKE_CAPTURE" 1 "$T/refused" <<'EOF' || fail "a capture of our own"
0 1 0 INCR ok:1
0 1 0 INCR no:1
0 2 0 INCR ok:2
0 3 0 INCR ok:1
EOF
values()
{
    for key in ok:1 ok:2 no:1; do
        for node in 1 2 3; do
            node_cli $node get $key
        done
    done | grep -v MOVED | grep . | tr '\n' ' '
}
cluster_flush || fail "an empty cluster"
check_status "a command that is not queued" 4 "refused INCR" into refused --quiet
check_status "is remembered" 4 "refused 1 command in earlier runs" into refused --quiet
check "and left out" into refused --quiet --accept-errors --finish
check "the others took effect once" [ "$(values)" = "2 1 " ]
cluster_flush || fail "an empty cluster"
check "or is a letter" into refused --quiet --on-error "dead-letter=$T/letters"
check "the others took effect once, beside the letter" [ "$(values)" = "2 1 " ]
for node in 1 2 3; do
    node_cli $node acl setuser ft-cluster-multi '~*' >"$T/acl.out"
done
check "which can be sent" into refused --quiet --retry-dead-letter "$T/letters"
check "so that all is there, once" [ "$(values)" = "2 1 1 " ]
stop_cluster
t_end
