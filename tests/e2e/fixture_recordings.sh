#!/bin/sh
# Two of the recordings as scenarios: one of each write command, and flushes. Made twice they are the same bytes; what a
# stand-in master serves of them, captured, converted and replayed, is the state that a redis-server reaches by
# executing the commands.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# Keys "only:..." are those of commands that Redis does not have. Times are absolute, ids are given, and nothing is taken at random: a Redis has its own.
catalogue()
{
    cat <<'END'
shards 4
clock 2040-01-01T00:00:00Z
snapshot
SET s1 v
SET s1 v PXAT 2308988800000
SET s1 v2 KEEPTTL
SET s1 v3
SET s2 v PXAT 2308988800000
GETEX s2 PERSIST
PEXPIREAT s2 2308988800001
APPEND s1 tail
SETRANGE s1 2 XY
SETNX s3 v
GETSET s3 w
GETDEL s3
MSET m1 a n2 b m3 c m4 d m5 e m6 f
MSETNX m7 a m8 b
record STICK m6
INCR i1
INCRBY i1 41
DECR i1
DECRBY i1 2
INCRBYFLOAT f1 10.1
SETBIT b1 7 1
SETBIT b2 100 1
BITFIELD b1 SET u8 0 200 INCRBY u4 8 3
BITOP OR b3 b1 b2
BITOP NOT b4 b1
+1s
LPUSH l1 a b c
RPUSH l1 d e
LPUSHX l1 z
RPUSHX nolist z
LINSERT l1 AFTER a new
LSET l1 0 first
LREM l1 1 b
LTRIM l1 0 10
LPOP l1
RPOP l1 2
RPUSH l2 1 2 3 4 5 6
RPOPLPUSH l2 l3
LMOVE l2 l4 LEFT RIGHT
LMOVE l2 l2 LEFT RIGHT
LMPOP 2 none l2 LEFT
SADD t1 a b c d e f g
SREM t1 a b
SADD t2 c d x
SMOVE t2 t3 x
SDIFFSTORE t4 t1 t2
SINTERSTORE t5 t1 t2
SUNIONSTORE t6 t1 t2 t3
HSET h1 f v g w
HMSET h1 k v
HSETNX h1 n v
HINCRBY h1 cnt 5
HINCRBYFLOAT h1 flt 0.5
HDEL h1 g
ZADD z1 1 a 2 b 3 c 4 d 5 e 6 f
ZADD z1 GT CH 10 a
ZADD z1 INCR 2.5 b
ZINCRBY z1 0.25 c
ZREM z1 d
ZADD z2 1 a 2 x 3 y
ZUNIONSTORE z3 2 z1 z2
ZINTERSTORE z4 2 z1 z2
ZDIFFSTORE z5 2 z2 z1
ZRANGESTORE z6 z2 0 -1
ZPOPMIN z1
ZPOPMAX z1 1
ZMPOP 1 z2 MIN
ZREMRANGEBYRANK z3 0 0
ZREMRANGEBYSCORE z3 100 200
ZADD z7 0 a 0 b 0 c
ZREMRANGEBYLEX z7 [a [b
GEOADD g1 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
PFADD p1 a b c
PFADD p2 d e
PFMERGE p3 p1 p2
XADD x1 1-1 f v
XADD x1 MINID 1-1 3-1 f v
XTRIM x1 MINID 2
XADD x2 5-1 a b c d
XADD x2 6-1 a b c d
XADD x2 7-1 a b
XDEL x2 6-1
XGROUP CREATE x2 g1 0
XGROUP CREATECONSUMER x2 g1 c1
XGROUP CREATECONSUMER x2 g1 c5
XGROUP DELCONSUMER x2 g1 c5
XREADGROUP GROUP g1 c1 COUNT 1 STREAMS x2 >
XACK x2 g1 5-1
XREADGROUP GROUP g1 c1 STREAMS x2 >
XCLAIM x2 g1 c3 0 7-1
XAUTOCLAIM x2 g1 c4 0 0
XACK x2 g1 7-1
XGROUP SETID x2 g1 5-1
XSETID x2 99-1
XGROUP CREATE x3 g1 $ MKSTREAM
XGROUP DESTROY x3 g1
PEXPIREAT t4 2308988800000
RENAME x2 x9
RENAMENX h1 h9
RENAMENX z1 z6
COPY l1 l10
DEL m1 m3 nothing t1
UNLINK m4 m5
MOVE s2 1
record flow 0 SCRIPT LOAD return(1)
MULTI
SET tx1 1
INCR tx2
LPUSH tx3 a
EXEC
SET e1 1
record SORT l11
record PREPEND only:pre head
SADDEX only:t7 150000000 a b
HSETEX only:h2 150000000 f v
HSET only:h3 f v k w
HEXPIRE only:h3 150000000 FIELDS 1 f
FIELDEXPIRE only:h3 160000000 k
JSON.SET only:j1 $ "{\"a\":1,\"b\":[1,2]}"
record JSON.NUMINCRBY only:j1 $.a 5
record JSON.ARRAPPEND only:j1 $.b 3
record JSON.DEL only:j1 $.b
record JSON.MSET only:j2 $ "{\"x\":1}"
record JSON.MERGE only:j2 $ "{\"z\":3}"
record BF.RESERVE only:bf1 0.01 100
record BF.ADD only:bf1 item
record BF.MADD only:bf1 a b c
record CMS.INITBYDIM only:cm1 10 5
record CMS.INCRBY only:cm1 a 3
record TOPK.RESERVE only:tk1 3
record TOPK.ADD only:tk1 a b
record CF.RESERVE only:cf1 100
record CF.ADD only:cf1 a
record CL.THROTTLE only:thr 15 30 60
END
}

flushes()
{
    cat <<'END'
shards 4
clock 2040-01-01T00:00:00Z
MSET a 1 b 2 c 3 d 4 e 5
SADD s x y
SELECT 1
MSET a 1 b 2 c 3
SELECT 2
SET two 2
SELECT 0
snapshot
SET before 1
APPEND a more
FLUSHDB
MSET a new f 6 g 7
SELECT 1
APPEND b more
FLUSHDB
FLUSHDB
SET one 1
SELECT 0
APPEND a er
RENAME f h
FLUSHALL
SET after 1
SELECT 2
HSET two f v
SELECT 3
MSET x 1 y 2 z 3
FLUSHDB
MSET x 2 w 3
SELECT 0
APPEND after wards
END
}

# plain NAME KEY - what a redis-server makes of the commands, in $T/NAME.json
plain()
{
    reference_start --databases 16
    "$1" | grep -Ev '^(shards|clock|snapshot|record|\+)| only:' |
        redis-cli -s "$T/redis/sock" >"$T/plain.out" 2>&1
    check "$1: no error" test -z "$(grep -aE '^(\(error|ERR|WRONGTYPE)' "$T/plain.out")"
    "$STATE_DIFF" dump "$REDIS" >"$T/$1.json"
    check "$1: there are keys" grep -q "\"0/$2\"" "$T/$1.json"
    redis_stop
    rm -rf "$T/redis"
}

# as_recording DIR - of a capture in $T/rec, for the stand-in master
as_recording()
{
    rm -rf "$T/rec"
    mkdir "$T/rec"
    ft inspect "$1" --json >"$T/inspect.json"
    t_n=$(json "$T/inspect.json" 'capture/generations/*/flows/*/flow' | wc -l)
    printf '{"replid": "%s", "master_version": 5, "flows": [' \
        "$(json "$T/inspect.json" 'capture/generations/*/replication_id')" >"$T/rec/meta.json"
    t_i=0
    while [ $t_i -lt "$t_n" ]; do
        t_flow=capture/generations/*/flows/$t_i
        t_full=$(json "$T/inspect.json" "$t_flow/segments/0/bytes")
        ft inspect "$1" --raw --flow $t_i >"$T/rec/flow-$t_i.bin"
        t_token=$(head -c "$t_full" "$T/rec/flow-$t_i.bin" | tail -c 40)
        [ $t_i -eq 0 ] || printf , >>"$T/rec/meta.json"
        # the end of the RDB stream takes 18 bytes
        printf '{"eof_token": "%s", "fullsync_bytes": %d, "stable_start": %d, "journal_offset": %d, "final_lsn": %d}' \
            "$t_token" $((t_full - 58)) "$t_full" "$(json "$T/inspect.json" "$t_flow/stable_lsn")" \
            "$(json "$T/inspect.json" "$t_flow/next_lsn")" >>"$T/rec/meta.json"
        t_i=$((t_i + 1))
    done
    printf ']}' >>"$T/rec/meta.json"
}

# scenario NAME KEY - one that is there in the end
scenario()
{
    plain "$1" "$2"
    "$1" >"$T/text"
    check "$1: make" ft fixture make "$T/text" "$T/$1" --quiet
    ft fixture make "$T/text" "$T/again" --quiet
    check "$1: the same bytes" diff -r "$T/$1" "$T/again"
    rm -rf "$T/again"
    as_recording "$T/$1"
    standin_start "$T/rec"
    check "$1: captured from a master" capture "$T/served" --until-caught-up
    standin_check "$1"
    check "$1: verify" verify_clean "$T/served"
    # shellcheck disable=SC2086 # a list of words
    check "$1: convert" ft convert "$T/served" "$T/served.rdb" --to rdb $FOR_SERVER --quiet \
        --no-key 'only:*' --on-loss skip
    load_and_compare "$1" "$T/served.rdb" "$T/$1.json"
    redis_start --databases 16
    check "$1: replay" ft replay "$T/served" "$REDIS" --quiet --no-key 'only:*' --on-loss skip
    redis-cli -s "$T/redis/sock" --scan --pattern 'flowtape:*' |
        xargs redis-cli -s "$T/redis/sock" del >"$T/check.out"
    check "$1: replayed, the state" "$STATE_DIFF" "$T/$1.json" "$REDIS"
    redis_stop
    rm -rf "$T/redis" "$T/served" "$T/served.rdb"
}

# names CAPTURE - of the commands in its journals, a line each
names()
{
    ft inspect "$1" --records | grep -aoE 'COMMAND [A-Z.]+( (CREATE|DESTROY|SETID|DELCONSUMER|CREATECONSUMER))?' | sort -u
}

# Each form that the recording has is in what was made.
as_recorded()
{
    take catalogue
    mv "$T/catalogue" "$T/recorded"
    scenario catalogue tx3
    names "$T/recorded" >"$T/recorded.names"
    names "$T/catalogue" >"$T/catalogue.names"
    check "catalogue: there are commands" test "$(wc -l <"$T/recorded.names")" -gt 80
    check "catalogue: all that was recorded" \
        test -z "$(comm -23 "$T/recorded.names" "$T/catalogue.names" )"
}

as_recorded
scenario flushes after
t_end
