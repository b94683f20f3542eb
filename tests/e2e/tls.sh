#!/bin/sh
# TLS with every server: captures, replays and syncs with certificates of both sides, a served input, and what is said
# when the certificate, the side's own one, or the language is not the right one.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/serve_lib.sh"
. "${0%/*}/../lib/tls_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
need_tls
tls_begin
R=$RECORDINGS/live-4

# A capture through TLS is the capture of the same without it.
standin_start "$R"
tls_proxy --ca "$T/tls/ca.pem"
# shellcheck disable=SC2086 # words
check "capture with TLS" capture "$T/cap" --until-caught-up $CLIENT
standin_check "capture with TLS"
check "capture with TLS: verifies" ft verify "$T/cap"

# A replay into a server that wants a certificate of the client.
tls_redis_start server --databases 64 || t_skip "no redis with TLS"
# shellcheck disable=SC2086,SC2046
check "replay with TLS" ft replay "$T/cap" "$TLS_URI" --on-loss skip --quiet --finish $CLIENT
# shellcheck disable=SC2046
check "replay with TLS: the state" "$STATE_DIFF" --skip-lossy $(not_in_journal "$R") \
    $(state_options "$R") "$R/state.json" "$REDIS"
# shellcheck disable=SC2086
check "diff with TLS" ft diff "$T/cap" "$TLS_URI" $CLIENT
# shellcheck disable=SC2086
check_status "diff: one side's options" 0 . ft diff "$T/cap" "valkeys://$T_HOST:$TLS_PORT" \
    --tls-ca-b "$T/tls/ca.pem" --tls-cert-b "$T/tls/client.pem" \
    --tls-key-b "$T/tls/client.key"

# says LABEL TEXT ARG... - a replay that is refused, by one line
says()
{
    t_said=$1 t_line=$2
    shift 2
    check_status "$t_said" 4 "$t_line" ft replay "$T/cap" "$@" --give-up-after 5s --quiet
    [ "$(wc -l <"$T/check.out")" = 1 ] && pass "$t_said: one line" || fail "$t_said: one line" "$T/check.out"
}

says "no certificate of the client" "certificate of the client is required" \
    "$TLS_URI" --tls-ca "$T/tls/ca.pem"
says "unknown issuer" 'issued by "flowtape test ca", which is not trusted' \
    "$TLS_URI" --tls-ca "$T/tls/other-ca.pem"
says "unknown issuer: the system's" 'issued by "flowtape test ca", which is not trusted' "$TLS_URI"
says "wrong name" "is for \"$T_HOST\", \"server.test\", not for \"localhost\"" \
    "$TLS_URI" --tls-ca "$T/tls/ca.pem" --tls-server-name localhost
says "plain to a TLS port" "speaks TLS only: its address begins with \"rediss://" \
    "redis://$T_HOST:$TLS_PORT"
# shellcheck disable=SC2086
check_status "another name of the server" 0 . ft replay "$T/cap" "$TLS_URI" --on-loss skip $CLIENT \
    --tls-server-name server.test
check_status "insecure: warned of" 0 "warning: the certificate of .* is not checked" ft replay "$T/cap" \
    "$TLS_URI" --on-loss skip --tls-insecure --tls-cert "$T/tls/client.pem" --tls-key "$T/tls/client.key"
redis_stop

tls_redis_start expired --tls-auth-clients no
says "expired" "certificate of $T_HOST:$TLS_PORT expired at 20" "$TLS_URI" --tls-ca "$T/tls/ca.pem"
redis_stop

check_status "key of another" 1 "not that of the certificate" ft replay "$T/cap" "$TLS_URI" \
    --tls-cert "$T/tls/client.pem" --tls-key "$T/tls/server.key"
check_status "no such file" 1 "cannot use the trusted certificates .*No such file" ft replay "$T/cap" \
    "$TLS_URI" --tls-ca "$T/tls/none.pem"
check_status "options without TLS" 2 "address does not ask for it: .*rediss://" ft replay "$T/cap" \
    "redis://$T_HOST:$TLS_PORT" --tls-ca "$T/tls/ca.pem"
openssl ec -in "$T/tls/client.key" -aes128 -passout pass:secret -out "$T/tls/locked.key" 2>/dev/null
check_status "a key with a pass phrase" 1 "wants a pass phrase" ft replay "$T/cap" "$TLS_URI" \
    --tls-cert "$T/tls/client.pem" --tls-key "$T/tls/locked.key"

# The other way round, for both kinds of server.
redis_start --bind "$T_HOST" --port $TLS_PORT
says "TLS to a plain port" "does not speak TLS: its address begins with \"redis://" "$TLS_URI"
redis_stop
standin_start "$R"
check_status "TLS to a plain source" 4 "does not speak TLS" ft capture "dragonflys://$T_HOST:$PORT" "$T/none" \
    --give-up-after 5s --quiet

# A sync with different certificates of both sides; the target asks for none.
tls_proxy --ca "$T/tls/ca.pem"
tls_redis_start server --databases 64 --tls-auth-clients no
check "sync with TLS" ft sync "$URI" "$TLS_URI" --dir "$T/sync" --on-loss skip --cutover takeover --finish \
    --target-tls-ca "$T/tls/ca.pem" --source-tls-ca "$T/tls/ca.pem" --source-tls-cert "$T/tls/client.pem" \
    --source-tls-key "$T/tls/client.key"
# shellcheck disable=SC2046
check "sync with TLS: the state" "$STATE_DIFF" --skip-lossy $(state_options "$R") "$R/state.json" "$REDIS"
standin_check "sync with TLS"
redis_stop

