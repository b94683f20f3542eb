#!/bin/sh
# Comparisons with servers that are at work: a cluster whose slots move, a server under writes, and single random
# changes of a target, each of which is found, alone, and named rightly, by DUMP or where that is refused.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis

diff()
{
    # shellcheck disable=SC2086 # words
    timeout 120 "$FLOWTAPE" diff $PRIVATE_SERVER "$@"
}

# numbers NAME - a field of the report in $T/report, once for each time it is there
numbers()
{
    sed -n "s/^ *\"$1\": \([0-9a-z]*\),*$/\1/p" "$T/report" | tr '\n' ' '
}

# counted LABEL A B - both sides have as many keys as the file, each counted once
counted()
{
    diff "$2" "$3" --db-map '*:prefix=db%d:,0:0' --json --interval 100ms >"$T/report" 2>&1
    c_status=$?
    [ $c_status -eq 0 ] && [ "$(numbers keys)" = "$KEYS $KEYS " ] && [ "$(numbers keys_different)" = '0 ' ] &&
        pass "$1" || fail "$1: status $c_status" "$T/report"
}

# A cluster, still and while its slots move: every key is counted once.
cluster()
{
    take types-lz4
    check "file of the capture" "$FLOWTAPE" convert "$T/types-lz4" "$T/c.rdb" --to rdb $FOR_SERVER --on-loss skip --quiet
    start_cluster 3 0
    check "replay into the cluster" "$FLOWTAPE" replay "$T/types-lz4" "$CLUSTER_URI" --on-loss skip --quiet \
        --db-map '*:prefix=db%d:,0:0'
    diff "$T/c.rdb" "$CLUSTER_URI" --db-map '*:prefix=db%d:,0:0' --json >"$T/report" 2>&1
    KEYS=$(numbers keys | cut -d ' ' -f 1)
    [ "$KEYS" -gt 100 ] && pass "the file has keys" || fail "the file has keys" "$T/report"
    counted "the cluster has them" "$T/c.rdb" "$CLUSTER_URI"
    check_status "databases that a cluster does not have" 3 'only in A' diff "$T/c.rdb" "$CLUSTER_URI" --rounds 1
    migrate_loop_start
    counted "while slots move" "$T/c.rdb" "$CLUSTER_URI"
    t_until test -s "$T/cluster/migrated"
    counted "while slots move, again" "$T/c.rdb" "$CLUSTER_URI"
    migrate_loop_stop
    stop_cluster
}

# Writes that take something away and bring it back: seen halfway, they are no difference that lasts.
under_writes()
{
    redis_start --dbfilename dump.rdb
    cli EVAL 'for i = 1, 5000 do redis.call("SET", "k:" .. i, i) end' 0 >"$T/cli.out"
    cli SAVE >"$T/cli.out"
    KEYS=5000
    cp "$T/redis/dump.rdb" "$T/base.rdb"
    awk 'BEGIN { srand(1); for (;;) { k = int(rand() * 5000) + 1; print "SET k:" k " x"; print "SET k:" k " " k } }' |
        redis-cli -s "$T/redis/sock" >/dev/null 2>&1 &
    writer=$!
    PIDS="$PIDS $writer"
    diff "$T/base.rdb" "unix:$T/redis/sock" --json --rounds 10 --interval 50ms >"$T/report" 2>&1
    [ "$(numbers keys_different)" = '0 ' ] && pass "under writes: nothing differs for long" ||
        fail "under writes" "$T/report"
    kill "$writer"
    wait "$writer" 2>/dev/null
    t_forget "$writer"
    redis_stop
    rm -rf "$T/redis"
}

# What the data set holds for key number $1 of each type.
dataset()
{
    cat <<END
SET s:$1 value-$1
SET t:$1 v PX 90000000
RPUSH l:$1 a b c $1
SADD set:$1 a b $1
PFADD hll:$1 a b $1
HSET h:$1 f 1 g $1
ZADD z:$1 $1.5 a 2 b
XADD x:$1 1-1 f v
XADD x:$1 1-2 f $1
XGROUP CREATE x:$1 g 0
XREADGROUP GROUP g alice COUNT 1 STREAMS x:$1 >
XREADGROUP GROUP g idle STREAMS x:$1 0
END
}

