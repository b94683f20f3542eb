#!/bin/sh
# The stream arrives in pieces of one byte, or of random sizes; every cut between two items is met.
. "${0%/*}/../lib/sh_lib.sh"
t_begin

run()
{
    name=$1 rec=$RECORDINGS/$1
    shift
    [ -d "$rec" ] || return 0
    dir=$T/capture
    rm -rf "$dir"
    standin_start "$rec" "$@"
    CAPTURE_S=300 check "$name $*: capture" capture "$dir" --until-caught-up
    standin_check "$name $*"
    check "$name $*: bytes as sent" raw_equal "$dir" "$rec"
    check "$name $*: verify" verify_clean "$dir"
}

for name in types-lz4 types-zstd types-lzf types-plain types-untagged big-tagged big-untagged \
    empty live-1 live-4 catalogue flushes older/1.19.2/types older/1.23.2/types-lzf \
    older/1.31.2/types older/1.37.2/types-zstd; do
    run $name --chunk 1
done
for seed in 1 2 3; do
    run live-4 --chunk-random $seed
    run types-untagged --chunk-random $seed
done
t_end
