#!/bin/sh
# Single calls of the program fail (lib/fault_shim.c), whatever it is doing: it is never ended by a signal and
# never hangs, what was acknowledged is stored, what it says is true, the next run completes the work.
#
# FAULTS      all: every call of each kind, up to FAULTS_MAX of one kind; else a sample
# FAULTS_COMMANDS  some of $COMMANDS and $MORE_COMMANDS; without FAULTS=all some of the latter, by chance
# FAULTS_CALLS     some of the calls, by the names of lib/fault_shim.c
# FAULTS_ONLY "COMMAND CALL N ERROR once|ever": only this one, as the script has named it
# E2E_SEED    which sample
. "${0%/*}/../lib/sh_lib.sh"
[ -n "${FAULT_SHIM:-}" ] || t_skip "no library that makes calls fail"
t_begin
need_redis
[ -n "${E2E_SEED:-}" ] || SEED=$(($(date +%s) % 100000))
echo "# E2E_SEED=$SEED"
FAULTS=${FAULTS:-some}
FAULTS_MAX=${FAULTS_MAX:-400}
COMMANDS="capture convert replay sync"
MORE_COMMANDS="resync verify diff pack unpack fixture serve"
# What each command works on: all journalled commands, or what a source sends quickest.
recording_of()
{
    case $1 in
    capture | sync | resync) echo "$RECORDINGS/flushes" ;;
    *) echo "$RECORDINGS/catalogue" ;;
    esac
}

# has_source COMMAND
has_source()
{
    case $1 in
    capture | *sync) ;;
    *) return 1 ;;
    esac
}

# prepare COMMAND - everything is as it is before a first run
prepare()
{
    : >"$T/sentences"
    rm -rf "$T/capture" "$T/out.rdb" "$T/violations" "$T/said" "$T/injected" "$T/packed" "$T/made" "$T/made.unpacking"
    case $1 in
    capture | sync | resync) standin_start "$(recording_of "$1")" --check-dir "$T/capture" ;;
    serve) cp -r "$T/source" "$T/capture" ;;
    esac
    case $1 in
    replay | sync | serve) load_nothing ;;
    resync) # a sync that was stopped when the target had everything
        load_nothing
        "$FLOWTAPE" capture "$URI" "$T/capture" --until-caught-up --quiet &&
            "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet --on-loss skip
        ;;
    diff) [ -n "$loaded" ] || load_source ;;
    esac
}

# load_nothing, load_source - what the target has
load_nothing()
{
    redis-cli -s "$T/redis/sock" flushall >/dev/null
    loaded=
}

load_source()
{
    load_nothing
    "$FLOWTAPE" replay "$T/source" "$REDIS" --quiet --on-loss skip --finish || return
    loaded=source
}

# serve - to the target, until it has everything, or no connection can be had any more
serve()
{
    s_preload=${LD_PRELOAD:-}
    unset LD_PRELOAD # redis-cli brings its own malloc
    LD_PRELOAD=$s_preload timeout -s KILL 120 "$FLOWTAPE" "$@" >"$T/said" 2>&1 &
    SERVE_PID=$!
    PIDS="$PIDS $SERVE_PID"
    t_until serves_or_ended
    SERVE_PORT=$(sed -n 's/.*listening on .*:\([0-9]*\).*/\1/p' "$T/said" | head -n 1)
    if [ -n "$SERVE_PORT" ]; then
        redis-cli -s "$T/redis/sock" replicaof "$T_HOST" "$SERVE_PORT" >/dev/null
        t_until is_replica_or_ended
        redis-cli -s "$T/redis/sock" replicaof no one >/dev/null
    fi
    kill "$SERVE_PID" 2>/dev/null # timeout passes it on
    wait "$SERVE_PID"
    s_status=$?
    t_forget "$SERVE_PID"
    return $s_status
}

serves_or_ended()
{
    grep -q "listening on" "$T/said" || ! kill -0 "$SERVE_PID" 2>/dev/null
}

is_replica_or_ended()
{
    kill -0 "$SERVE_PID" 2>/dev/null || return 0
    s_end=$(redis-cli -h "$T_HOST" -p "$SERVE_PORT" info replication | sed -n 's/^master_repl_offset:\([0-9]*\).*/\1/p')
    [ -n "$s_end" ] && redis-cli -s "$T/redis/sock" info replication >"$T/replica" &&
        grep -q '^master_link_status:up' "$T/replica" &&
        grep -q "^slave_repl_offset:${s_end}[^0-9]" "$T/replica"
}

