#!/bin/sh
# An input as a Redis master: replicas get the state and the journal after it, and resume where they were, however
# often the link, flowtape and they themselves are killed.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/serve_lib.sh"
. "${0%/*}/../lib/nodes_lib.sh"
t_begin
need_redis

# has_all - the replica has executed the stream up to its end, which has not moved since the last look
STREAM_SIZE=
has_all()
{
    size_before=$STREAM_SIZE
    STREAM_SIZE=$(stream_size)
    [ "$(replica_field master_link_status)" = up ] &&
        [ "$(replica_field slave_repl_offset)" = "$(serve_field master_repl_offset)" ] &&
        [ "$STREAM_SIZE" = "$size_before" ]
}

# equals LABEL STATE_DIFF-ARG... - the replica, soon: on a slow machine the stream may rest before it is whole
equals()
{
    equals_label=$1
    shift
    t_until "$STATE_DIFF" --skip-lossy "$@"
    check "$equals_label" "$STATE_DIFF" --skip-lossy "$@"
}

# stream_size - of the stream that the capture in $T/cap is served from
stream_size()
{
    cat "$T"/cap/serve/*.stream 2>/dev/null | wc -c
}

# expect_state LABEL RECORDING
expect_state()
{
    t_until has_all && pass "$1: the replica has everything" ||
        fail "$1: the replica has everything" "$T/redis/log"
    # shellcheck disable=SC2046 # lists of words
    equals "$1: equals ${2##*/}" $(not_in_journal "$2") $(state_options "$2") "$2/state.json" "$REDIS"
}

for recording in live-4 flushes catalogue; do
    take $recording
    mv "$T/$recording" "$T/cap"
    serve_start "$T/cap"
    rm -rf "$T/redis"
    replica_start
    expect_state "$recording" "$RECORDINGS/$recording"
    [ "$(serve_field sync_full)" = 1 ] && pass "$recording: one full sync" ||
        fail "$recording: one full sync" "$T/serve.err"
    redis_stop
    serve_stop "$recording"
    [ "$recording" = catalogue ] || rm -rf "$T/cap"
    SERVE_PORT=
done
rm -rf "$T/cap"

# The nodes of a cluster are one stream, in which all records of a slot's old owner come before those of the new one.
nodes_start "$RECORDINGS/cluster-migrate"
check "a set: captured" ft capture "$NODE_1" "$T/cap" --cluster --until-caught-up --quiet
nodes_check "a set"
serve_start "$T/cap"
rm -rf "$T/redis"
replica_start
t_until has_all && pass "a set: the replica has everything" || fail "a set: the replica has everything" "$T/redis/log"
equals "a set: equals its state" "$RECORDINGS/cluster-migrate/state.json" "$REDIS"
redis_stop
serve_stop "a set"
SERVE_PORT=
rm -rf "$T/cap"

# Without a server that applies the journal there is no state, as records came inside the full sync: nothing is served.
take live-4
check_status "no private server: said at the start" 1 "no-such-server" timeout 60 "$FLOWTAPE" serve "$T/live-4" --as redis \
    --listen 127.0.0.1:0 --on-loss skip --redis-server "$T/no-such-server"

# What a file holds that no Redis loads is named before anybody attaches.
printf 'REDIS0010\366\001l\003lua\000\003cod\376\000\000\001k\001v\377\0\0\0\0\0\0\0\0' >"$T/lossy.rdb"
check_status "a loss: what it is" 3 "function libraries as release candidates of Redis 7.0 wrote them" \
    timeout 60 "$FLOWTAPE" serve "$T/lossy.rdb" --as redis --listen 127.0.0.1:0

# A file has a state only. One that does not take marks gets it with its length, as redis-cli of 5.0 does.
serve_start "$RECORDINGS/files/types.rdb"
rm -rf "$T/redis"
replica_start
t_until sh -c "redis-cli -s '$T/redis/sock' info replication | grep -q 'master_link_status:up'"
check "a file: equals its state" "$STATE_DIFF" --skip-lossy "$RECORDINGS/files/state.json" "$REDIS"
check "a replica as a side" ft diff "$RECORDINGS/files/types.rdb" "$REDIS"
check_status "a replica of something else as a side" 3 "differ" ft diff "$RECORDINGS/files/plain.rdb" "$REDIS" --rounds 1
redis_stop
check "redis-cli --rdb" timeout 20 redis-cli -p "$SERVE_PORT" --rdb "$T/cli.rdb"
load_and_compare "what redis-cli --rdb got" "$T/cli.rdb" "$RECORDINGS/files/state.json"
redis-cli -p "$SERVE_PORT" sync >"$T/sync.out" 2>&1 &
SYNC_PID=$!
PIDS="$PIDS $SYNC_PID"
t_until grep -q "discarding [0-9][0-9]* bytes" "$T/sync.out" && pass "SYNC without marks: a length" ||
    fail "SYNC without marks" "$T/sync.out"
kill "$SYNC_PID"
wait "$SYNC_PID"
t_forget "$SYNC_PID"
check_status "what a KeyDB asks first" 0 PONG redis-cli -p "$SERVE_PORT" replping
check_status "an unknown command" 0 "this is flowtape" redis-cli -p "$SERVE_PORT" set a 1
serve_stop "a file"
SERVE_PORT=

# Who does not know the password gets nothing.
echo sesame >"$T/password"
serve_start "$RECORDINGS/files/types.rdb" --password-file "$T/password"
check_status "no password" 0 "NOAUTH" redis-cli -p "$SERVE_PORT" ping
check_status "a wrong one" 0 "WRONGPASS" redis-cli -p "$SERVE_PORT" auth nonsense
rm -rf "$T/redis"
replica_start --masterauth nonsense
t_says "$T/redis/log" "Unable to AUTH to MASTER|Unable to AUTH to PRIMARY|NOAUTH|WRONGPASS"
check "a replica with a wrong one: nothing" [ "$(redis-cli -s "$T/redis/sock" dbsize)" = 0 ]
redis-cli -s "$T/redis/sock" config set masterauth sesame >/dev/null
t_until sh -c "redis-cli -s '$T/redis/sock' info replication | grep -q 'master_link_status:up'"
check "with the right one: its state" "$STATE_DIFF" --skip-lossy "$RECORDINGS/files/state.json" "$REDIS"
redis_stop
serve_stop "a password"
SERVE_PORT=

# The link cut, flowtape killed and the replica restarted at random moments: what is left is partial.
take live-4
mv "$T/live-4" "$T/cap"
rm -rf "$T/redis" "$T/serve.all" "$T/serve.err"
serve_start "$T/cap"
replica_start --save 3600 1
i=0
rounds=$(effort 12 4)
t_until has_all || fail "the first sync" "$T/redis/log"
while [ $i -lt "$rounds" ]; do
    i=$((i + 1))
    t_random 3
    case $R in
    0) redis-cli -s "$T/redis/sock" client kill type master >/dev/null ;;
    1)
        serve_kill
        serve_start "$T/cap"
        ;;
    2) replica_restart --save 3600 1 ;;
    esac
done
expect_state "after $rounds interruptions" "$RECORDINGS/live-4"
cat "$T/serve.err" >>"$T/serve.all"
[ "$(grep -c 'gets the whole state' "$T/serve.all")" = 1 ] && pass "one full sync, the first one" ||
    fail "more than one full sync" "$T/serve.all"
redis_stop
serve_stop "after interruptions"
t_end
