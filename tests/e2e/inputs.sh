#!/bin/sh
# The forms in which an input may come: packed, compressed, on standard input, through a pipe. Each command says of
# it what it says of the plain one.
. "${0%/*}/../lib/sh_lib.sh"
: "${PEAK_RSS:?}"
t_begin
need_redis
mkdir "$T/tmp"
TMPDIR=$T/tmp
export TMPDIR

# state INPUT OUTPUT [ARG...] - as JSON
state()
{
    t_in=$1 t_out=$2
    shift 2
    ft convert "$t_in" "$t_out" --to json --on-loss skip --quiet "$@"
}

# same_state LABEL INPUT PLAIN [ARG...]
same_state()
{
    t_what=$1 t_one=$2 t_other=$3
    shift 3
    rm -f "$T/one" "$T/other"
    check "$t_what: convert" state "$t_one" "$T/one" "$@"
    state "$t_other" "$T/other" "$@"
    check "$t_what: the same state" cmp "$T/one" "$T/other"
}

# says LABEL INPUT PLAIN ARG... - inspect prints the same, but for the name of the input
says()
{
    t_what=$1 t_one=$2 t_other=$3
    shift 3
    ft inspect "$t_one" "$@" >"$T/one" 2>&1
    ft inspect "$t_other" "$@" >"$T/other" 2>&1
    check "inspect $t_what" cmp "$T/one" "$T/other"
}

# An archive is read as the capture that it was made of.
packed()
{
    ft pack "$T/live-4" "$1" --compress "$2" --quiet
    check "packed with $2: verify" verify_clean "$1"
    check "packed with $2: diff" ft diff "$1" "$T/live-4"
    check "packed with $2: diff on standard input" ft diff "$T/live-4" - <"$1"
    for at in snapshot end 300,300,300,300; do
        same_state "packed with $2, at $at" "$1" "$T/live-4" --at $at
    done
    says "packed with $2" "$1" "$T/live-4"
    says "packed with $2: records" "$1" "$T/live-4" --records
    says "packed with $2: from a LSN" "$1" "$T/live-4" --records --flow 1 --from 400
    says "packed with $2: bytes" "$1" "$T/live-4" --raw --flow 2
    says "packed with $2: structure" "$1" "$T/live-4" --no-census
}

# Where the archive ends, the capture that it was made of is continued.
replayed()
{
    ft pack "$T/live-4" "$T/early" --until 300,300,300,300 --quiet
    check "replay of an archive" ft replay "$T/early" "$REDIS" --on-loss skip --quiet
    check "the capture continues it" ft replay "$T/live-4" "$REDIS" --on-loss skip --finish \
        --report "$T/report"
    check "the capture continues it: only what is new" json_is "$T/report" flows/0/records 197
    check "replayed: the state" "$STATE_DIFF" --skip-lossy \
        $(state_options "$RECORDINGS/live-4") "$RECORDINGS/live-4/state.json" "$REDIS"
}

# A damaged archive is a finding, and nobody takes it for whole.
damaged()
{
    size=$(wc -c <"$T/packed")
    head -c $((size / 2)) "$T/packed" >"$T/half"
    check_status "half an archive" 3 "half.*damaged|ends" ft verify "$T/half"
    check_status "half an archive: convert" 3 "half" ft convert "$T/half" "$T/x" --to json --quiet
    check "half an archive: nothing is written" test ! -e "$T/x"
}

compressed()
{
    rdb=$RECORDINGS/files/plain.rdb
    for how in "gzip -c" "zstd -qc" "xz -c" "lz4 -qc"; do
        command -v "${how%% *}" >/dev/null 2>&1 || continue
        $how "$rdb" >"$T/rdb.${how%% *}"
        check "${how%% *}: verify" verify_clean "$T/rdb.${how%% *}"
        same_state "${how%% *}" "$T/rdb.${how%% *}" "$rdb"
    done
    head -c 20000 "$T/rdb.gzip" >"$T/cut"
    check_status "a cut file" 3 "cut" ft verify "$T/cut"
    # what a few bytes unfold to is neither kept nor believed
    head -c 500000000 /dev/zero | gzip -1 >"$T/zeros"
    check_status "zeros" 3 "zeros" timeout 60 "$PEAK_RSS" "$T/rss" "$FLOWTAPE" verify "$T/zeros"
    check "zeros: within 64 MiB" test "$(cat "$T/rss")" -lt 65536
}

# piped LABEL FILE - on standard input and through a FIFO
piped()
{
    check "$1 on standard input: verify" verify_clean - <"$2"
    same_state "$1 on standard input" - "$2" <"$2"
    mkfifo "$T/fifo"
    cat "$2" >"$T/fifo" &
    same_state "$1 through a FIFO" "$T/fifo" "$2"
    wait $!
    rm "$T/fifo"
}

take live-4
packed "$T/packed" zstd
packed "$T/plain" none
damaged
compressed
piped "an RDB" "$RECORDINGS/files/plain.rdb"
piped "a compressed RDB" "$T/rdb.gzip"
piped "an archive" "$T/packed"
check_status "nothing on standard input" 3 "" ft verify - </dev/null
if redis_start; then
    replayed
    redis_stop
else
    fail "redis-server" "$T/redis/log"
fi
check "nothing is left in TMPDIR" test -z "$(ls -A "$TMPDIR")"
t_end
