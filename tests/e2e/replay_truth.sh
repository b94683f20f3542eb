#!/bin/sh
# "complete" is said when it is true: replicas have confirmed, nobody else writes, nothing has vanished.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis

# make DIR FLOWS - a capture of the records on standard input
make()
{
    "$MAKE_CAPTURE" "$2" "$T/$1" || fail "the capture $1"
}

# says LABEL TEXT - the last check's output has it
says()
{
    if grep -Eiq -- "$2" "$T/check.out"; then
        pass "$1"
    else
        fail "$1: \"$2\" is not in the output" "$T/check.out"
    fi
}

equal()
{
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1: $2, wanted $3"
    fi
}

# replica_follows - the server at $T/replica becomes a replica of the one at $T/redis; 1: that one cannot
# be given a port
replica_follows()
{
    cli config set port 20000 2>/dev/null | grep -q OK || return 1
    redis-cli -s "$T/replica/sock" replicaof "$T_HOST" 20000 >/dev/null
    check "a replica" t_until replica_is_online
}

replica_is_online()
{
    cli info replication | grep -q 'slave0.*state=online'
}

# A replica that stands still is named at the end, and one that answers is waited for.
for i in $(seq 1 20); do
    echo "0 1 0 SET n:$i $i"
done | make counted 1
redis_start --bind "$T_HOST"
mkdir "$T/replica"
"$REDIS_SERVER" --port 0 --unixsocket "$T/replica/sock" --dir "$T/replica" --save '' \
    >"$T/replica/log" 2>&1 &
REPLICA_PID=$!
PIDS="$PIDS $REPLICA_PID"
if t_until test -S "$T/replica/sock" && replica_follows; then
    check_status "a replica that answers" 0 'complete' "$FLOWTAPE" replay "$T/counted" "$REDIS"
    equal "it has everything" "$(redis-cli -s "$T/replica/sock" exists n:20)" 1
    kill -STOP "$REPLICA_PID"
    check_status "one that stands still is named" 0 '0 of 1 replica' \
        "$FLOWTAPE" replay "$T/counted" "$REDIS"
    kill -CONT "$REPLICA_PID"
fi
redis_stop

