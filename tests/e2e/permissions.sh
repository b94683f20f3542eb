#!/bin/sh
# The lines of doc/permissions.md, run as they stand: each kind of work by a user who may do just that; users who lack one
# command each; servers that have other names for commands; and a proxy that lets through what it likes.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/redis_source_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}" "${FILTER_PROXY:?}"
has_users || t_skip "the server has no users"
DOC=$T_FIXTURES/../doc/permissions.md
export FLOWTAPE_SOURCE_PASSWORD=SECRET FLOWTAPE_TARGET_PASSWORD=SECRET
SOURCE=redis://$T_HOST:7001
TARGET=redis://$T_HOST:7002
server_start a 7001 --repl-diskless-sync-delay 0
server_start b 7002

# users_of NAME - the lines of the document; a server before 7.0 does not know all subcommands
users_of()
{
    sed -n 's/^    ACL SETUSER/acl setuser/p' "$DOC" | ask "$1" >"$T/acl.out"
    grep -q -v '^OK$' "$T/acl.out" && fail "the document's lines, $1" "$T/acl.out"
}
server_before 7.0 || users_of a
server_before 7.0 || users_of b
server_before 7.0 && t_skip "its ACL has no subcommands in full"
if has_field_times; then
    ask a acl setuser ft-diff-typed +hpexpiretime >"$T/out"
    ask b acl setuser ft-diff-typed +hpexpiretime >"$T/out"
fi
check "the document has users" [ "$(ask b acl list | grep -c 'user ft-')" -ge 8 ]

# clean - nothing is on the target
clean()
{
    ask b flushall >"$T/out"
    ask b function flush >"$T/out"
}

# equal LABEL INPUT - the target is what the input is
equal()
{
    check "$1: equal" ft diff "$2" "$TARGET" --quiet
}

# The inputs: a file of each type, and a journal that changes each.
writes 1 40 >"$T/writes"
grep -v -e '^EVAL' -e '^SELECT' "$T/writes" | ask a >"$T/out" 2>&1
ask a xadd x:0 1-1 f v >"$T/out"
ask a set alone v >"$T/out"
ask a sadd t:0 m >"$T/out"
ask a save >"$T/out"
cp "$T/a/dump.rdb" "$T/in.rdb"
"$MAKE_CAPTURE" 1 "$T/journal" <<'END' || fail "a capture of our own"
0 1 0 SET s 1
0 2 0 RPUSH l a b c
0 3 0 INCR s
0 4 0 HSET h f v
0 5 0 ZADD z 1 m
0 6 0 RENAME l l2
0 7 0 INCRBYFLOAT n 0.1
0 8 0 MSET m1 1 m2 2
0 9 0 UNLINK m1
0 10 0 XADD x 1-1 f v
END

# Each kind of work.
check "ft-snapshot" ft replay "$T/in.rdb" "$TARGET" --user ft-snapshot --quiet
unset FLOWTAPE_TARGET_PASSWORD
equal "ft-snapshot" "$T/in.rdb"
export FLOWTAPE_TARGET_PASSWORD=SECRET
clean
check "ft-journal" ft replay "$T/journal" "$TARGET" --user ft-journal --quiet
ask b get s >"$T/out"
check "ft-journal: its records" [ "$(cat "$T/out") $(ask b exists l l2 m1 m2 n x)" = "2 4" ]
clean
check "ft-multi" ft replay "$T/journal" "$TARGET" --user ft-multi --quiet
ask b get s >"$T/out"
check "ft-multi: its records" [ "$(cat "$T/out") $(ask b exists l l2 m1 m2 n x)" = "2 4" ]
check "ft-source" ft capture "$SOURCE" "$T/captured" --user ft-source --until-caught-up --quiet
clean
ft sync "$SOURCE" "$TARGET" --dir "$T/sync" --source-user ft-sync-source --target-user ft-journal --cutover pause \
    --check all >"$T/log" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_says "$T/log" 'confirm by'
