#!/bin/sh
# Captures made of a text: the same bytes each time, clean, and by conversion and replay the state that a
# redis-server reaches by executing the commands; the forms of older releases; errors with their place.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# What both a Dragonfly and a Redis do, in a few phases. Times are absolute, as a Redis has its own clock.
scenario()
{
    cat <<'END'
clock 2040-01-01T00:00:00Z
SET "a key" "v\x00\xff\n"
SET n 42
SET dies soon PXAT 2208988800050
SET lives long PXAT 2208989900000
SETRANGE big 70000 end
RPUSH l a b c 1 -5 70000 "x y"
SADD s m1 m2 m3
SADD ints 1 2 300000
HSET h f v g 12
ZADD z 1 a 2.5 b inf c 1e300 d
XADD x 5-1 f v
XADD x 5-2 f v g w
XGROUP CREATE x group 0
SELECT 1
SET other db
SELECT 0
snapshot in-sync
APPEND "a key" more
SET new one
RENAME n number
stable
+10ms
INCR number
RENAME l l2
RENAME h h9
LMOVE l2 l3 LEFT RIGHT
RPOPLPUSH l2 l2
SMOVE s s2 m1
MSET a 1 b 2 c 3 d 4
DEL a b nothing
SUNIONSTORE u s s2
ZUNIONSTORE zu 2 z z WEIGHTS 1 0.5
BITOP OR bits a c
INCRBYFLOAT number 0.5
XADD x MAXLEN 2 6-0 f v3
XTRIM x MAXLEN 1
PEXPIREAT l2 2208989300000
SET other again
MOVE other 2
MULTI
SET t1 1
SET t2 2
HSET h9 f w
EXEC
PFADD p1 a b c
PFADD p2 d e
PFMERGE p3 p1 p2
PFADD p3 z
+60ms
cut
SET during cut
DEL lives
+1s
resume
SELECT 3
SET gone 1
FLUSHDB
SET stays 1
END
}

# text_of RELEASE SHARDS ARG... - the scenario as that release plays it, in $T/text
text_of()
{
    printf 'release %s\nshards %s\n' "$1" "$2" >"$T/text"
    case $1 in
    1.2[1-9].* | 1.30.*) scenario | sed 's/^resume$/snapshot/' >>"$T/text" ;;
    *) scenario >>"$T/text" ;;
    esac
}

# plain - what a redis-server makes of the commands, in $T/plain.json
plain()
{
    reference_start --databases 16
    scenario | grep -Ev '^(clock|snapshot|stable|cut|resume|\+)' |
        redis-cli -s "$T/redis/sock" >"$T/plain.out" 2>&1
    check "plain: no error" test -z "$(grep -aE '^(\(error|ERR|WRONGTYPE)' "$T/plain.out")"
    # which has expired by the scenario's clock alone
    redis-cli -s "$T/redis/sock" del dies >"$T/check.out"
    "$STATE_DIFF" dump "$REDIS" >"$T/plain.json"
    check "plain: there are keys" grep -q '"0/number"' "$T/plain.json"
    redis_stop
    rm -rf "$T/redis"
}

# release VERSION SHARDS [STATE-DIFF ARG...]
release()
{
    name="$1 on $2"
    text_of "$1" "$2"
    shift 2
    rm -rf "$T/a" "$T/b" "$T/a.rdb"
    check "$name: make" ft fixture make "$T/text" "$T/a"
    check "$name: again" ft fixture make "$T/text" "$T/b" --quiet
    check "$name: the same bytes" diff -r "$T/a" "$T/b"
    check "$name: verify" verify_clean "$T/a"
    # shellcheck disable=SC2086 # a list of words
    check "$name: convert" ft convert "$T/a" "$T/a.rdb" --to rdb $FOR_SERVER --quiet
    load_and_compare "$name" "$T/a.rdb" "$T/plain.json" "$@"
}

