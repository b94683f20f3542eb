# growth_lib.sh - the part of bench.sh that shows what grows with what; sourced by it.
#
# BENCH_GROWTH: millions of keys (default "1 5 20"; 50 wants some 20 GB of BENCH_DIR). Seconds are those of the
# processor, which other work on the machine changes little; each is measured once. With BENCH_SVG the
# part about keys is drawn into that file (growth_svg.awk).
# shellcheck shell=sh disable=SC2154 # variables of bench.sh

# growth_of WHAT SIZE FILE - the last line of FILE.times: a line of the table
growth_of() {
    tail -n 1 "$work/$3.times" | awk -v what="$1" -v size="$2" -v name="$3" \
        '{ printf "%s|%s|%s|%.2f|%.2f|%.0f\n", what, size, name, $3, $1, $2 / 1024 }' >>"$work/growth"
}

# growth_run WHAT SIZE OPTION... - data of bench-data through the whole of flowtape
growth_run() {
    growth_what=$1 growth_size=$2
    shift 2
    echo "bench: growth: $growth_what $growth_size" >&2
    "$build/tests/bench/bench-data" flows "$work/grown" --collections 0 "$@" >/dev/null
    master_start "$work/grown"
    timed capture "$flowtape" capture "dragonfly://127.0.0.1:$port" "$work/grown.capture" \
        --until-caught-up --quiet
    master_stop
    rm -rf "$work/grown"
    growth_of "$growth_what" "$growth_size" capture
    timed verify "$flowtape" verify "$work/grown.capture" --quiet
    growth_of "$growth_what" "$growth_size" verify
    timed convert "$flowtape" convert "$work/grown.capture" "$work/grown.rdb" --to rdb --quiet
    growth_of "$growth_what" "$growth_size" convert
    rm -f "$work/grown.rdb"
    if [ "$growth_what" != databases ]; then
        server_start
        timed replay "$flowtape" replay "$work/grown.capture" "unix:$work/server.sock" --quiet
        server_stop
        growth_of "$growth_what" "$growth_size" replay
    fi
    rm -rf "$work/grown.capture"
}

bench_growth() {
    for millions in ${BENCH_GROWTH:-1 5 20}; do
        growth_run "million keys" "$millions" --strings "${millions}000000"
    done
    for n in 1 8 64; do
        growth_run "flows, 2 million keys" "$n" --strings 2000000 --flows "$n"
    done
    for n in 10 1000 100000 10000000 512000000; do
        growth_run "bytes a value, 1 GB" "$n" --size "$n" \
            --strings "$((n == 10 ? 10000000 : 1000000000 / n))"
    done
    growth_run databases 1 --strings 16000
    growth_run databases 16000 --strings 16000 --databases 16000
    for millions in 1 10; do
        growth_run "million records" "$millions" --strings 0 --journal "${millions}000000"
    done
}

growth_table() {
    printf '%-24s %10s  %-8s %10s %8s %6s\n' '' '' '' 'CPU s' s MiB
    awk -F'|' '{ printf "%-24s %10s  %-8s %10s %8s %6s\n", $1, $2, $3, $4, $5, $6 }' "$work/growth"
}

growth_svg() {
    awk -F'|' -f "$(dirname "$0")/growth_svg.awk" "$work/growth"
}
