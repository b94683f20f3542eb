#!/bin/sh
# A target that is made a replica of an input, and a master again: it has everything then; what cannot be is said
# before anything is changed, and whatever goes wrong, the target is a master afterwards.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"

# target_field NAME - of the target's INFO
target_field()
{
    cli info 2>/dev/null | sed -n "s/^$1:\([^[:cntrl:]]*\).*/\1/p"
}

# bring INPUT [ARG...]
bring()
{
    t_input=$1
    shift
    # shellcheck disable=SC2086 # words
    timeout 120 "$FLOWTAPE" replay "$t_input" "$TARGET" --via replication $PRIVATE_SERVER "$@"
}

# a_master LABEL [KEYS] - the target is one
a_master()
{
    check "$1: the target is a master" [ "$(target_field role)" = master ]
    [ $# -lt 2 ] || check "$1: the target has what it had" [ "$(cli keys '*' | sort | tr '\n' ' ')" = "$2" ]
}

# Whole recordings, and what a second run makes of a target that has it.
for recording in live-4 catalogue; do
    take $recording
    redis_start --databases 64 --repl-diskless-sync no
    TARGET=$REDIS
    check "$recording: complete" bring "$T/$recording" --on-loss skip --report "$T/report.json"
    a_master "$recording"
    # shellcheck disable=SC2046 # lists of words
    check "$recording: equals its state" "$STATE_DIFF" --skip-lossy \
        $(not_in_journal "$RECORDINGS/$recording") "$RECORDINGS/$recording/state.json" "$REDIS"
    check "$recording: the report" json_is "$T/report.json" complete true
    [ $recording = live-4 ] && {
        check "the report has its keys" [ "$(json "$T/report.json" keys)" -gt 800 ]
        check "and its records" [ "$(json "$T/report.json" records)" -gt 1000 ]
        check_status "again" 1 "which would go.*--flush" bring "$T/live-4" --on-loss skip
        check "again, over what is there" bring "$T/live-4" --on-loss skip --flush
        check "--check" bring "$T/live-4" --on-loss skip --flush --check all
    }
    redis_stop
    rm -rf "$T/redis"
done

# Times that were over long ago: a key ends when a record says so, and not before.
cat >"$T/times.txt" <<'END'
0 1 0 SET kept 1 PXAT 1000
0 2 0 APPEND kept 2
0 3 0 PERSIST kept
0 4 0 SET later 1 PXAT 1000
0 5 0 PEXPIREAT later 4102444800000
0 6 0 RPUSH list a
0 7 0 PEXPIREAT list 2000
0 8 0 RPUSH list b
0 9 0 PERSIST list
0 10 0 SET gone 1 PXAT 1000
0 11 0 DEL gone
0 12 0 SET over 1 PXAT 1000
END
"$MAKE_CAPTURE" 1 "$T/times" <"$T/times.txt" || fail "a capture of our own"
redis_start
TARGET=$REDIS
check "times: complete" bring "$T/times"
check "times: a key that was given another one" [ "$(cli get kept) $(cli ttl kept) $(cli pttl list | cut -c1-2)" = "12 -1 -1" ]
check "times: a list that was" [ "$(cli lrange list 0 -1 | tr '\n' ' ')" = "a b " ]
check "times: one that was extended" [ "$(cli pexpiretime later 2>/dev/null || echo 4102444800000)" = 4102444800000 ]
check "times: those that ended" [ "$(cli exists gone over)" = 0 ]
redis_stop
rm -rf "$T/redis"

# What is refused, with nothing changed.
printf '%s\n' '0 1 0 SET a 1' '0 2 0 INCR n' '0 3 0 RPUSH l x' | "$MAKE_CAPTURE" 1 "$T/small" ||
    fail "a capture of our own"
printf '%s\n' '0 1 0 SET a 1' '0 1 7 SET b 1' | "$MAKE_CAPTURE" 1 "$T/dbs" || fail "a capture of our own"
redis_start --databases 4
TARGET=$REDIS
cli set mine 1 >/dev/null
check_status "keys that would go" 1 "has 1 key, which would go.*--flush" bring "$T/small"
a_master "keys that would go" "mine "
check_status "a rehearsal says so too" 4 "FAIL  content .*1 key," bring "$T/small" --dry-run
check_status "a rehearsal" 0 "own data will go: 1 key$" bring "$T/small" --dry-run --flush
a_master "a rehearsal" "mine "
check_status "a database that is not there" 1 "database 7.*fewer databases" bring "$T/dbs" --flush
a_master "a database" "mine "
check_status "the way back" 4 "has not reached this machine at 127.0.0.1:1 .*--announce" bring "$T/small" --flush \
    --announce 127.0.0.1:1 --give-up-after 1s
a_master "the way back" "mine "
check_status "what makes no sense" 2 "brings all of INPUT as it is" bring "$T/small" --db 0

# Stopped while the target tries.
"$FLOWTAPE" replay "$T/small" "$TARGET" --via replication --flush --announce 127.0.0.1:1 2>"$T/stopped.err" &
PID=$!
PIDS="$PIDS $PID"
t_says "$T/stopped.err" "is made a replica"
is_replica() { [ "$(target_field role)" = slave ]; }
t_until is_replica
kill "$PID"
ends "stopped" "$PID" 5 "$T/stopped.err"
check "stopped: said so" grep -q "a master again, with what it had before" "$T/stopped.err"
a_master "stopped" "mine "

if has_users; then
    FLOWTAPE_TARGET_PASSWORD=secret
    export FLOWTAPE_TARGET_PASSWORD
    redis_stop
    redis_start --port 20000 --bind "$T_HOST" --user limited on '>secret' '~*' '&*' +@all -replicaof -slaveof
    TARGET=redis://limited@$T_HOST:20000
    check_status "a user who may not" 4 "no REPLICAOF for this user" bring "$T/small"
    TARGET=$REDIS
    unset FLOWTAPE_TARGET_PASSWORD
fi
redis_stop
redis_start --rename-command REPLICAOF '' --rename-command SLAVEOF ''
check_status "a renamed REPLICAOF" 4 "no REPLICAOF for this user: it was renamed" bring "$T/small"
redis_stop
redis_start --replicaof 127.0.0.1 1
check_status "a replica" 1 "is a replica of 127.0.0.1:1" bring "$T/small"
check "a replica: still is one" [ "$(target_field master_port)" = 1 ]
redis_stop
redis_start --cluster-enabled yes --port 20001 --bind "$T_HOST"
TARGET=redis://$T_HOST:20001
cli cluster addslots $(seq 0 16383) >/dev/null
t_until sh -c "redis-cli -s '$T/redis/sock' cluster info | grep -q cluster_state:ok"
check_status "a cluster" 1 "is a cluster.*without --via replication" bring "$T/small"
redis_stop
rm -rf "$T/redis"
TARGET=$REDIS

# A run that was killed leaves a replica; the next one resumes there.
redis_start
"$FLOWTAPE" replay "$T/small" "$TARGET" --via replication --follow 2>"$T/killed.err" &
PID=$!
PIDS="$PIDS $PID"
has_all() { [ "$(cli llen l)" = 1 ]; }
t_until has_all || fail "the target has everything" "$T/killed.err"
kill -9 "$PID"
wait "$PID" 2>/dev/null
t_forget "$PID"
check "killed: the target is left a replica" [ "$(target_field role)" = slave ]
check_status "resumed" 0 "after an earlier run" bring "$T/small"
a_master "resumed" "a key-of-flow-0 l n "
check "resumed: nothing came twice" [ "$(cli get n)$(cli llen l)" = 11 ]
redis_stop
t_end
