#!/bin/sh
# Captures go into a Redis Cluster: each record takes effect once, whatever is killed, promoted or
# moved meanwhile.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"
starts=0
KILLS=${E2E_KILLS:-$(effort 24 5)}
# Options of every run; "now and then" has every other run do without scripts.
HOW=
MERGE='0:0,*:prefix=db%d:'

how()
{
    case $HOW in
    'now and then') [ $((starts % 2)) = 0 ] || echo "--without eval" ;;
    *) echo "$HOW" ;;
    esac
}

# into NAME [ARG...] - a replay into the cluster
into()
{
    name=$1
    shift
    timeout 300 "$FLOWTAPE" replay "$T/$name" "redis://$(node_address "$(cluster_any)")" \
        --on-loss skip --db-map "$MERGE" $(how) "$@"
}

# started NAME [ARG...] - in the background
started()
{
    name=$1
    shift
    "$FLOWTAPE" replay "$T/$name" "redis://$(node_address "$(cluster_any)")" \
        --on-loss skip --db-map "$MERGE" $(how) "$@" >"$T/replay.out" 2>&1 &
    REPLAY_PID=$!
    PIDS="$PIDS $REPLAY_PID"
}

# ended LABEL - it ended well
ended()
{
    ends "$1" "$REPLAY_PID" 0 "$T/replay.out"
}

# own_keys - how many keys of replays all masters have
own_keys()
{
    own=0
    for node in $(cluster_masters); do
        own=$((own + $(node_cli "$node" --raw keys 'flowtape:*' | grep -c flowtape)))
    done
    echo $own
}

# equal LABEL NAME [ARG...] - to the recording's state, or to what a single server has
equal()
{
    label=$1 json=$RECORDINGS/$2/state.json
    shift 2
    [ -f "$json" ] || json=$T/single.json
    check "$label" cluster_diff "$json" --db-prefix --skip-lossy "$@"
}

# killed NAME RATE DELAY_MS - killed and started again; restarted when it was through
killed()
{
    kills=0 starts=0 first=
    # not by --flush: the first kill may come before it is executed
    cluster_flush || fail "$1: an empty cluster"
    while [ $kills -lt "$KILLS" ] && [ $starts -lt $((4 * KILLS)) ]; do
        starts=$((starts + 1))
        started "$1" --rate "$2" $first
        first=
        t_random_delay "$3"
        t_forget "$REPLAY_PID"
        if kill -9 "$REPLAY_PID" 2>/dev/null; then
            kills=$((kills + 1))
            wait "$REPLAY_PID" 2>/dev/null
        elif wait "$REPLAY_PID"; then
            first=--flush
        else
            fail "$1: replay" "$T/replay.out"
        fi
    done
    check "$1: the rest after $kills kills" into "$1" --quiet --finish
}

# Records whose keys are on different nodes, counters and lists that show every repetition, and commands
# of many words. The seconds become milliseconds by --pace.
records()
{
    awk -v rounds="$1" 'BEGIN {
        at = 1
        for (i = 0; i < rounds; i++) {
            k = i % 40
            print 0, at++, 0, "INCR counter:" k
            print 0, at++, 0, "RPUSH list:" k, "v" i, "w" i
            print 0, at++, 0, "SADD set:" k, "m" i, "n" i
            print 0, at++, 0, "LMOVE list:" k, "list:" (k + 7) % 40, "LEFT", "RIGHT"
            print 0, at++, 0, "SMOVE set:" k, "set:" (k + 3) % 40, "m" i
            print 0, at++, 0, "SET name:" i, i
            print 0, at++, 0, "RENAME name:" i, "other:" k
            print 0, at++, 0, "COPY other:" k, "copy:" (k + 11) % 40, "REPLACE"
            print 0, at++, 0, "RENAMENX copy:" (k + 11) % 40, "once:" i % 60
            print 0, at++, 0, "SUNIONSTORE union:" k, "set:" k, "set:" (k + 1) % 40
            print 0, at++, 0, "MSET a:" i % 50, i, "b:" i % 50, i, "c:" i % 50, i
            print 0, at++, 1, "APPEND text:" k, "x"
            if (i % 50 == 49) {
                words = ""
                for (j = 0; j < 9000; j++)
                    words = words " " i "-" j
                print 0, at++, 0, "RPUSH long:" k words
            }
        }
    }'
}

