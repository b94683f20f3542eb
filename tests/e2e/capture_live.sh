#!/bin/sh
# Recordings with writes: every byte is stored, LSNs are the source's, everything is acknowledged.
. "${0%/*}/../lib/sh_lib.sh"
t_begin

run()
{
    name=$1 rec=$RECORDINGS/$1
    shift
    [ -d "$rec" ] || return 0
    dir=$T/capture
    rm -rf "$dir"
    standin_start "$rec" --check-dir "$dir"
    check "$name $*: capture" capture "$dir" --until-caught-up "$@"
    standin_check "$name"
    check "$name $*: bytes as sent" raw_equal "$dir" "$rec"
    check "$name $*: verify" verify_clean "$dir"
    meta_flow "$rec" final_lsn >"$T/final"
    acked >"$T/acked"
    check "$name $*: acknowledged to the end" cmp "$T/final" "$T/acked"
}

for name in live-1 live-4 live-8-fast live-in-sync catalogue flushes; do
    run $name
done
for path in "$RECORDINGS"/older/*/live-3 "$RECORDINGS"/older/*/catalogue; do
    [ -d "$path" ] && run "${path#"$RECORDINGS/"}"
done
run live-4 --compress none
run live-4 --compress zstd:3 --segment-size 64KiB
run live-4 --sync always
run live-4 --sync segment --segment-size 64KiB
run live-1 --sync interval:20 --segment-size 64KiB
t_end
