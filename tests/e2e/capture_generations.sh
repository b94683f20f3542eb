#!/bin/sh
# When the full sync has to be begun again, a new generation is; when not, none is.
. "${0%/*}/../lib/sh_lib.sh"
t_begin

# run LABEL RECORDING GENERATIONS STANDIN-ARG...
run()
{
    label=$1 rec=$RECORDINGS/$2 generations=$3
    shift 3
    dir=$T/capture
    rm -rf "$dir"
    standin_start "$rec" --check-dir "$dir" --rate 400000 "$@"
    check "$label: capture" capture "$dir" --until-caught-up --give-up-after 60s
    standin_check "$label"
    check "$label: verify" verify_clean "$dir"
    last=$(ls "$dir" | grep '^gen-' | tail -n 1)
    wanted=gen-$(printf %04d "$generations")
    [ "$last" = "$wanted" ] && pass "$label: generation" ||
        fail "$label: the last generation is $last, wanted $wanted"
}

live=$RECORDINGS/live-4
cut=$(($(meta_flow "$live" stable_start | head -n 1) + 60000))

run "flush in the full sync" live-4 2 --flush-in-sync
check "flush in the full sync: bytes as sent" raw_equal "$dir" "$live"
[ -d "$dir/gen-0001" ] && fail "the first generation's files are still there"
run "LSN gap" live-4 2 --drop-at 0:$cut --lsn-gap
check "LSN gap: bytes as sent" raw_equal "$dir" "$live"
run "another server" live-4 2 --drop-at 0:$cut --new-replid-after 1
check "another server: bytes as sent" raw_equal "$dir" "$live"
run "mixed answers" live-4 2 --drop-at 0:$cut --mixed
check "mixed answers: bytes as sent" raw_equal "$dir" "$live"
run "no resumption" live-4 2 --drop-at 0:$cut --partial none
check "no resumption: bytes as sent" raw_equal "$dir" "$live"
run "cut in the full sync" live-4 2 --drop-at 1:20000
check "cut in the full sync: bytes as sent" raw_equal "$dir" "$live"
run "cut in the journal" live-4 1 --drop-at 0:$cut
check "cut in the journal: records as sent" records_equal "$dir" "$live"

for version in 1.31.2 1.19.2; do
    old=$RECORDINGS/older/$version/live-3
    [ -d "$old" ] || continue
    cut=$(($(meta_flow "$old" stable_start | head -n 1) + 30000))
    run "PARTIAL of $version" older/$version/live-3 1 --drop-at 0:$cut --framed-partial
    [ "$(report_number partial)" = 3 ] && pass "PARTIAL of $version: resumed" ||
        fail "PARTIAL of $version: not resumed"
    acked >"$T/acked"
    meta_flow "$old" final_lsn >"$T/final"
    check "PARTIAL of $version: acknowledged to the end" cmp "$T/final" "$T/acked"
done
t_end
