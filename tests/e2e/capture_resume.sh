#!/bin/sh
# A session, a break in which the source went on, and its resumption: one generation, no byte lost.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
a=$RECORDINGS/resume-a
b=$RECORDINGS/resume-b

dir=$T/capture
standin_start "$a" --resume "$b" --partial end --check-dir "$dir"
check "first session" capture "$dir" --until-caught-up
check "first session: bytes as sent" raw_equal "$dir" "$a"
check "first session: verify" verify_clean "$dir"
check "second session" capture "$dir" --until-caught-up
standin_check "both sessions"
[ "$(report_number partial)" = "$(flow_count "$a")" ] && pass "all flows were resumed" ||
    fail "not all flows were resumed" "$T/standin.out"
check "bytes of both" raw_equal "$dir" "$a" "$b"
check "verify" verify_clean "$dir"
[ ! -d "$dir/gen-0002" ] && pass "one generation" || fail "a second generation"
meta_flow "$b" final_lsn >"$T/final"
acked >"$T/acked"
check "acknowledged to the end" cmp "$T/final" "$T/acked"

# The first one is ended by a signal when it is through.
dir=$T/one-run
size=$(wc -c <"$a/flow-0.bin")
standin_start "$a" --resume "$b" --rate 300000 --check-dir "$dir"
"$FLOWTAPE" capture "$URI" "$dir" --quiet --duration 30s >"$T/one-run.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
first_is_stored()
{
    [ "$("$FLOWTAPE" inspect "$dir" --raw --flow 0 | wc -c)" -ge "$size" ]
}
check "the first session is stored" t_until first_is_stored
t_at_work $pid
kill -TERM $pid
wait $pid
status=$?
t_forget $pid
[ $status -eq 0 ] && pass "SIGTERM: status 0" || fail "SIGTERM: status $status" "$T/one-run.out"
check "SIGTERM: verify" verify_clean "$dir"
check "then to the end" capture "$dir" --until-caught-up
check "and to the end of the second" capture "$dir" --until-caught-up
standin_check "one run"
check "one run: records of both" records_equal "$dir" "$a" "$b"
t_end
