#!/bin/sh
# Keys of which the journal does not tell everything are read again from the source: in every mode of
# the cut-over, after a restart, while the source goes on, into a cluster, and those that cannot be.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
t_begin
need_redis
# SORT ... STORE across shards made l11 of l4, and CL.THROTTLE is nothing that Redis has
catalogue=$RECORDINGS/catalogue

# begin_sync ARG... - into a new server, in the background, its output in $T/sync.out
begin_sync()
{
    rm -rf "$T/cap" "$T/redis"
    redis_start
    go_on "$@"
}

# go_on ARG... - the same command again
go_on()
{
    : >"$T/sync.out"
    "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" --on-loss skip --json "$@" \
        >"$T/sync.json" 2>"$T/sync.out" &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

# counts LABEL CORRECTED DELETED EQUAL UNREAD
counts()
{
    t_counts=
    for t_name in corrected deleted equal unread; do
        t_counts="$t_counts $(json "$T/sync.json" "suspects/$t_name")"
    done
    if [ "$t_counts" = " $2 $3 $4 $5" ]; then
        pass "$1: counts"
    else
        fail "$1: corrected, deleted, equal, unread:$t_counts" "$T/sync.json"
    fi
}

# equal LABEL [ARG...] - LMPOP with COUNT leaves no trace of how much it took from l2, and hshort has
# a field whose time this Redis cannot hold
equal()
{
    t_equal=$1
    shift
    check "$t_equal: equals its state" "$STATE_DIFF" --skip-lossy --ignore 0/l2 --ignore 0/hshort "$@" \
        "$catalogue/state.json" "$REDIS"
}

over()
{
    redis_stop
    standin_check "$1"
}

key()
{
    redis-cli -s "$T/redis/sock" "$@"
}

standin_start "$catalogue"
begin_sync --finish
await "caught up"
check "manual: the journal does not tell" [ "$(key exists l11)" = 0 ]
kill -USR1 "$SYNC_PID"
ends_with "manual" 0
counts "manual" 1 0 2 0
check "manual: says so" grep -q "read again: 1 corrected" "$T/sync.out"
equal "manual"
over "manual"

standin_start "$catalogue"
begin_sync --finish --cutover pause
await "confirm by"
check "pause: it is there before it is confirmed" [ "$(key exists l11)" = 1 ]
kill -USR1 "$SYNC_PID"
ends_with "pause" 0
counts "pause" 1 0 2 0
equal "pause"
over "pause"

standin_start "$catalogue"
begin_sync --finish --cutover takeover
ends_with "takeover" 0
counts "takeover" 1 0 2 0
check "takeover: paused for it" grep -q "writes are paused" "$T/sync.out"
check "takeover: nothing about lost connections" [ "$(grep -c "trying again" "$T/sync.out")" = 0 ]
equal "takeover"
over "takeover"

standin_start "$catalogue" --no-pause
begin_sync --finish --cutover takeover
ends_with "takeover without a pause" 0
counts "takeover without a pause" 1 0 2 0
check "takeover without a pause: says so" grep -q "while it keeps running" "$T/sync.out"
equal "takeover without a pause"
over "takeover without a pause"

# The source says that LMPOP was used since the sync began: what the journal pops from is read too, l2 among it.
for mode in pause takeover manual; do
    standin_start "$catalogue" --pops 1
    if [ $mode = manual ]; then
        begin_sync --finish
        await "caught up"
        kill -USR1 "$SYNC_PID"
    else
        begin_sync --finish --cutover $mode
    fi
    if [ $mode = pause ]; then
        await "confirm by"
        kill -USR1 "$SYNC_PID"
    fi
    ends_with "LMPOP, $mode" 0
    check "LMPOP, $mode: equals its state, l2 too" "$STATE_DIFF" --skip-lossy --ignore 0/hshort \
        "$catalogue/state.json" "$REDIS"
    over "LMPOP, $mode"
done

# Who found them is gone.
standin_start "$catalogue"
begin_sync
await "caught up"
kill -9 "$SYNC_PID"
wait "$SYNC_PID" 2>/dev/null
t_forget "$SYNC_PID"
go_on --finish --cutover takeover
ends_with "killed" 0
counts "killed" 1 0 2 0
equal "killed"
over "killed"

# The source writes to other keys all the time.
standin_start "$catalogue" --stamps 50
begin_sync --finish
await "caught up"
kill -USR1 "$SYNC_PID"
ends_with "a busy source" 0
counts "a busy source" 1 0 2 0
equal "a busy source" --ignore-prefix stamps-
over "a busy source"

# What is listed too late for the last look at the list is named.
standin_start "$catalogue"
begin_sync --cutover pause
await "confirm by"
key sadd "flowtape:$(key hget flowtape:replay capture):suspect" 0:late >/dev/null
kill -USR1 "$SYNC_PID"
ends_with "listed late" 3
counts "listed late" 1 0 2 1
check "listed late: named" [ "$(json "$T/sync.json" 'suspects/first_unread/*/why' | grep -c "after the source could be asked")" = 1 ]
over "listed late"

# There is no such key any more.
standin_start "$catalogue" --absent 0/l4
begin_sync --cutover takeover
ends_with "gone at the source" 0
counts "gone at the source" 1 1 1 0
check "gone at the source: and here" [ "$(key exists l4)" = 0 ]
over "gone at the source"

standin_start "$catalogue" --no-dump 0/l11
begin_sync --cutover takeover
ends_with "not to be read" 3
counts "not to be read" 0 0 2 1
check "not to be read: named" [ "$(json "$T/sync.json" 'suspects/first_unread/*/why' | grep -c "^the source answered DUMP: NOPERM")" = 1 ]
check "not to be read: stays on the list" [ "$(key smembers "$(key keys '*:suspect')")" = 0:l11 ]
over "not to be read"

standin_start "$catalogue" --no-dump 0/l11
rm -rf "$T/cap" "$T/redis"
redis_start
check_status "not to be read: in words" 3 "not read: 0/l11: the source answered DUMP" timeout 60 \
    "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" --on-loss skip --cutover takeover
over "not to be read: in words"

# Under other names, filtered, and with times dropped.
standin_start "$catalogue"
begin_sync --finish --cutover takeover --rename '*=prefix:new-' --no-key l4 --ttl drop
ends_with "renamed" 0
counts "renamed" 1 0 1 0
check "renamed: there" [ "$(key exists new-l11)" = 1 ]
check "renamed: under its new name only" [ "$(key exists l11)" = 0 ]
check "renamed: filtered" [ "$(key exists new-l4)" = 0 ]
over "renamed"

start_cluster 3 0
standin_start "$catalogue"
rm -rf "$T/cap"
REDIS=redis://$(node_address 1)
go_on --finish --cutover takeover --db-map '0:0,*:prefix=db%d:'
ends_with "cluster" 0
counts "cluster" 1 0 2 0
check "cluster: equals its state" cluster_diff "$catalogue/state.json" --db-prefix --skip-lossy \
    --ignore 0/l2 --ignore 0/hshort
standin_check "cluster"
stop_cluster
t_end
