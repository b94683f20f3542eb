#!/bin/sh
# run.sh SECONDS [TARGET...] - every fuzz target, or these, for so many seconds each. What is found new is
# kept in FUZZ_CORPUS (default: fuzz-corpus), an input that shows a mistake is left there as crash-TARGET.
#
#   MAKE_CORPUS, FUZZ_TARGETS (directory of the fuzz-* programs), T_FIXTURES come from "make fuzz".
set -u
: "${MAKE_CORPUS:?}" "${FUZZ_TARGETS:?}" "${T_FIXTURES:?}"
corpus=${FUZZ_CORPUS:-fuzz-corpus}
seconds=${1:?SECONDS}
shift
mkdir -p "$corpus"
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/flowtape-fuzz.XXXXXX") || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' INT TERM HUP
"$MAKE_CORPUS" "$T_FIXTURES" "$TMPDIR/seeds" || exit 1
if [ $# -eq 0 ]; then
    for target in "$FUZZ_TARGETS"/fuzz-*; do
        [ ! -f "$target" ] || [ ! -x "$target" ] || set -- "$@" "${target##*/fuzz-}"
    done
fi
failed=0
for target in "$@"; do
    mkdir -p "$corpus/$target"
    log=$TMPDIR/log
    status=0
    "$FUZZ_TARGETS/fuzz-$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=30 \
        -artifact_prefix="$corpus/$target-" -print_final_stats=1 "$corpus/$target" \
        "$TMPDIR/seeds/$target" >"$log" 2>&1 || status=$?
    if [ $status -eq 0 ]; then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: \([0-9]*\)/\1 runs/p
            s/^stat::peak_rss_mb: \(.*\)/peak \1 MiB/p; /^[0-9]* runs, /p' "$log" | paste -s -d, -)"
    else
        failed=$((failed + 1))
        echo "$target: FAILED, status $status"
        tail -n 40 "$log"
    fi
done
[ $failed -eq 0 ]
