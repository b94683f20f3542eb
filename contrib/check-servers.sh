#!/bin/sh
# check-servers.sh [DIR...] - builds flowtape and runs its end-to-end tests against every server that is
# found: redis-server or valkey-server in each DIR, else in each directory of PATH. What flowtape itself
# needs a redis-server for is the one on PATH. SERVER_TESTS are the scripts (default: all), their logs are
# kept for each server. The last line is "N passed, N failed".
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/contrib/common.sh"
build=$(build_dir servers)
jobs=${JOBS:-$(nproc)}

# has_json SERVER - does it come with the modules of Redis 8?
has_json() {
    scratch=$(mktemp -d)
    "$1" --port 0 --unixsocket "$scratch/sock" --dir "$scratch" --save '' >/dev/null 2>&1 &
    pid=$!
    tries=0
    until modules=$(redis-cli -s "$scratch/sock" info modules 2>/dev/null) || [ $tries -ge 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    kill "$pid"
    wait "$pid" || true
    rm -rf "$scratch"
    case $modules in
    *name=ReJSON,*) ;;
    *) return 1 ;;
    esac
}

# version_of SERVER - as convert --redis takes it; one of 8.0 without its modules loads what 7.4 loads
version_of() {
    "$1" --version | sed -n 's/^\(Redis\|Valkey\) server v=\([0-9]*\)\.\([0-9]*\).*/\1 \2 \3/p' |
        while read -r kind major minor; do
            case $kind$major.$minor in
            Valkey*) echo "valkey-$major.$minor" ;;
            Redis5.* | Redis6.[01]) echo 5.0 ;;
            Redis6.*) echo 6.2 ;;
            Redis7.[012]) echo "7.$minor" ;;
            Redis7.*) echo 7.4 ;;
            Redis*) has_json "$1" && echo 8.0 || echo 7.4 ;;
            esac
        done
}

# check_server SERVER - adds to passed and failed
check_server() {
    check=$(dirname "$1")/$(basename "$1" | sed 's/-server$/-check-rdb/')
    version=$(version_of "$1")
    [ -n "$version" ] || return 0
    servers=$((servers + 1))
    log=$build/server-$servers.log
    echo "$1 ($version): log in $log"
    REDIS_SERVER=$1 REDIS_CHECK_RDB=$check REDIS_FOR=$version \
        make -C "$build" -j"$jobs" check TESTS="$tests" >"$log" 2>&1 || true
    totals=$(test_totals "$log")
    [ "$totals" != "0 0" ] || totals="0 1" # they did not even run
    echo "  ${totals% *} passed, ${totals#* } failed"
    if [ "${totals#* }" -ne 0 ]; then
        grep -E '^(FAIL|XPASS|ERROR):' "$log" || tail -n 20 "$log"
        cp "$build/test-suite.log" "$log.failures" 2>/dev/null || true
    fi
    passed=$((passed + ${totals% *}))
    failed=$((failed + ${totals#* }))
}

quietly "$build/configure.out" configure_in "$build" --enable-werror
quietly "$build/make.out" make -C "$build" -j"$jobs"
tests=${SERVER_TESTS:-$(cd "$top" && echo tests/e2e/[a-z]*.sh)}
passed=0
failed=0
servers=0
[ $# -gt 0 ] || eval "set -- $(echo "$PATH" | sed "s/[^:]*/'&'/g; s/:/ /g")"
for dir in "$@"; do
    for name in redis-server valkey-server; do
        [ ! -x "$dir/$name" ] || check_server "$dir/$name"
    done
done
echo "$servers servers"
echo "$passed passed, $failed failed"
[ "$servers" -gt 0 ] && [ "$failed" -eq 0 ]
