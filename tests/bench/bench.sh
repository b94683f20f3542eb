#!/bin/sh
# bench.sh - how fast, against a peer in the same run; "make bench" runs it.
#
#   bench.sh [capture] [journal] [convert]      (default: all)
#
#   capture   a full sync, recorded by flowtape and by bench-receive, which only receives and writes
#   journal   a stream of small SET records, stored and acknowledged
#   convert   capture to RDB on one core, beside the time redis-server needs to load the result,
#             and rdb-cli if it is on PATH
#
# From the environment: BENCH_STRINGS, BENCH_COLLECTIONS, BENCH_RECORDS, BENCH_RUNS, BENCH_FLOWS, and
# BENCH_DIR, where some 3 GB are needed for a while. Figures are medians; ratios above 1 are in
# flowtape's favour.
set -eu

strings=${BENCH_STRINGS:-2000000}
collections=${BENCH_COLLECTIONS:-20000}
records=${BENCH_RECORDS:-4000000}
runs=${BENCH_RUNS:-5}
flows=${BENCH_FLOWS:-2}
build=$PWD
flowtape=${FLOWTAPE:-$build/flowtape}
work=${BENCH_DIR:-$build/bench-work}
results=$work/results
master_pid=

for tool in /usr/bin/time taskset redis-server redis-cli; do
    command -v "$tool" >/dev/null || {
        echo "bench: $tool is missing; sh contrib/install-deps.sh build redis bench" >&2
        exit 1
    }
done

