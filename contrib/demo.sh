#!/bin/sh
# demo.sh - flowtape's main job, once through: a stand-in master plays a recording of a real
# Dragonfly on loopback, flowtape records it, checks it and makes an RDB, and a redis-server is left
# running with the data. Installs what is missing and builds first. Run it again and the new server
# takes the place of the old one.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/contrib/common.sh"

sh "$top/contrib/install-deps.sh" build redis
owner_takes_over "$top/contrib/demo.sh" "$@"

build=$(build_dir demo)
work=$build/demo
recording=$top/fixtures/recordings/types-lz4
master_pid=

# The server that a former run left, if there is one. The port is asked whose it is before it is
# told anything: it may belong to another program by now.
stop_former_server() {
    [ -s "$work/redis/port" ] || return 0
    former=$(cat "$work/redis/port")
    if [ "$(redis-cli -p "$former" config get dir 2>/dev/null | tail -n 1)" = "$work/redis" ]; then
        echo "stopping the server of the former run (port $former)"
        redis-cli -p "$former" shutdown nosave >/dev/null 2>&1 || true
    fi
}

say() {
    printf '\n== %s\n' "$*"
}

# run COMMAND... - shown as one would type it, then executed.
run() {
    printf '$ flowtape'
    printf ' %s' "$@"
    printf '\n'
    "$build/flowtape" "$@"
}

# wait_until COMMAND... - for up to 30 seconds.
wait_until() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || return 1
        sleep 0.1
    done
}

finish() {
    if [ -n "$master_pid" ]; then
        kill "$master_pid" 2>/dev/null || true
    fi
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

say "building in $build"
mkdir -p "$build"
quietly "$build/configure.out" configure_in "$build"
quietly "$build/make.out" make -C "$build" -j"$(nproc)" flowtape tests/standin-master
stop_former_server
rm -rf "$work"
mkdir -p "$work/redis"

say "a master on loopback, playing a recording of a Dragonfly with two shards"
"$build/tests/standin-master" "$recording" >"$work/master.out" 2>&1 &
master_pid=$!
wait_until test -s "$work/master.out"
master_port=$(head -n 1 "$work/master.out" | tr -cd '0-9')
echo "it listens on port $master_port"

cd "$work"
say "record it, until everything it has is on disk"
run capture "dragonfly://127.0.0.1:$master_port" capture --until-caught-up
say "check every block and every item"
run verify capture
say "look what is in it"
run inspect capture
say "make an RDB that Redis 7.0 loads; what it cannot hold is listed and skipped"
run convert capture redis/flowtape.rdb --to rdb --redis 7.0 --on-loss skip

say "load it into a redis-server"
# port_is_free PORT - nobody answers there.
port_is_free() {
    redis-cli -p "$1" ping 2>&1 | grep -q 'refused'
}

server_is_up() {
    redis-cli -p "$port" info 2>/dev/null | tr -d '\r' >"$work/redis/info"
    grep -qx 'loading:0' "$work/redis/info" &&
        grep -qx "process_id:$(cat "$work/redis/redis.pid" 2>/dev/null)" "$work/redis/info"
}

port=16379
until port_is_free "$port"; do
    port=$((port + 1))
done
redis-server --port "$port" --bind 127.0.0.1 --dir "$work/redis" --dbfilename flowtape.rdb \
    --save '' --appendonly no --daemonize yes --pidfile "$work/redis/redis.pid" \
    --logfile "$work/redis/redis.log" >/dev/null
echo "$port" >"$work/redis/port"
if ! wait_until server_is_up; then
    cat "$work/redis/redis.log" >&2
    exit 1
fi
sed -n '/^db[0-9]/p' "$work/redis/info"

cat <<END

A redis-server on port $port holds the data; its DBSIZE is $(redis-cli -p "$port" dbsize) in database 0.
  look at it:    redis-cli -p $port randomkey
  stop it:       redis-cli -p $port shutdown nosave
  the files:     $work
END
