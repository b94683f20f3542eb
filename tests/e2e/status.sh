#!/bin/sh
# What others see of a run: flowtape status, metrics, JSON, events, and control with a token.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
: "${MAKE_CAPTURE:?}"
command -v curl >/dev/null 2>&1 || t_skip "no curl"
t_begin
need_redis

# get PATH [CURL-OPTION...] - of the page
get()
{
    t_path=$1
    shift
    curl --silent --noproxy '*' --max-time 60 "$@" "$PAGE$t_path"
}

# code PATH [CURL-OPTION...] - the status of the answer
code()
{
    get "$@" --output /dev/null --write-out '%{http_code}'
}

# metric NAME - its value, of one that has no labels
metric()
{
    get metrics | sed -n "s/^flowtape_$1 //p"
}

# seen PATH VALUE - in status.json
seen()
{
    get status.json >"$T/status.json" && json_is "$T/status.json" "$1" "$2"
}

applies_records()
{
    [ "$(metric applied_records_total)" -gt 0 ]
}

# page_of FILE - sets PAGE
page_of()
{
    t_says "$1" 'status page is http' || fail "where the page is" "$1"
    PAGE=$(sed -n 's/.*status page is \(http.*\)$/\1/p' "$1" | head -n 1)
}

# A sync that is looked at while it runs, and cut over from its page.
echo sesame-42 >"$T/token"
standin_start "$RECORDINGS/live-4" --write-rate 200
redis_start
"$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/dir" --on-loss skip --status-listen "$T_HOST:0" --allow-control \
    --status-token-file "$T/token" --on-event "echo \"\$FLOWTAPE_EVENT \$FLOWTAPE_ENDED\" >>'$T/events'" \
    >"$T/sync.out" 2>&1 &