records "$(effort 400 120)" | "$MAKE_CAPTURE" 1 "$T/apart" || fail "a capture of our own"
redis_start
check "apart: a single server" "$FLOWTAPE" replay "$T/apart" "$REDIS" --quiet --finish
"$STATE_DIFF" dump "$REDIS" >"$T/single.json"
redis_stop

start_cluster 3 1 --appendonly yes --appendfsync always || fail "no cluster"

check "apart" into apart --quiet --flush --finish
equal "apart: equal" apart
for name in flushes live-1 live-4 types-lz4 types-untagged; do
    [ -d "$RECORDINGS/$name" ] || continue
    take $name
    check "$name" into $name --quiet --flush --finish
    equal "$name: equal" $name
done

killed apart 4000 700
equal "apart: equal after $kills kills" apart
for name in live-4 live-8-fast; do
    [ -d "$RECORDINGS/$name" ] || continue
    [ -d "$T/$name" ] || take $name
    killed $name 1200 400
    equal "$name: equal after $kills kills" $name
done

# Without scripts each slot has a position of its own.
KILLS=${E2E_KILLS:-$(effort 12 3)}
for HOW in "--without eval" "now and then"; do
    killed apart 4000 700
    equal "apart, $HOW: equal after $kills kills" apart
    check "apart, $HOW: nothing of ours is left" [ "$(own_keys)" = 0 ]
done

# What a kill leaves while marks are made: they do not count yet. A run with scripts does not need them.
HOW="--without eval"
check "marks are made" into apart --quiet --flush --at snapshot
HOW=
for node in $(cluster_masters); do
    [ "$(node_cli "$node" --raw exists flowtape:replay 2>/dev/null)" != 1 ] ||
        node_cli "$node" hset flowtape:replay version 1 >"$T/out"
done
[ "$(own_keys)" -gt 16384 ] || fail "each slot has a mark"
check "marks that do not count" into apart --quiet --finish
equal "marks that do not count: equal" apart
check "marks that do not count: nothing of ours is left" [ "$(own_keys)" = 0 ]

# Those that count outlast a flush, for the run that comes next.
awk 'BEGIN {
    for (i = 1; i <= 400; i++)
        print 0, i, 0, i % 200 == 0 ? "FLUSHALL" : "INCR counter:" i % 30
    print 0, i, 0, "SET last 1"
}' | "$MAKE_CAPTURE" 1 "$T/flushed" || fail "a capture with flushes"
# plainly NAME [ARG...] - under their own names, so that a flush is one
plainly()
{
    name=$1
    shift
    timeout 300 "$FLOWTAPE" replay "$T/$name" "redis://$(node_address "$(cluster_any)")" --quiet "$@"
}
check "flushes and marks: these are made" plainly flushed --flush --at snapshot --without eval
check "flushes and marks" plainly flushed
check "flushes and marks: finish" plainly flushed --check all --finish
check "flushes and marks: one key" [ "$(cluster_size)" = 1 ]

replaced=2
for HOW in "" "--without eval"; do
    into apart --quiet --flush --at snapshot
    migrate_loop_start
    started apart --pace x400
    ended "apart, $HOW: slots move"
    migrate_loop_stop
    check "slots have moved" [ -s "$T/cluster/migrated" ]
    rm "$T/cluster/migrated"
    check "apart, $HOW: finish" into apart --quiet --finish
    equal "apart, $HOW: equal" apart

    into apart --quiet --flush --at snapshot
    started apart --pace x400
    cluster_is_written_to "$REPLAY_PID" 300
    kill_node 1
    restart_node 1
    cluster_is_written_to "$REPLAY_PID" 300
    failover_master $replaced hard
    replaced=3
    ended "apart, $HOW: a master restarts, another is replaced"
    check "apart, $HOW: finish" into apart --quiet --finish
    equal "apart, $HOW: equal" apart
done
stop_cluster
t_end
