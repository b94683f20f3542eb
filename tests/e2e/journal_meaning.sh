#!/bin/sh
# What records mean is one thing in all outputs: a replay, the commands of --to resp, an AOF and an RDB end
# alike. Numbers are added as the source adds them, losses and suspects are named.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"

# capture_of NAME [ARG...] - records on standard input: FLOW SECOND DB WORD...
capture_of()
{
    t_name=$1
    shift
    "$MAKE_CAPTURE" "$@" 1 "$T/$t_name" || fail "$t_name: a capture of our own"
}

# suspects WAY - the keys that its report names, sorted, in one line
suspects()
{
    json "$T/$1.json" 'suspects/keys/*/key' | sort -u | tr '\n' ' '
}

# names WAY COMMAND - its report does, where losses are
names()
{
    json "$T/$1.json" '*/lines/*/type' | grep -Fqx -- "$2"
}

# bring WAY NAME [ARG...] - a server that holds the capture's data is left running; its report is
# $T/WAY.json
bring()
{
    t_way=$1 t_name=$2
    shift 2
    rm -rf "$T/redis" "$T/out"
    case $t_way in
    replay)
        redis_start
        check "$t_name: replay" "$FLOWTAPE" replay "$T/$t_name" "$REDIS" --quiet --finish \
            --report "$T/$t_way.json" "$@"
        return
        ;;
    esac
    check "$t_name: $t_way" "$FLOWTAPE" convert "$T/$t_name" "$T/out" --to "$t_way" $FOR_SERVER --quiet \
        --report "$T/$t_way.json" "$@"
    case $t_way in
    resp)
        redis_start
        redis-cli -s "$T/redis/sock" --pipe <"$T/out" >"$T/pipe.out" 2>&1
        grep -q '^errors: 0' "$T/pipe.out" && pass "$t_name: no errors" ||
            fail "$t_name: redis-cli --pipe" "$T/pipe.out"
        ;;
    aof)
        cp -r "$T/out" "$T/redis"
        redis_start --appendonly yes
        ;;
    rdb)
        mkdir "$T/redis"
        cp "$T/out" "$T/redis/dump.rdb"
        redis_start --dbfilename dump.rdb
        ;;
    esac
}

# same LABEL GOT WANTED
same()
{
    [ "$2" = "$3" ] && pass "$1" || fail "$1: \"$2\", wanted \"$3\""
}

# Floats.
capture_of floats <<'END'
0 1 0 INCRBYFLOAT sum 0.1
0 1 0 INCRBYFLOAT sum 0.1
0 1 0 INCRBYFLOAT sum 0.1
0 1 0 SET large 6399999999999999834.5
0 1 0 INCRBYFLOAT large 1
0 1 0 INCRBYFLOAT exponent 1e21
0 1 0 INCRBYFLOAT small -0.0000001
0 1 0 INCRBYFLOAT power 5.684341886080801486968994140625e-14
0 1 0 INCRBYFLOAT zero 5
0 1 0 INCRBYFLOAT zero -5
0 1 0 SET timed 1.5 PXAT 4000000000000
0 1 0 INCRBYFLOAT timed 1e-6
0 1 0 HINCRBYFLOAT h f 0.1
0 1 0 HINCRBYFLOAT h f 0.2
0 1 0 HSET h g 3
0 1 0 HINCRBYFLOAT h g 1e300
END
for way in replay resp aof rdb; do
    bring $way floats
    same "$way: floats" "$(cli mget sum large exponent small power zero timed | tr '\n' ' ')" \
        "0.30000000000000004 6400000000000000000 1e+21 -1e-7 5.684341886080802e-14 0 1.500001 "
    same "$way: floats of a hash" "$(cli hmget h f g | tr '\n' ' ')" "0.30000000000000004 1e+300 "
    [ "$(cli pttl timed)" -gt 1000000000 ] && pass "$way: the time stays" ||
        fail "$way: the time is $(cli pttl timed)"
    redis_stop
