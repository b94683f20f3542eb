#!/bin/sh
# Servers that are not simply where they say: masters that sentinels name, with a failover in the middle; several hosts;
# a cluster that announces itself under other addresses; IPv6; users, passwords from elsewhere, and what is suggested to
# whoever mistypes.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
take live-1
R=$RECORDINGS/live-1
BASE=$((20000 + $$ * 43 % 12000))
START=$BASE

# free_port - sets PORT_FREE to one that nobody listens on here; the address is this script's own
free_port()
{
    BASE=$((BASE + 1))
    PORT_FREE=$BASE
}

# server NAME PORT ARG... - sets PID_NAME
server()
{
    t_name=$1 t_port=$2
    shift 2
    mkdir -p "$T/$t_name"
    "$REDIS_SERVER" --port "$t_port" --bind "$T_HOST" --dir "$T/$t_name" --save '' --appendonly no \
        --repl-diskless-sync-delay 0 "$@" >"$T/$t_name/log" 2>&1 &
    eval "PID_$t_name=$!"
    PIDS="$PIDS $!"
    t_until redis-cli -h "$T_HOST" -p "$t_port" ping
}

at()
{
    t_port=$1
    shift
    redis-cli -h "$T_HOST" -p "$t_port" "$@"
}

# Sentinels.
free_port && A=$PORT_FREE
free_port && B=$PORT_FREE
free_port && S=$PORT_FREE
free_port && NOBODY=$PORT_FREE
server A "$A" --databases 64 --replica-announce-ip "$T_HOST"
server B "$B" --databases 64 --replicaof "$T_HOST $A" --replica-announce-ip "$T_HOST"
mkdir "$T/sentinel"
cat >"$T/sentinel/conf" <<END
port $S
bind $T_HOST
dir $T/sentinel
sentinel monitor mymaster $T_HOST $A 1
sentinel down-after-milliseconds mymaster 60000
sentinel failover-timeout mymaster 10000
END
"$REDIS_SERVER" "$T/sentinel/conf" --sentinel >"$T/sentinel/log" 2>&1 &
PIDS="$PIDS $!"
t_until at "$S" ping
knows_replica()
{
    at "$S" sentinel replicas mymaster | grep -q "^$B$" &&
        at "$B" info replication | grep -q 'master_link_status:up'
}
t_until knows_replica || fail "the sentinel knows the replica" "$T/sentinel/log"
SENTINEL="redis-sentinel://$T_HOST:$NOBODY,$T_HOST:$S/mymaster"
check "replay through sentinels" ft replay "$T/live-1" "$SENTINEL" --on-loss skip --finish --quiet
check "replay through sentinels: the state" "$STATE_DIFF" --skip-lossy "$R/state.json" "$T_HOST:$A"
check_status "a name that they do not know" 4 'knows no master "other"' \
    ft replay "$T/live-1" "redis-sentinel://$T_HOST:$S/other" --give-up-after 3s --quiet
check_status "no name" 2 "the name of the master is missing" \
    ft replay "$T/live-1" "redis-sentinel://$T_HOST:$S" --quiet

at "$A" flushall >"$T/out"
standin_start "$R" --write-rate 200
ft sync "$URI" "$SENTINEL" --dir "$T/sync" --on-loss skip --finish >"$T/sync.out" 2>&1 &
SYNC_PID=$!
PIDS="$PIDS $SYNC_PID"
positions_there()
{
    [ "$(at "$B" exists flowtape:replay)" = 1 ]
}
t_until positions_there
at "$S" sentinel failover mymaster >"$T/out" || fail "failover" "$T/out"
B_is_master()
{
    at "$B" info replication | grep -q "^role:master" && at "$A" info replication | grep -q "^role:slave"
}
t_until B_is_master && pass "failover: the other is master" || fail "failover: the other is master" "$T/sentinel/log"
check "sync with a failover: cut over" ft cutover "$T/sync" --mode takeover
ends "sync with a failover" "$SYNC_PID" 0 "$T/sync.out"
check "sync with a failover: the state" "$STATE_DIFF" --skip-lossy "$R/state.json" "$T_HOST:$B"

# Several hosts, of which the first is not there.
at "$B" flushall >"$T/out"
check "several hosts" ft replay "$T/live-1" "redis://$T_HOST:$NOBODY,$T_HOST:$B" --on-loss skip --finish --quiet
check "several hosts: the state" "$STATE_DIFF" --skip-lossy "$R/state.json" "$T_HOST:$B"

# Users and passwords.
if has_users; then
    at "$B" acl setuser ann on '>secret-of-ann' '~*' '&*' +@all >"$T/out"
    at "$B" config set requirepass sesame-of-all >"$T/out"
    check "REDISCLI_AUTH" env REDISCLI_AUTH=sesame-of-all "$FLOWTAPE" replay "$T/live-1" \
        "redis://$T_HOST:$B" --on-loss skip --quiet
    check "--user" env FLOWTAPE_TARGET_PASSWORD=secret-of-ann "$FLOWTAPE" replay "$T/live-1" \
        "redis://$T_HOST:$B" --user ann --on-loss skip --quiet
    check_status "--user without a password" 2 "ann.*--ask-password" \
        ft replay "$T/live-1" "redis://$T_HOST:$B" --user ann
    if command -v script >/dev/null; then
        printf 'secret-of-ann\n' >"$T/typed"
        (sleep 0.5; cat "$T/typed"; t_until grep -q 'status: ' "$T/asked") | script -qec \
            "'$FLOWTAPE' replay '$T/live-1' 'redis://$T_HOST:$B' --user ann --ask-password --on-loss skip --quiet; echo status: \$?" \
            "$T/asked" >"$T/out" 2>&1
        check "--ask-password: asks" grep -q "Password of $T_HOST:$B" "$T/asked"
        check "--ask-password: logs in" grep -q "status: 0" "$T/asked"
    fi
    check_status "--ask-password without a terminal" 1 "no terminal" \
        setsid "$FLOWTAPE" replay "$T/live-1" "redis://$T_HOST:$B" --ask-password