# run COMMAND - under whatever is in the environment
run()
{
    case $1 in
    capture) set -- capture "$URI" "$T/capture" --until-caught-up ;;
    convert) set -- convert "$T/source" "$T/out.rdb" --to rdb --on-loss skip ;;
    replay) set -- replay "$T/source" "$REDIS" --on-loss skip ;;
    *sync) set -- sync "$URI" "$REDIS" --dir "$T/capture" --on-loss skip --cutover takeover ;;
    verify) set -- verify "$T/source" ;;
    # a field of hshort has ended since: a capture's state has it
    diff) set -- diff "$T/source" "$REDIS" --no-key hshort ;;
    pack) set -- pack "$T/source" "$T/packed" ;;
    unpack) set -- unpack "$T/archive" "$T/made" ;;
    fixture) set -- fixture make "$T/scenario" "$T/made" ;;
    serve) set -- serve "$T/capture" --as redis --redis "$REDIS_FOR" --listen "$T_HOST:0" --on-loss skip \
            --databases 64 ;;
    esac
    case $1 in
    capture | replay | sync) set -- "$@" --give-up-after 1s ;;
    serve)
        serve "$@"
        return
        ;;
    esac
    timeout -s KILL 120 "$FLOWTAPE" "$@" --quiet >"$T/said" 2>&1
}

# run_faulty COMMAND CALL N ERROR once|ever
run_faulty()
{
    (
        export FAULT_PROGRAM=flowtape FAULT_LOG="$T/injected" LD_PRELOAD="$FAULT_SHIM"
        export FAULT_CALL="$2" FAULT_AT="$3"
        case $4 in
        SHORT) export FAULT_SHORT=1 ;;
        *) export FAULT_ERRNO="$4" ;;
        esac
        [ "$5" = once ] || export FAULT_EVER=1
        run "$1"
    )
}

# on_target COMMAND - the server holds what the recording says
on_target()
{
    # shellcheck disable=SC2046
    "$STATE_DIFF" --skip-lossy --ignore-prefix flowtape: $(not_in_journal "$(recording_of "$1")") \
        "$(recording_of "$1")/state.json" "$REDIS"
}

# work_is_done COMMAND - the work is done, and done right
work_is_done()
{
    case $1 in
    capture)
        raw_equal "$T/capture" "$(recording_of capture)" ||
            records_equal "$T/capture" "$(recording_of capture)"
        ;;
    convert)
        load_nothing
        "$FLOWTAPE" replay "$T/out.rdb" "$REDIS" --quiet --finish && on_target convert
        ;;
    replay | *sync | serve) on_target "$1" ;;
    pack)
        rm -rf "$T/made"
        "$FLOWTAPE" unpack "$T/packed" "$T/made" --quiet && diff -r --exclude '*.status.json' --exclude 'status-*.sock' "$T/made" "$T/source"
        ;;
    unpack) diff -r --exclude '*.status.json' --exclude 'status-*.sock' "$T/made" "$T/source" ;;
    fixture) diff -r "$T/made" "$T/wanted" ;;
    verify | diff) ;; # their status says it
    esac
}

# output_of COMMAND - what appears whole, or not at all
output_of()
{
    case $1 in
    convert) echo "$T/out.rdb" ;;
    pack) echo "$T/packed" ;;
    unpack | fixture) echo "$T/made" ;;
    esac
}

# leftovers COMMAND CALL once|ever - of an output that did not appear. What an unpack has done, the next one
# takes over; without any memory a directory cannot be listed, and libarchive ends the program itself.
leftovers()
{
    l_output=$(output_of "$1")
    case $1:$2:$3 in
    *:malloc:ever | *pack:malloc:*) return ;;
    esac
    [ -z "$l_output" ] || find "$T" -maxdepth 1 -name "*${l_output##*/}*" ! -name made.unpacking
}

# resumed COMMAND - another run, which nothing hinders, completes it
resumed()
{
    run "$1" && return
    # A takeover that was executed has ended the source: what it had is in the directory.
    [ "${1#re}" = sync ] && ! kill -0 "$STANDIN_PID" 2>/dev/null &&
        "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet --on-loss skip
}

