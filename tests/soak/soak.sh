#!/bin/sh
# Random commands of all kinds (soak-make) go from a source to a target while flowtape, the target and the
# links are killed again and again: in the end both hold the same, and nothing that was acknowledged is
# missing from the capture. A few seconds in "make check"; "make soak" goes on for hours.
#
# SOAK_ROUNDS, SOAK_COMMANDS  how many rounds, of how many commands each
# SOAK_KINDS    of "standalone cluster capture dragonfly"; a round of each in turn
# SOAK_SEED     of the first round; each prints its own, which makes the same commands and kills
# SOAK_HOLES=1  also commands whose effects are not in the journal
# DRAGONFLY     a real one's program: rounds "dragonfly" use it as the source
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
: "${SOAK_MAKE:?}"
t_begin
need_redis
ROUNDS=${SOAK_ROUNDS:-1}
COMMANDS=${SOAK_COMMANDS:-$(effort 12000 4000)}
KILLS=${SOAK_KILLS:-$(effort 6 3)}
SHARDS=3
KINDS=${SOAK_KINDS:-standalone capture${DRAGONFLY:+ dragonfly}}
first=${SOAK_SEED:-$(($(date +%s) % 1000000))}
DIR=$T/capture
total=0

# server NAME ARG... - a redis-server whose socket is $T/NAME/sock; its pid is in $T/NAME/pid
server()
{
    s_dir=$T/$1
    s_program=$REDIS_SERVER
    [ "$1" != reference ] || s_program=redis-server # needs 7.0
    shift
    mkdir -p "$s_dir"
    "$s_program" --port 0 --unixsocket "$s_dir/sock" --dir "$s_dir" --save '' "$@" \
        >>"$s_dir/log" 2>&1 &
    echo $! >"$s_dir/pid"
    PIDS="$PIDS $!"
    t_until server_is_up "$s_dir"
}

server_is_up()
{
    [ "$(redis-cli -s "$1/sock" ping)" = PONG ]
}

server_kill()
{
    s_pid=$(cat "$T/$1/pid")
    kill -9 "$s_pid" 2>/dev/null
    wait "$s_pid" 2>/dev/null
    t_forget "$s_pid"
    rm -f "$T/$1/sock"
}

# record - what the source will do: a recording $T/rec
record()
{
    rm -rf "$T/rec" "$T/reference"
    server reference || fail "the reference"
    # shellcheck disable=SC2086 # words
    "$SOAK_MAKE" --shards $SHARDS ${SOAK_HOLES:+--holes} "$@" "$seed" "$COMMANDS" "$T/rec" \
        "unix:$T/reference/sock" >"$T/made" || fail "soak-make"
    server_kill reference
    total=$((total + COMMANDS))
    sed 's/^/# /' "$T/made"
}

# target_uri - of the target of this kind of round
target_uri()
{
    case $kind in
    cluster) echo "redis://$(node_address "$(cluster_any)")" ;;
    *) echo "unix:$T/target/sock" ;;
    esac
}

target_begin()
{
    case $kind in
    cluster)
        start_cluster 3 1 --appendonly yes --appendfsync always || fail "a cluster"
        migrate_loop_start
        ;;
    *)
        rm -rf "$T/target"
        server target --appendonly yes --appendfsync always || fail "a target"
        ;;
    esac
}

target_end()
{
    case $kind in
    cluster) stop_cluster ;;
    *) server_kill target ;;
    esac
}

# target_hurt - it is killed and comes back, or is replaced
target_hurt()
{
    if [ "$kind" != cluster ]; then
        server_kill target
        server target --appendonly yes --appendfsync always || fail "the target comes back"
        return
    fi
    # a failover would forget a slot that is on its way
    migrate_loop_stop
    # shellcheck disable=SC2046 # numbers
    set -- $(cluster_masters)
    t_random $#
    shift "$R"
    t_random 2
    if [ "$R" = 0 ]; then
        failover_master "$1" >/dev/null || fail "failover"
    else
        kill_node "$1"
        restart_node "$1" || fail "a node comes back"
    fi
    wait_cluster_ok || fail "the cluster is whole again"
    migrate_loop_start
}

sync_start()
{
    "$FLOWTAPE" sync "$URI" "$(target_uri)" --dir "$DIR" --on-loss skip "$@" \
        >"$T/sync.out" 2>&1 &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

sync_kill()
{
    t_forget "$SYNC_PID"
    if kill -9 "$SYNC_PID" 2>/dev/null; then
        wait "$SYNC_PID" 2>/dev/null
    else
        fail "$label: the sync ended by itself" "$T/sync.out"
    fi
}

# kills - of flowtape, and now and then of the target; a sync that has recorded nothing yet ends at once
# when its target is away
kills()
{
    k_n=0
    t_until test -e "$DIR/capture.json"
    while [ $k_n -lt "$KILLS" ]; do
        k_n=$((k_n + 1))
        t_random_delay 600
        t_random 3
        if [ "$R" = 0 ]; then
            target_hurt
        else
            sync_kill
            sync_start
        fi
    done
}

# same STATE - as the target has it
same()
{
    if [ "$kind" = cluster ]; then
        cluster_diff "$1" --skip-lossy
    else
        "$STATE_DIFF" --skip-lossy "$1" "$(target_uri)"
    fi
}

# round_sync - the source is the stand-in
round_sync()
{
    case $kind in
    cluster) record ;;
    *) record --dbs 3 --flushes ;;
    esac
    # so that everything happens within some seconds
    standin_start "$T/rec" --check-dir "$DIR" --drops 2 --seed "$seed" \
        --write-rate $((COMMANDS / SHARDS / 3 + 1))
    target_begin
    sync_start
    kills
    check "$label: the source has written everything" t_until source_wrote "$T/rec"
    sync_kill
    [ "$kind" != cluster ] || migrate_loop_stop
    sync_start --cutover takeover --finish
    ends "$label: the end" "$SYNC_PID" 0 "$T/sync.out"
    check "$label: the same" same "$T/rec/state.json"
    check "$label: verify" verify_clean "$DIR"
    standin_check "$label"
    target_end
}