done

# What has no float is refused, as a sign that the target has other data.
capture_of unlike <<'END'
0 1 0 SET f word
0 1 0 RPUSH l word
0 1 0 INCRBYFLOAT f 1
END
redis_start
check_status "not a float" 4 'refused EVAL.*value is not a valid float' "$FLOWTAPE" replay "$T/unlike" \
    "$REDIS" --quiet
redis_stop

# Documents that go with their index.
capture_of dropped <<'END'
0 1 0 HSET doc:1 t x
0 1 0 FT.ALTER idx SCHEMA ADD t TEXT
0 1 0 FT.DROPINDEX idx DD
0 1 0 SET after 1
END
redis_start
check_status "documents of an index: a loss" 3 "FT.DROPINDEX" "$FLOWTAPE" replay "$T/dropped" "$REDIS" \
    --quiet
redis_stop
for way in replay resp aof rdb; do
    bring $way dropped --on-loss skip
    same "$way: goes on behind the loss" "$(cli get after)" 1
    for command in FT.DROPINDEX FT.ALTER; do
        check "$way: the report names $command" names "$way" "$command"
    done
    redis_stop
done

# One key of two passes a filter. What is not known stays as it is in the commands, and is named; an RDB
# has it right, as all keys were there when it was made.
capture_of filtered <<'END'
0 1 0 SET out:1 v
0 1 0 SET in:gone v
0 1 0 RENAME in:gone out:2
0 1 0 RPUSH in:list a b c
0 1 0 LMOVE in:list out:list LEFT RIGHT
0 1 0 SADD in:set a b
0 1 0 SMOVE in:set out:set a
0 1 0 SET in:copied v
0 1 0 COPY in:copied out:copied
0 1 0 SUNIONSTORE out:union in:set
0 1 0 MSET in:m1 1 out:m1 1 in:m2 2
0 1 0 SET in:union before
0 1 0 SUNIONSTORE in:union in:set out:set
0 1 0 SET in:onto before
0 1 0 RENAME out:1 in:onto
0 1 0 SORT out:list
END
for way in replay resp aof rdb; do
    bring $way filtered --key 'in:*'
    keys=$(cli --scan | sort | tr '\n' ' ')
    same "$way: keys behind a filter" "$keys" "in:copied in:list in:m1 in:m2 in:onto in:set in:union "
    same "$way: elements" "$(cli lrange in:list 0 -1 | tr '\n' ' ')$(cli smembers in:set)" "b c b"
    redis_stop
    if [ $way = rdb ]; then
        same "$way: nothing is unknown" "$(suspects $way)" ""
    else
        same "$way: what is unknown" "$(suspects $way)" "in:onto in:union "
    fi
done

# MOVE and RENAMENX are journalled also where they did nothing, as the other key was there.
capture_of unmoved <<'END'
0 1 0 SET both 1
0 1 1 SET both 2
0 1 0 SET moved 1
0 1 0 MOVE both 1
0 1 0 MOVE moved 1
0 1 0 SET again 1
0 1 0 MOVE again 1
0 1 0 SET again 2
0 1 0 MOVE again 1
0 1 1 DEL again
0 1 0 SET left 1
0 1 1 FLUSHDB
0 1 0 SET flushed 1
0 1 0 MOVE flushed 1
0 1 1 RPUSH drained x
0 1 1 LPOP drained
0 1 0 SET drained 1
0 1 0 MOVE drained 1
0 1 0 SET nx:1 1
0 1 0 SET other 1
0 1 0 RENAMENX nx:1 other
0 1 0 RENAMENX nx:1 fresh
END
for way in replay resp aof rdb; do
    bring $way unmoved --db 0
    want="again both drained key-of-flow-0 left "
    [ $way = rdb ] && want="again both key-of-flow-0 left "
    same "$way: MOVE under --db" "$(cli --scan | grep -v -e other -e fresh | sort | tr '\n' ' ')" "$want"
    redis_stop
    [ $way = rdb ] || same "$way: nobody knows of a list that was popped from" "$(suspects $way)" "drained "
    bring $way unmoved --key 'nx:*'
    same "$way: RENAMENX under --key" "$(cli --scan)" ""
    redis_stop
