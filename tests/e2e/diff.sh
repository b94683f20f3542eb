#!/bin/sh
# Comparisons: captures, files and what is made of them are equal; single differences are found, alone, and named rightly.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

diff()
{
    # shellcheck disable=SC2086 # words
    timeout 120 "$FLOWTAPE" diff $PRIVATE_SERVER "$@"
}

# equal LABEL A B [ARG...]
equal()
{
    t_name=$1
    shift
    check_status "$t_name" 0 '^equal$' diff "$@"
}

# captured RECORDING DIR
captured()
{
    standin_start "$RECORDINGS/$1"
    check "$1: capture" capture "$2" --until-caught-up
    standin_stop
}

# Files of one data set, in the forms of both programs.
files_of_one_set()
{
    equal "an .rdb and a .dfs set" "$RECORDINGS/files/types.rdb" "$RECORDINGS/files/types-summary.dfs"
    check_status "two data sets" 3 'keys differ$' diff "$RECORDINGS/files/types.rdb" "$RECORDINGS/files/plain.rdb"
}

# A capture against another of the same, and the file that is made of it.
a_capture_and_its_file()
{
    captured "$1" "$T/$1"
    captured "$1" "$T/$1.again"
    # deliveries have the times at which each was received
    equal "$1: two captures" "$T/$1" "$T/$1.again" --ttl-slack 10m
    check "$1: convert" "$FLOWTAPE" convert "$T/$1" "$T/$1.rdb" --to rdb $FOR_SERVER --on-loss skip --quiet
    equal "$1: capture and file" "$T/$1" "$T/$1.rdb"
    check "$1: convert the snapshot" "$FLOWTAPE" convert "$T/$1" "$T/$1.snap.rdb" --to rdb --at snapshot \
        $FOR_SERVER --on-loss skip --quiet
    equal "$1: snapshots" "$T/$1" "$T/$1.snap.rdb" --at-a snapshot
}

# one LABEL KIND KEY PLACE COMMAND... - a server with a command more than the file has
one()
{
    o_label=$1 o_kind=$2 o_key=$3 o_place=$4
    shift 4
    redis-cli -s "$T/redis/sock" FLUSHALL >"$T/cli.out"
    dataset | redis-cli -s "$T/redis/sock" >"$T/cli.out"
    redis-cli -s "$T/redis/sock" "$@" >"$T/cli.out" || fail "$o_label" "$T/cli.out"
    check_status "$o_label: found" 3 '' diff "$T/base.rdb" "unix:$T/redis/sock" --rounds 1 --json --keys-to "$T/keys"
    cp "$T/check.out" "$T/one.json"
    [ "$(wc -l <"$T/keys")" -eq 1 ] && grep -qF "\"key\":\"$o_key\",\"kind\":\"$o_kind\"" "$T/keys" &&
        grep -qF "\"place\": \"$o_place\"" "$T/one.json" &&
        pass "$o_label: alone, as $o_kind of $o_key" || fail "$o_label: named" "$T/one.json"
}

dataset()
{
    cat <<'END'
SET s hello
SET t hello
PEXPIREAT t 4102444800000
RPUSH l a b c
SADD set a b c
HSET h f 1 g 2
ZADD z 1.5 a -0 b
PFADD hll a b c
XADD x 1-1 f v
XADD x 1-2 f w
XGROUP CREATE x g 0
XREADGROUP GROUP g alice COUNT 1 STREAMS x >
XCLAIM x g alice 0 1-1 TIME 1000000000000 RETRYCOUNT 1
XREADGROUP GROUP g idle STREAMS x 0
END
}

single_differences()
{
    redis_start --dbfilename dump.rdb
    dataset | redis-cli -s "$T/redis/sock" >"$T/cli.out"
    redis-cli -s "$T/redis/sock" SAVE >"$T/cli.out"
    cp "$T/redis/dump.rdb" "$T/base.rdb"
    equal "a file and the server that wrote it" "$T/base.rdb" "unix:$T/redis/sock"
    equal "a server and itself" "unix:$T/redis/sock" "unix:$T/redis/sock"
    one "a byte" value s 'byte 5 of 5' SETRANGE s 4 0
    one "an extra key" only-in-b extra '' SET extra 1
    one "a missing key" only-in-a s '' DEL s
    one "another type" type s type EVAL 'redis.call("DEL", "s") return redis.call("LPUSH", "s", "hello")' 0
    one "a time, two seconds" time t 'time to live' PEXPIREAT t 4102444802000
    one "an order" value l 'element 1 of 3' RPOPLPUSH l l
    one "a member" value set 'member \"d\"' SADD set d
    one "a field" value h 'field \"f\"' HSET h f 3
    one "the last bit of a score" value z 'score of member \"a\"' ZADD z 1.5000000000000002 a
    one "a HyperLogLog" value hll 'register 7292 of the HyperLogLog' PFADD hll d
    one "an entry" value x 'entry 1-3' XADD x 1-3 f y
    one "an entry that is gone" value x 'entry 1-2' XDEL x 1-2
    one "the last id" stream x 'last id' XSETID x 5-0
    one "a group" stream x 'group \"other\"' XGROUP CREATE x other 0
    one "a group's position" stream x 'group \"g\": last id' XGROUP SETID x g 1-2
    one "an idle consumer" stream x 'group \"g\": consumer \"idle\"' XGROUP DELCONSUMER x g idle
    one "an owner" stream x 'group \"g\", consumer \"alice\": pending entry 1-1' \
        XCLAIM x g idle 0 1-1 TIME 1000000000000 RETRYCOUNT 1
    redis-cli -s "$T/redis/sock" SAVE >"$T/cli.out"
    check_status "an owner, in files" 3 'group "g", consumer "alice": pending entry 1-1: there . missing' \
        diff "$T/base.rdb" "$T/redis/dump.rdb"
    server_before 7.0 || check_status "a library of functions" 3 'library "lib": only-in-b' function_loaded
    redis_stop
}

