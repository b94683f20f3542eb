# startup_lib.sh - the part of bench.sh that starts programs which have nothing to do; sourced by it.
# shellcheck shell=sh disable=SC2154 # variables of bench.sh

# many COMMAND... - the same command again and again, as one that can be timed
many() {
    many_left=$starts
    while [ "$many_left" -gt 0 ]; do
        many_left=$((many_left - 1))
        "$@" >/dev/null 2>&1 || return 1
    done
}

# started NAME COMMAND... - milliseconds of one, appended to NAME.times
started() {
    started_name=$1
    shift
    began=$(date +%s%N)
    many "$@" || die "$started_name failed"
    ended=$(date +%s%N)
    awk -v ns=$((ended - began)) -v n="$starts" 'BEGIN { printf "%.3f 0 0\n", ns / n / 1e6 }' >>"$work/$started_name.times"
}

# startup_row WHAT NAME PEER PEER'S-NAME
startup_row() {
    startup_ours=$(median "$work/$2.times" 1) startup_peer=$(median "$work/$3.times" 1)
    row "$1" ms "$startup_ours" "$startup_peer" "$(calc "$startup_peer / $startup_ours")" "" "" "$4"
}

bench_startup() {
    starts=${BENCH_STARTS:-200}
    "$build/tests/bench/bench-data" flows "$work/few" --flows 1 --strings 10 --collections 0 >/dev/null
    master_start "$work/few"
    "$flowtape" capture "dragonfly://127.0.0.1:$port" "$work/few.capture" --until-caught-up --quiet
    master_stop
    server_start
    "$flowtape" replay "$work/few.capture" "unix:$work/server.sock" --quiet
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        started startup.help "$flowtape" --help
        started startup.cli-help redis-cli --version
        started startup.replay "$flowtape" replay "$work/few.capture" "unix:$work/server.sock" --quiet
        started startup.ping redis-cli -s "$work/server.sock" ping
    done
    server_stop
    startup_row "startup, --help" startup.help startup.cli-help "redis-cli --version"
    startup_row "startup, a replay that is done" startup.replay startup.ping "redis-cli ping"
}
