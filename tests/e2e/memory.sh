#!/bin/sh
# Memory is bounded by a budget: 64 MiB, whatever a value's size.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
! grep -q '__[at]san_init' "$FLOWTAPE" || t_skip "sanitizers hold memory of their own"
: "${MAKE_LARGE:?}" "${PEAK_RSS:?}"
SIZE=96
BUDGET=64

# within LABEL COMMAND... - it succeeds, within the budget
within()
{
    t_name=$1 t_most=$((BUDGET * 1024))
    shift
    if ! "$PEAK_RSS" "$T/peak" "$FLOWTAPE" "$@" >"$T/check.out" 2>&1; then
        fail "$t_name: status $?" "$T/check.out"
    elif [ "$(cat "$T/peak")" -gt "$t_most" ]; then
        fail "$t_name: $(cat "$T/peak") KiB, wanted at most $t_most"
    else
        pass "$t_name: $(($(cat "$T/peak") / 1024)) MiB"
    fi
}

# same KEY - $REDIS has what redis-server itself makes of the RDB
same()
{
    t_digest=$(redis-cli -s "$T/redis/sock" debug digest-value "$1")
    redis-cli -s "$T/redis/sock" flushall >/dev/null
    cp "$T/in.rdb" "$T/redis/dump.rdb"
    redis-cli -s "$T/redis/sock" debug reload nosave noflush merge >"$T/check.out" 2>&1
    if grep -qx OK "$T/check.out" && [ "$(redis-cli -s "$T/redis/sock" exists "$1")" = 1 ] &&
        [ "$(redis-cli -s "$T/redis/sock" debug digest-value "$1")" = "$t_digest" ]; then
        pass "$kind: the same value"
    else
        fail "$kind: another value" "$T/check.out"
    fi
}

debug=
server_before 7.0 || debug="--enable-debug-command yes"
# shellcheck disable=SC2086 # words
redis_start $debug || fail "redis-server starts" "$T/redis/log"
for kind in $(effort "string lzf stream element list hash zset" "string lzf stream hash"); do
    "$MAKE_LARGE" $kind $SIZE "$T/in.rdb" || fail "make-large $kind"
    within "$kind: verify" verify "$T/in.rdb"
    within "$kind: convert" convert "$T/in.rdb" "$T/out.rdb" --to rdb --quiet
    within "$kind: replay" replay "$T/in.rdb" "$REDIS" --quiet
    same large
    within "$kind: diff with the server" diff "$T/in.rdb" "$REDIS" --quiet
    within "$kind: replay by replication" replay "$T/in.rdb" "$REDIS" --via replication --flush --quiet
    redis-cli -s "$T/redis/sock" flushall >/dev/null
    rm -f "$T/redis/dump.rdb"
    within "$kind: diff" diff "$T/in.rdb" "$T/out.rdb" --quiet
    for form in aof resp json; do
        within "$kind: convert to $form" convert "$T/in.rdb" "$T/out.$form" --to $form --quiet
        rm -rf "$T/out.$form"
    done
    rm -f "$T/out.rdb"
done

# Values that differ, at their end.
"$MAKE_LARGE" string $SIZE "$T/in.rdb" && "$MAKE_LARGE" string $SIZE "$T/other.rdb" || fail "make-large"
printf x | dd of="$T/other.rdb" bs=1 seek=$((SIZE * 1048576 - 4096)) conv=notrunc 2>/dev/null
check_status "values that differ" 3 "1 key differs" "$PEAK_RSS" "$T/peak" "$FLOWTAPE" diff "$T/in.rdb" "$T/other.rdb"
check "values that differ: $(($(cat "$T/peak") / 1024)) MiB" [ "$(cat "$T/peak")" -le $((BUDGET * 1024)) ]
rm -f "$T/other.rdb"

# What was seen of a value's members is not kept in memory either.
"$MAKE_LARGE" many $SIZE "$T/in.rdb" || fail "make-large many"
within "many members: verify" verify "$T/in.rdb"
within "many members: convert" convert "$T/in.rdb" "$T/out.rdb" --to rdb --quiet
within "many members: diff" diff "$T/in.rdb" "$T/out.rdb" --quiet
rm -f "$T/out.rdb"
# Where there is no room for that, it is not the file that is damaged.
check_status "no directory for what was seen: verify" 1 "nowhere\" \(TMPDIR\).*no such file" \
    env TMPDIR="$T/nowhere" "$FLOWTAPE" verify "$T/in.rdb"