check "sync: confirmed" ft cutover "$T/sync" --confirm
ends "ft-sync-source" $pid 0 "$T/log"
for user in ft-diff ft-diff-typed; do
    check "$user" ft diff "$SOURCE" "$TARGET" --user-a $user --user-b $user
done
clean
check "ft-replication" ft replay "$T/in.rdb" "$TARGET" --via replication --user ft-replication --quiet
check "ft-replication: its keys" [ "$(ask b dbsize) $(ask b info replication | grep -c role:master)" = "$(ask a dbsize) 1" ]
start_cluster 2 0 || fail "start_cluster"
for node in 1 2; do
    sed -n 's/^    ACL SETUSER/acl setuser/p' "$DOC" | node_cli $node >"$T/acl.out"
done
for user in ft-cluster ft-cluster-multi; do
    check "$user" ft replay "$T/journal" "$CLUSTER_URI" --user $user --quiet --finish
    check "$user: its keys" [ "$(cluster_size)" = 8 ]
    cluster_dump >"$T/$user.json"
    for node in 1 2; do
        node_cli $node flushall >"$T/out"
    done
done
check "with scripts and without: the same" cmp "$T/ft-cluster.json" "$T/ft-cluster-multi.json"
for name in cluster config info wait client @scripting; do
    for node in 1 2; do
        node_cli $node flushall >"$T/out"
        node_cli $node acl setuser limited reset on '>SECRET' '~*' '&*' +@all "-$name" >"$T/out"
    done
    case $name in
    cluster) check_status "a cluster without CLUSTER" 4 "CLUSTER SLOTS" ft replay "$T/journal" "$CLUSTER_URI" --user limited --quiet ;;
    *) check "a cluster without $name" ft replay "$T/journal" "$CLUSTER_URI" --user limited --quiet --finish ;;
    esac
done
stop_cluster

# Lacking one command each: it is equal with what takes its place, or refused before the first write by a message that names it.
# lacks NAME... - a user who may do everything else
lacks()
{
    l_rights=
    for l_name in "$@"; do
        l_rights="$l_rights -$l_name"
    done
    # shellcheck disable=SC2086 # words
    ask b acl setuser limited reset on '>SECRET' '~*' '&*' +@all $l_rights >"$T/out"
}
for input in $(effort "in.rdb journal" journal); do
    for name in "config" "client" "info" "cluster" "wait" "command" "script" "mset" "unlink" "flushall" "dbsize" "function" \
        "multi" "discard" "acl" "ping" "select" "scan" "evalsha eval script" "restore" "info hello dbsize randomkey"; do
        clean
        # shellcheck disable=SC2086 # words
        lacks $name
        ft replay "$T/$input" "$TARGET" --user limited --quiet --finish >"$T/log" 2>&1
        status=$?
        case $status in
        0) pass "$input without $name" ;;
        *) fail "$input without $name: status $status" "$T/log" ;;
        esac
        if [ $input = in.rdb ]; then
            [ "$(ask b dbsize)" = "$(ask a dbsize)" ] || fail "$input without $name: keys" "$T/log"
        else
            check "$input without $name: its records" [ "$(ask b get s) $(ask b exists l l2 m1 m2 n x)" = "2 4" ]
        fi
    done
    for name in hgetall hget hset hdel hexists sscan exists del time; do
        clean
        lacks $name
        check_status "$input without $name" 4 "does not allow $name, which is needed" \
            ft replay "$T/$input" "$TARGET" --user limited --quiet
        check "$input without $name: nothing is written" [ "$(ask b dbsize)" = 0 ]
    done
done
clean
lacks restore
printf 'REDIS0009\100\003job\001s%016d\000\000\377\000\000\000\000\000\000\000\000' 0 >"$T/cron.rdb"
check_status "without RESTORE: what it could not bring either" 3 "cron jobs of KeyDB" \
    ft replay "$T/cron.rdb" "$TARGET" --user limited
