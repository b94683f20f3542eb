#!/bin/sh
# Memory is bounded by a budget: 64 MiB and one value of the largest size, for all that takes values.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
! grep -q '__[at]san_init' "$FLOWTAPE" || t_skip "sanitizers hold memory of their own"
: "${MAKE_LARGE:?}" "${PEAK_RSS:?}"
SIZE=72
BUDGET=64

# within LABEL VALUES COMMAND... - it succeeds, within the budget and so many values
within()
{
    t_name=$1 t_most=$(((BUDGET + $2 * SIZE) * 1024))
    shift 2
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
    cp "$T/in.rdb" "$T/redis/own.rdb"
    redis-cli -s "$T/redis/sock" config set dbfilename own.rdb >/dev/null
    redis-cli -s "$T/redis/sock" debug reload nosave noflush merge >"$T/check.out" 2>&1
    if [ "$(redis-cli -s "$T/redis/sock" debug digest-value "$1")" = "$t_digest" ]; then
        pass "$kind: the same value"
    else
        fail "$kind: another value" "$T/check.out"
    fi
}

debug=
server_before 7.0 || debug="--enable-debug-command yes"
# shellcheck disable=SC2086 # words
redis_start $debug || fail "redis-server starts" "$T/redis/log"
for kind in $(effort "string stream element list hash zset" "string stream element"); do
    "$MAKE_LARGE" $kind $SIZE "$T/in.rdb" || fail "make-large $kind"
    within "$kind: verify" 1 verify "$T/in.rdb"
    within "$kind: convert" 1 convert "$T/in.rdb" "$T/out.rdb" --to rdb --quiet
    within "$kind: replay" 1 replay "$T/in.rdb" "$REDIS" --quiet
    same large
    redis-cli -s "$T/redis/sock" flushall >/dev/null
    rm -f "$T/out.rdb" "$T/redis/own.rdb"
done

# A little of a stream can stand for much; entries that come together do not add up.
for kind in blob tags; do
    values=$([ $kind = tags ] && echo 0 || echo 1)
    "$MAKE_LARGE" $kind $SIZE "$T/in.rdb" || fail "make-large $kind"
    within "$kind: verify" "$values" verify "$T/in.rdb"
    within "$kind: inspect" 0 inspect "$T/in.rdb"
    within "$kind: convert" "$values" convert "$T/in.rdb" "$T/out.rdb" --to rdb --quiet
    within "$kind: replay" "$values" replay "$T/in.rdb" "$REDIS" --quiet
    redis-cli -s "$T/redis/sock" flushall >/dev/null
    rm -f "$T/out.rdb"
done
"$MAKE_LARGE" blob $SIZE "$T/in.rdb"
check_status "larger than it may be" 1 "more than the limit of 10485760 \(--max-item\)" \
    "$PEAK_RSS" "$T/peak" "$FLOWTAPE" verify "$T/in.rdb" --max-item 10MiB
[ "$(cat "$T/peak")" -lt 32768 ] || fail "refused with $(cat "$T/peak") KiB"

# A recording holds no value at all; what reads it holds one.
mkdir "$T/recording"
"$MAKE_LARGE" recording $SIZE "$T/recording" || fail "make-large recording"
standin_start "$T/recording"
within "capture" 0 capture "$URI" "$T/cap" --until-caught-up --quiet
standin_stop
within "capture: verify" 1 verify "$T/cap"
within "capture: inspect" 0 inspect "$T/cap"
within "capture: convert" 1 convert "$T/cap" "$T/out.rdb" --to rdb --quiet
within "capture: replay" 1 replay "$T/cap" "$REDIS" --quiet
values=$(redis-cli -s "$T/redis/sock" debug digest-value large journal | sort -u | wc -l)
if [ "$values" -eq 1 ] && [ "$(redis-cli -s "$T/redis/sock" strlen journal)" -eq $((SIZE * 1048576)) ]; then
    pass "the record was replayed"
else
    fail "the record was not replayed as it is"
fi
redis-cli -s "$T/redis/sock" flushall >/dev/null
rm -rf "$T/recording" "$T/cap" "$T/out.rdb"

# What reads two flows at once, with such values in both, holds one of them.
"$PWD/tests/bench/bench-data" flows "$T/recording" --flows 2 --strings 4 --collections 0 \
    --size $((SIZE * 1048576)) >/dev/null || fail "bench-data"
standin_start "$T/recording"
within "two flows: capture" 0 capture "$URI" "$T/cap" --until-caught-up --quiet
standin_stop
for flow in 0 1; do
    check "two flows: flow $flow has such a value" \
        [ "$(wc -c <"$T/recording/flow-$flow.bin")" -gt $((SIZE * 1048576)) ]
done
within "two flows: verify" 1 verify "$T/cap"
within "two flows: convert" 1 convert "$T/cap" "$T/out.rdb" --to rdb --quiet
within "two flows: replay" 1 replay "$T/cap" "$REDIS" --quiet
check "two flows: replayed" [ "$(redis-cli -s "$T/redis/sock" strlen string:000000003)" -eq $((SIZE * 1048576)) ]
redis_stop
t_end
