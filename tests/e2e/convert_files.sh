#!/bin/sh
# Snapshot files of Dragonfly become RDB files that redis-server loads.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# run LABEL INPUT STATE [STATE-DIFF ARG...]
run()
{
    label=$1 input=$2 state=$3
    shift 3
    rm -f "$T/out.rdb"
    check "$label: verify" verify_clean "$input"
    check "$label: convert" "$FLOWTAPE" convert "$input" "$T/out.rdb" --to rdb --redis 7.0 \
        --on-loss skip --quiet
    load_and_compare "$label" "$T/out.rdb" "$state" "$@"
}

files=$RECORDINGS/files
check_status "verify: no checksum" 0 "types-summary.dfs: stored without a checksum" \
    "$FLOWTAPE" verify "$files/types-summary.dfs"
echo "hello, world" >"$T/text"
check_status "verify: no RDB" 3 'it begins with "hello", not "REDIS"' "$FLOWTAPE" verify "$T/text"
: >"$T/empty"
check_status "verify: empty" 3 "this is empty" "$FLOWTAPE" verify "$T/empty"
run "set by its summary" "$files/types-summary.dfs" "$files/state.json"
run "set by a member" "$files/types-0001.dfs" "$files/state.json"
run "types.rdb" "$files/types.rdb" "$files/state.json"
run "plain.rdb" "$files/plain.rdb" "$files/state-plain.json"
for old in "$RECORDINGS"/older/*/files; do
    [ -d "$old" ] || continue
    name=${old#"$RECORDINGS/"}
    run "$name: set" "$old/types-summary.dfs" "$old/state.json" $(state_options "$old")
    run "$name: types.rdb" "$old/types.rdb" "$old/state.json" $(state_options "$old")
done

# What flowtape wrote is an input too, and comes out the same.
"$FLOWTAPE" convert "$files/plain.rdb" "$T/first.rdb" --to rdb --redis 7.0 --quiet
run "its own output" "$T/first.rdb" "$files/state-plain.json"

# Sets that are not whole.
mkdir "$T/set"
cp "$files"/types-*.dfs "$T/set"
rm "$T/set/types-0001.dfs"
check_status "a member is missing" 3 "0001|shard|member|count" "$FLOWTAPE" convert \
    "$T/set/types-summary.dfs" "$T/no.rdb" --to rdb --on-loss skip
cp "$files/types-0000.dfs" "$T/set/types-0001.dfs"
check_status "a member twice" 3 "shard" "$FLOWTAPE" convert "$T/set/types-summary.dfs" "$T/no.rdb" \
    --to rdb --on-loss skip
cp "$files/types-0001.dfs" "$T/set"
head -c 20000 "$files/types-0001.dfs" >"$T/set/types-0001.dfs"
check_status "a member is cut" 3 "0001" "$FLOWTAPE" convert "$T/set/types-summary.dfs" \
    "$T/no.rdb" --to rdb --on-loss skip
[ ! -e "$T/no.rdb" ] && pass "no file was written" || fail "a file was written"
[ "$(ls "$T" | grep -c tmp)" -eq 0 ] && pass "no temporary file is left" ||
    fail "temporary files are left"
t_end