# copy_key DB KEY TO-DB TO-KEY - if it is there; what it has left to live is the same
copy_key()
{
    cli EVAL 'redis.replicate_commands()
        redis.call("SELECT", ARGV[1])
        local value, left = redis.call("DUMP", KEYS[1]), redis.call("PTTL", KEYS[1])
        redis.call("SELECT", ARGV[2])
        if value then redis.call("RESTORE", KEYS[2], math.max(left, 0), value) end' 2 "$2" "$4" "$1" "$3" >"$T/cli.out"
}

# Values that do not come in one piece where DUMP is refused.
large()
{
    cli EVAL 'for i = 1, 1200 do
        redis.call("RPUSH", "bl", i) redis.call("SADD", "bs", "m" .. i) redis.call("HSET", "bh", "f" .. i, i)
        redis.call("ZADD", "bz", i / 7, "m" .. i) redis.call("XADD", "bx", i .. "-1", "f", i)
    end' 0
    cli XGROUP CREATE bx g 0
    cli XREADGROUP GROUP g alice COUNT 1100 STREAMS bx '>'
    cli XREADGROUP GROUP g bob COUNT 50 STREAMS bx '>'
}

# mutate I - one change: a command, and what must be said of it in $M_KEY, $M_KIND and $M_PLACE
mutate()
{
    t_random 20
    n=$R
    t_random 20
    M_DB=0 M_PLACE=
    case $R in
    0) M_KEY=s:$n M_KIND=value M_PLACE="byte $((7 + ${#n})) of $((6 + ${#n}))"; set -- APPEND "$M_KEY" x ;;
    1) M_KEY=s:$n M_KIND=value M_PLACE="byte 3 of $((6 + ${#n}))"; set -- SETRANGE "$M_KEY" 2 L ;;
    2) M_KEY=l:$n M_KIND=value M_PLACE='element 1 of 4'; set -- RPOPLPUSH "$M_KEY" "$M_KEY" ;;
    3) M_KEY=z:$n M_KIND=value M_PLACE='score of member \"b\"'; set -- ZADD "$M_KEY" 2.0000000000000004 b ;;
    4) M_KEY=t:$n M_KIND=time M_PLACE='time to live'
        set -- EVAL 'redis.replicate_commands()
            return redis.call("PEXPIRE", KEYS[1], redis.call("PTTL", KEYS[1]) + 2000)' 1 "$M_KEY" ;;
    5) M_KEY=x:$n M_KIND=stream M_PLACE='group \"g\", consumer \"alice\": pending entry 1-1'
        set -- XCLAIM "$M_KEY" g idle 0 1-1 JUSTID ;;
    6) M_KEY=x:$n M_KIND=stream M_PLACE='group \"g\": last id'; set -- XGROUP SETID "$M_KEY" g 1-2 ;;
    7) M_KEY=x:$n M_KIND=stream M_PLACE='group \"g\": consumer \"idle\"'
        set -- XGROUP DELCONSUMER "$M_KEY" g idle ;;
    8) M_KEY=extra:$n M_KIND=only-in-b M_DB=3; set -- -n 3 SET "$M_KEY" 1 ;;
    9) M_KEY=h:$n M_KIND=value M_PLACE='field \"f\"'; set -- HSET "$M_KEY" f 2 ;;
    10) M_KEY=set:$n M_KIND=value M_PLACE='member \"a\"'; set -- SREM "$M_KEY" a ;;
    11) M_KEY=s:$n M_KIND=only-in-a; set -- DEL "$M_KEY" ;;
    12) M_KEY=t:$n M_KIND=time M_PLACE='time to live'; set -- PERSIST "$M_KEY" ;;
    13) M_KEY=x:$n M_KIND=stream M_PLACE='last id'; set -- XSETID "$M_KEY" 9-0 ;;
    14) M_KEY=hll:$n M_KIND=value M_PLACE='register '; set -- PFADD "$M_KEY" p q r s t u v w ;;
    15) M_KEY=bl M_KIND=value M_PLACE="element $((n + 1100)) of 1200"; set -- LSET bl $((n + 1099)) x ;;
    16) M_KEY=bs M_KIND=value M_PLACE="member \\\"m$((n + 1100))\\\""; set -- SREM bs "m$((n + 1100))" ;;
    17) M_KEY=bh M_KIND=value M_PLACE="field \\\"f$((n + 1100))\\\""; set -- HSET bh "f$((n + 1100))" x ;;
    18) M_KEY=bz M_KIND=value M_PLACE="score of member \\\"m$((n + 1100))\\\""; set -- ZADD bz 3.5 "m$((n + 1100))" ;;
    19) M_KEY=bx M_KIND=stream M_PLACE="group \\\"g\\\", consumer \\\"alice\\\": pending entry $((n + 1080))-1"
        set -- XCLAIM bx g bob 0 "$((n + 1080))-1" JUSTID ;;
    esac
    copy_key 0 "$M_KEY" 9 before
    cli "$@" >"$T/cli.out"
}