finish() {
    [ -z "$master_pid" ] || kill "$master_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
rm -rf "$work"
mkdir -p "$work"

die() {
    echo "bench: $*" >&2
    exit 1
}

# calc EXPRESSION - awk's arithmetic, two digits.
calc() {
    awk "BEGIN { printf \"%.2f\", $1 }"
}

# whole EXPRESSION - the same without digits.
whole() {
    awk "BEGIN { printf \"%.0f\", $1 }"
}

# median FILE COLUMN
median() {
    awk -v c="$2" '{ print $c }' "$1" | sort -n |
        awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# maximum FILE COLUMN
maximum() {
    awk -v c="$2" '$c > m { m = $c } END { print m + 0 }' "$1"
}

# timed NAME COMMAND... - "seconds KiB" of the command, appended to NAME.times.
timed() {
    timed_name=$1
    shift
    sync
    began=$(date +%s%N)
    /usr/bin/time -f %M -o "$work/memory" "$@" >"$work/$timed_name.log" 2>&1 || {
        cat "$work/$timed_name.log" >&2
        die "$timed_name failed"
    }
    ended=$(date +%s%N)
    echo "$(calc "($ended - $began) / 1e9") $(tail -n 1 "$work/memory")" >>"$work/$timed_name.times"
}

# row WHAT FLOWTAPE PEER RATIO NOTE
row() {
    printf '%-34s %15s %15s %7s  %s\n' "$@" >>"$results"
}

mib() {
    whole "$1 / 1024"
}

flow_bytes() {
    cat "$1"/flow-*.bin | wc -c
}

master_start() {
    : >"$work/port"
    "$build/tests/standin-master" "$1" >"$work/port" 2>"$work/master.log" &
    master_pid=$!
    while [ ! -s "$work/port" ]; do
        kill -0 "$master_pid" 2>/dev/null || die "the stand-in master ended: $(cat "$work/master.log")"
        sleep 0.05
    done
    port=$(head -n 1 "$work/port")
}

master_stop() {
    kill "$master_pid"
    wait "$master_pid" 2>/dev/null || true
    master_pid=
}

# compare NAME RECORDING - flowtape and the plain receiver in turn, each with a master of its own.
compare() {
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        rm -rf "$work/received"
        master_start "$2"
        timed "$1.plain" "$build/tests/bench/bench-receive" 127.0.0.1 "$port" "$2" "$work/received"
        master_stop
        rm -rf "$work/received" "$work/$1.capture"
        master_start "$2"
        timed "$1.flowtape" "$flowtape" capture "dragonfly://127.0.0.1:$port" \
            "$work/$1.capture" --until-caught-up --quiet
        master_stop
    done
    ours=$(median "$work/$1.flowtape.times" 1)
    plain=$(median "$work/$1.plain.times" 1)
    memory="peak memory $(mib "$(maximum "$work/$1.flowtape.times" 2)") MiB"
}

bench_capture() {
    for kind in raw lz4; do
        option=
        [ "$kind" = raw ] || option=--$kind
        # shellcheck disable=SC2086 # nothing, or one word
        "$build/tests/bench/bench-data" flows "$work/$kind" --strings "$strings" \
            --collections "$collections" --flows "$flows" $option
        bytes=$(flow_bytes "$work/$kind")
        compare "$kind" "$work/$kind"
        row "capture, full sync, $kind (MB/s)" "$(whole "$bytes / 1e6 / $ours")" \
            "$(whole "$bytes / 1e6 / $plain")" "$(calc "$plain / $ours")" "$memory; aim 0.9"
    done
}

bench_journal() {
    "$build/tests/bench/bench-data" flows "$work/journal" --strings 0 --collections 0 \
        --flows "$flows" --journal "$records"
    compare journal "$work/journal"
    row "capture, journal (records/s)" "$(whole "$records / $ours")" "$(whole "$records / $plain")" \
        "$(calc "$plain / $ours")" "$memory; aim 400000"
}

# load_seconds RDB - as redis-server's own log has it.
load_seconds() {
    redis-server --port 0 --unixsocket "$work/redis.sock" --dir "$(dirname "$1")" \
        --dbfilename "$(basename "$1")" --save '' --daemonize yes --logfile "$work/redis.log" \
        --pidfile "$work/redis.pid" >/dev/null
    until grep -q 'DB loaded from disk' "$work/redis.log"; do
        sleep 0.1
    done
    sed -n 's/.*DB loaded from disk: \([0-9.]*\) seconds.*/\1/p' "$work/redis.log"
    redis-cli -s "$work/redis.sock" shutdown nosave >/dev/null 2>&1 || true
    rm -f "$work/redis.log"
}

bench_convert() {
    for kind in raw lz4; do
        [ -d "$work/$kind.capture" ] || die "convert needs the captures of \"capture\""
        # What is converted is what came over the wire, whatever the store made of it.
        bytes=$(flow_bytes "$work/$kind")
        i=0
        while [ "$i" -lt "$runs" ]; do
            i=$((i + 1))
            timed "convert.$kind" taskset -c 0 "$flowtape" convert "$work/$kind.capture" \
                "$work/$kind.rdb" --to rdb --quiet
        done
        size=$(wc -c <"$work/$kind.rdb")
        ours=$(median "$work/convert.$kind.times" 1)
        load=$(load_seconds "$work/$kind.rdb")
        memory="peak memory $(mib "$(maximum "$work/convert.$kind.times" 2)") MiB"
        row "convert, $kind, input (MB/s)" "$(whole "$bytes / 1e6 / $ours")" "" "" \
            "$memory; one core; aim 400"
        row "convert, $kind, output (MB/s)" "$(whole "$size / 1e6 / $ours")" \
            "$(whole "$size / 1e6 / $load")" "$(calc "$load / $ours")" "peer: redis-server loads it"
    done
    if command -v rdb-cli >/dev/null; then
        timed rdb-cli taskset -c 0 rdb-cli "$work/raw.rdb" resp -o "$work/raw.resp"
        peer=$(median "$work/rdb-cli.times" 1)
        ours=$(median "$work/convert.raw.times" 1)
        row "convert, raw, output (MB/s)" "$(whole "$size / 1e6 / $ours")" \
            "$(whole "$size / 1e6 / $peer")" "$(calc "$peer / $ours")" "peer: rdb-cli FILE resp, aim 5"
    fi
}

machine() {
    printf 'machine: %s, %s cores, %s of memory, Linux %s, %s on %s\n' \
        "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)" "$(uname -r)" \
        "$(stat -f -c %T "$work")" "$(df --output=source "$work" | tail -n 1)"
    printf 'peers: bench-receive (receives and writes), %s; medians of %s runs\n' \
        "$(redis-server --version | cut -d' ' -f1-3)" "$runs"
}

[ $# -gt 0 ] || set -- capture journal convert
for part in "$@"; do
    case $part in
    capture | journal | convert) "bench_$part" ;;
    *) die "no such part: $part" ;;
    esac
done

echo
machine
printf '%-34s %15s %15s %7s\n' "" flowtape peer ratio
cat "$results"