# round_capture - a capture under kills, then its conversion, and a replay under kills
round_capture()
{
    record --dbs 3 --flushes
    standin_start "$T/rec" --check-dir "$DIR" --drops 2 --seed "$seed" --rate 300000
    c_n=0
    while [ $c_n -lt "$KILLS" ]; do
        c_n=$((c_n + 1))
        "$FLOWTAPE" capture "$URI" "$DIR" --quiet --until-caught-up --segment-size 64KiB \
            >"$T/sync.out" 2>&1 &
        SYNC_PID=$!
        PIDS="$PIDS $SYNC_PID"
        t_random_delay 300
        t_forget "$SYNC_PID"
        kill -9 "$SYNC_PID" 2>/dev/null
        wait "$SYNC_PID" 2>/dev/null
    done
    check "$label: capture" capture "$DIR" --until-caught-up
    standin_check "$label"
    check "$label: verify" verify_clean "$DIR"
    check "$label: convert" "$FLOWTAPE" convert "$DIR" "$T/out.rdb" --to rdb --quiet
    load_and_compare "$label: converted" "$T/out.rdb" "$T/rec/state.json"
    rm -f "$T/out.rdb"
    target_begin
    c_n=0
    while [ $c_n -lt "$KILLS" ]; do
        c_n=$((c_n + 1))
        "$FLOWTAPE" replay "$DIR" "$(target_uri)" --quiet --rate 20000 >"$T/sync.out" 2>&1 &
        SYNC_PID=$!
        PIDS="$PIDS $SYNC_PID"
        t_random_delay 300
        t_forget "$SYNC_PID"
        kill -9 "$SYNC_PID" 2>/dev/null
        wait "$SYNC_PID" 2>/dev/null
    done
    check "$label: replay" "$FLOWTAPE" replay "$DIR" "$(target_uri)" --quiet --finish
    check "$label: replayed, the same" same "$T/rec/state.json"
    target_end
}

dragonfly_up_or_ended()
{
    [ "$(redis-cli -h "$T_HOST" -p "$PORT" ping 2>/dev/null)" = PONG ] || ! kill -0 "$df_pid" 2>/dev/null
}

# dragonfly_start - it has at least 256 MiB for each shard, and leaves nothing outside of its directory
dragonfly_start()
{
    rm -rf "$T/dragonfly"
    mkdir -p "$T/dragonfly"
    PORT=20000
    "$DRAGONFLY" --port="$PORT" --bind="$T_HOST" --dir="$T/dragonfly" --dbfilename= --logtostderr \
        --proactor_threads=$SHARDS --maxmemory=$((256 * SHARDS))mb >"$T/dragonfly/log" 2>&1 &
    df_pid=$!
    PIDS="$PIDS $df_pid"
    # shellcheck disable=SC2034 # sync_start has it
    URI=dragonfly://$T_HOST:$PORT
    t_until dragonfly_up_or_ended
    kill -0 "$df_pid" 2>/dev/null
}

dragonfly_end()
{
    kill -9 "$df_pid" 2>/dev/null
    wait "$df_pid" 2>/dev/null
    t_forget "$df_pid"
}

# round_dragonfly - a real source, written to all the time
round_dragonfly()
{
    dragonfly_start || {
        fail "$label: \"$DRAGONFLY\" starts" "$T/dragonfly/log"
        return
    }
    target_begin
    # so that it goes on writing while everything is killed
    # shellcheck disable=SC2086 # words
    "$SOAK_MAKE" --live --dbs 3 ${SOAK_HOLES:+--holes} --rate $((COMMANDS / KILLS + 1)) "$seed" "$COMMANDS" \
        "$T_HOST:$PORT" >"$T/made" 2>&1 &
    writer=$!
    PIDS="$PIDS $writer"
    sync_start
    kills
    ends "$label: the writer" "$writer" 0 "$T/made"
    sed 's/^/# /' "$T/made"
    total=$((total + COMMANDS))
    sync_kill
    sync_start --cutover pause --hold 60s --finish
    t_says "$T/sync.out" "the target has everything" || fail "$label: all is there" "$T/sync.out"
    check "$label: confirmed" "$FLOWTAPE" cutover "$DIR" --confirm --quiet
    ends "$label: the end" "$SYNC_PID" 0 "$T/sync.out"
    check "$label: what the source has" sh -c '"$1" dump "$2" >"$3"' - "$STATE_DIFF" "$T_HOST:$PORT" \
        "$T/state.json"
    check "$label: the same" same "$T/state.json"
    check "$label: verify" verify_clean "$DIR"
    dragonfly_end
    target_end
}

round=0
while [ $round -lt "$ROUNDS" ]; do
    for kind in $KINDS; do
        seed=$((first + round))
        # shellcheck disable=SC2034 # t_random has it
        SEED=$seed
        label="$kind, seed $seed"
        echo "# again: SOAK_SEED=$seed SOAK_ROUNDS=1 SOAK_KINDS=$kind SOAK_COMMANDS=$COMMANDS"
        rm -rf "$DIR"
        case $kind in
        standalone | cluster) round_sync ;;
        capture) round_capture ;;
        dragonfly) round_dragonfly ;;
        *) fail "there is no kind \"$kind\"" ;;
        esac
        [ "$FAILED" -eq 0 ] || break 2
    done
    round=$((round + 1))
done
echo "# $total commands, $round rounds"
t_end
