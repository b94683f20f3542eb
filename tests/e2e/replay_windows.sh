#!/bin/sh
# A journal goes into a Redis Cluster slot by slot, out of windows: who is killed in the midst of one continues where each slot
# is, also when slots have moved since.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"
RECORDS=14000 KEYS=2000
GAP_MS=1500 # between the first record and the others, as the run has it

# A first record, and later more than goes to one node while it does not answer; each key's list shows every repetition.
journal()
{
    awk -v records=$RECORDS -v keys=$KEYS -v gap="$GAP_MS" 'BEGIN {
        for (text = "x"; length(text) < 500;)
            text = text text
        print 0, 1, 0, "SET first 1"
        for (i = 0; i < records; i++) {
            print 0, 1 + gap, 0, "RPUSH list:" i % keys, i text
            if (i % 5 == 0)
                print 0, 1 + gap, 0, "SET string:" i % 300, i
            if (i % 7 == 0)
                print 0, 1 + gap, 0, "SET string:" i % 300, i "again"
            if (i % 11 == 0)
                print 0, 1 + gap, 0, "APPEND string:" i % 300, "+" i
            if (i % 13 == 0)
                print 0, 1 + gap, 0, "DEL string:" (i + 150) % 300, "string:" (i + 20) % 300
        }
    }' | "$MAKE_CAPTURE" 1 "$T/journal"
}

# first_is_done - all nodes are past the first record, and nothing is in flight; or the replay has ended
first_is_done()
{
    for node in 1 2 3; do
        is_past "$(node_cli $node --raw hget "$(position_of $node)" flow:0)" || ! kill -0 "$REPLAY_PID" 2>/dev/null ||
            return 1
    done
}

is_past()
{
    [ "${1:-0}" -ge 2 ]
}

position_of()
{
    node_cli "$1" --raw keys 'flowtape:*:{*}' | grep -v -e ':slot:' -e ':claims:'
}

# lane_of NODE - what its position says of some slots, if it does
lane_of()
{
    lane_key=$(position_of "$1")
    [ -z "$lane_key" ] || node_cli "$1" --raw hgetall "$lane_key" | sed -n '/^lane:/{n;p;}' | tail -n 1
}

has_lane()
{
    [ -n "$(lane_of 1)" ] || ! kill -0 "$REPLAY_PID" 2>/dev/null
}

# killed_within - in the midst of a window: node 1 has a part of it; node 2 has none, as it does not answer
killed_within()
{
    for GAP_MS in 1500 6000 24000; do
        rm -rf "$T/journal"
        journal || fail "a capture of our own"
        cluster_flush || fail "an empty cluster"
        "$FLOWTAPE" replay "$T/journal" "$CLUSTER_URI" --pace x1000 >"$T/replay.out" 2>&1 &
        REPLAY_PID=$!
        PIDS="$PIDS $REPLAY_PID"
        t_until first_is_done || fail "the journal begins" "$T/replay.out"
        kill -STOP "$(cat "$T/cluster/2/pid")"
        t_until has_lane || fail "a part of a window is there" "$T/replay.out"
        t_forget "$REPLAY_PID"
        kill -9 "$REPLAY_PID" 2>/dev/null
        wait "$REPLAY_PID" 2>/dev/null
        kill -CONT "$(cat "$T/cluster/2/pid")"
        LANE=$(lane_of 1)
        [ -z "$LANE" ] || return 0
    done
    return 1
}

rest()
{
    check "$1: the rest" timeout 300 "$FLOWTAPE" replay "$T/journal" "$CLUSTER_URI" --quiet --check all --finish
    length=$(timeout 60 redis-cli -c -h "$T_HOST" -p "$(node_port 1)" llen list:0)
    [ "$length" = "$((RECORDS / KEYS))" ] || fail "$1: each record once"
}

start_cluster 3 0 || fail "no cluster"
killed_within || fail "killed in a window"
pass "killed in a window"
# some slots of node 1 are further than the others, and than this
"$FLOWTAPE" replay "$T/journal" "$CLUSTER_URI" --quiet --at 100 >"$T/out" 2>&1
grep -q 'the target is further than --at' "$T/out" || fail "what a part is beyond is refused" "$T/out"
rest "killed in a window"

killed_within || fail "killed before slots move"
until_slot=${LANE%%|*}
until_slot=${until_slot#*-}
# the first is among those that are further, the other one is not
wait_agreement
for slot in 0 $((until_slot + 1)); do
    migrate_slot 1 3 $slot || fail "slot $slot moves"
done
t_until cluster_is_ok || fail "the slots have moved"
rest "slots have moved"

# Every tenth record is one that may not be gathered: batches are as large as ever.
cluster_flush || fail "an empty cluster"
awk 'BEGIN {
    for (i = 0; i < 4000; i++) {
        print 0, 1, 0, "SET {" i % 900 "}key " i
        if (i % 10 == 0)
            print 0, 1, 0, "COPY {" i % 900 "}key {" i % 900 "}copy REPLACE"
    }
}' | "$MAKE_CAPTURE" 1 "$T/mixed" || fail "a capture of few that are gathered"
"$FLOWTAPE" replay "$T/mixed" "$CLUSTER_URI" --json --check all --finish >"$T/out" 2>&1 || fail "few are gathered" "$T/out"
batches=$(grep -o '"batches": *[0-9]*' "$T/out" | awk -F: '{ sum += $2 } END { print sum + 0 }')
check "few are gathered: $batches batches" [ "$batches" -gt 0 -a "$batches" -lt 100 ]
t_end