# Scripts of another Lua are a note.
make scripts 1 <<EOF
0 1 0 SET a 1
0 1 0 SCRIPT LOAD return(9//2)
0 1 0 SET b 1
EOF
redis_start
check_status "a script that the target does not compile" 0 'scripts' \
    "$FLOWTAPE" replay "$T/scripts" "$REDIS"
equal "what is behind it" "$(cli get b)" 1
redis_stop

# A full target says so, and is given up in time.
for i in $(seq 1 2000); do
    echo "0 1 0 RPUSH l:$i $(printf '%01000d' "$i")"
done | make large 1
redis_start --maxmemory 2mb
check_status "a full target" 4 'OOM' "$FLOWTAPE" replay "$T/large" "$REDIS" --give-up-after 1s
redis_stop

# One writer at a time: a second replay is refused and leaves the first alone.
awk 'BEGIN { for (i = 1; i <= 40000; i++) print "0 1 0 INCR c:" i % 10 }' | make counters 1
total()
{
    for i in 0 1 2 3 4 5 6 7 8 9; do
        cli get c:$i
    done | awk '{ n += $1 } END { print n + 0 }'
}
at_work()
{
    [ "$(total)" -gt 100 ]
}
lease()
{
    cli hget flowtape:replay lease
}
# held_by HOST PID MS - the lease of somebody else, for so long
held_by()
{
    cli eval "if redis.replicate_commands then redis.replicate_commands() end
        local t=redis.call('TIME')
        return redis.call('HSET','flowtape:replay','lease','0123456789abcdef '..
        string.format('%.0f',t[1]*1000+math.floor(t[2]/1000)+ARGV[1])..' '..ARGV[2])" \
        0 "$3" "$1 $2 1 1" >/dev/null
}

redis_start
"$FLOWTAPE" replay "$T/counters" "$REDIS" --rate 2000 >"$T/first.out" 2>&1 &
FIRST=$!
PIDS="$PIDS $FIRST"
t_until at_work
for how in "" --from-start --flush --forget; do
    # shellcheck disable=SC2086 # nothing, or one word
    check_status "a second replay${how:+ with $how}" 1 "process $FIRST on .* --take-over" \
        "$FLOWTAPE" replay "$T/counters" "$REDIS" $how
done
kill -INT $FIRST
ends "the first" $FIRST 5 "$T/first.out"
check "the rest" "$FLOWTAPE" replay "$T/counters" "$REDIS" --quiet
equal "each record took effect once" "$(total)" 40000
equal "which was undisturbed" "$(grep -c "trying again" "$T/first.out")" 0
equal "the lease is given back" "$(lease)" ""
redis_stop

redis_start
"$FLOWTAPE" replay "$T/counters" "$REDIS" --rate 2000 >"$T/first.out" 2>&1 &
FIRST=$!
PIDS="$PIDS $FIRST"
t_until at_work
"$FLOWTAPE" replay "$T/counters" "$REDIS" --take-over --rate 2000 >"$T/second.out" 2>&1 &
SECOND=$!
PIDS="$PIDS $SECOND"
check "its place can be taken" t_says "$T/second.out" "taken over from process $FIRST"
wait $FIRST
t_forget $FIRST
check "the other one says so" grep "has taken over\|another replay" "$T/first.out"
kill -INT $SECOND
ends "the one in its place" $SECOND 5 "$T/second.out"
check "the rest" "$FLOWTAPE" replay "$T/counters" "$REDIS" --quiet
equal "after a take-over each took effect once" "$(total)" 40000

cli flushall >/dev/null
"$FLOWTAPE" replay "$T/counters" "$REDIS" --rate 2000 >"$T/first.out" 2>&1 &
FIRST=$!
PIDS="$PIDS $FIRST"
t_until at_work
kill -9 $FIRST
wait $FIRST 2>/dev/null
t_forget $FIRST
check_status "one that was killed is not waited for" 0 complete \
    "$FLOWTAPE" replay "$T/counters" "$REDIS"
equal "after a kill each took effect once" "$(total)" 40000

held_by elsewhere 7 4000
check_status "a holder elsewhere is waited for until it runs out" 0 \
    'process 7 on elsewhere.*waiting' "$FLOWTAPE" replay "$T/counters" "$REDIS"
held_by elsewhere 7 60000
(while held_by elsewhere 7 60000; do sleep 0.2; done) &
RENEWING=$!
PIDS="$PIDS $RENEWING"
check_status "one that renews it is at work" 1 'process 7 on elsewhere; end it first' \
    "$FLOWTAPE" replay "$T/counters" "$REDIS"
kill $RENEWING
wait $RENEWING 2>/dev/null
t_forget $RENEWING
redis_stop

# A target that somebody empties: noticed, whatever it was of, and brought again or said.
take_many()
{
    standin_start "$RECORDINGS/live-1"
    capture "$T/live-1" --until-caught-up || fail "a capture"
    standin_stop
}
sent()
{
    [ "$(cli -n "$1" dbsize)" -gt "$2" ]
}
if [ -d "$RECORDINGS/live-1" ]; then
    take_many
    redis_start
    "$FLOWTAPE" replay "$T/live-1" "$REDIS" --on-loss skip --rate 200 >"$T/first.out" 2>&1 &
    FIRST=$!
    PIDS="$PIDS $FIRST"
    t_until sent 0 100
    cli flushall >/dev/null
    ends "emptied in the snapshot" $FIRST 4 "$T/first.out"
    check "it is said" grep -i "the state of the replay is gone\|came back without its data" "$T/first.out"
    check_status "the next start brings everything" 0 complete \
        "$FLOWTAPE" replay "$T/live-1" "$REDIS" --on-loss skip --finish
    # what older servers lack is another test's
    [ "$(cli info server | sed -n 's/^redis_version:\([0-9]*\).*/\1/p')" -lt 7 ] ||
        check "emptied in the snapshot: equal" "$STATE_DIFF" --skip-lossy "$RECORDINGS/live-1/state.json" "$REDIS"
    cli flushall >/dev/null
    "$FLOWTAPE" replay "$T/live-1" "$REDIS" --on-loss skip --rate 200 --db-map '0:3' \
        >"$T/first.out" 2>&1 &
    FIRST=$!
    PIDS="$PIDS $FIRST"
    t_until sent 3 100
    cli -n 3 flushdb >/dev/null
    t_until grep -q 'snapshots are brought again' "$T/first.out"
    kill $FIRST
    wait $FIRST
    t_forget $FIRST
    check_status "another database emptied: brought again" 0 complete \
        "$FLOWTAPE" replay "$T/live-1" "$REDIS" --on-loss skip --db-map '0:3'
    wanted=$(cli -n 3 dbsize)
    cli flushall >/dev/null
    "$FLOWTAPE" replay "$T/live-1" "$REDIS" --on-loss skip --db-map '0:3' --quiet || fail "a replay"
    equal "with all its keys" "$wanted" "$(cli -n 3 dbsize)"

    # The same in the journal, which the proof finds, this time and later.
    cli flushall >/dev/null
    i=0
    while [ $i -lt 900 ]; do
        echo "0 1 0 RPUSH l$i a"
        i=$((i + 1))
    done | "$MAKE_CAPTURE" 1 "$T/lists"
    "$FLOWTAPE" replay "$T/lists" "$REDIS" --db-map '0:3' --rate 300 >"$T/first.out" 2>&1 &
    FIRST=$!
    PIDS="$PIDS $FIRST"
    t_until sent 3 50
    cli -n 3 flushdb >/dev/null
    ends "a database emptied in the journal" $FIRST 1 "$T/first.out"
    check "a database emptied in the journal: it is said" grep -q 'emptied a database.*--from-start' "$T/first.out"
    check_status "a database emptied in the journal: later" 1 'emptied a database' \
        "$FLOWTAPE" replay "$T/lists" "$REDIS" --db-map '0:3'
    check_status "a database emptied in the journal: it was another" 0 complete \
        "$FLOWTAPE" replay "$T/lists" "$REDIS" --db-map '0:3' --accept-errors
    check_status "a database emptied in the journal: no more" 0 complete "$FLOWTAPE" replay "$T/lists" "$REDIS" --db-map '0:3'
    check_status "a database emptied in the journal: brought again" 0 complete \
        "$FLOWTAPE" replay "$T/lists" "$REDIS" --db-map '0:3' --from-start
    equal "with all its lists" 901 "$(cli -n 3 dbsize)"

    # What a cache takes away is counted: of keys that end, so that the state stays.
    cli flushall >/dev/null
    awk 'BEGIN { for (i = 0; i < 12000; i++) printf "0 1 0 SET s%d %0200d PXAT 4102444800000\n", i, i }' |
        "$MAKE_CAPTURE" 1 "$T/ends"
    cli config set maxmemory-policy volatile-lru >/dev/null
    cli config set maxmemory "$(($(cli info memory | sed -n 's/^used_memory:\([0-9]*\).*/\1/p') + 3000000))" >/dev/null
    check_status "evicted: it is said" 0 'has evicted [0-9]+ keys? during the replay' \
        "$FLOWTAPE" replay "$T/ends" "$REDIS" --give-up-after 5s
    redis_stop
fi

t_end
