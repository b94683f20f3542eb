#!/bin/sh
# bench.sh - how fast, against a peer in the same run; "make bench" runs it.
#
#   bench.sh [PART...]      (default: all)
#
#   capture    a full sync, recorded by flowtape and by bench-receive, which only receives and writes
#   journal    a stream of small SET records, stored and acknowledged
#   psync      the same of a Redis, and its full sync, beside bench-psync, which only receives and writes; and writes to a
#              redis-server until the last one is visible at the target of a sync, beside a native replica
#   convert    capture to RDB, and RDB to RDB, on one core and on all of them, the output in memory, and beside the time
#              redis-server needs to load the result, and rdb-cli if it is on PATH; onto the disk, beside dd with the output
#   verify     verify and inspect of a capture of raw flows, of one of LZ4 flows, and of one large RDB: on one core, on all of
#              them, and beside cat, which only reads
#   translate  journal to RESP on one core
#   point      the end of a capture as an RDB, with 1 % and 50 % of the keys touched by the journal,
#              beside its snapshot
#   diff       two RDBs of the same data, beside the conversion of one of them, and rdb-cli json of both
#              through sort and diff if it is on PATH; an RDB and the server that has loaded it, by DUMP and
#              without the right to it
#   replay     a capture into an empty redis-server and into a cluster of three, beside redis-cli
#              --pipe with the same data as ready-made RESP (in the cluster one for each node), and
#              rdb-cli if it is on PATH
#   once       the same for journals, of SETs and of mixed commands: exactly once, beside plain
#              pipelining
#   serve      a capture served to a replica: from REPLICAOF to the end of loading, beside redis-server
#              loading the same data as a file; the stream after it, beside that of a redis-server with the same writes
#   latency    500 records a second and flow from a master's socket until they are visible, by sync,
#              durable and eager, and by capture with replay --follow at its side, beside RPUSH
#              straight into the server
#   sync       a source's snapshot into an empty redis-server, beside a capture and a replay one after the other
#              (live_lib.sh)
#   load       SETs a second that a source takes with a capture, or a sync, at its side, beside a native replica
#   startup    --help, and a replay that has nothing left to do, beside redis-cli (startup_lib.sh)
#   tls        a snapshot into a redis-server and out of it by TLS, beside the same in plain (tls_lib.sh)
#   links      many flows, and a cluster of many nodes, over links of a known speed (links_lib.sh, which wants root); not
#              one of those that run by default
#   growth     how time and memory grow with keys, flows, sizes, databases and records (growth_lib.sh); not
#              one of those that run by default
#
# DRAGONFLY names a Dragonfly that sync and load are to use as the source.
#
# From the environment: BENCH_STRINGS, BENCH_COLLECTIONS, BENCH_RECORDS, BENCH_KEYS (of "point"),
# BENCH_RUNS, BENCH_FLOWS, BENCH_RDB_CLI_PORT (a free one), BENCH_DIR, where some 5 GB are needed for a while, and
# BENCH_MEMORY, a file system in memory with room for an output (/dev/shm). Figures are
# medians; BENCH_DOC names a document that gets the tables (doc/performance.md); ratios above 1 are in flowtape's favour. MiB: the most memory that flowtape, and the peer, had
# at any time in any run; flowtape's aim is 64.
#
# BENCH_OLD names another flowtape, of an earlier commit: whatever is measured is measured with it too, in
# turn, with the same captures. A second table then has seconds of both, those that went by and those of
# the processor, which say more on a machine that does other things too.
set -eu

strings=${BENCH_STRINGS:-2000000}
collections=${BENCH_COLLECTIONS:-20000}
records=${BENCH_RECORDS:-4000000}
point_keys=${BENCH_KEYS:-1000000}
runs=${BENCH_RUNS:-5}
flows=${BENCH_FLOWS:-2}
build=$PWD
flowtape=${FLOWTAPE:-$build/flowtape}
old=${BENCH_OLD:-}
work=${BENCH_DIR:-$build/bench-work}
memory_work=${BENCH_MEMORY:-/dev/shm}/flowtape-bench-$$
results=$work/results
old_results=$work/results.old
rdb_cli_port=${BENCH_RDB_CLI_PORT:-16399}
master_pid=
server_pid=

# The cluster is that of the tests, which want to know this. Its files go to $T, its processes to
# $PIDS.
# shellcheck disable=SC2034
T=$work PIDS='' FLOWTAPE=$flowtape STANDIN=$build/tests/standin-master \
    STATE_DIFF=none FLOW_DIFF=none JSON_FIELD=none T_FIXTURES=none
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib/sh_lib.sh"
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib/cluster_lib.sh"