# sentence_of COMMAND CALL ERROR - what a run that failed by this must say
sentence_of()
{
    case $1:$2:$3 in
    verify:open:*) echo "could not open" ;;
    verify:pread:*) echo "could not read" ;;
    *:open:EIO | *:fdatasync:* | *:pread:EIO | *:pwrite:EIO | *:rename:* | *:mkdir:*) echo "\".*\"" ;;
    esac
    case $2:$3 in
    malloc:* | mmap:* | *:ENOMEM) echo "memory|allocate|thread" ;;
    *:ENOSPC) echo "space" ;;
    fsync:EIO | fdatasync:EIO | write*:EIO | pwrite:EIO | pread:EIO | rename:EIO) echo "error" ;;
    *) [ "$1" = verify ] || echo "^flowtape" ;;
    esac
}

# died COMMAND CALL STATUS - of a signal, or it hung. libarchive 3.6 does not survive that it has no memory as it
# opens an archive, or for a filter of zstd (archive_read_open1, archive_write_add_filter_zstd), and glibc's loader,
# for a library's name or scope, not always: it says so and leaves with 127.
died()
{
    case $1:$2:$3 in
    *pack:malloc:127 | *pack:malloc:134 | *pack:malloc:139) return 1 ;;
    esac
    [ "$3" -ge 124 ]
}

# status_right COMMAND CALL STATUS - what is local is status 1, or 5 where the work can go on; the rest may be
# the peer's, too
status_right()
{
    case $1:$2:$3 in
    *:1 | *:5) ;;
    *:socket:4 | *:connect:4 | *:send:4 | *:recv:4 | *:write:4 | *:read:4 | *:writev:4) ;;
    *pack:malloc:127 | *pack:malloc:134 | *pack:malloc:139) ;; # see died
    verify:open:3 | verify:pread:3) ;; # a segment that cannot be read is a finding
    *) return 1 ;;
    esac
}

# one COMMAND CALL N ERROR once|ever - one run with this fault, and the run after it
one()
{
    label="$*"
    prepare "$1"
    run_faulty "$@"
    status=$?
    cp "$T/said" "$T/first"
    if [ ! -s "$T/injected" ]; then
        has_source "$1" && standin_stop
        return # there were not so many calls this time
    fi
    injected=$((injected + 1))
    wrong=
    if died "$1" "$2" $status; then
        wrong="status $status: a signal, or it hung"
    elif [ $status -eq 0 ]; then
        survived=$((survived + 1))
        work_is_done "$1" >"$T/complete" 2>&1 || wrong="status 0, but it is not complete"
    else
        status_right "$1" "$2" $status || wrong="status $status"
        [ $status -ge 124 ] || sentence_of "$1" "$2" "$4" >"$T/sentences"
        while read -r sentence; do
            grep -Eiq -- "$sentence" "$T/first" || wrong="$wrong; does not say \"$sentence\""
        done <"$T/sentences"
        # what is under its name is complete, although it may be lost with the machine
        output=$(output_of "$1")
        if [ -n "$output" ] && [ -e "$output" ] && [ "$1:$2:$5" != fixture:malloc:ever ]; then
            work_is_done "$1" >"$T/complete" 2>&1 || wrong="$wrong; leaves an output that is not complete"
        fi
        [ -z "$output" ] || rm -rf "$output"
        left=$(leftovers "$1" "$2" "$5")
        [ -z "$left" ] || wrong="$wrong; leaves $left"
        find "$T" -maxdepth 1 -name '*.tmp-*' -exec rm {} +
        if [ "$1" = capture ] && [ -f "$T/capture/capture.json" ]; then
            verify_clean "$T/capture" >"$T/complete" 2>&1 || [ $? = "$INCOMPLETE" ] ||
                wrong="$wrong; verify finds something"
        fi
        if ! resumed "$1"; then
            wrong="$wrong; the next run fails"
        elif ! work_is_done "$1" >"$T/complete" 2>&1; then
            wrong="$wrong; after the next run it is not complete"
        fi
    fi
    case $1 in
    capture | *sync)
        standin_stop || {
            wrong="$wrong; against the rules of the conversation"
            json "$T/standin.out" 'violations/*' >"$T/violations"
        }
        ;;
    esac
    [ -z "$wrong" ] && return
    fail "$label: ${wrong#; }" "$T/first"
    for shown in said complete violations; do
        [ ! -s "$T/$shown" ] || tail -n 5 "$T/$shown" | sed "s/^/    $shown: /"
    done
}