SYNC_PID=$!
PIDS="$PIDS $SYNC_PID"
page_of "$T/sync.out"
await 'caught up'
check "phase" t_until seen phase following
check "it runs" seen running true
check "source" seen source "$T_HOST:$PORT"
check "flows" [ "$(json "$T/status.json" 'flows/*/applied' | wc -l)" = 4 ]
check "applied records" t_until applies_records
check "losses" [ "$(metric losses_total)" -gt 0 ]
check "lag" [ -n "$(metric lag_seconds)" ]
check "disk" t_until sh -c "curl -s --noproxy '*' ${PAGE}metrics | grep -q '^flowtape_directory_bytes [1-9]'"
# Board and alerts ask for what there is.
monitoring=${0%/*}/../../contrib/monitoring
for name in $(grep -oh 'flowtape_[a-z_]*' "$monitoring"/* | sort -u); do
    check "$name is a metric" grep -aq "${name#flowtape_}" "$FLOWTAPE"
done
check "the board is JSON" "$JSON_FIELD" "$monitoring/grafana.json" title
if command -v promtool >/dev/null 2>&1; then
    get metrics >"$T/metrics"
    check "promtool: metrics" promtool check metrics <"$T/metrics"
    check "promtool: alerts" promtool check rules "$monitoring/alerts.yml"
fi
check "health" [ "$(get healthz)" = ok ]
check "the page" [ "$(code '')" = 200 ]
check "history" sh -c "curl -s --noproxy '*' ${PAGE}history.json >'$T/history'"
check "history has rows" [ "$(json "$T/history" 'rows/*' | wc -l)" = 8 ]
check "no such page" [ "$(code none)" = 404 ]
check "another name" [ "$(code status.json -H 'Host: attacker.example')" = 403 ]
check "localhost" [ "$(code status.json -H 'Host: localhost:1')" = 200 ]
check "another method" [ "$(code status.json -X DELETE)" = 405 ]
check "no framing, nothing from elsewhere" sh -c "curl -si --noproxy '*' $PAGE | grep -q \"default-src 'none'.*frame-ancestors 'none'\""

check_status "status" 0 "sync, process $SYNC_PID, since .*: following" ft status "$T/dir"
ft status "$T/dir" --json >"$T/runs.json"
check "status as JSON" json_is "$T/runs.json" 'runs/*/pid' "$SYNC_PID"
check "its flows" [ "$(json "$T/runs.json" 'runs/*/flows/*/applied' | wc -l)" = 4 ]

check "control without a token" [ "$(code control/begin -X POST)" = 401 ]
check "control with another" [ "$(code control/begin -X POST -H 'Authorization: Bearer sesame')" = 401 ]
check "control by GET" [ "$(code control/begin -H 'Authorization: Bearer sesame-42')" = 404 ]
check "not now" [ "$(code control/confirm -X POST -H 'Authorization: Bearer sesame-42')" = 409 ]
check "no such mode" [ "$(code 'control/begin?mode=now' -X POST -H 'Authorization: Bearer sesame-42')" = 409 ]
check "begin" [ "$(code 'control/begin?mode=pause' -X POST -H 'Authorization: Bearer sesame-42')" = 202 ]
check "it holds" t_until seen cutover/state holding
check "confirm" [ "$(code control/confirm -X POST -H 'Authorization: Bearer sesame-42')" = 202 ]
ends_with "sync" 0
check "events" [ "$(sort "$T/events" | tr -s ' \n' ' ')" = "caught-up cut-over cut-over ended cut-over lost " ]
check_status "status of one that has ended" 0 "ended at .*: cut-over" ft status "$T/dir"
check "no socket is left" [ -z "$(find "$T/dir" -name '*.sock')" ]
check "no secret" [ -z "$(grep -rl sesame-42 "$T" | grep -v '/token$')" ]
standin_stop
redis_stop

# A run that was killed is gone; a capture without any run is itself.
seq 1 3000 | sed 's/.*/0 1 0 SET key:& value-&/' | "$MAKE_CAPTURE" 1 "$T/cap" || fail "a capture of our own"
check_status "a capture" 0 'nothing is at work in it' ft status "$T/cap"
check_status "not a capture" 1 'no capture|not a capture|could not' ft status "$T"
redis_start
"$FLOWTAPE" replay "$T/cap" "$REDIS" --follow --status-listen "$T_HOST:0" >"$T/replay.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
page_of "$T/replay.out"
# the snapshot's own record and ours
check "replay: all is applied" t_until seen 'flows/*/lag_records' 0
check "replay: phase" t_until seen phase journal
check "replay: status" t_until sh -c "'$FLOWTAPE' status '$T/cap' | grep -q 'replay, process $pid'"
check "replay: its file" t_until sh -c "ls '$T'/cap/replay-*.status.json"
kill -9 $pid
wait $pid 2>/dev/null
t_forget $pid
check_status "replay: gone" 0 'ended at .*: gone' ft status "$T/cap"
"$FLOWTAPE" replay "$T/cap" "$REDIS" --follow --quiet >"$T/replay.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
check "replay: the next one is at work" t_until sh -c "'$FLOWTAPE' status '$T/cap' | grep -q 'replay, process $pid'"
check "replay: its socket is the only one" [ "$(ls "$T/cap" | grep -c '\.sock$')" = 1 ]
kill -INT $pid
wait $pid 2>/dev/null
t_forget $pid
redis_stop

# A capture over HTTPS, and a served input.
if command -v openssl >/dev/null 2>&1 && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=flowtape \
    -addext "subjectAltName=IP:$T_HOST" -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null; then
    standin_start "$RECORDINGS/types-plain"
    "$FLOWTAPE" capture "$URI" "$T/tls" --status-listen "$T_HOST:0" --status-tls-cert "$T/cert.pem" \
        --status-tls-key "$T/key.pem" >"$T/capture.out" 2>&1 &
    pid=$!
    PIDS="$PIDS $pid"
    page_of "$T/capture.out"
    check "TLS: the page is verified" t_until get healthz --cacert "$T/cert.pem" --fail
    check "TLS: by nobody else's certificate" [ "$(code healthz)" = 000 ]
    get status.json --cacert "$T/cert.pem" >"$T/status.json"
    check "capture: no applied LSN" json_is "$T/status.json" command capture
    # speaks VERSION - of the protocol, whatever the ciphers of this machine's programs are
    address=${PAGE#https://}
    speaks()
    {
        openssl s_client "-$1" -cipher ALL:@SECLEVEL=0 -connect "${address%/}" </dev/null 2>&1
    }
    check_status "TLS 1.1: none" 1 'Cipher is .NONE.' speaks tls1_1
    check_status "TLS 1.2" 0 'Cipher is [A-Z]' speaks tls1_2
    kill -INT $pid
    ends "capture" $pid 0 "$T/capture.out"
    check_status "capture: it ended, and its manifest says all" 0 'nothing is at work in it' ft status "$T/tls"
    standin_stop
fi
"$FLOWTAPE" serve "$T/cap" --as redis --listen "$T_HOST:0" --status-listen "$T_HOST:0" >"$T/serve.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
page_of "$T/serve.out"
check "serve: replicas" t_until [ "$(metric replicas)" = 0 ]
check "serve: it serves" t_until seen phase serving
kill -INT $pid
wait $pid 2>/dev/null
t_forget $pid

if [ -e "$T/key.pem" ]; then
    cat "$T/cert.pem" "$T/key.pem" >"$T/both.pem"
    openssl genrsa -out "$T/other.pem" 2048 2>/dev/null
    check_status "TLS: the key of another" 1 'not that of the certificate' ft capture "$URI" "$T/x" --status-listen "$T_HOST:0" \
        --status-tls-cert "$T/cert.pem" --status-tls-key "$T/other.pem"
    check_status "TLS: no such file" 1 'No such file' ft capture "$URI" "$T/x" --status-listen "$T_HOST:0" \
        --status-tls-cert "$T/none.pem"
    "$FLOWTAPE" serve "$T/cap" --as redis --listen "$T_HOST:0" --status-listen "$T_HOST:0" --status-tls-cert "$T/both.pem" \
        >"$T/serve.out" 2>&1 &
    pid=$!
    PIDS="$PIDS $pid"
    page_of "$T/serve.out"
    check "TLS: one file for both" t_until get healthz --cacert "$T/cert.pem" --fail
    kill -INT $pid
    wait $pid 2>/dev/null
    t_forget $pid
fi

check_status "a token without control" 2 'belong together' ft sync "$URI" unix:/x --dir "$T/x" --status-listen 127.0.0.1:0 \
    --status-token-file "$T/token"
check_status "control without a page" 2 'status-listen is missing' ft sync "$URI" unix:/x --dir "$T/x" --allow-control
check_status "an address that is not one" 2 'HOST:PORT' ft capture "$URI" "$T/x" --status-listen 1:2:3

t_end