check_status "no room for files: verify" 1 "\(TMPDIR\).*file too large" \
    sh -c 'ulimit -f 8000; exec "$@"' limited "$FLOWTAPE" verify "$T/in.rdb"

"$MAKE_LARGE" same $((SIZE * 4)) "$T/in.rdb" || fail "make-large same"
check_status "the same member again and again" 3 "member .* twice" "$PEAK_RSS" "$T/peak" "$FLOWTAPE" verify "$T/in.rdb"
check "the same member again and again: $(($(cat "$T/peak") / 1024)) MiB" [ "$(cat "$T/peak")" -le $((BUDGET * 1024)) ]
for kind in member zipmap pending timed json; do
    "$MAKE_LARGE" $kind $SIZE "$T/in.rdb" || fail "make-large $kind"
    within "$kind: verify" verify "$T/in.rdb"
    within "$kind: convert" convert "$T/in.rdb" "$T/out.rdb" --to rdb --redis 8.0 --quiet
    within "$kind: diff" diff "$T/in.rdb" "$T/out.rdb" --quiet
    rm -f "$T/out.rdb"
done

# A little of a stream can stand for much; entries that come together do not add up.
for kind in blob tags; do
    "$MAKE_LARGE" $kind $SIZE "$T/in.rdb" || fail "make-large $kind"
    within "$kind: verify" verify "$T/in.rdb"
    within "$kind: inspect" inspect "$T/in.rdb"
    within "$kind: convert" convert "$T/in.rdb" "$T/out.rdb" --to rdb --quiet
    within "$kind: replay" replay "$T/in.rdb" "$REDIS" --quiet
    redis-cli -s "$T/redis/sock" flushall >/dev/null
    rm -f "$T/out.rdb"
done
"$MAKE_LARGE" blob $SIZE "$T/in.rdb"
check_status "larger than it may be" 1 "more than the limit of 10485760 \(--max-item\)" \
    "$PEAK_RSS" "$T/peak" "$FLOWTAPE" verify "$T/in.rdb" --max-item 10MiB
[ "$(cat "$T/peak")" -lt 32768 ] || fail "refused with $(cat "$T/peak") KiB"

# A recording, and what reads it.
mkdir "$T/recording"
"$MAKE_LARGE" recording $SIZE "$T/recording" || fail "make-large recording"
standin_start "$T/recording"
within "capture" capture "$URI" "$T/cap" --until-caught-up --quiet
standin_stop
within "capture: verify" verify "$T/cap"
within "capture: inspect" inspect "$T/cap"
within "capture: convert" convert "$T/cap" "$T/out.rdb" --to rdb --quiet
within "capture: replay" replay "$T/cap" "$REDIS" --quiet
values=$(redis-cli -s "$T/redis/sock" debug digest-value large journal | sort -u | wc -l)
if [ "$values" -eq 1 ] && [ "$(redis-cli -s "$T/redis/sock" strlen journal)" -eq $((SIZE * 1048576)) ]; then
    pass "the record was replayed"
else
    fail "the record was not replayed as it is"
fi
redis-cli -s "$T/redis/sock" flushall >/dev/null
rm -rf "$T/recording" "$T/cap" "$T/out.rdb"

# What reads two flows at once, with such values in both.
"$PWD/tests/bench/bench-data" flows "$T/recording" --flows 2 --strings 4 --collections 0 \
    --size $((SIZE * 1048576)) >/dev/null || fail "bench-data"
standin_start "$T/recording"
within "two flows: capture" capture "$URI" "$T/cap" --until-caught-up --quiet
standin_stop
for flow in 0 1; do
    check "two flows: flow $flow has such a value" \
        [ "$(wc -c <"$T/recording/flow-$flow.bin")" -gt $((SIZE * 1048576)) ]
done
within "two flows: verify" verify "$T/cap"
within "two flows: convert" convert "$T/cap" "$T/out.rdb" --to rdb --quiet
within "two flows: replay" replay "$T/cap" "$REDIS" --quiet
check "two flows: replayed" [ "$(redis-cli -s "$T/redis/sock" strlen string:000000003)" -eq $((SIZE * 1048576)) ]
redis_stop
t_end
