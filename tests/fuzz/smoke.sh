#!/bin/sh
# Every fuzz target over its corpus, and over random mutations of it. The seed is printed; FUZZ_SEED sets
# it, FUZZ_RUNS says how many mutations.
set -u
: "${MAKE_CORPUS:?}" "${FUZZ_TARGETS:?}" "${T_FIXTURES:?}"
seed=${FUZZ_SEED:-$(($(date +%s) % 1000000))}
case ${FLOWTAPE_TEST_EFFORT:-full} in
small) runs=${FUZZ_RUNS:-500} ;;
*) runs=${FUZZ_RUNS:-3000} ;;
esac
left=$(pwd)
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/flowtape-fuzz.XXXXXX") || exit 99
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 99' INT TERM HUP
"$MAKE_CORPUS" "$T_FIXTURES" "$TMPDIR/seeds" || exit 1
echo "# FUZZ_SEED=$seed FUZZ_RUNS=$runs"
passed=0
failed=0
for target in "$FUZZ_TARGETS"/fuzz-*; do
    [ -f "$target" ] && [ -x "$target" ] || continue
    name=${target##*/fuzz-}
    case $name in
    archive | input | lists | parts | scenario) some=$((runs / 5)) ;; # each makes files
    *) some=$runs ;;
    esac
    if "$target" -runs="$some" -seed="$seed" -artifact_prefix="$left/fuzz-$name-" \
        "$TMPDIR/seeds/$name" >"$TMPDIR/out" 2>&1; then
        passed=$((passed + 1))
        echo "ok - $name: $(tail -n 1 "$TMPDIR/out")"
    else
        failed=$((failed + 1))
        echo "NOT OK - $name"
        tail -n 40 "$TMPDIR/out"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -ge 20 ]