fi

# A server that says nothing of itself, as a proxy may.
free_port
server C "$PORT_FREE" --databases 64 --rename-command INFO '' --rename-command HELLO '' --rename-command CLUSTER ''
check_status "neither INFO nor HELLO" 0 "does not say which server it is: it is written to as Redis 5.0" \
    ft replay "$T/live-1" "redis://$T_HOST:$PORT_FREE" --on-loss skip --finish
check "neither INFO nor HELLO: the state" "$STATE_DIFF" --skip-lossy --old-streams "$R/state.json" "$T_HOST:$PORT_FREE"

# A cluster that announces hosts that cannot be reached.
if ! server_before 7.0; then
    CLUSTER_PORT=$((START + 500))
    start_cluster 2 0 || fail "start_cluster"
    MAP=
    for node in 1 2; do
        node_cli $node config set cluster-announce-hostname unreachable.invalid >"$T/out"
        MAP="$MAP,unreachable.invalid:$(node_port $node)=$(node_address $node)"
    done
    knows_hostnames()
    {
        [ "$(node_cli "$1" cluster slots | grep -c unreachable.invalid)" = 2 ]
    }
    t_until knows_hostnames 1 && t_until knows_hostnames 2
    check_status "--prefer-hostname: names them" 4 "unreachable.invalid" \
        ft replay "$T/live-1" "$CLUSTER_URI" --prefer-hostname --on-loss skip --give-up-after 3s --quiet
    check "--prefer-hostname, --address-map" ft replay "$T/live-1" "$CLUSTER_URI" --prefer-hostname \
        --address-map "unreachable.invalid=$T_HOST" --on-loss skip --quiet --finish --db-map '*:0'
    for node in 1 2; do
        node_cli $node config set cluster-preferred-endpoint-type hostname >"$T/out"
        node_cli $node flushall >"$T/out"
    done
    check_status "unreachable addresses" 4 "unreachable.invalid" \
        ft replay "$T/live-1" "$CLUSTER_URI" --on-loss skip --give-up-after 3s --quiet
    { echo "# nodes"; echo "${MAP#,}" | tr , '\n'; } >"$T/map"
    check "--address-map from a file" ft replay "$T/live-1" "$CLUSTER_URI" \
        --address-map "@$T/map" --on-loss skip --quiet --finish --db-map '*:0'
    [ "$(node_cli 1 dbsize)" -gt 0 ] && [ "$(node_cli 2 dbsize)" -gt 0 ] && pass "both nodes have keys" ||
        fail "both nodes have keys"
    check "--address-map: diff" ft diff "$T/live-1" "$CLUSTER_URI" --address-map "${MAP#,}" \
        --address-map "unused=$T_HOST" --db-map '*:0'
    printf '%s\n' "$T_HOST:1=" >"$T/map"
    check_status "--address-map: a wrong line" 2 "line 1.*HOST:PORT=HOST:PORT" \
        ft replay "$T/live-1" "$CLUSTER_URI" --address-map "@$T/map"
    stop_cluster
fi

# A renamed command; and a server that is reached by IPv6 alone.
free_port
if grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null; then
    mkdir "$T/six"
    "$REDIS_SERVER" --port "$PORT_FREE" --bind ::1 --dir "$T/six" --save '' --rename-command FLUSHALL wipe-it \
        --databases 64 >"$T/six/log" 2>&1 &
    PIDS="$PIDS $!"
    t_until redis-cli -h ::1 -p "$PORT_FREE" set old 1
    check "IPv6, --rename-command" ft replay "$T/live-1" "redis://[::1]:$PORT_FREE" --flush --quiet \
        --rename-command flushall=wipe-it --on-loss skip --finish
    [ "$(redis-cli -h ::1 -p "$PORT_FREE" exists old)" = 0 ] && pass "the renamed command" ||
        fail "the renamed command"
fi

# What may have been meant.
check_status "a mistyped option" 2 "did you mean --on-loss\\?" ft replay --on-lsos skip
check_status "a mistyped option" 2 "did you mean --flush\\?" ft replay --flsuh a b
check_status "a mistyped command" 2 "did you mean replay\\?" ft repaly a b
check_status "a mistyped command" 2 "did you mean shrink\\?" ft fixture shirnk a b
check_status "nothing alike" 2 "no command \"zzzzzz\"; try" ft zzzzzz
check_status "no scheme" 2 "did you mean redis://localhost:6379\\?" ft replay "$T/live-1" localhost:6379
check_status "no scheme: a path" 2 "did you mean unix:/tmp/sock" ft replay "$T/live-1" /tmp/sock
check_status "swapped: replay" 2 "did you mean flowtape replay INPUT TARGET" \
    ft replay redis://localhost "$T/live-1"
check_status "swapped: capture" 2 "did you mean flowtape capture SOURCE DIR" ft capture "$T/live-1" "$URI"
check_status "swapped: sync" 2 "did you mean flowtape sync SOURCE TARGET" \
    ft sync redis://localhost "$URI" --dir "$T/none"
ft replay "$T/live-1" "localhost:6379:ann:sesame@x" >"$T/out" 2>&1
check "a password is not repeated" sh -c "! grep -q sesame '$T/out'"
t_end
