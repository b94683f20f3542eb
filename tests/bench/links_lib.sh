# links_lib.sh - the part of bench.sh that checks doc/capacity.md: many flows and many nodes over links of a known
# speed; sourced by it. It wants root, for a network namespace of its own in which flowtape runs.
#
# BENCH_MBIT: of each link (default 400); BENCH_NODES: of the cluster (32); BENCH_SHARDS: flows of the source (64).
# shellcheck shell=sh disable=SC2154 # variables of bench.sh

links_ns=flowtape-$$
links_host=10.$(($$ / 256 % 256)).$(($$ % 256)).1
links_peer=${links_host%.1}.2

# links_open - flowtape's namespace, with a link as fast as BENCH_MBIT in both directions
links_open() {
    links_mbit=${BENCH_MBIT:-400}
    ip netns add "$links_ns" && ip link add "ft$$" type veth peer name eth0 netns "$links_ns" &&
        ip addr add "$links_host/24" dev "ft$$" && ip link set "ft$$" up &&
        ip -n "$links_ns" addr add "$links_peer/24" dev eth0 && ip -n "$links_ns" link set eth0 up &&
        ip -n "$links_ns" link set lo up &&
        tc qdisc add dev "ft$$" root tbf rate "${links_mbit}mbit" burst 256kb latency 50ms &&
        ip netns exec "$links_ns" tc qdisc add dev eth0 root tbf rate "${links_mbit}mbit" burst 256kb \
            latency 50ms
}

links_close() {
    ip netns del "$links_ns" 2>/dev/null || true
    ip link del "ft$$" 2>/dev/null || true
}

# link_bytes DIRECTION - rx or tx of the link's end that is not flowtape's
link_bytes() {
    cat "/sys/class/net/ft$$/statistics/$1_bytes"
}

# links_row WHAT SECONDS BYTES - what crossed the link, beside what it could have carried
links_row() {
    row "$1" MB/s "$(whole "$3 / 1e6 / $2")" "$(whole "$links_mbit / 8")" \
        "$(calc "$3 / 1e6 / $2 / ($links_mbit / 8)")" "0.9 x" "$memory" "a link of $links_mbit Mbit/s"
}

links_run() {
    links_shards=${BENCH_SHARDS:-64} links_nodes=${BENCH_NODES:-32}
    "$build/tests/bench/bench-data" flows "$work/links" --flows "$links_shards" --strings "$((strings / 2))" \
        --collections "$((collections / 2))" --lz4
    master_start "$work/links" --bind "$links_host"
    before=$(link_bytes tx)
    timed links.capture ip netns exec "$links_ns" "$flowtape" capture "dragonfly://$links_host:$port" \
        "$work/links.capture" --snapshot-only --quiet
    after=$(link_bytes tx)
    master_stop
    figures links.capture
    links_row "link, $links_shards flows, capture" "$ours" "$((after - before))"
    links_home=$T_HOST
    T_HOST=$links_host
    start_cluster "$links_nodes" 0 || die "no cluster"
    before=$(link_bytes rx)
    timed links.replay ip netns exec "$links_ns" "$flowtape" replay "$work/links.capture" "$CLUSTER_URI" \
        --quiet
    after=$(link_bytes rx)
    stop_cluster || true
    T_HOST=$links_home
    figures links.replay
    links_row "link, $links_nodes nodes, replay" "$ours" "$((after - before))"
    rm -rf "$work/links" "$work/links.capture"
}

bench_links() {
    if ! command -v tc >/dev/null || ! links_open; then
        links_close
        echo "bench: no network namespace of our own (root, ip, tc): links is left out" >&2
        return 0
    fi
    links_run
    links_close
}