function_loaded()
{
    redis-cli -s "$T/redis/sock" FUNCTION LOAD "#!lua name=lib
redis.register_function('f', function() return 1 end)" >"$T/cli.out"
    diff "$T/base.rdb" "unix:$T/redis/sock" --rounds 1
}

# replayed RECORDING [FILTER...] - after a replay the target is equal; times are those of the capture, keys of the replay's own do not count.
replayed()
{
    set -f # the filter has patterns
    redis_start
    check "$1: replay" "$FLOWTAPE" replay "$T/$1" "unix:$T/redis/sock" --on-loss skip --quiet
    equal "$1: capture and target" "$T/$1" "unix:$T/redis/sock"
    redis-cli -s "$T/redis/sock" HDEL flowtape:replay options >"$T/cli.out"
    check_status "$1: no rules" 2 'holds no rules of a replay' diff "$T/$1" "unix:$T/redis/sock" --like-replay
    redis_stop
    rm -rf "$T/redis"
    redis_start
    check "$1: replay, renamed" "$FLOWTAPE" replay "$T/$1" "unix:$T/redis/sock" --on-loss skip --quiet \
        --rename '*=prefix:copy:' --db-map '1:prefix=db%d:,*:0' $2
    equal "$1: renamed" "$T/$1" "unix:$T/redis/sock" --rename '*=prefix:copy:' \
        --db-map '1:prefix=db%d:,*:0' $2
    equal "$1: by the rules of the replay" "$T/$1" "unix:$T/redis/sock" --like-replay
    redis-cli -s "$T/redis/sock" SET copy:more1 1 >"$T/cli.out"
    redis-cli -s "$T/redis/sock" DEL "$(redis-cli -s "$T/redis/sock" --raw KEYS 'copy:s*1*' | head -n 1)" >"$T/cli.out"
    check_status "$1: a key more and a key less" 3 '2 keys differ' diff "$T/$1" "unix:$T/redis/sock" \
        --like-replay --rounds 1 --keys-to "$T/keys"
    check_status "$1: unlike any replay" 2 '' diff "$T/$1" "unix:$T/redis/sock" --like-replay --key x
    redis_stop
    rm -rf "$T/redis"
    set +f
}

# Members that ended after the capture and before the replay, which a target without times of members does not get.
ended_members()
{
    printf '%s\n' '0 1 0 HSET h f 1 g 2' '0 1 0 HEXPIRE h 10 FIELDS 1 f' '0 1 0 SADD set a' '0 1 0 SADDEX set 10 b' \
        '0 2 0 SET s 1' | "$MAKE_CAPTURE" 1 "$T/ended" || fail "a capture of our own"
    redis_start
    check "ended members: replay" "$FLOWTAPE" replay "$T/ended" "unix:$T/redis/sock" --on-loss skip --quiet
    equal "ended members: capture and target" "$T/ended" "unix:$T/redis/sock"
    redis-cli -s "$T/redis/sock" DEL flowtape:replay >"$T/cli.out"
    equal "ended members: when the replay was is not known any more" "$T/ended" "unix:$T/redis/sock"
    redis-cli -s "$T/redis/sock" HSET h g 3 >"$T/cli.out"
    check_status "ended members: another value of one that is left" 3 'field "g": "2" . "3"' diff "$T/ended" "unix:$T/redis/sock" --rounds 1
    redis_stop
    rm -rf "$T/redis"
}

files_of_one_set
ended_members
a_capture_and_its_file types-lz4
a_capture_and_its_file live-4
replayed live-4 ''
replayed types-lz4 '--key *1* --no-key z*'
single_differences
t_end