# errors_of CALL - a call of this kind can end so
errors_of()
{
    case $1 in
    write | writev) echo ENOSPC EIO EINTR SHORT ;;
    pwrite) echo ENOSPC EIO SHORT ;;
    read) echo EIO EINTR SHORT ;;
    pread) echo EIO EINTR SHORT ;;
    send) echo EPIPE ECONNRESET EINTR SHORT ;;
    recv) echo ECONNRESET EINTR SHORT ;;
    fsync | fdatasync | unlink | ftruncate) echo EIO ;;
    rename | link | mkdir | fallocate) echo ENOSPC EIO ;;
    open | fopen) echo EMFILE EACCES EIO ;;
    socket | eventfd | timerfd_create) echo EMFILE ;;
    connect) echo ETIMEDOUT EINTR ;;
    malloc | mmap) echo ENOMEM ;;
    pthread_create | fork) echo EAGAIN ;;
    flock) echo EINTR ENOLCK ;;
    esac
}

# fault COMMAND CALL N - one with an error and for how long as chance has it; without end there is no
# interruption, no success of a short transfer, and no end of a replica's next attempts
fault()
{
    # shellcheck disable=SC2046
    set -- "$@" $(errors_of "$2")
    t_random $(($# - 3))
    fault_command=$1 fault_call=$2 fault_n=$3
    shift $((3 + R))
    fault_error=$1
    t_random 2
    case $fault_command:$fault_error:$R in
    serve:* | *:EINTR:* | *:SHORT:* | *:0) fault_ever=once ;;
    *) fault_ever=ever ;;
    esac
    one "$fault_command" "$fault_call" "$fault_n" "$fault_error" $fault_ever
}

# sample COMMAND CALL COUNT - some of the calls of one kind, or all
sample()
{
    if [ "$FAULTS" = all ]; then
        step=$((($3 + FAULTS_MAX - 1) / FAULTS_MAX))
        for n in $(seq 1 $step "$3"); do
            fault "$1" "$2" "$n"
        done
        return
    fi
    case $1:$2 in
    *:malloc | resync:recv) repeat=$(effort 6 2) ;;
    *) repeat=1 ;;
    esac
    while [ "$repeat" -gt 0 ]; do
        repeat=$((repeat - 1))
        t_random "$3"
        fault "$1" "$2" $((R + 1))
    done
}

# faults COMMAND - of every kind of call that a run makes
faults()
{
    prepare "$1"
    rm -f "$T/counts"
    (
        export FAULT_PROGRAM=flowtape FAULT_COUNT="$T/counts" LD_PRELOAD="$FAULT_SHIM"
        run "$1"
    ) || fail "$1: without a fault" "$T/said"
    check "$1: without a fault" work_is_done "$1"
    ! has_source "$1" || standin_check "$1: without a fault"
    total=0
    while read -r call count <&3; do
        [ "$count" -gt 0 ] || continue
        case " ${FAULTS_CALLS:-$call} " in *" $call "*) ;; *) continue ;; esac
        injected=0 survived=0 before=$FAILED
        sample "$1" "$call" "$count"
        total=$((total + injected))
        [ "$FAILED" -gt "$before" ] ||
            pass "$1: $call: $injected of $count calls failed, $survived runs went through"
    done 3<"$T/counts"
    check "$1: calls were made to fail" [ $total -gt 0 ]
}

# A text of which a capture is made.
cat >"$T/scenario" <<'END'
shards 2
compression zstd
SET a 1 PX 500000
HSET h f v g w
JSON.SET j $ '{"a": [1, 2.5, null]}'
snapshot in-sync
RPUSH l a b c
stable
INCR a
XADD x 5-1 f v
+10ms
RENAME h i
cut
resume
DEL l
END
standin_start "$(recording_of convert)"
capture "$T/source" --until-caught-up || fail "capture of the source"
standin_stop
rm -f "$T/source/capture.lock"
"$FLOWTAPE" pack "$T/source" "$T/archive" --quiet || fail "an archive of it"
"$FLOWTAPE" fixture make "$T/scenario" "$T/wanted" --quiet || fail "a capture made of a text"
redis_start --databases 64
loaded=
INCOMPLETE=6 # the status of verify where a snapshot is not complete
if [ -n "${FAULTS_ONLY:-}" ]; then
    injected=0 survived=0
    # shellcheck disable=SC2086
    one $FAULTS_ONLY
    cat "$T/first"
    t_end
fi
# shellcheck disable=SC2086 # words
set -- $MORE_COMMANDS $MORE_COMMANDS
t_random $(($# / 2))
shift "$R"
case $FAULTS in
all) more=$MORE_COMMANDS ;;
*) more=$(effort "$1 $2 $3" "$1") ;;
esac
for command in ${FAULTS_COMMANDS:-$COMMANDS $more}; do
    faults "$command"
done
t_end