undo()
{
    cli -n "$M_DB" DEL "$M_KEY" >"$T/cli.out"
    copy_key 9 before 0 "$M_KEY"
    cli -n 9 FLUSHDB >"$T/cli.out"
}

# allow RULE... - what the connections to the server may do, where that can be said
allow()
{
    ! has_users || cli ACL SETUSER default "$@" >"$T/cli.out"
}

# The server has a library, and its file too; it is not allowed to tell.
function_in_file()
{
    allow +@all
    cli FUNCTION LOAD "#!lua name=lib
redis.register_function('f', function() return 1 end)" >"$T/cli.out"
    cli SAVE >"$T/cli.out"
    allow -function
}

# A user who may not do all.
few_rights()
{
    allow -dump
    check_status "nothing is left of them, without DUMP" 0 '^B does not allow DUMP.*types$' \
        diff "$T/base.rdb" "unix:$T/redis/sock"
    allow -hscan -xinfo
    check_status "what cannot be read is said before" 4 'instead: HSCAN, XINFO; allow' \
        diff "$T/base.rdb" "unix:$T/redis/sock"
    check_status "types that can be read" 0 '^equal$' \
        diff "$T/base.rdb" "unix:$T/redis/sock" --type string,list,set,zset
    ! server_before 7.0 || return 0
    allow +@all -function
    check_status "functions that are not shown, and that nobody has" 0 '^equal$' diff "$T/base.rdb" "unix:$T/redis/sock"
    function_in_file
    check_status "functions that are not shown, and that there are" 3 'were not compared: B does not show them' \
        diff "$T/redis/dump.rdb" "unix:$T/redis/sock"
    allow +@all '-function|list'
    check_status "functions by FUNCTION DUMP" 0 '^equal$' diff "$T/redis/dump.rdb" "unix:$T/redis/sock"
}

random_mutations()
{
    redis_start --dbfilename dump.rdb
    for i in $(seq 0 19); do
        dataset "$i"
    done | cli >"$T/cli.out"
    large >"$T/cli.out"
    cli SAVE >"$T/cli.out"
    cp "$T/redis/dump.rdb" "$T/base.rdb"
    echo "seed $SEED"
    m_failed=0
    for i in $(seq "$(effort 25 5)"); do
        mutate
        [ $((i % 2)) -eq 0 ] && m_dump=+dump || m_dump=-dump
        allow $m_dump
        diff "$T/base.rdb" "unix:$T/redis/sock" --db 0,1,2,3 --rounds 1 --json --keys-to "$T/keys" >"$T/report" 2>&1
        [ $? -eq 3 ] && [ "$(cat "$T/keys")" = "{\"db\":$M_DB,\"key\":\"$M_KEY\",\"kind\":\"$M_KIND\"}" ] &&
            grep -qF "\"place\": \"$M_PLACE" "$T/report" || {
            m_failed=$((m_failed + 1))
            echo "wanted with $m_dump $M_KIND of $M_KEY: $M_PLACE" >>"$T/report"
            fail "mutation $i" "$T/report"
        }
        allow +dump
        undo
    done
    [ $m_failed -eq 0 ] && pass "random mutations are found, alone, and named"
    check_status "nothing is left of them" 0 '^equal$' diff "$T/base.rdb" "unix:$T/redis/sock"
    ! has_users || few_rights
    redis_stop
}

