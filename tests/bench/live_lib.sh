# live_lib.sh - the parts of bench.sh that run against a source which is alive; sourced by it.
#
# Where $DRAGONFLY names a Dragonfly, that is the source, and its native replica another one. Else what a stand-in master
# sends is synchronised, beside a recording and a replay of it one after the other, and a redis-server is loaded, beside a
# replica of its own. Servers listen on $T_HOST, an address that nothing else has.
# shellcheck shell=sh disable=SC2154 # variables of bench.sh

source_at=7001 replica_at=7002

live_cli() {
    redis-cli -h "$T_HOST" -p "$@"
}

# live_start PORT OPTION... - a Dragonfly if there is one, else a redis-server; $live_pid
live_start() {
    live_dir=$work/live-$1
    mkdir -p "$live_dir"
    if [ -n "${DRAGONFLY:-}" ]; then
        "$DRAGONFLY" --port "$1" --bind "$T_HOST" --dir "$live_dir" --dbfilename '' \
            --proactor_threads "$flows" >"$live_dir/log" 2>&1 &
    else
        redis-server --port "$1" --bind "$T_HOST" --save '' --dir "$live_dir" --protected-mode no \
            --repl-diskless-sync-delay 0 >"$live_dir/log" 2>&1 &
    fi
    live_pid=$!
    PIDS="$PIDS $live_pid"
    until [ "$(live_cli "$1" ping 2>/dev/null)" = PONG ]; do
        kill -0 "$live_pid" 2>/dev/null || die "the server ended: $(cat "$live_dir/log")"
        sleep 0.05
    done
}