done

# Suspects: all of them by name, and what a record makes of one.
{
    i=0
    while [ $i -lt 1200 ]; do
        echo "0 1 0 RPUSH list:$i: 2 1"
        echo "0 1 0 SORT list:$i:"
        i=$((i + 1))
    done
    echo "0 2 0 LMOVE list:7: spread LEFT LEFT"
    echo "0 2 0 RPUSH clean 1"
    echo "0 2 0 RENAME spread spread:again"
} | capture_of suspects
for way in replay resp aof rdb; do
    bring $way suspects
    redis_stop
    same "$way: suspects in the report" "$(suspects $way)" \
        "$({ seq -f list:%.0f: 0 1199; printf '%s\n' spread spread:again; } | sort | tr '\n' ' ')"
    check "$way: the count" json_is "$T/$way.json" suspects/count 1202
done

# Releases up to 1.37: a key with a time to live that is renamed onto one that has one.
capture_of renamed --release df-v1.37.2 <<'END'
0 1 0 SET both:1 v PXAT 4000000000000
0 1 0 SET both:2 w PXAT 4100000000000
0 1 0 RENAME both:1 both:2
0 1 0 SET one:1 v PXAT 4000000000000
0 1 0 SET one:2 w
0 1 0 RENAME one:1 one:2
0 1 0 SET none:1 v
0 1 0 SET none:2 w PXAT 4100000000000
0 1 0 RENAME none:1 none:2
END
for way in replay resp aof rdb; do
    bring $way renamed
    same "$way: values after RENAME" "$(cli mget both:2 one:2 none:2 | tr '\n' ' ')" "v v v "
    check "$way: the time to live of the old key" expires_at both:2 4100000000000
    check "$way: that of the new one" expires_at one:2 4000000000000
    check "$way: none" expires_at none:2 -1
    redis_stop
done

# Releases up to 1.36 do not tell what groups read.
for release in df-v1.36.0 df-v1.37.0; do
    capture_of groups-$release --release $release <<'END'
0 1 0 XADD plain 1-1 f v
0 1 0 XADD grouped 1-1 f v
0 1 0 XGROUP CREATE grouped g 0
0 1 0 RENAME grouped elsewhere
END
    for way in replay resp aof rdb; do
        bring $way groups-$release
        redis_stop
        case $release in
        df-v1.36.0) same "$way: groups of $release" "$(suspects $way)" "elsewhere grouped " ;;
        *) same "$way: groups of $release" "$(suspects $way)" "" ;;
        esac
    done
done

# A server follows commands after a refused SELECT into whatever database it is in: one with too few databases
# refuses the AOF instead, even where only its increments use them.
capture_of far <<END
0 1 0 SET near 1
0 2 20 SET far 2
END
versions="6.2 7.0"
! server_before 7.0 || versions=6.2
for version in $versions; do
    rm -rf "$T/redis" "$T/out"
    check "far: --to aof for $version" "$FLOWTAPE" convert "$T/far" "$T/out" --to aof --redis $version --quiet
    cp -r "$T/out" "$T/redis"
    if [ $version = 7.0 ] && redis_start --appendonly yes --databases 16; then
        fail "far: 16 databases are refused"
        redis_stop
    fi
    if command -v redis-check-aof >/dev/null 2>&1; then
        check "far: redis-check-aof" redis-check-aof "$(find "$T/out" -name '*.manifest' -o -name appendonly.aof -type f)"
    fi
done
rm -rf "$T/redis"
cp -r "$T/out" "$T/redis"
redis_start --appendonly yes --databases 21 || fail "far: 21 databases" "$T/redis/log"
same "far: the journal's database" "$(cli -n 20 get far) $(cli get near)" "2 1"
redis_stop

t_end
