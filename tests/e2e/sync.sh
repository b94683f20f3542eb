#!/bin/sh
# A stand-in master is migrated into a running redis-server: whole, killed, slow, full, refused.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# sync_into DIR [ARG...] - bounded in time
sync_into()
{
    t_dir=$1
    shift
    timeout 300 "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$t_dir" --on-loss skip "$@"
}

# equal LABEL RECORDING
equal()
{
    # shellcheck disable=SC2046
    check "$1: equals its state" "$STATE_DIFF" --skip-lossy $(state_options "$2") "$2/state.json" \
        "$REDIS"
}

# Every recording, up to a cut-over that the source hands over in.
for name in live-1 live-4 live-8-fast flushes types-lz4 types-untagged empty; do
    [ -d "$RECORDINGS/$name" ] || continue
    standin_start "$RECORDINGS/$name" --check-dir "$T/$name"
    redis_start
    check "$name: sync" sync_into "$T/$name" --cutover takeover --finish --quiet
    equal "$name" "$RECORDINGS/$name"
    check "$name: nothing of ours is left" [ -z "$(redis-cli -s "$T/redis/sock" keys 'flowtape:*')" ]
    check "$name: verify" verify_clean "$T/$name"
    standin_check "$name"
    redis_stop
    rm -rf "$T/$name" "$T/redis"
done

# Once and for all.
standin_start "$RECORDINGS/types-lz4"
redis_start
check "--snapshot-only" sync_into "$T/once" --snapshot-only --finish --quiet
equal "--snapshot-only" "$RECORDINGS/types-lz4"
standin_check "--snapshot-only"
redis_stop
rm -rf "$T/once" "$T/redis"

# Killed at random, again and again.
standin_start "$RECORDINGS/live-4" --write-rate 100 --check-dir "$T/killed"
redis_start
kills=0
while [ $kills -lt "$(effort 25 4)" ]; do
    kills=$((kills + 1))
    "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/killed" --on-loss skip --quiet \
        >"$T/killed.out" 2>&1 &
    pid=$!
    PIDS="$PIDS $pid"
    t_random_delay 700
    t_forget "$pid"
    if kill -9 "$pid" 2>/dev/null; then
        wait "$pid" 2>/dev/null
    else
        fail "killed: it ended by itself" "$T/killed.out"
    fi
done
# It writes while it is captured, to which none of those may have come.
"$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/killed" --on-loss skip --quiet >"$T/killed.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
check "killed $kills times: everything is written" t_until source_wrote "$RECORDINGS/live-4"
kill -9 "$pid"
wait "$pid" 2>/dev/null
t_forget "$pid"
check "killed $kills times: the end" sync_into "$T/killed" --cutover takeover --finish --quiet
equal "killed" "$RECORDINGS/live-4"
standin_check "killed"
redis_stop
rm -rf "$T/killed" "$T/redis"

# A signal stops it, the same command goes on.
standin_start "$RECORDINGS/live-4" --rate 200000
redis_start
"$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/int" --on-loss skip >"$T/int.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
# begun - the target is known from here on
begun()
{
    [ "$(cli dbsize)" -gt 0 ]
}
t_until begun
kill -INT "$pid"
ends "SIGINT" "$pid" 5 "$T/int.out"
check "SIGINT: says how to go on" grep -q "the same command resumes" "$T/int.out"

# One that is known is waited for, while the source's records are stored.
redis_stop
sync_into "$T/int" --cutover takeover --finish >"$T/int.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
check "no target: it is waited for" t_until grep -q "could not connect.*trying again" "$T/int.out"
redis_start
ends "SIGINT: the rest" "$pid" 0 "$T/int.out"
equal "SIGINT" "$RECORDINGS/live-4"
standin_check "SIGINT"
redis_stop
rm -rf "$T/int" "$T/redis"

# A slow target never reaches the source.
standin_start "$RECORDINGS/live-4"
redis_start
"$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/slow" --on-loss skip --rate 200 --quiet \
    --cutover takeover --json >"$T/slow.json" 2>"$T/slow.err" &