for tool in /usr/bin/time taskset redis-server redis-cli; do
    command -v "$tool" >/dev/null || {
        echo "bench: $tool is missing; sh contrib/install-deps.sh build redis bench" >&2
        exit 1
    }
done

finish() {
    for pid in $master_pid $server_pid $PIDS; do
        kill -9 "$pid" 2>/dev/null || true
    done
    links_close
    rm -rf "$work" "$memory_work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
rm -rf "$work"
mkdir -p "$work"
: >"$old_results"

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

[ -z "$old" ] || "$old" --version >/dev/null || die "BENCH_OLD: \"$old\" is not a program that runs"

# timed NAME COMMAND... - "seconds KiB processor-seconds" of the command, appended to NAME.times.
timed() {
    timed_name=$1
    shift
    sync
    began=$(date +%s%N)
    /usr/bin/time -f '%M %U %S' -o "$work/used" "$@" >"$work/$timed_name.log" 2>&1 || {
        cat "$work/$timed_name.log" >&2
        die "$timed_name failed"
    }
    ended=$(date +%s%N)
    tail -n 1 "$work/used" | awk -v ns="$((ended - began))" \
        '{ printf "%.3f %s %.3f\n", ns / 1e9, $1, $2 + $3 }' >>"$work/$timed_name.times"
}

# old_has COMMAND - is there an older program that has it?
old_has() {
    [ -n "$old" ] && "$old" "$1" --help >/dev/null 2>&1
}

# timed_both NAME COMMAND... - timed; and with the older program in place of flowtape, as NAME.old.
timed_both() {
    both_name=$1
    shift
    timed "$both_name" "$@"
    [ -n "$old" ] || return 0
    for word in "$@"; do
        shift
        [ "$word" != "$flowtape" ] || word=$old
        set -- "$@" "$word"
    done
    timed "$both_name.old" "$@"
}

# grouped NUMBER - 1234567 as 1,234,567
grouped() {
    echo "$1" | sed -e :a -e 's/^\([0-9]*[0-9]\)\([0-9]\{3\}\)/\1,\2/;ta'
}

# row WHAT UNIT FLOWTAPE PEER RATIO AIM MIB PEER'S-NAME
row() {
    printf '%-32s %-9s %13s %13s %6s  %-9s %9s  %s\n' "$1" "$2" "$(grouped "$3")" \
        "$(grouped "$4")" "$5" "$6" "$7" "$8" >>"$results"
}

# beside_old WHAT NAME - a row of NAME.times and NAME.old.times, once.
beside_old() {
    [ -e "$work/$2.old.times" ] || return 0
    new_s=$(median "$work/$2.times" 1) old_s=$(median "$work/$2.old.times" 1)
    new_cpu_s=$(median "$work/$2.times" 3) old_cpu_s=$(median "$work/$2.old.times" 3)
    printf '%-32s %9.3f %9.3f %6.2f  %9.3f %9.3f %6.2f\n' "$1" "$new_s" "$old_s" \
        "$(calc "$old_s / $new_s")" "$new_cpu_s" "$old_cpu_s" \
        "$(calc "$new_cpu_s == 0 ? 0 : $old_cpu_s / $new_cpu_s")" >>"$old_results"
    rm "$work/$2.old.times"
}

# figures NAME [PEER] - of NAME.times and PEER.times: ours, plain, memory
figures() {
    measured=$1
    ours=$(median "$work/$1.times" 1)
    memory=$(mib "$(maximum "$work/$1.times" 2)")
    plain=
    [ $# -gt 1 ] || return 0
    plain=$(median "$work/$2.times" 1)
    memory="$memory / $(mib "$(maximum "$work/$2.times" 2)")"
}

# rate WHAT UNIT AMOUNT AIM PEER'S-NAME - a row of what figures found
rate() {
    beside_old "$1" "$measured"
    if [ -n "$plain" ]; then
        row "$1" "$2" "$(whole "$3 / $ours")" "$(whole "$3 / $plain")" "$(calc "$plain / $ours")" \
            "$4" "$memory" "$5"
    else
        row "$1" "$2" "$(whole "$3 / $ours")" '' '' "$4" "$memory" "$5"
    fi
}

mib() {
    whole "$1 / 1024"
}

flow_bytes() {
    cat "$1"/flow-*.bin | wc -c
}

master_start() {
    : >"$work/port"
    "$build/tests/standin-master" "$@" >"$work/port" 2>"$work/master.log" &
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
        if [ -n "$old" ]; then
            rm -rf "$work/old.capture"
            master_start "$2"
            timed "$1.flowtape.old" "$old" capture "dragonfly://127.0.0.1:$port" \
                "$work/old.capture" --until-caught-up --quiet
            master_stop
        fi
    done
    rm -rf "$work/old.capture"
    figures "$1.flowtape" "$1.plain"
}

# make_data NAME - a recording of that name
make_data() {
    case $1 in
    raw) set -- "$1" --strings "$strings" --collections "$collections" ;;
    lz4) set -- "$1" --strings "$strings" --collections "$collections" --lz4 ;;
    journal) set -- "$1" --strings 0 --collections 0 --journal "$records" ;;
    mixed) set -- "$1" --strings 0 --collections 0 --journal "$records" --mixed ;;
    touched-*)
        touch=$((point_keys * ${1#touched-} / 100))
        set -- "$1" --strings "$point_keys" --collections 0 --journal "$touch" --touch "$touch"
        ;;
    esac
    name=$1
    shift
    "$build/tests/bench/bench-data" flows "$work/$name" --flows "$flows" "$@"
}

# have_capture NAME - NAME.capture, unless a part before this one left it
have_capture() {
    [ ! -d "$work/$1.capture" ] || return 0
    make_data "$1"
    master_start "$work/$1"
    "$flowtape" capture "dragonfly://127.0.0.1:$port" "$work/$1.capture" --until-caught-up --quiet
    master_stop
}

bench_capture() {
    for kind in raw lz4; do
        make_data $kind
        bytes=$(flow_bytes "$work/$kind")
        compare "$kind" "$work/$kind"
        rate "capture, full sync, $kind" MB/s "$bytes / 1e6" "0.95 x" bench-receive
    done
}

bench_journal() {
    make_data journal
    compare journal "$work/journal"
    rate "capture, journal" records/s "$records" 400,000 bench-receive
}

# psync_start RECORDS [RDB] - $port: bench-psync, which replicates
psync_start() {
    : >"$work/port"
    "$build/tests/bench/bench-psync" serve "$@" >"$work/port" &
    master_pid=$!
    while [ ! -s "$work/port" ]; do
        sleep 0.05
    done
    port=$(head -n 1 "$work/port")
}

# psync_compare NAME RECORDS [RDB] - flowtape and the plain receiver in turn
psync_compare() {
    psync_name=$1
    shift
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        psync_start "$@"
        rm -rf "$work/received"
        timed "$psync_name.plain" "$build/tests/bench/bench-psync" receive "$port" "$work/received"
        rm -rf "$work/received"
        for program in "$flowtape" $old; do
            rm -rf "$work/psync.capture"
            times=$psync_name.flowtape
            [ "$program" = "$flowtape" ] || times=$times.old
            timed "$times" "$program" capture "redis://127.0.0.1:$port" "$work/psync.capture" \
                --until-caught-up --quiet
        done
        master_stop
    done
    rm -rf "$work/psync.capture"
    figures "$psync_name.flowtape" "$psync_name.plain"
}

bench_psync() {
    psync_compare psync "$records"
    rate "capture, a Redis' stream" records/s "$records" "0.9 x" bench-psync
    "$build/tests/bench/bench-data" rdb "$work/psync.rdb" --strings "$strings" \
        --collections "$collections"
    psync_compare psync-rdb 1 "$work/psync.rdb"
    rate "capture, a Redis' full sync" MB/s "$(wc -c <"$work/psync.rdb") / 1e6" "0.9 x" bench-psync
    rm -f "$work/psync.rdb"
    bench_psync_sync
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

# convert_times NAME INPUT - times of NAME and NAME.all, with the output in memory, of NAME.disk, and of NAME.copy, which
# makes a copy of that output durable, as flowtape does with its own; leaves it as $work/converted.rdb
convert_times() {
    mkdir -p "$memory_work" || die "no file system in memory: BENCH_MEMORY"
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        timed_both "$1" taskset -c 0 "$flowtape" convert "$2" "$memory_work/one.rdb" --to rdb --quiet
        rm "$memory_work/one.rdb"
        timed_both "$1.all" "$flowtape" convert "$2" "$memory_work/all.rdb" --to rdb --quiet
        rm -f "$memory_work/all.rdb" "$work/converted.rdb"
        timed_both "$1.disk" "$flowtape" convert "$2" "$work/converted.rdb" --to rdb --quiet
        timed "$1.copy" dd if="$work/converted.rdb" of="$work/copied.rdb" bs=1M conv=fdatasync
        rm "$work/copied.rdb"
    done
    rmdir "$memory_work"
}

# convert_rows NAME WHAT BYTES AIM
convert_rows() {
    figures "$1"
    rate "convert, $2" MB/s "$3 / 1e6" "$4" "(one core)"
    figures "$1.all" "$1"
    rate "convert, $2, all cores" MB/s "$3 / 1e6" "1.8 x" "one core"
    figures "$1.disk" "$1.copy"
    rate "convert, $2, to disk" MB/s "$3 / 1e6" "" "dd, with a copy of the output"
}

bench_convert() {
    for kind in raw lz4; do
        have_capture $kind
        convert_times "convert.$kind" "$work/$kind.capture"
        mv "$work/converted.rdb" "$work/$kind.rdb"
        # What is converted is what came over the wire, whatever the store made of it.
        convert_rows "convert.$kind" "$kind capture" "$(flow_bytes "$work/$kind")" \
            "$([ $kind = raw ] && echo 2,000 || echo 800)"
    done
    size=$(wc -c <"$work/raw.rdb")
    convert_times convert.rdb "$work/raw.rdb"
    convert_rows convert.rdb "RDB to RDB" "$size" 2,000
    rm -f "$work/converted.rdb"
    figures convert.rdb
    plain=$(load_seconds "$work/raw.rdb")
    rate "convert, RDB to RDB" MB/s "$size / 1e6" "" "redis-server, loading it"
    if command -v rdb-cli >/dev/null; then
        timed rdb-cli taskset -c 0 rdb-cli "$work/raw.rdb" resp -o "$work/raw.resp"
        figures convert.rdb rdb-cli
        rate "convert, RDB to RDB" MB/s "$size / 1e6" "5 x" "rdb-cli FILE resp"
    fi
}

# check_rows WHAT INPUT BYTES FILES... - verify and inspect of an input that is these files
check_rows() {
    check_what=$1 check_input=$2 check_bytes=$3
    shift 3
    for command in verify inspect; do
        rm -f "$work/check".*times
        i=0
        while [ "$i" -lt "$runs" ]; do
            i=$((i + 1))
            # shellcheck disable=SC2016 # for the other shell
            timed check.cat sh -c 'cat "$@" >/dev/null' sh "$@"
            timed_both check.one taskset -c 0 "$flowtape" $command "$check_input" --json
            timed_both check.all "$flowtape" $command "$check_input" --json
        done
        figures check.one
        rate "$command, $check_what" MB/s "$check_bytes / 1e6" "" "(one core)"
        figures check.all check.one
        rate "$command, $check_what, all cores" MB/s "$check_bytes / 1e6" "1.8 x" "one core"
        figures check.all check.cat
        rate "$command, $check_what, all cores" MB/s "$check_bytes / 1e6" "" "cat"
    done
}

bench_verify() {
    for kind in raw lz4; do
        have_capture $kind
        check_rows "$kind capture" "$work/$kind.capture" "$(flow_bytes "$work/$kind")" \
            "$work/$kind.capture"/gen-*/*.seg
    done
    "$build/tests/bench/bench-data" rdb "$work/large.rdb" --strings "$strings" --collections "$collections"
    check_rows RDB "$work/large.rdb" "$(wc -c <"$work/large.rdb")" "$work/large.rdb"
    rm -f "$work/large.rdb"
}

bench_translate() {
    have_capture journal
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        timed_both translate taskset -c 0 "$flowtape" convert "$work/journal.capture" \
            "$work/journal.resp" --to resp --quiet
    done
    rm -f "$work/journal.resp"
    figures translate
    rate "translate, journal" records/s "$records" "" "(one core)"
}

bench_point() {
    for percent in 1 50; do
        name=touched-$percent
        have_capture $name
        i=0
        while [ "$i" -lt "$runs" ]; do
            i=$((i + 1))
            for at in snapshot end; do
                timed_both "$name.$at" "$flowtape" convert "$work/$name.capture" "$work/point.rdb" \
                    --to rdb --at $at --quiet
            done
        done
        figures "$name.end" "$name.snapshot"
        aim=
        [ $percent != 1 ] || aim='0.77 x'
        [ $percent != 50 ] || aim='0.33 x'
        beside_old "point in time, $percent % touched" "$name.end"
        row "point in time, $percent % touched" s "$ours" "$plain" "$(calc "$plain / $ours")" "$aim" \
            "$memory" "--at snapshot"
    done
}

# have_rdb NAME - NAME.rdb, and another one of the same data
have_rdb() {
    have_capture "$1"
    for copy in "$1" "$1.copy"; do
        [ -e "$work/$copy.rdb" ] ||
            "$flowtape" convert "$work/$1.capture" "$work/$copy.rdb" --to rdb --quiet
    done
}

bench_diff() {
    has_command diff || return 0
    have_rdb raw
    size=$(wc -c <"$work/raw.rdb")
    server_start --dbfilename raw.rdb
    until redis-cli -s "$work/server.sock" info persistence | grep -q 'loading:0'; do
        sleep 0.1
    done
    keys=$(redis-cli -s "$work/server.sock" dbsize)
    timed=timed
    ! old_has diff || timed=timed_both
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        timed_both diff.convert "$flowtape" convert "$work/raw.rdb" "$work/converted.rdb" --to rdb --quiet
        $timed diff.files "$flowtape" diff "$work/raw.rdb" "$work/raw.copy.rdb" --quiet
        $timed diff.server "$flowtape" diff "$work/raw.rdb" "unix:$work/server.sock" --quiet
        redis-cli -s "$work/server.sock" acl setuser default -dump >/dev/null
        $timed diff.typed "$flowtape" diff "$work/raw.rdb" "unix:$work/server.sock" --quiet
        redis-cli -s "$work/server.sock" acl setuser default +dump >/dev/null
    done
    server_stop
    beside_old "convert, RDB to RDB" diff.convert
    figures diff.files diff.convert
    rate "diff, two files" MB/s "$size / 1e6" "0.33 x" "convert one of them"
    figures diff.files
    rate "diff, two files" keys/s "$keys" "" ""
    figures diff.server
    rate "diff, file and server" MB/s "$size / 1e6" "" ""
    rate "diff, file and server" keys/s "$keys" "300,000" ""
    figures diff.typed
    rate "diff, server without DUMP" keys/s "$keys" "" ""
    command -v rdb-cli >/dev/null || return 0
    # shellcheck disable=SC2016 # for the other shell
    timed diff.rdb-cli sh -c 'for rdb in raw raw.copy; do
        rdb-cli "$1/$rdb.rdb" json | sort >"$1/$rdb.json" || exit 1
    done; diff "$1/raw.json" "$1/raw.copy.json"' sh "$work"
    figures diff.files diff.rdb-cli
    rate "diff, two files" MB/s "$size / 1e6" "" "rdb-cli json, sort, diff"
}

# has_clusters PROGRAM - is there one whose replay takes a Redis Cluster?
has_clusters() {
    [ -n "$1" ] && "$1" replay --help 2>/dev/null | grep -qi cluster
}

# has_command NAME
has_command() {
    "$flowtape" "$1" --help >/dev/null 2>&1 || {
        echo "bench: flowtape has no $1: left out" >&2
        return 1
    }
}

# server_start [OPTION...]
server_start() {
    set -- --port 0 "$@"
    redis-server "$@" --unixsocket "$work/server.sock" --dir "$work" --save '' \
        --appendonly no >"$work/server.log" 2>&1 &
    server_pid=$!
    until [ "$(redis-cli -s "$work/server.sock" ping 2>/dev/null)" = PONG ]; do
        kill -0 "$server_pid" 2>/dev/null || die "redis-server ended: $(cat "$work/server.log")"
        sleep 0.05
    done
}

server_stop() {
    kill -9 "$server_pid"
    wait "$server_pid" 2>/dev/null || true
    server_pid=
    rm -f "$work/server.sock"
}

# piped NAME - what redis-cli --pipe said about its errors
piped() {
    if grep -q 'errors: [1-9]' "$work/$1.log" || ! grep -q 'errors: 0' "$work/$1.log"; then
        die "$1: $(grep errors: "$work/$1.log")"
    fi
}

# replay_server NAME - NAME.capture into an empty server, and NAME.resp; sets ours, plain, memory
replay_server() {
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        server_start
        # shellcheck disable=SC2016 # for the other shell
        timed "$1.pipe" sh -c 'redis-cli -s "$1" --pipe <"$2"' sh "$work/server.sock" \
            "$work/$1.resp"
        piped "$1.pipe"
        server_stop
        server_start
        timed "$1.replay" "$flowtape" replay "$work/$1.capture" "unix:$work/server.sock" --quiet
        server_stop
        if old_has replay; then
            server_start
            timed "$1.replay.old" "$old" replay "$work/$1.capture" "unix:$work/server.sock" --quiet
            server_stop
        fi
    done
    figures "$1.replay" "$1.pipe"
}

# replay_cluster NAME - the same with three masters
replay_cluster() {
    i=0
    "$build/tests/bench/bench-split" "$work/$1.resp" 3 "$work/$1.resp"
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        start_cluster 3 0 || die "no cluster"
        # shellcheck disable=SC2016 # for the other shell
        timed "$1.pipes" sh -c 'for i in 1 2 3; do
            redis-cli -h "$3" -p "$(cat "$1/$i/port")" --pipe <"$2.$i" &
        done; wait' sh "$work/cluster" "$work/$1.resp" "$T_HOST"
        piped "$1.pipes"
        stop_cluster || true
        start_cluster 3 0 || die "no cluster"
        timed "$1.replays" "$flowtape" replay "$work/$1.capture" "$CLUSTER_URI" --quiet
        stop_cluster || true
        if has_clusters "$old"; then
            start_cluster 3 0 || die "no cluster"
            timed "$1.replays.old" "$old" replay "$work/$1.capture" "$CLUSTER_URI" --quiet
            stop_cluster || true
        fi
    done
    rm -f "$work/$1.resp".?
    figures "$1.replays" "$1.pipes"
}

# have_resp NAME
have_resp() {
    have_capture "$1"
    "$flowtape" convert "$work/$1.capture" "$work/$1.resp" --to resp --quiet
}

# replay_rdb_cli NAME - NAME.capture as an RDB, by rdb-cli, which wants a port
replay_rdb_cli() {
    "$flowtape" convert "$work/$1.capture" "$work/$1.rdb" --to rdb --quiet
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        server_start --port "$rdb_cli_port"
        timed "$1.rdb-cli" rdb-cli "$work/$1.rdb" redis -h 127.0.0.1 -p "$rdb_cli_port"
        server_stop
    done
    rm -f "$work/$1.rdb"
    figures "$1.replay" "$1.rdb-cli"
}

# replay_replication NAME - NAME.capture, the server being a replica meanwhile; beside what it needs for a file
replay_replication() {
    "$flowtape" convert "$work/$1.capture" "$work/$1.rdb" --to rdb --quiet
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        echo "$(load_seconds "$work/$1.rdb") 0 0" >>"$work/$1.load.times"
        server_start --port 7003 --bind "$T_HOST" --repl-diskless-load on-empty-db
        timed "$1.via" "$flowtape" replay "$work/$1.capture" "unix:$work/server.sock" \
            --via replication --quiet
        server_stop
    done
    rm -f "$work/$1.rdb"
    figures "$1.via" "$1.load"
}

bench_replay() {
    has_command replay || return 0
    have_resp raw
    keys=$((strings + 4 * collections))
    replay_server raw
    rate "replay, snapshot" keys/s "$keys" "1.6 x" "redis-cli --pipe"
    replay_replication raw
    rate "replay --via replication" keys/s "$keys" "0.87 x" "redis-server, loading a file"
    if command -v rdb-cli >/dev/null; then
        replay_rdb_cli raw
        rate "replay, snapshot" keys/s "$keys" "" "rdb-cli FILE redis"
    fi
    if has_clusters "$flowtape"; then
        replay_cluster raw
        rate "replay, snapshot, 3 nodes" keys/s "$keys" "1.2 x" "3 redis-cli --pipe"
    fi
    rm -f "$work/raw.resp"
}

# once_by_multi KIND NAME - by transactions instead of scripts, where the program has that; beside what replay_server
# measured
once_by_multi() {
    "$flowtape" replay --help 2>/dev/null | grep -q -e '--without' || return 0
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        server_start
        timed "$1.multi" "$flowtape" replay "$work/$1.capture" "unix:$work/server.sock" --quiet \
            --without eval
        server_stop
    done
    figures "$1.multi" "$1.pipe"
    rate "exactly once, $2, no EVAL" records/s "$records" "" "redis-cli --pipe"
}

bench_once() {
    has_command replay || return 0
    for kind in journal mixed; do
        have_resp $kind
        name=SET
        [ $kind = journal ] || name=mixed
        replay_server $kind
        rate "exactly once, $name" records/s "$records" "0.95 x" "redis-cli --pipe"
        once_by_multi $kind "$name"
        if has_clusters "$flowtape"; then
            replay_cluster $kind
            rate "exactly once, $name, 3 nodes" records/s "$records" "0.9 x" "3 redis-cli --pipe"
        fi
        rm -f "$work/$kind.resp"
    done
}

# lapse NAME MEMORY COMMAND... - seconds until the command succeeds, appended to NAME.times
lapse() {
    lapse_name=$1 lapse_memory=$2 lapse_began=$(date +%s%N)
    shift 2
    until "$@"; do
        sleep 0.05
    done
    echo "$(calc "($(date +%s%N) - $lapse_began) / 1e9") $lapse_memory" >>"$work/$lapse_name.times"
}

# info_has PATTERN - a line of the server's INFO replication
info_has() {
    redis-cli -s "$work/server.sock" info replication | tr -d '\r' | grep -q "$1"
}

# has_executed OFFSET - the server, as a replica; PINGs may follow
has_executed() {
    at=$(redis-cli -s "$work/server.sock" info replication | tr -d '\r' | sed -n 's/^slave_repl_offset://p')
    [ "${at:-0}" -ge "$1" ]
}

# source_start NAME - NAME.capture, served at $source_port; the journal is in the stream when it is there
source_start() {
    : >"$work/serve.log"
    "$flowtape" serve "$work/$1.capture" --as redis --listen 127.0.0.1:0 --report "$work/serve.json" \
        2>"$work/serve.log" &
    source_pid=$!
    PIDS=$source_pid
    until grep -q 'listening on' "$work/serve.log"; do
        kill -0 $source_pid 2>/dev/null || die "serve ended: $(cat "$work/serve.log")"
        sleep 0.05
    done
    source_port=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$work/serve.log")
}

# source_offset - where its stream ends, when that stays as it is
source_offset() {
    offset=
    now=
    until [ -n "$offset" ] && [ "$offset" = "$now" ]; do
        offset=$now
        sleep 0.2
        now=$(redis-cli -p "$source_port" info replication | tr -d '\r' | sed -n 's/^master_repl_offset://p')
    done
    echo "$offset"
}

# peak PID - KiB
peak() {
    sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

source_stop() {
    kill "$source_pid"
    wait "$source_pid" || true
    PIDS=
}

bench_serve() {
    has_command serve || return 0
    have_rdb raw
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        echo "$(load_seconds "$work/raw.rdb") 0" >>"$work/serve.load.times"
        source_start raw
        server_start --repl-diskless-load on-empty-db
        redis-cli -s "$work/server.sock" replicaof 127.0.0.1 "$source_port" >/dev/null
        lapse serve.attach 0 info_has master_link_status:up
        echo "0 $(peak "$source_pid")" >>"$work/serve.peak"
        server_stop
        source_stop
    done
    figures serve.attach serve.load
    memory=$(mib "$(maximum "$work/serve.peak" 2)")
    rate "serve, state" keys/s "$((strings + 4 * collections))" "0.87 x" "redis-server, loading a file"
    have_resp journal
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        serve_stream
        real_stream
    done
    figures serve.stream serve.real
    memory=$(mib "$(maximum "$work/serve.peak" 2)")
    rate "serve, stream" records/s "$records" "" "a redis-server"
    rm -f "$work/journal.resp"
}

# serve_stream - the journal, in the stream before the replica comes
serve_stream() {
    source_start journal
    end=$(source_offset)
    server_start
    redis-cli -s "$work/server.sock" replicaof 127.0.0.1 "$source_port" >/dev/null
    until info_has master_link_status:up; do
        sleep 0.005
    done
    lapse serve.stream 0 has_executed "$end"
    echo "0 $(peak "$source_pid")" >>"$work/serve.peak"
    server_stop
    source_stop
}

# real_stream - of a redis-server that has executed the same while its replica stood still
real_stream() {
    redis-server --port 16398 --bind 127.0.0.1 --save '' --dir "$work" --unixsocket "$work/source.sock" \
        --client-output-buffer-limit 'replica 0 0 0' --repl-timeout 600 >"$work/source.log" 2>&1 &
    source_pid=$!
    PIDS=$source_pid
    until [ "$(redis-cli -s "$work/source.sock" ping 2>/dev/null)" = PONG ]; do
        sleep 0.05
    done
    source_port=16398
    server_start --repl-timeout 600
    redis-cli -s "$work/server.sock" replicaof 127.0.0.1 "$source_port" >/dev/null
    until info_has master_link_status:up; do
        sleep 0.01
    done
    kill -STOP "$server_pid"
    redis-cli -s "$work/source.sock" --pipe <"$work/journal.resp" >/dev/null
    end=$(source_offset)
    kill -CONT "$server_pid"
    lapse serve.real 0 has_executed "$end"
    server_stop
    source_stop
}

# stop_pids - end what latency_of started
stop_pids() {
    for pid in $PIDS; do
        kill -INT "$pid" || true
        wait "$pid" || true
    done
    PIDS=
    master_stop
    server_stop
}

# stamps_start NAME - a server, and a master that sends its time of day
stamps_start() {
    rm -rf "$work/stamps.capture"
    server_start
    master_start "$work/stamps" --stamps 500
}

# latency_row WHAT PROGRAM - what bench-latency says: COUNT P50 P99 MAX, from the first stamp on
latency_row() {
    until [ -n "$(redis-cli -s "$work/server.sock" --scan --pattern 'stamps-*')" ]; do
        for pid in $PIDS; do
            kill -0 "$pid" 2>/dev/null || die "latency, $1: flowtape ended"
        done
        sleep 0.05
    done
    seen=$("$build/tests/bench/bench-latency" "unix:$work/server.sock" 5 "$flows")
    stop_pids
    for column in 2 3; do
        of=p50 aim=2
        [ $column = 2 ] || of=p99 aim=50
        ms=$(echo "$seen" | cut -d' ' -f$column)
        if [ "$2" = "$flowtape" ]; then
            row "latency, $1, $of" ms "$ms" "$(echo "$direct" | cut -d' ' -f$column)" "" "$aim" "" \
                "RPUSH"
            echo "$ms" >"$work/latency.$of"
        else
            new_ms=$(cat "$work/latency.$of")
            printf '%-32s %9s %9s %6s  (ms)\n' "latency, $1, $of" "$new_ms" "$ms" \
                "$(calc "$ms / $new_ms")" >>"$old_results"
        fi
    done
}

# latency_of_sync PROGRAM [--eager]
latency_of_sync() {
    stamps_start
    # shellcheck disable=SC2086 # an option or none
    "$1" sync "dragonfly://127.0.0.1:$port" "unix:$work/server.sock" \
        --dir "$work/stamps.capture" --quiet ${2:-} 2>"$work/sync.log" &
    PIDS="$PIDS $!"
    latency_row "sync${2:+ $2}" "$1"
}

# latency_of_replay PROGRAM - by a capture, and a replay at its side
latency_of_replay() {
    stamps_start
    "$1" capture "dragonfly://127.0.0.1:$port" "$work/stamps.capture" --quiet &
    PIDS="$PIDS $!"
    until [ -f "$work/stamps.capture/capture.json" ]; do
        sleep 0.05
    done
    "$1" replay "$work/stamps.capture" "unix:$work/server.sock" --follow --quiet &
    PIDS="$PIDS $!"
    latency_row "replay --follow" "$1"
}

bench_latency() {
    has_command replay || return 0
    "$build/tests/bench/bench-data" flows "$work/stamps" --flows "$flows" --strings 1000 --collections 0
    server_start
    direct=$("$build/tests/bench/bench-latency" "unix:$work/server.sock" 5 "$flows" --direct 500)
    server_stop
    if has_command sync; then
        for eager in '' --eager; do
            latency_of_sync "$flowtape" $eager
            ! old_has sync || latency_of_sync "$old" $eager
        done
    fi
    latency_of_replay "$flowtape"
    ! old_has replay || latency_of_replay "$old"
}

# shellcheck source=/dev/null
. "$(dirname "$0")/growth_lib.sh"
# shellcheck source=/dev/null
. "$(dirname "$0")/live_lib.sh"
# shellcheck source=/dev/null
. "$(dirname "$0")/links_lib.sh"
# shellcheck source=/dev/null
. "$(dirname "$0")/startup_lib.sh"
# shellcheck source=/dev/null
. "$(dirname "$0")/tls_lib.sh"
# shellcheck source=/dev/null
. "$(dirname "$0")/table_lib.sh"

[ $# -gt 0 ] || set -- capture journal psync convert verify translate point diff replay once serve latency sync load startup tls
for part in "$@"; do
    case $part in
    capture | journal | psync | convert | verify | translate | point | diff | replay | once | serve | latency | sync | load | startup | tls | links | growth)
        echo "bench: $part" >&2
        "bench_$part"
        ;;
    *) die "no such part: $part" ;;
    esac
done

[ -z "${BENCH_SVG:-}" ] || [ ! -s "$work/growth" ] || growth_svg >"$BENCH_SVG"
if [ -n "${BENCH_DOC:-}" ]; then
    [ ! -s "$work/growth" ] || { machine && growth_table; } | into_doc growth
    [ ! -s "$results" ] || { machine && results_table; } | into_doc bench
fi
echo
machine
if [ -s "$work/growth" ]; then
    growth_table
    [ -s "$results" ] || exit 0
fi
results_table
if [ -s "$old_results" ]; then
    printf '\nbeside %s; ratios above 1: faster than it\n\n' "$old"
    printf '%-32s %9s %9s %6s  %9s %9s %6s\n' seconds new old ratio 'new CPU' 'old CPU' ratio
    cat "$old_results"
fi