# end_pid PID
end_pid() {
    kill -9 "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

replica_is_up() {
    live_cli $replica_at info replication | tr -d '\r' | grep -q 'master_link_status:up'
}

# sync_once NAME SOURCE - of that source into an empty server; then the same by a capture and a replay
sync_once() {
    rm -rf "$work/sync.capture"
    server_start
    timed "sync.$1" "$flowtape" sync "$2" "unix:$work/server.sock" --dir "$work/sync.capture" \
        --snapshot-only --quiet
    server_stop
}

by_steps() {
    rm -rf "$work/sync.capture"
    server_start
    # shellcheck disable=SC2016 # for the other shell
    timed sync.steps sh -c '"$1" capture "$2" "$3" --snapshot-only --quiet && "$1" replay "$3" "$4" --quiet' \
        sh "$flowtape" "$1" "$work/sync.capture" "unix:$work/server.sock"
    server_stop
}

sync_standin() {
    make_data raw
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        master_start "$work/raw"
        sync_once flowtape "dragonfly://127.0.0.1:$port"
        master_stop
        master_start "$work/raw"
        by_steps "dragonfly://127.0.0.1:$port"
        master_stop
    done
    figures sync.flowtape sync.steps
    rate "sync, snapshot" keys/s "$((strings + 4 * collections))" "" "capture, then replay"
}

sync_dragonfly() {
    have_resp raw
    live_start $source_at
    source_pid=$live_pid
    live_cli $source_at --pipe <"$work/raw.resp" >"$work/loaded.log"
    rm -f "$work/raw.resp"
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        sync_once flowtape "dragonfly://$T_HOST:$source_at"
        by_steps "dragonfly://$T_HOST:$source_at"
        live_start $replica_at
        live_cli $replica_at replicaof "$T_HOST" $source_at >/dev/null
        lapse sync.native "$(peak "$live_pid")" replica_is_up
        end_pid "$live_pid"
    done
    figures sync.flowtape sync.native
    rate "sync, snapshot" keys/s "$((strings + 4 * collections))" "1 x" "a native replica"
    figures sync.flowtape sync.steps
    rate "sync, snapshot" keys/s "$((strings + 4 * collections))" "" "capture, then replay"
    end_pid "$source_pid"
    PIDS=
}

bench_sync() {
    has_command sync || return 0
    if [ -n "${DRAGONFLY:-}" ]; then
        sync_dragonfly
    else
        sync_standin
    fi
}

# follow_once NAME OPTION-OF-REDIS-CLI... - until the last of the writes to the source is visible there
follow_once() {
    follow_name=$1
    shift
    follow_end=end-$follow_name-$i
    { cat "$work/follow.commands" && echo "SET $follow_end 1"; } >"$work/follow.now"
    # shellcheck disable=SC2016 # for the other shell
    timed "follow.$follow_name" sh -c 'source_host=$1 source_port=$2 commands=$3 end=$4
        shift 4
        redis-cli -h "$source_host" -p "$source_port" --pipe <"$commands"
        until [ "$(redis-cli "$@" exists "$end")" = 1 ]; do sleep 0.005; done' \
        sh "$T_HOST" $source_at "$work/follow.now" "$follow_end" "$@"
}

follow_native() {
    live_start $replica_at
    live_cli $replica_at replicaof "$T_HOST" $source_at >/dev/null
    until replica_is_up; do
        sleep 0.05
    done
    follow_once native -h "$T_HOST" -p $replica_at
    end_pid "$live_pid"
}

follow_flowtape() {
    rm -rf "$work/follow.capture"
    server_start
    "$flowtape" sync "redis://$T_HOST:$source_at" "unix:$work/server.sock" --dir "$work/follow.capture" --quiet \
        2>"$work/follow.log" &
    follow_pid=$!
    PIDS="$PIDS $follow_pid"
    live_cli $source_at set "begin-$i" 1 >/dev/null
    until [ "$(redis-cli -s "$work/server.sock" exists "begin-$i")" = 1 ]; do
        kill -0 "$follow_pid" 2>/dev/null || die "sync ended: $(cat "$work/follow.log")"
        sleep 0.05
    done
    follow_once flowtape -s "$work/server.sock"
    end_pid "$follow_pid"
    server_stop
}

# bench_psync_sync - writes to a Redis, beside a native replica of it
bench_psync_sync() {
    follow_writes=$((records / 10))
    awk -v n="$follow_writes" 'BEGIN { for (i = 0; i < n; i++) printf "SET key:%d value-%d\n", i % 100000, i }' \
        >"$work/follow.commands"
    # a Redis, whatever DRAGONFLY says
    follow_dragonfly=${DRAGONFLY:-}
    DRAGONFLY=
    live_start $source_at
    source_pid=$live_pid
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        follow_native
        follow_flowtape
    done
    end_pid "$source_pid"
    DRAGONFLY=$follow_dragonfly
    figures follow.flowtape follow.native
    # of redis-cli
    memory=
    rate "sync, Redis to Redis" records/s "$follow_writes" "" "a native replica"
    rm -rf "$work"/follow.c* "$work/follow.now"
    PIDS=
}

# source_load NAME - how long the source at $source_at takes for the SETs of its clients
source_load() {
    redis-benchmark -h "$T_HOST" -p $source_at -t set -n "$load_requests" -r 1000000 -d 100 -P 16 \
        -c 20 --csv 2>/dev/null | tail -n 1 | tr -d '"' |
        awk -F, -v n="$load_requests" '{ printf "%.3f 0 0\n", n / $2 }' >>"$work/$1.times"
}

# load_native - beside a replica of the source's own kind
load_native() {
    live_start $replica_at
    live_cli $replica_at replicaof "$T_HOST" $source_at >/dev/null
    until replica_is_up; do
        sleep 0.05
    done
    source_load load.native
    end_pid "$live_pid"
}

# load_beside NAME FLOWTAPE'S-ARGUMENT... - beside flowtape, once it has the snapshot
load_beside() {
    load_name=$1
    shift
    rm -rf "$work/load.capture"
    "$flowtape" "$@" --quiet 2>"$work/$load_name.log" &
    load_pid=$!
    PIDS="$PIDS $load_pid"
    until ls "$work"/load.capture/gen-*/*journal* >/dev/null 2>&1; do
        kill -0 "$load_pid" 2>/dev/null || die "$load_name ended: $(cat "$work/$load_name.log")"
        sleep 0.05
    done
    source_load "$load_name"
    end_pid "$load_pid"
}

load_row() {
    figures "load.$1" load.native
    # shellcheck disable=SC2034 # of what rate shows
    memory=
    rate "source under load, $1" SET/s "$load_requests" "$2" "with a native replica"
}

bench_load() {
    has_command sync || return 0
    load_requests=${BENCH_LOAD:-1000000}
    load_uri=redis://$T_HOST:$source_at
    [ -z "${DRAGONFLY:-}" ] || load_uri=dragonfly://$T_HOST:$source_at
    live_start $source_at
    source_pid=$live_pid
    i=0
    while [ "$i" -lt "$runs" ]; do
        i=$((i + 1))
        source_load load.alone
        load_native
        load_beside load.capture capture "$load_uri" "$work/load.capture"
        server_start
        load_beside load.sync sync "$load_uri" "unix:$work/server.sock" --dir "$work/load.capture"
        server_stop
    done
    load_row alone ""
    load_row capture "1 x"
    load_row sync "1 x"
    end_pid "$source_pid"
    PIDS=
}