replayed()
{
    text_of 1.40.2 3
    rm -rf "$T/a"
    check "replay: make" ft fixture make "$T/text" "$T/a" --quiet
    redis_start --databases 16
    check "replay" ft replay "$T/a" "$REDIS" --quiet
    redis-cli -s "$T/redis/sock" --scan --pattern 'flowtape:*' |
        xargs redis-cli -s "$T/redis/sock" del >"$T/check.out"
    check "replay: the state" "$STATE_DIFF" "$T/plain.json" "$REDIS"
    redis_stop
    rm -rf "$T/redis"
}

# as_redis - of a scenario on standard input what a redis-server has to execute; what has expired by the
# scenario's clock is deleted where that advances
as_redis()
{
    awk '
        /^(shards|release|snapshot|stable)/ { next }
        /^clock/ { clock = $2; next }
        /^\+/ {
            clock += substr($1, 2) + 0
            printf "EVAL \"local n = 0; for _, k in ipairs(redis.call(\x27keys\x27, \x27*\x27)) do " \
                "local t = redis.call(\x27pexpiretime\x27, k); if t > 0 and t <= %.0f then " \
                "n = n + redis.call(\x27del\x27, k) end end; return n\" 0\n", clock
            next
        }
        { print }'
}

random_commands()
{
    set -- --keys "$(effort 300 60)" --records "$(effort 2000 200)" --shards 3 --release 1.40.2
    check "random: make" ft fixture make --random 7 "$T/r" --write-scenario "$T/r.txt" "$@"
    ft fixture make --random 7 "$T/r2" "$@" --json >"$T/r.json" 2>&1
    check "random: the same bytes" diff -r "$T/r" "$T/r2"
    check "random: some have expired" test "$("$JSON_FIELD" "$T/r.json" expired)" -gt 0
    check "random: another seed" ft fixture make --random 8 "$T/r3" "$@" --quiet
    check "random: other bytes" test -n "$(diff -rq "$T/r" "$T/r3")"
    check "random: verify" verify_clean "$T/r"
    check "random: convert" ft convert "$T/r" "$T/r.rdb" --to rdb $FOR_SERVER --quiet
    check "random: an old release" ft fixture make --random 7 "$T/r6" --keys 60 --records 200 \
        --release 1.19.2
    check "random: an old release: verify" verify_clean "$T/r6"
    check_status "random: an unknown type" 2 "not a list of string" \
        ft fixture make --random 1 "$T/r4" --types string,nosuch
    reference_start --databases 16
    as_redis <"$T/r.txt" | redis-cli -s "$T/redis/sock" >"$T/r.out" 2>&1
    check "random: no error" test -z "$(grep -aE '^(\(error|ERR|WRONGTYPE)' "$T/r.out")"
    "$STATE_DIFF" dump "$REDIS" >"$T/r.json"
    redis_stop
    rm -rf "$T/redis"
    load_and_compare "random" "$T/r.rdb" "$T/r.json"
}

# has LABEL PATTERN - a record or entry of $T/a
has()
{
    check "$1" grep -Eq -- "$2" "$T/records"
}

# made TEXT - the scenario $T/text is that text, $T/a its capture, $T/records what is in it
made()
{
    printf '%s\n' "$1" >"$T/text"
    rm -rf "$T/a"
    ft fixture make "$T/text" "$T/a" --quiet && ft inspect "$T/a" --records >"$T/records"
}

