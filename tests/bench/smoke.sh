#!/bin/sh
# smoke.sh - the benchmark's data set in small: recorded, converted, and all of it found in a
# redis-server.
. "${srcdir:-.}/tests/lib/sh_lib.sh"

bench_data=$PWD/tests/bench/bench-data
need_redis
t_begin

# census - what redis-server makes of an RDB: its keys, and the sizes of one of each type.
census()
{
    redis_start --dbfilename "$1" --dir "$T" || return 1
    for word in dbsize 'strlen string:000000007' 'llen list:000000007' 'scard set:000000007' \
        'hlen hash:000000007' 'zcard zset:000000007'; do
        # shellcheck disable=SC2086 # a command and its argument
        redis-cli -s "$T/redis/sock" $word
    done >"$T/$1.census"
    redis_stop
}

# flows NAME OPTION... - the data set as a recording, through the whole of flowtape
flows()
{
    name=$1
    shift
    check "$name: made" "$bench_data" flows "$T/$name" --strings 1000 --collections 50 "$@"
    standin_start "$T/$name"
    check "$name: recorded" capture "$T/$name.capture" --until-caught-up
    standin_check "$name"
    check "$name: verified" verify_clean "$T/$name.capture"
    check "$name: converted" "$FLOWTAPE" convert "$T/$name.capture" "$T/$name.rdb" --to rdb --quiet
    check "$name: loaded" census "$name.rdb"
    check "$name: complete" cmp "$T/plain.rdb.census" "$T/$name.rdb.census"
}

check "plain: made" "$bench_data" rdb "$T/plain.rdb" --strings 1000 --collections 50
check "plain: loaded" census plain.rdb
check "plain: 1200 keys, strings of 100 bytes" test "$(head -n 2 "$T/plain.rdb.census" | xargs)" = "1200 100"

# Large enough to be read by several threads: the reports are those of one.
check "large: made" "$bench_data" rdb "$T/large.rdb" --strings 45000 --collections 50
head -c 5000000 "$T/large.rdb" >"$T/cut.rdb"
one=$(taskset -cp $$ | sed 's/.*[ ,-]//')
for name in large cut; do
    for command in verify inspect; do
        taskset -c "$one" "$FLOWTAPE" $command "$T/$name.rdb" --json >"$T/one" 2>&1 || true
        "$FLOWTAPE" $command "$T/$name.rdb" --json >"$T/all" 2>&1 || true
        check "$name: $command, the same by all processors" cmp "$T/one" "$T/all"
    done
    check "$name: $command reports" test -s "$T/one"
done
check "large: verified" verify_clean "$T/large.rdb"
flows raw --flows 3
flows lz4 --flows 2 --lz4

check "journal: made" "$bench_data" flows "$T/journal" --strings 10 --collections 0 --journal 5000
standin_start "$T/journal"
check "journal: recorded" capture "$T/journal.capture" --until-caught-up
standin_check "journal"
check "journal: verified" verify_clean "$T/journal.capture"
check "journal: stored as it came" raw_equal "$T/journal.capture" "$T/journal"
t_end