pid=$!
PIDS="$PIDS $pid"
check "slow target: everything is stored meanwhile" t_until raw_equal "$T/slow" "$RECORDINGS/live-4"
t_at_work "$pid"
kill -INT "$pid"
ends "slow target: stopped" "$pid" 5 "$T/slow.err"
check "slow target: the rest" sync_into "$T/slow" --cutover takeover --finish --quiet
equal "slow target" "$RECORDINGS/live-4"
standin_check "slow target"
check "slow target: no send was held up" [ "$(report_number longest_send_ms)" -lt 10000 ]
redis_stop
rm -rf "$T/slow" "$T/redis"

# No room: the snapshot has 300 KB, what follows it as much again.
standin_start "$RECORDINGS/live-4" --write-rate 100 --pause-at 0:30000:600000
redis_start
check_status "--max-dir-size, in the midst of the snapshot" 5 "no room for the whole snapshot" \
    sync_into "$T/half" --max-dir-size 1K
redis_stop
standin_check "no room for a snapshot"
rm -rf "$T/half" "$T/redis"
standin_start "$RECORDINGS/live-4" --write-rate 100
redis_start
check_status "--max-dir-size" 5 "holds .*--max-dir-size" sync_into "$T/full" --max-dir-size 450K
check "--max-dir-size: what is stored is on the target" "$FLOWTAPE" replay "$T/full" "$REDIS" \
    --on-loss skip --quiet
check_status "--min-free" 1 "has .* left, --min-free" sync_into "$T/full" --min-free 1000000GiB
check_status "--min-free, where there is nothing yet" 1 "has .* left, --min-free is 976.6 TiB: nothing is begun" \
    sync_into "$T/empty" --min-free 1000000GiB
check "--min-free: nothing was begun" [ ! -e "$T/empty" ]
standin_check "no room"
redis_stop
rm -rf "$T/full" "$T/redis"

# A full disk, as far as a limit of the size of files is like one; SIGTERM comes before the rest.
full_disk()
{
    (trap '' XFSZ && ulimit -f 40 && sync_into "$T/disk" --quiet)
}
standin_start "$RECORDINGS/live-4" --write-rate 100 --check-dir "$T/disk"
redis_start
check_status "a full disk" 1 "too large|space" full_disk
"$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/disk" --on-loss skip --quiet >"$T/term.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_until source_wrote "$RECORDINGS/live-4"
t_at_work "$pid"
kill -TERM "$pid"
wait "$pid"
check "SIGTERM: status" [ $? = 5 ]
t_forget "$pid"
check "a full disk: the rest" sync_into "$T/disk" --cutover takeover --finish --quiet
equal "a full disk" "$RECORDINGS/live-4"
check "a full disk: verify" verify_clean "$T/disk"
standin_check "a full disk"
redis_stop
rm -rf "$T/disk" "$T/redis"

# Refused.
standin_start "$RECORDINGS/live-1" --password secret
redis_start
check_status "no password" 4 "NOAUTH|refused" sync_into "$T/refused" --quiet
check_status "wrong password" 4 "refused|WRONGPASS" env FLOWTAPE_SOURCE_PASSWORD=no \
    timeout 300 "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/refused" --quiet
echo secret >"$T/password"
check "password file" sync_into "$T/password.cap" --quiet --cutover takeover --finish \
    --source-password-file "$T/password"
standin_stop
redis-cli -s "$T/redis/sock" config set requirepass other >/dev/null
standin_start "$RECORDINGS/live-1"
check_status "the target's password" 4 "NOAUTH" sync_into "$T/refused" --quiet
check_status "wrong target port" 4 "connect|refused" timeout 300 "$FLOWTAPE" sync "$URI" \
    redis://127.0.0.1:1 --dir "$T/refused" --quiet
redis_stop
redis_start --replicaof 127.0.0.1 1
check_status "a replica" 4 "is a replica" sync_into "$T/refused" --quiet
redis_stop
redis_start
check_status "wrong source port" 4 "connect|refused" timeout 300 "$FLOWTAPE" sync \
    dragonfly://127.0.0.1:1 "$REDIS" --dir "$T/refused" --quiet --give-up-after 1s
check_status "no --dir" 2 "dir is missing" "$FLOWTAPE" sync "$URI" "$REDIS"
check_status "no directory to be made" 1 "could not create" timeout 300 "$FLOWTAPE" sync "$URI" \
    "$REDIS" --dir /proc/nowhere --quiet
standin_check "refused"
redis_stop
t_end