forms()
{
    old="$(printf 'shards 3\nrule tag\nSET r:{1} v\nHSET h f v\nZADD z 1 a\nRPUSH l a\nXADD x 1-1 f v')"
    tail="$(printf 'SET d v PX 5\nsnapshot\n+10ms\nMULTI\nSET t1 1\nSET t2 2\nSET t3 3\nEXEC\nping')"
    check "1.19: make" made "release 1.19.2
$old
$tail"
    has "1.19: ziplists" 'ENTRY hash \(hash_ziplist\)'
    has "1.19: a list of ziplists" 'ENTRY list \(list_quicklist\)'
    has "1.19: the first encoding of streams" 'ENTRY stream \(stream_listpacks\)'
    has "1.19: a transaction" 'MULTI_COMMAND SET t1 1'
    has "1.19: its end" ' EXEC'
    has "1.19: an expired key" 'EXPIRED DEL d'
    check "1.40: make" made "release 1.40.1
$old
$tail
XGROUP CREATE x g 0
XREADGROUP GROUP g c STREAMS x >
SET k v EX 10
SADD s b a
SPOP s
RENAME r:{1} r:{2}"
    has "1.40: listpacks" 'ENTRY hash \(hash_listpack\)'
    has "1.40: streams" 'ENTRY stream \(stream_listpacks_3\)'
    has "1.40: an expired key" 'COMMAND DEL d'
    has "1.40: PING" ' PING'
    has "1.40: a group read" 'COMMAND XCLAIM x g c 0 1-1 TIME 1767225600010 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1'
    has "1.40: absolute times" 'COMMAND SET k v PXAT 1767225610010'
    has "1.40: the smallest member" 'COMMAND SREM s a'
    has "1.40: across shards" 'COMMAND RESTORE r:\{2\} 0 .* REPLACE ABSTTL'
    check "increments: make" made "release 1.34.0
SET a 1
snapshot
cut
SET a 2
resume"
    check "increments" test -n "$(find "$T/a" -name '*-increment.seg')"
    check "members with times: make" made "clock 2040-01-01T00:00:00Z
SADDEX s 100 m
SADD s n
HSETEX h 50 f v g w
HSET h g x
HEXPIRE h 70 FIELDS 1 g
SADDEX short 1 m
SADD short stays
+2s
snapshot
SADDEX s 5 o"
    has "members with times: a set" 'ENTRY set \(set_with_expiry\)'
    has "members with times: a hash" 'ENTRY hash \(hash_with_expiry\)'
    has "members with times: one has expired" 'ENTRY set \(set\) [0-9]+ B no ttl short'
    has "members with times: as they come" 'COMMAND SADDEX s 5 o'
    check "members with times: convert" ft convert "$T/a" "$T/a.json" --to json --redis 7.4 --at snapshot \
        --on-loss skip --quiet
    check "members with times: when" grep -q 2208988850 "$T/a.json"
    check "JSON: make" made 'JSON.SET j $ "{\"a\":[1,2]}"'
    has "JSON" 'ENTRY json \(json\)'
}

# wrong PLACE-AND-TEXT SCENARIO - refused, and nothing is left
wrong()
{
    printf '%s\n' "$2" >"$T/text"
    rm -rf "$T/wrong"
    check_status "$1" 2 "text:$1" ft fixture make "$T/text" "$T/wrong"
    check "$1: nothing is left" test ! -e "$T/wrong"
}

errors()
{
    wrong "2:7: a quote" 'SET a b
SET k "v'
    wrong "1:1: \"NOSUCH\" is not" 'nosuch 1'
    wrong "1:1: GET is not|1:1: \"GET\" is not" 'GET a'
    wrong "2:1: RPUSH: redis-server answers .WRONGTYPE" 'SET a b
RPUSH a b'
    wrong "1:8: the number of shards" 'shards 0'
    wrong "2:1: this stands before" 'SET a b
shards 3'
    wrong "1:9: .*release of Dragonfly" 'release 2.0'
    wrong "1:12: a time was expected" 'SET a b PX x'
    wrong "2:1: there is no connection" 'SET a b
cut'
    wrong "2:1: a flush ends a full sync" 'snapshot in-sync
FLUSHALL'
    wrong "4:1: df-v1.25.0 never resumes" 'release 1.25
snapshot
cut
resume'
    wrong "1:14: this is not JSON" 'JSON.SET j $ {a}'
    wrong "2:8: members of this key have times" 'SADDEX s 10 m
RENAME s t'
    wrong "1:8: nothing was expected" 'stable now'
    check_status "a directory that is there" 1 "exists" ft fixture make "$T/text" "$T"
    check_status "no such scenario" 1 "nowhere" ft fixture make "$T/nowhere" "$T/wrong"
    check_status "no such command" 2 "no command" ft fixture nosuch
}

plain
release 1.40.2 3
[ "${FLOWTAPE_TEST_EFFORT:-full}" = small ] || release 1.36.0 1
release 1.29.0 2 --skip-lossy
replayed
random_commands
forms
errors
t_end
