#!/bin/sh
# Which generations of a capture go, which stay and why; and the limits of a capture directory.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/serve_lib.sh"
t_begin
need_redis

live=$RECORDINGS/live-4
cut=$(($(meta_flow "$live" stable_start | head -n 1) + 60000))

# two_generations DIR ARG... - of a source that breaks off and resumes nothing
two_generations()
{
    dir=$1
    shift
    standin_start "$live" --rate 400000 --drop-at 0:$cut --partial none
    "$FLOWTAPE" capture "$URI" "$dir" --until-caught-up --give-up-after 60s "$@" >"$T/capture.out" 2>&1
    status=$?
    standin_stop
    return $status
}

check "a capture of two generations" two_generations "$T/cap"
check_status "what may go" 0 '^1 generation may go, .*--remove does that' "$FLOWTAPE" prune "$T/cap"
check_status "and why the other stays" 0 '^generation 2, .*: kept, the newest$' "$FLOWTAPE" prune "$T/cap"
check "nothing was removed" [ -d "$T/cap/gen-0001" ]
check_status "what is wanted stays" 0 '^generation 1, .*: kept, wanted by --retain' "$FLOWTAPE" prune "$T/cap" --retain 2
check_status "by time too" 0 '^0 generations may go' "$FLOWTAPE" prune "$T/cap" --retain 1d --remove=no
check_status "a rule that is none" 2 'wanted a number of generations' "$FLOWTAPE" prune "$T/cap" --retain 0

# --- what a running process reads ---
serve_start "$T/cap" --generation 1
check_status "not what is served" 0 '^generation 1, .*: kept, a process is reading it' "$FLOWTAPE" prune "$T/cap" --remove
check "it is still there" [ -d "$T/cap/gen-0001" ]
serve_stop "the service"
"$FLOWTAPE" convert "$T/cap" "$T/before.resp" --to resp --at snapshot --on-loss skip --quiet >"$T/convert.out" 2>&1
check_status "removed" 0 '^removed 1 generation' "$FLOWTAPE" prune "$T/cap" --remove
check "its files are gone" [ ! -e "$T/cap/gen-0001" ]
check "the rest is sound" verify_clean "$T/cap"
"$FLOWTAPE" convert "$T/cap" "$T/after.resp" --to resp --at snapshot --on-loss skip --quiet >"$T/convert.out" 2>&1
check "and says the same" cmp "$T/before.resp" "$T/after.resp"
"$FLOWTAPE" prune "$T/cap" --json >"$T/prune.json"
check "as JSON" json_is "$T/prune.json" may_go 0
check_status "what is gone is said to be" 0 '^generation 1, .*: nothing of it is here' "$FLOWTAPE" prune "$T/cap"

# --- while it is being recorded ---
standin_start "$live" --rate 20000
"$FLOWTAPE" capture "$URI" "$T/live" >"$T/live.out" 2>&1 &
CAPTURE_PID=$!
PIDS="$PIDS $CAPTURE_PID"
t_until test -s "$T/live/capture.json"
check_status "dry beside a recording" 0 '^0 generations may go' "$FLOWTAPE" prune "$T/live"
check_status "not beside a recording" 1 'nothing was removed' "$FLOWTAPE" prune "$T/live" --remove
kill "$CAPTURE_PID"
ends "the recording" "$CAPTURE_PID" 0 "$T/live.out"
standin_stop

# --- by the recording itself ---
check "a capture that retains one" two_generations "$T/one" --retain 1
check "says so" grep -q '1 older generation was removed' "$T/capture.out"
check "only the newest is there" [ "$(cd "$T/one" && echo gen-*)" = gen-0002 ]
check "and is sound" verify_clean "$T/one"
check "one that archives nothing keeps all" [ "$(two_generations "$T/kept" --retain 1 --archive-to 'false %p' --give-up-after 1s \
    >"$T/kept.out" 2>&1; cd "$T/kept" && echo gen-*)" = "gen-0001 gen-0002" ]

# --- limits ---
standin_start "$live" --rate 100000
check_status "a directory that is full" 5 'max-dir-size is 30.0 KiB: the capture ends here' \
    "$FLOWTAPE" capture "$URI" "$T/full" --max-dir-size 30KiB
check "what was stored is sound" verify_sound "$T/full"
check_status "a file system that is full" 1 'min-free is .*nothing is begun' \
    "$FLOWTAPE" capture "$URI" "$T/no-room" --min-free 4000000TiB
t_end
