#!/bin/sh
# check-servers.sh [DIR...] - builds flowtape and runs its end-to-end tests against every server that is
# found: redis-server or valkey-server in each DIR, else in each directory of PATH. What flowtape itself
# needs a redis-server for is the one on PATH, as long as the one that is tested cannot be that.
#
# SERVER_TESTS are the scripts (default: all). One that takes longer than SERVER_TEST_S seconds is ended, and has
# failed. What they say is kept in the build directory, in servers/VERSION. A line for each server ends it, and
# "N passed, N failed, N skipped" of all; the exit status is 0 only when nothing failed.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/contrib/common.sh"
build=$(build_dir servers)
jobs=${JOBS:-$(nproc)}
limit=${SERVER_TEST_S:-1800}

# version_of SERVER - as convert --redis takes it; one of 8.0 without its modules loads what 7.4 loads
version_of() {
    named "$1" | tr .- '  ' | while read -r kind major minor _; do
        case $kind$major.$minor in
        valkey*) echo "valkey-$major.$minor" ;;
        redis5.* | redis6.[01]) echo 5.0 ;;
        redis6.*) echo 6.2 ;;
        redis7.[012]) echo "7.$minor" ;;
        redis7.*) echo 7.4 ;;
        redis*) has_json "$1" && echo 8.0 || echo 7.4 ;;
        esac
    done
}

# keep_logs DIR - what each script has said, as long as there is no other run
keep_logs() {
    rm -rf "$1"
    mkdir -p "$1"
    cp "$build/server.out" "$1/make.out"
    for test in $tests; do
        cp "$build/${test%.sh}.log" "$1" 2>/dev/null || true
    done
}

# check_server SERVER - adds a line to $table
check_server() {
    version=$(version_of "$1")
    [ -n "$version" ] || return 0
    name=$(named "$1")
    kept=$build/servers/$name
    echo "$1: $name, tested as $version; logs in $kept"
    for test in $tests; do # none may be an earlier server's
        rm -f "$build/${test%.sh}.log" "$build/${test%.sh}.trs"
    done
    REDIS_SERVER=$1 REDIS_CHECK_RDB=${1%-server}-check-rdb REDIS_FOR=$version \
        make -C "$build" -j"$jobs" check TESTS="$tests" \
        SH_LOG_COMPILER="timeout -k 60 $limit sh" >"$build/server.out" 2>&1 || true
    keep_logs "$kept"
    totals="$(test_totals "$build/server.out") $(tests_skipped "$build/server.out")"
    if [ "$totals" = "0 0 0" ]; then
        totals="0 1 0"
        tail -n 20 "$build/server.out" # they did not even run
    fi
    grep -E '^(FAIL|XPASS|ERROR):' "$build/server.out" || true
    sed -n 's/^SKIP: *//p' "$build/server.out" | while read -r test; do
        echo "SKIP: $test ($(sed -n 's/^skipped: //p' "$build/${test%.sh}.log"))"
    done
    # shellcheck disable=SC2086 # three numbers
    printf '%-16s %4d passed, %d failed, %d skipped\n' "$name" $totals | tee -a "$table"
}

quietly "$build/configure.out" configure_in "$build" --enable-werror
quietly "$build/make.out" make -C "$build" -j"$jobs"
quietly "$build/make.out" make -C "$build" -j"$jobs" check TESTS=
tests=${SERVER_TESTS:-$(cd "$top" && echo tests/e2e/[a-z]*.sh)}
table=$build/servers.table
: >"$table"
seen=
[ $# -gt 0 ] || eval "set -- $(echo "$PATH" | sed "s/[^:]*/'&'/g; s/:/ /g")"
for dir in "$@"; do
    for server in "$dir"/redis-server "$dir"/valkey-server; do
        [ -x "$server" ] || continue
        # One that has several names, or whose directory has, is one.
        file=$(realpath "$server")
        case $seen in *"<$file>"*) continue ;; esac
        seen="$seen<$file>"
        check_server "$(cd "$dir" && pwd)/${server##*/}"
    done
done
echo
cat "$table"
awk '{ passed += $2; failed += $4; skipped += $6 }
    END {
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit passed == 0 || failed != 0
    }' "$table"