# A cluster whose nodes speak TLS, with each other and with clients that have a certificate.
if ! server_before 7.0; then
    CLUSTER_TLS=1
    if start_cluster 3 1; then
        # shellcheck disable=SC2086
        check "cluster with TLS: replay" ft replay "$T/cap" "$CLUSTER_TLS_URI" --on-loss skip --quiet --db-map '*:prefix=db%d:' $CLIENT
        # shellcheck disable=SC2086
        check "cluster with TLS: diff" ft diff "$T/cap" "$CLUSTER_TLS_URI" --like-replay $CLIENT
        says "cluster with TLS: no certificate of the client" "certificate of the client is required" \
            "$CLUSTER_TLS_URI" --tls-ca "$T/tls/ca.pem"
        standin_start "$R"
        # shellcheck disable=SC2086
        check "cluster with TLS: sync" ft sync "$URI" "$CLUSTER_TLS_URI" --dir "$T/sync2" --on-loss skip --flush \
            --db-map '*:prefix=db%d:' --cutover takeover --check all $CLIENT
        standin_check "cluster with TLS: sync"
        check "cluster with TLS: copied" [ "$(cluster_size)" -gt 100 ]
        stop_cluster
    fi
fi

# A served input, for replicas that have a certificate.
SERVE_PORT=
serve_start "$T/cap" --tls-cert "$T/tls/server.pem" --tls-key "$T/tls/server.key" --tls-ca "$T/tls/ca.pem"
serve_cli()
{
    redis-cli -h 127.0.0.1 -p "$SERVE_PORT" "$@"
}
check_status "serve: a client in plain is told" 0 "this port speaks TLS" serve_cli ping
check_status "serve: a client without a certificate" 1 . serve_cli --tls --insecure ping
check_status "serve: a client with one" 0 PONG serve_cli --tls --cacert "$T/tls/ca.pem" \
    --cert "$T/tls/client.pem" --key "$T/tls/client.key" --sni server.test ping
t_says "$T/serve.err" "does not speak TLS" && pass "serve: noted" || fail "serve: noted" "$T/serve.err"
# tls_cli ARG... - a client with a certificate
tls_cli()
{
    serve_cli --tls --cacert "$T/tls/ca.pem" --cert "$T/tls/client.pem" --key "$T/tls/client.key" "$@"
}
tls_replica_start()
{
    rm -rf "$T/redis"
    redis_start --port "$REPLICA_PORT" --bind 127.0.0.1 --databases 64 --tls-replication yes \
        --tls-cert-file "$T/tls/client.pem" --tls-key-file "$T/tls/client.key" \
        --tls-ca-cert-file "$T/tls/ca.pem" --replicaof "127.0.0.1 $SERVE_PORT" "$@"
}
replica_is_up()
{
    [ "$(replica_field master_link_status)" = up ] &&
        [ "$(replica_field slave_repl_offset)" = "$(tls_cli info | sed -n 's/^master_repl_offset:\([0-9]*\).*/\1/p')" ]
}
tls_replica_start
t_until replica_is_up && pass "serve with TLS: a replica" || fail "serve with TLS: a replica" "$T/redis/log"
# shellcheck disable=SC2046
check "serve with TLS: the state" "$STATE_DIFF" --skip-lossy $(not_in_journal "$R") \
    $(state_options "$R") "$R/state.json" "$REDIS"
redis_stop
serve_stop "serve with TLS"

# A live source recorded and served at once, both sides with TLS and certificates of their own; a replica that speaks
# in plain is told, and does not count.
standin_start "$R"
tls_proxy --ca "$T/tls/ca.pem"
"$FLOWTAPE" sync "$URI" --serve 127.0.0.1:0 --dir "$T/served" --databases 64 --on-loss skip $FOR_SERVER \
    --source-tls-ca "$T/tls/ca.pem" --source-tls-cert "$T/tls/client.pem" --source-tls-key "$T/tls/client.key" \
    --tls-cert "$T/tls/server.pem" --tls-key "$T/tls/server.key" --tls-ca "$T/tls/ca.pem" \
    --json >"$T/sync.json" 2>"$T/sync.out" &
SYNC_PID=$!
PIDS="$PIDS $SYNC_PID"
t_says "$T/sync.out" "listening on"
SERVE_PORT=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$T/sync.out" | head -n 1)
tls_replica_start --tls-replication no
t_says "$T/sync.out" "does not speak TLS" && pass "sync --serve with TLS: in plain: noted" ||
    fail "sync --serve with TLS: in plain: noted" "$T/sync.out"
redis-cli -s "$T/redis/sock" config set tls-replication yes >/dev/null
t_until replica_is_up && pass "sync --serve with TLS: a replica" || fail "sync --serve with TLS: a replica" "$T/redis/log"
check "sync --serve with TLS: cut over" ft cutover "$T/served" --mode takeover
ends "sync --serve with TLS" $SYNC_PID 0 "$T/sync.out"
check "sync --serve with TLS: the replica counted" json_is "$T/sync.json" 'serve/replicas/*/state' online
redis-cli -s "$T/redis/sock" replicaof no one >/dev/null
# shellcheck disable=SC2046
check "sync --serve with TLS: the state" "$STATE_DIFF" --skip-lossy $(state_options "$R") "$R/state.json" "$REDIS"
check "sync --serve with TLS: diff" ft diff "$T/served" "unix:$T/redis/sock"
redis_stop
standin_check "sync --serve with TLS"

SERVE_PORT=
serve_start "$T/cap"
check_status "TLS to a plain listener" 1 . serve_cli --tls --insecure ping
t_says "$T/serve.err" "TLS, which is not spoken here" && pass "TLS to a plain listener: noted" ||
    fail "TLS to a plain listener: noted" "$T/serve.err"
serve_stop "TLS to a plain listener"
t_end
