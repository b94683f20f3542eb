#!/bin/sh
# Every flow is cut at random points; what is stored is as if there had been no cut.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
CUTS=${E2E_CUTS:-$(effort 50 10)}

run()
{
    name=$1 rec=$RECORDINGS/$1
    shift
    [ -d "$rec" ] || return 0
    dir=$T/capture
    rm -rf "$dir"
    standin_start "$rec" --check-dir "$dir" "$@"
    CAPTURE_S=400 check "$name $*: capture" capture "$dir" --until-caught-up --give-up-after 60s
    standin_check "$name $*"
    echo "# $(report_number full) FULL, $(report_number partial) PARTIAL answers"
    check "$name $*: records as sent" records_equal "$dir" "$rec"
    check "$name $*: verify" verify_clean "$dir"
}

# At this pace all flows are in the same phase, so that most cuts of the journal find every flow
# ready to be resumed.
run live-1 --drops "$CUTS" --seed 1 --rate 2000000
run live-4 --drops "$CUTS" --seed 2 --rate 1000000
run live-4 --drops $((CUTS / 5)) --seed 3 --chunk-random 3
run types-lz4 --drops 3 --seed 4
run live-4 --drops $((CUTS / 5)) --seed 5 --partial none
t_end