check "without RESTORE: it may be skipped" ft replay "$T/cron.rdb" "$TARGET" --user limited --on-loss skip --quiet
for name in $(effort "rpush sadd zadd xadd xsetid xgroup|create xclaim xdel" sadd) 'xgroup|createconsumer' 'xgroup|destroy'; do
    clean
    lacks restore "$name"
    check_status "without RESTORE and $name" 4 "does not allow .*$(echo "$name" | tr '|' ' '), which is needed" \
        ft replay "$T/in.rdb" "$TARGET" --user limited --quiet
    check "without RESTORE and $name: nothing is written" [ "$(ask b dbsize)" = 0 ]
done
clean
lacks scan
check_status "a sync without SCAN" 4 "does not allow SCAN, which is needed" \
    ft sync "$SOURCE" "$TARGET" --dir "$T/no-scan" --source-user ft-sync-source --target-user limited --quiet
check "a sync without SCAN: nothing is written" [ "$(ask b dbsize)" = 0 ]

# What both sides of a sync lack is one message, and neither has been asked for anything else.
for rights in '+@all -psync -replconf' '+@all -psync -replconf -acl' '+info -psync +multi +discard'; do
    # shellcheck disable=SC2086 # words
    ask a acl setuser poor reset on '>SECRET' '~*' '&*' $rights >"$T/out"
    lacks hset time
    check_status "both sides of a sync: $rights" 4 \
        "source $T_HOST:7001 does not allow REPLCONF,.*PSYNC and REPLCONF.*; the target does not allow HSET, TIME, which is needed" \
        ft sync "$SOURCE" "$TARGET" --dir "$T/both" --source-user poor --target-user limited --quiet
    [ "$(wc -l <"$T/check.out")" = 1 ] && pass "both sides of a sync: one line" || fail "both sides of a sync: one line" "$T/check.out"
    check "both sides of a sync: nothing is recorded" [ ! -e "$T/both" ]
done
check_status "both sides of a sync: rehearsed" 4 "FAIL +source .*does not allow REPLCONF" \
    ft sync "$SOURCE" "$TARGET" --dir "$T/both" --source-user poor --target-user limited --dry-run
ask a acl setuser poor reset on '>SECRET' '~*' '&*' +@all '-client|pause' >"$T/out"
check_status "a source without CLIENT PAUSE" 4 "does not allow CLIENT PAUSE, which is needed" \
    ft sync "$SOURCE" "$TARGET" --dir "$T/both" --source-user poor --target-user ft-journal --cutover pause --quiet
lacks hset time rename incr
check_status "all that is missing at once" 4 "does not allow HSET, TIME, INCR, .*RENAME|does not allow HSET, TIME, RENAME, .*INCR" \
    ft replay "$T/journal" "$TARGET" --user limited --quiet
ask b acl setuser limited reset on '>SECRET' '~s' '&*' +@all >"$T/out"
check_status "keys" 4 "does not allow keys flowtape:\*" ft replay "$T/journal" "$TARGET" --user limited --quiet
check "keys: nothing is written" [ "$(ask b dbsize)" = 0 ]
for name in psync replconf; do
    ask a acl setuser limited reset on '>SECRET' '~*' '&*' +@all -$name >"$T/out"
    check_status "a source without $name" 4 "lacks permission.*REPLCONF and PSYNC" \
        ft capture "$SOURCE" "$T/none-$name" --user limited --quiet
done
ask a acl setuser limited reset on '>SECRET' '~*' '&*' +@all -info -ping >"$T/out"
check "a source without INFO and PING" ft capture "$SOURCE" "$T/no-info" --user limited --until-caught-up --quiet

# Other names.
unset FLOWTAPE_SOURCE_PASSWORD FLOWTAPE_TARGET_PASSWORD
NAMES='set hset hget hdel hgetall hexists del unlink exists eval evalsha select restore mset time info script incr rpush xadd zadd rename'
NAMES="$NAMES multi discard dump pttl pexpiretime type scan command acl config client"
args='' rules=''
for name in $NAMES; do
    args="$args --rename-command $name x-$name"
    rules="$rules --rename-command $name=x-$name"
