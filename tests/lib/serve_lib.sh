# A "flowtape serve" in the background, and a Redis that replicates from it, for end-to-end scripts; source it after
# sh_lib.sh. It is process $SERVE_PID, listens on $SERVE_PORT, and what it says is in $T/serve.err, and what those before
# it have said in $T/serve.all.

REPLICA_PORT=$((20000 + $$ * 37 % 12000))

# serve_start INPUT [ARG...] - sets SERVE_PID and SERVE_PORT
serve_start()
{
    cat "$T/serve.err" >>"$T/serve.all" 2>/dev/null
    : >"$T/serve.err"
    # shellcheck disable=SC2086 # words
    "$FLOWTAPE" serve --as redis $FOR_SERVER "$@" \
        --listen "127.0.0.1:${SERVE_PORT:-0}" --databases 64 --on-loss skip --report "$T/serve.json" \
        2>>"$T/serve.err" &
    SERVE_PID=$!
    PIDS="$PIDS $SERVE_PID"
    t_until grep -q "listening on" "$T/serve.err" || fail "flowtape serve starts" "$T/serve.err"
    SERVE_PORT=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$T/serve.err" | head -n 1)
}

serve_kill()
{
    kill -9 "$SERVE_PID" 2>/dev/null
    wait "$SERVE_PID" 2>/dev/null
    t_forget "$SERVE_PID"
}

serve_stop()
{
    kill "$SERVE_PID"
    ends "$1" "$SERVE_PID" 0 "$T/serve.err"
}

# serve_field NAME - of the master's INFO
serve_field()
{
    redis-cli -p "$SERVE_PORT" info 2>/dev/null | sed -n "s/^$1:\([^[:cntrl:]]*\).*/\1/p"
}

# replica_field NAME
replica_field()
{
    redis-cli -s "$T/redis/sock" info 2>/dev/null | sed -n "s/^$1:\([^[:cntrl:]]*\).*/\1/p"
}

# replica_restart [ARG...] - the server in $T/redis, orderly
replica_restart()
{
    redis-cli -s "$T/redis/sock" shutdown save >/dev/null 2>&1
    wait "$REDIS_PID" 2>/dev/null
    t_forget "$REDIS_PID"
    rm -f "$T/redis/sock"
    replica_start "$@"
}

# replica_start [ARG...] - in $T/redis, with what is there
replica_start()
{
    redis_start --port "$REPLICA_PORT" --bind 127.0.0.1 --databases 64 --repl-diskless-sync no \
        --replicaof 127.0.0.1 "$SERVE_PORT" "$@" || fail "a replica starts" "$T/redis/log"
}

# dragonfly_start INPUT [ARG...] - served as a Dragonfly; sets SERVE_PID, SERVE_PORT, and URI for capture
dragonfly_start()
{
    : >"$T/serve.err"
    "$FLOWTAPE" serve --as dragonfly "$@" --listen "$T_HOST:${SERVE_PORT:-0}" --report "$T/serve.json" \
        2>>"$T/serve.err" &
    SERVE_PID=$!
    PIDS="$PIDS $SERVE_PID"
    t_until grep -q "listening on" "$T/serve.err" || fail "flowtape serve starts" "$T/serve.err"
    SERVE_PORT=$(sed -n 's/.*listening on [0-9.]*:\([0-9]*\).*/\1/p' "$T/serve.err" | head -n 1)
    URI=dragonfly://$T_HOST:$SERVE_PORT
}
