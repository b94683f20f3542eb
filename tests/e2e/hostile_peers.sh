#!/bin/sh
# A source or target that answers what no server says is refused soon, in little memory and in plain text.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
: "${HOSTILE_PEER:?}" "${PEAK_RSS:?}"

# peer_start MODE - sets PORT
peer_start()
{
    rm -f "$T/port"
    "$HOSTILE_PEER" "$1" >"$T/port" &
    PEER_PID=$!
    PIDS="$PIDS $PEER_PID"
    t_until test -s "$T/port"
    PORT=$(cat "$T/port")
}

# refused LABEL COMMAND... - status 4, little memory, no control character
refused()
{
    t_name=$1
    shift
    timeout "$PATIENCE" "$PEAK_RSS" "$T/peak" "$FLOWTAPE" "$@" >"$T/check.out" 2>&1
    t_got=$?
    if [ $t_got -ne 4 ]; then
        fail "$t_name: status $t_got, wanted 4" "$T/check.out"
    elif [ "$(cat "$T/peak")" -gt 65536 ]; then
        fail "$t_name: $(cat "$T/peak") KiB"
    elif tr -d '\n' <"$T/check.out" | LC_ALL=C grep -q '[[:cntrl:]]'; then
        fail "$t_name: control characters"
    else
        pass "$t_name"
    fi
}

need_redis
# who waits for as long as ever is not through by then
PATIENCE=30
redis_start
peer_start silent
for uri in "dragonfly://127.0.0.1:$PORT" "redis://127.0.0.1:$PORT"; do
    refused "silent: sync from ${uri%%:*}" sync "$uri" "$REDIS" --dir "$T/cap" --give-up-after 1s
    rm -rf "$T/cap"
done
kill -9 "$PEER_PID"
wait "$PEER_PID" 2>/dev/null
t_forget "$PEER_PID"
redis_stop
rm -rf "$T/redis"

PATIENCE=300
for mode in line bulk array nested flood text; do
    peer_start $mode
    refused "$mode: replay" replay "$T_FIXTURES/recordings/files/plain.rdb" "redis://127.0.0.1:$PORT" \
        --give-up-after 1s
    refused "$mode: replay with a password" replay "$T_FIXTURES/recordings/files/plain.rdb" \
        "redis://:sesame@127.0.0.1:$PORT" --give-up-after 1s
    refused "$mode: capture" capture "dragonfly://127.0.0.1:$PORT" "$T/cap" --until-caught-up \
        --give-up-after 1s
    rm -rf "$T/cap"
    kill -9 "$PEER_PID"
    wait "$PEER_PID" 2>/dev/null
    t_forget "$PEER_PID"
done

# A target that does something else by the name of a command must not be believed.
printf 'SET a 1\nSET b 2\n' >"$T/in.resp"
redis_start --save '' --dbfilename in.rdb
redis-cli -s "$T/redis/sock" <"$T/in.resp" >/dev/null
redis-cli -s "$T/redis/sock" save >/dev/null
cp "$T/redis/in.rdb" "$T/in.rdb"
redis_stop
rm -rf "$T/redis"
redis_start --rename-command MSET '' --rename-command MSETNX MSET
check_status "MSET that answers a number" 4 'answered MSET "[ab]" with an integer, which is not a reply to it' \
    "$FLOWTAPE" replay "$T/in.rdb" "$REDIS" --quiet
redis_stop
t_end