done
# shellcheck disable=SC2086 # words
server_start c 7003 $args
for input in in.rdb journal; do
    # shellcheck disable=SC2086
    check "other names: $input" ft replay "$T/$input" "redis://$T_HOST:7003" $rules --flush --finish --quiet
    # shellcheck disable=SC2086
    check "other names: $input: equal" ft diff "$T/$input" "redis://$T_HOST:7003" $rules --quiet
done

# A proxy: no cluster, and not quite a Redis.
"$FILTER_PROXY" "$T_HOST" 7002 --databases 1 --refuse INFO --refuse HELLO --refuse CLUSTER --refuse CONFIG --refuse CLIENT --refuse COMMAND \
    --refuse WAIT --refuse SCRIPT --refuse FLUSHALL --refuse ACL --refuse DBSIZE --refuse FUNCTION >"$T/proxy.port" &
PIDS="$PIDS $!"
t_until test -s "$T/proxy.port"
PROXY=redis://$T_HOST:$(cat "$T/proxy.port")
for input in in.rdb journal; do
    clean
    check_status "a proxy: $input" 0 "does not say which server it is" ft replay "$T/$input" "$PROXY" --finish
    equal "a proxy: $input" "$T/$input"
done
check_status "a proxy: one database" 1 "database 3.*fewer databases" ft replay "$T/captured" "$PROXY" --db-map '0:3' --flush --quiet
check "a proxy: nothing else is written" [ "$(ask b info keyspace | grep -c '^db')" -le 1 ]

# The whole of a sync through such proxies, the second of which runs no scripts, takes no serialised values, and only
# short requests: what is there, what is written meanwhile, and the cut-over.
proxy_start()
{
    rm -f "$T/strict.port" # of the one before
    "$FILTER_PROXY" "$T_HOST" 7002 --databases 1 --refuse INFO --refuse HELLO --refuse CLUSTER --refuse CONFIG \
        --refuse CLIENT --refuse COMMAND --refuse WAIT --refuse SCRIPT --refuse FLUSHALL --refuse ACL --refuse DBSIZE \
        --refuse FUNCTION "$@" >"$T/strict.port" &
    PROXY_PID=$!
    PIDS="$PIDS $PROXY_PID"
    t_until test -s "$T/strict.port"
    PROXY=redis://$T_HOST:$(cat "$T/strict.port")
}
n=0
for rules in '' '--refuse EVAL --refuse EVALSHA --refuse RESTORE --refuse MSET --refuse UNLINK --max-args 60 --max-bytes 30000'; do
    n=$((n + 1))
    clean
    # How many entries a stream had, those deleted since included, needs RESTORE or a server that says that it is 7.0.
    ask a keys 'x:*' | sed 's/^/DEL /' | ask a >"$T/out"
    # shellcheck disable=SC2086 # words
    proxy_start $rules
    ft sync "$SOURCE" "$PROXY" --dir "$T/proxied-$n" --max-request-args 60 --max-request-bytes 30000 --cutover manual >"$T/log" 2>&1 &
    pid=$!
    PIDS="$PIDS $pid"
    t_says "$T/log" 'caught up with the source'
    writes $((n + 5)) "$(effort 2000 400)" | grep -v -e '^SELECT' -e '^EVAL' | ask a >"$T/out" 2>&1
    check "a sync through proxy $n: cut over" ft cutover "$T/proxied-$n" --mode manual
    ends "a sync through proxy $n" $pid 0 "$T/log"
    check "a sync through proxy $n: equal" ft diff "$SOURCE" "$TARGET" --quiet
    kill "$PROXY_PID"
    wait "$PROXY_PID" 2>/dev/null
    t_forget "$PROXY_PID"
done
t_end
