#!/bin/sh
# A sync that ends as the target refused a command knows of all that was refused by then, though another transaction is on its way:
# the next run does not have to say that it is not known.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/redis_source_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
t_begin
need_redis

server_start a 7001 --repl-diskless-sync-delay 0
server_start b 7002

# go_on DIR
go_on()
{
    : >"$T/sync.out"
    "$FLOWTAPE" sync "redis://$T_HOST:7001" "redis://$T_HOST:7002" --dir "$1" >"$T/sync.json" 2>"$T/sync.out" &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

# has_received DIR - what the source has sent by now
has_received()
{
    hr_offset=$(ask a info replication | sed -n 's/^master_repl_offset:\([0-9]*\).*/\1/p')
    "$FLOWTAPE" status "$1" --json >"$T/status.json"
    [ "$(json "$T/status.json" 'runs/*/flows/*/received')" -ge "$hr_offset" ]
}

# refused DIR KEY - the source writes what the target cannot, while that stands still
refused()
{
    ask a rpush "$2" v >/dev/null
    t_until has_received "$1"
}

i=0
while [ $i -lt "$(effort 8 4)" ]; do
    i=$((i + 1))
    dir=$T/cap.$i
    ask b flushall >/dev/null
    ask a flushall >/dev/null
    go_on "$dir"
    await "caught up with the source"
    ask b mset "l:1" x "l:2" x >/dev/null
    kill -STOP "$PID_b"
    refused "$dir" l:1
    refused "$dir" l:2
    kill -CONT "$PID_b"
    ends_with "round $i: stops" 4
    go_on "$dir"
    ends_with "round $i: again" 4
    check "round $i: knows what was refused" grep -q 'the target refused [12] commands* in earlier runs' "$T/sync.out"
    grep -q 'an interruption came' "$T/sync.out" && fail "round $i: something is not known" "$T/sync.out" ||
        pass "round $i: nothing is not known"
done
t_end
