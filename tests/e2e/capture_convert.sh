#!/bin/sh
# Recordings without writes: captured, verified, converted, loaded; the data set is the source's.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

run()
{
    name=$1 rec=$RECORDINGS/$1 how=$2
    [ -d "$rec" ] || return 0
    dir=$T/capture
    rm -rf "$dir"
    standin_start "$rec" --check-dir "$dir"
    check "$name: capture $how" capture "$dir" "$how"
    standin_check "$name"
    check "$name: bytes as sent" raw_equal "$dir" "$rec"
    check "$name: verify" verify_clean "$dir"
    rm -f "$T/out.rdb"
    check "$name: convert" "$FLOWTAPE" convert "$dir" "$T/out.rdb" --to rdb $FOR_SERVER \
        --on-loss skip --quiet
    load_and_compare "$name" "$T/out.rdb" "$rec/state.json" $(state_options "$rec")
}

for name in types-lz4 types-zstd types-lzf types-plain types-untagged big-tagged big-untagged \
    empty; do
    run $name --until-caught-up
done
run types-lz4 --snapshot-only
for path in "$RECORDINGS"/older/*/types*; do
    [ -d "$path" ] && run "${path#"$RECORDINGS/"}" --until-caught-up
done

# The threads that read an input have no say in the order of its output.
"$PWD/tests/bench/bench-data" flows "$T/flows" --flows 11 --strings 20000 --collections 300 --lz4 >/dev/null
standin_start "$T/flows"
check "order: capture" capture "$T/flows.capture" --until-caught-up
standin_stop
for i in 1 2 3; do
    run_on=$([ $i != 3 ] || echo taskset -c "$(taskset -cp $$ | sed 's/.*[ ,-]//')")
    # shellcheck disable=SC2086 # words, or none
    check "order: converted, $i" $run_on "$FLOWTAPE" convert "$T/flows.capture" "$T/flows.$i.rdb" --to rdb --quiet
done
check "order: the same each time" cmp "$T/flows.1.rdb" "$T/flows.2.rdb"
check "order: and on one processor" cmp "$T/flows.1.rdb" "$T/flows.3.rdb"
rm -rf "$T"/flows*

# A target that cannot hold everything: nothing is written unless the losses are accepted.
standin_start "$RECORDINGS/types-lz4"
check "loss: capture" capture "$T/lossy" --until-caught-up
standin_stop
check_status "loss: refused" 3 "json" "$FLOWTAPE" convert "$T/lossy" "$T/no.rdb" --to rdb
[ ! -e "$T/no.rdb" ] && pass "loss: no file" || fail "loss: a file was written"
t_end
