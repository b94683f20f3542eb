#!/bin/sh
# check.sh - installs what is missing, builds flowtape and runs its tests. The last line is
# "N passed, N failed"; the exit status is 0 only when nothing failed.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/contrib/common.sh"

give_up() {
    echo "0 passed, 1 failed"
    exit 1
}

sh "$top/contrib/install-deps.sh" build redis || give_up
owner_takes_over "$top/contrib/check.sh" "$@"

build=$(build_dir check)
jobs=$(nproc)
echo "building in $build"
quietly "$build/configure.out" configure_in "$build" --enable-werror || give_up
quietly "$build/make.out" make -C "$build" -j"$jobs" || give_up
# Most tests wait for servers and processes most of the time: more of them than there are processors
# may run at once.
make -C "$build" -j"$jobs" check TESTS= >"$build/check.out" 2>&1 || {
    tail -n 40 "$build/check.out" # the tests did not build
    give_up
}
count=$(make -s -C "$build" count-tests)
echo "running $count tests"
{
    status=0
    make -C "$build" -j"$((2 * jobs))" check 2>&1 || status=$?
    echo "$status" >"$build/check.status"
} | tee "$build/check.out" | {
    ended=0
    while IFS= read -r line; do # each as it ends: mawk would wait for more of them
        case $line in
        PASS:* | FAIL:* | SKIP:* | XFAIL:* | XPASS:* | ERROR:*)
            ended=$((ended + 1))
            echo "$ended of $count  $line"
            ;;
        esac
    done
}
status=$(cat "$build/check.status")

totals=$(test_totals "$build/check.out")
passed=${totals% *}
failed=${totals#* }
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    tail -n 40 "$build/check.out" # the tests did not even build
    failed=1
elif [ "$failed" -ne 0 ]; then
    grep -E '^(FAIL|XPASS|ERROR):' "$build/check.out" || true
    echo "their output: $build/test-suite.log"
    tail -n 200 "$build/test-suite.log"
elif [ "$passed" -eq 0 ]; then
    failed=1 # no test at all is no success
fi
skipped=$(tests_skipped "$build/check.out")
[ "$skipped" -eq 0 ] || grep -E '^SKIP:' "$build/check.out"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
