# tls_lib.sh - the part of bench.sh that lays TLS beside plain: the same work with the same server, in turn; sourced by it.
# shellcheck shell=sh disable=SC2154 # variables of bench.sh
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib/tls_lib.sh"

# tls_run HOW URI [OPTION...] - a capture's snapshot into an empty server, and what that sends to a replica
tls_run() {
    how=$1 to=$2
    shift 2
    server_start --port 7003 --tls-port 7004 --bind "$T_HOST" --tls-auth-clients no --tls-cert-file "$T/tls/server.pem" \
        --tls-key-file "$T/tls/server.key" --tls-ca-cert-file "$T/tls/ca.pem" --repl-diskless-sync-delay 0
    timed_both "tls.replay.$how" "$flowtape" replay "$work/raw.capture" "$to" --quiet --flush "$@"
    timed "tls.capture.$how" "$flowtape" capture "$to" "$work/tls.capture" --snapshot-only --quiet "$@"
    rm -rf "$work/tls.capture"
    server_stop
}

bench_tls() {
    if ! command -v openssl >/dev/null || ! redis-cli --help 2>&1 | grep -q -e --tls; then
        echo "bench: no openssl, or no redis with TLS: tls is left out" >&2
        return 0
    fi
    have_capture raw
    tls_begin
    keys=$((strings + 4 * collections))
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        tls_run plain "redis://$T_HOST:7003"
        tls_run secure "rediss://$T_HOST:7004" --tls-ca "$T/tls/ca.pem"
    done
    figures tls.replay.secure tls.replay.plain
    rate "replay over TLS, snapshot" keys/s "$keys" "" "the same in plain"
    figures tls.capture.secure tls.capture.plain
    rate "capture over TLS, of a Redis" keys/s "$keys" "" "the same in plain"
}
