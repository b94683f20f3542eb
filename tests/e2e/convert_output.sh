#!/bin/sh
# What a conversion may write over, for whose eyes, and what is left of one that was stopped.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
umask 0

# mode FILE - its permissions in octal
mode()
{
    stat -c %a "$1"
}

convert()
{
    "$FLOWTAPE" convert "$@" --on-loss skip --quiet
}

take live-4
capture=$T/live-4
[ "$(find "$capture" -type d ! -perm 700 | wc -l)" = 0 ] && pass "a capture's directories are 0700" ||
    fail "a capture's directories are open to others"
[ "$(find "$capture" -type f ! -perm 600 | wc -l)" = 0 ] && pass "a capture's files are 0600" ||
    fail "a capture's files are open to others"
mkdir -m 750 "$T/ours"
standin_start "$RECORDINGS/live-1"
check "a capture into a directory that exists" capture "$T/ours" --until-caught-up
standin_stop
[ "$(mode "$T/ours")" = 750 ] && pass "keeps its mode" || fail "got another mode"

mkdir "$T/out"
for to in rdb resp json; do
    check "--to $to" convert "$capture" "$T/out/$to" --to $to --report "$T/out/$to.report"
    [ "$(mode "$T/out/$to")$(mode "$T/out/$to.report")" = 600600 ] &&
        pass "--to $to: for its owner only" || fail "--to $to: open to others"
done
check "--to aof" convert "$capture" "$T/out/aof" --to aof
[ "$(find "$T/out/aof" -type d ! -perm 700 -o -type f ! -perm 600 | wc -l)" = 0 ] &&
    pass "--to aof: for its owner only" || fail "--to aof: open to others"
mkdir -m 750 "$T/out/empty"
check "--to aof in the place of an empty directory" convert "$capture" "$T/out/empty" --to aof
[ "$(mode "$T/out/empty")" = 750 ] && pass "keeps its mode" || fail "got another mode"

# Only regular files are written over, and nothing of the input.
ln -s /dev/null "$T/null"
mkfifo "$T/fifo"
for to in rdb resp json; do
    for output in /dev/null "$T/null" "$T/fifo" "$T/out"; do
        check_status "--to $to $output" 2 "not a regular file" convert "$capture" "$output" --to $to
    done
    for output in "$capture/capture.json" "$capture/new" "$capture/gen-0001/new"; do
        check_status "--to $to into the input" 2 "part of the input" \
            convert "$capture" "$output" --to $to
    done
done
check_status "--to aof into the input" 2 "part of the input" convert "$capture" "$capture/new" --to aof
check_status "--to aof over a link" 1 "exists" convert "$capture" "$T/null" --to aof
check_status "a report over the input" 2 "part of the input" convert "$capture" "$T/out/x" --to rdb \
    --report "$capture/capture.json"
check_status "a report over a device" 2 "not a regular file" convert "$capture" "$T/out/x" --to rdb \
    --report /dev/null
[ -c /dev/null ] && [ -L "$T/null" ] && [ -p "$T/fifo" ] && pass "they are what they were" ||
    fail "something was replaced"
check "the capture is whole" verify_clean "$capture"
cp "$RECORDINGS"/files/*.dfs "$RECORDINGS/files/plain.rdb" "$T/out"
ln "$T/out/plain.rdb" "$T/out/other-name.rdb"
for output in plain.rdb ../out/plain.rdb other-name.rdb; do
    check_status "over itself: $output" 2 "part of the input" \
        convert "$T/out/plain.rdb" "$T/out/$output" --to rdb
done
for output in types-summary.dfs types-0001.dfs types-0002.dfs; do
    check_status "into its set: $output" 2 "part of the input" \
        convert "$T/out/types-0000.dfs" "$T/out/$output" --to rdb
done
check "beside its set" convert "$T/out/types-0000.dfs" "$T/out/types.rdb" --to rdb

# Standard output cannot be taken back.
"$FLOWTAPE" convert "$capture" - --to resp >"$T/resp" 2>"$T/err"
status=$?
if ! grep -q json "$T/err"; then
    fail "the capture was to hold a loss" "$T/err"
elif [ $status != 3 ]; then
    fail "a loss with standard output: status $status" "$T/err"
elif [ -s "$T/resp" ]; then
    check "what went out is not denied" grep -q "standard output has got $(wc -c <"$T/resp") bytes" \
        "$T/err"
else
    check "nothing went out" grep -q '"-" was not written' "$T/err"
fi

# Stopped at any moment: an end with status 5 (or the whole output), and nothing is left.
mkdir "$T/tmp" "$T/stop"
round=0
stopped=0
while [ $round -lt "$(effort 24 12)" ] || { [ $stopped = 0 ] && [ $round -lt 100 ]; }; do
    round=$((round + 1))
    case $((round % 3)) in 0) to=rdb ;; 1) to=aof ;; 2) to=resp ;; esac
    TMPDIR=$T/tmp "$FLOWTAPE" convert "$capture" "$T/stop/x" --to $to --on-loss skip --quiet \
        >"$T/stop.out" 2>&1 &
    pid=$!
    PIDS="$PIDS $pid"
    # by chance, and when it is at work, which chance does not meet where it takes long to start
    if [ $((round % 2)) -eq 0 ]; then
        t_random_delay 60
    else
        t_at_work $pid
    fi
    case $((round % 4)) in 0 | 1) signal=TERM ;; *) signal=HUP ;; esac
    kill -$signal $pid 2>/dev/null
    wait $pid
    status=$?
    t_forget $pid
    case $status in
    0) rm -r "$T/stop/x" ;;
    5)
        stopped=$((stopped + 1))
        grep -q '"[^"]*" was not written' "$T/stop.out" || fail "stopped: what was said" "$T/stop.out"
        ;;
    143 | 129) ;; # before it was at work
    *) fail "stopped: status $status" "$T/stop.out" ;;
    esac
    # the thread sanitizer has a file of its own, which stays if it is stopped while it starts
    left=$(find "$T/stop" "$T/tmp" -mindepth 1 ! -name 'tsan.*')
    [ -z "$left" ] || fail "stopped: $left is left"
done
[ $stopped -gt 0 ] && pass "$stopped of $round conversions were stopped" || fail "none was stopped"
t_end