# calls NAME - how often the server was asked so since the statistics were reset
calls()
{
    cli INFO commandstats | sed -n "s/^cmdstat_$1:calls=\([0-9]*\),.*/\1/p"
}

# one_found LABEL KEY KIND - nothing else differs
one_found()
{
    diff "$T/base.rdb" "unix:$T/redis/sock" --db 0,2 --rounds 1 --keys-to "$T/keys" >"$T/report" 2>&1
    [ $? -eq 3 ] && [ "$(cat "$T/keys")" = "{\"db\":0,\"key\":\"$2\",\"kind\":\"$3\"}" ] && pass "$1" ||
        fail "$1: $(cat "$T/keys")" "$T/report"
}

# Where most keys are strings, several come with one command, and the others after them.
many_strings()
{
    redis_start --dbfilename dump.rdb
    cli EVAL 'redis.replicate_commands()
        for i = 1, 9000 do redis.call("SET", "k:" .. i, "value " .. i) end
        for i = 1, 9000, 7 do redis.call("PEXPIRE", "k:" .. i, 90000000 + i) end
        for i = 1, 9000, 9 do redis.call("HSET", "h:" .. i, "f", i) end
        redis.call("SET", "long", string.rep("x", 5000000))
        redis.call("SELECT", 2)
        for i = 1, 3000 do redis.call("RPUSH", "l:" .. i, i) end' 0 >"$T/cli.out"
    cli SAVE >"$T/cli.out"
    cp "$T/redis/dump.rdb" "$T/base.rdb"
    cli CONFIG RESETSTAT >"$T/cli.out"
    check_status "strings, several at a time" 0 '^equal$' diff "$T/base.rdb" "unix:$T/redis/sock"
    [ "$(calls mget)" -gt 500 ] && [ "$(calls get)" -lt 5000 ] && [ "$(calls type)" -lt 10000 ] &&
        pass "by fewer commands than keys" || fail "by fewer commands than keys: $(calls mget), $(calls get), $(calls type)"
    cli SETRANGE k:4444 2 L >"$T/cli.out"
    one_found "one of them that differs" k:4444 value
    cli SET k:4444 'value 4444' >"$T/cli.out"
    M_DB=0 M_KEY=k:8
    copy_key 0 k:8 9 before
    cli PERSIST k:8 >"$T/cli.out"
    one_found "one that has another time" k:8 time
    undo
    cli DEL k:6001 >"$T/cli.out"
    cli RPUSH k:6001 'value 6001' >"$T/cli.out"
    one_found "one that is a list" k:6001 type
    cli SET k:6001 'value 6001' >"$T/cli.out"
    cli SETRANGE long 4999999 y >"$T/cli.out"
    one_found "a long one" long value
    cli SETRANGE long 4999999 x >"$T/cli.out"
    if has_users; then
        allow -mget
        check_status "one by one, where several are refused" 0 '^equal$' diff "$T/base.rdb" "unix:$T/redis/sock"
    fi
    redis_stop
    rm -rf "$T/redis"
}

# A Dragonfly is read once, by its flows, if it is equal; what differs is found in a second full sync.
a_dragonfly()
{
    take types-lz4
    check "its file" "$FLOWTAPE" convert "$T/types-lz4" "$T/df.rdb" --to rdb $FOR_SERVER --on-loss skip --quiet
    standin_start "$RECORDINGS/types-lz4"
    check_status "a capture and the Dragonfly" 0 '^equal$' diff "$T/types-lz4" "$URI"
    check_status "the Dragonfly and a file" 0 '^equal$' diff "$URI" "$T/df.rdb"
    check_status "keys that only the Dragonfly has" 3 'only in A: [1-9]' \
        diff "$URI" "$RECORDINGS/files/plain.rdb" --rounds 1
    standin_stop
}

cluster
a_dragonfly
under_writes
many_strings
random_mutations
t_end
