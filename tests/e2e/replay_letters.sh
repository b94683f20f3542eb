#!/bin/sh
# Dead letters are sent again: with the source's times, in order, and not over what is newer.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"
redis_start

# replay NAME [ARG...]
replay()
{
    name=$1
    shift
    timeout 300 "$FLOWTAPE" replay "$T/$name" "$REDIS" "$@"
}

# allow [+|-]COMMAND... - what the target executes
allow()
{
    cli acl setuser default on nopass '~*' '+@all' "$@" >/dev/null
}

# records NAME LINE... - a capture of one flow
records()
{
    name=$1
    shift
    printf '0 1 0 %s\n' "$@" | "$MAKE_CAPTURE" 1 "$T/$name" || fail "a capture of our own"
}

soon=$(($(date +%s) * 1000 + 3600000))
records timed "SET t:1 v PXAT $soon" "RPUSH l a" "RPUSH l b" "SET t:2 v" "PEXPIREAT t:2 $soon" \
    "RPUSH l c" "SET last 1"
records other "SET a 1"

# Files that are not the ones.
check "nothing is refused" replay timed --flush
check_status "no such file" 1 'no-such-file' replay timed --retry-dead-letter "$T/no-such-file"
check "no such file: none is made" [ ! -e "$T/no-such-file" ]
echo 'a b c' >"$T/not-letters"
check_status "another file" 3 'not-letters.*not a dead letter' replay timed --retry-dead-letter "$T/not-letters"

# What is refused to a user, and then allowed.
refused_to_users()
{
    # In order and with the source's times.
    allow -set -pexpireat -rpush
    check "letters" replay timed --flush --on-error "dead-letter=$T/timed.dead"
    check "letters" [ "$(grep -c . "$T/timed.dead")" = 6 ] # plain SETs go by MSET
    check "letters: the source's times" [ "$(grep -c "$soon" "$T/timed.dead")" = 2 ]
    check_status "of another capture" 1 'timed.dead.*another capture' replay other \
        --retry-dead-letter "$T/timed.dead"
    sort -r "$T/timed.dead" >"$T/timed.turned"
    sed 's/"began_ms":[0-9]*/"began_ms":7/' "$T/timed.dead" >"$T/timed.old"
    allow
    check_status "of an earlier replay" 1 'timed.old.*another replay' replay timed --retry-dead-letter "$T/timed.old"
    check "of an earlier replay: nothing is sent" [ "$(cli exists l t:1 key-of-flow-0)" = 0 ]
    check "sent" replay timed --retry-dead-letter "$T/timed.turned"
    check "sent: in the order of the journal" [ "$(cli lrange l 0 -1 | tr '\n' ' ')" = "a b c " ]
    for key in t:1 t:2; do
        check "sent: the time of $key" expires_at "$key" "$soon"
    done
    check "sent: none is left" [ ! -s "$T/timed.turned" ]

    # What is newer stays, and is said; so does what follows a letter that stays.
    records newer "SET k 1" "APPEND k 2" "SET k 3" "RPUSH q a" "ZADD h 1 f" "ZADD h 2 f" "LPUSH q z" \
        "SET alone 1"
    allow -append -rpush -zadd
    check "newer" replay newer --flush --on-error "dead-letter=$T/newer.dead"
    check "newer: letters" [ "$(grep -c . "$T/newer.dead")" = 4 ]
    allow -zadd
    check_status "newer: said" 4 'APPEND "k" is not sent: LSN [0-9]* has changed the key' \
        replay newer --retry-dead-letter "$T/newer.dead"
    cp "$T/check.out" "$T/newer.out"
    check "newer: RPUSH too" grep -q 'RPUSH "q" is not sent: LSN' "$T/newer.out"
    check "newer: refused again" grep -q 'LSN [0-9]*: ZADD "h" was refused again' "$T/newer.out"
    check "newer: what follows it waits" grep -q 'ZADD "h" is not sent: a letter before it' "$T/newer.out"
    check "newer: they stay" [ "$(grep -c . "$T/newer.dead")" = 4 ]
    check "newer: the value too" [ "$(cli get k)" = 3 ]
    allow
    check_status "newer: the others are sent" 1 '2 were not sent' \
        replay newer --retry-dead-letter "$T/newer.dead"
    check "newer: two stay" [ "$(grep -c . "$T/newer.dead")" = 2 ]
    check "newer: in order" [ "$(cli zscore h f)" = 2 ]

    # As far as the target is, and no further: what it does not have yet overtakes nothing.
    records snapshot "SET {0}key new" "FLUSHALL" "SET b 1"
    allow -set -mset
    check "the snapshot" replay snapshot --flush --at snapshot --on-error "dead-letter=$T/snapshot.dead"
    check "the snapshot: a letter" [ "$(grep -c . "$T/snapshot.dead")" = 1 ]
    cp "$T/snapshot.dead" "$T/snapshot.again"
    allow
    check "the snapshot: sent" replay snapshot --retry-dead-letter "$T/snapshot.dead"
    check "the journal" replay snapshot --finish
    check_status "behind a flush, without a state" 1 'is not sent: LSN' \
        replay snapshot --retry-dead-letter "$T/snapshot.again"
    check "behind a flush, without a state: not there" [ "$(cli keys '*')" = b ]
}

! has_users || refused_to_users

# A value of which one element is too long for the target: what comes after it waits with it, where there is an
# order, and times are given to what the letter brings.
cli flushall >/dev/null
cli config set rdbcompression no >/dev/null # else it is short
big='string.rep("x", 1500000)'
cli eval "redis.replicate_commands()
local big = $big
redis.call('RPUSH', 'l', 'a', big, 'c')
for i = 1, 30000 do redis.call('RPUSH', 'l', 'tail:' .. i) end
redis.call('HSET', 'h', 'f', big, 'g', '1')
redis.call('SADD', 's', big, 'm')
redis.call('ZADD', 'z', 1, big, 2, 'm')
for i, v in ipairs({'a', big, 'c'}) do redis.call('XADD', 'x', i .. '-1', 'f', v) end
redis.call('SADD', 'only', big)
for _, k in ipairs({'l', 'h', 's', 'z', 'x', 'only'}) do redis.call('PEXPIREAT', k, ARGV[1]) end" \
    0 "$soon" >/dev/null

# values - of all these keys, and which have a time
values()
{
    for key in l h s z x only; do
        case $key in
        l) cli lrange l 0 -1 ;;
        h) cli hgetall h | sort ;;
        s | only) cli smembers $key | sort ;;
        z) cli zrange z 0 -1 withscores ;;
        x) cli xrange x - + ;;
        esac | md5sum
        [ "$(cli pttl $key)" -gt 0 ] && echo "$key has a time"
    done
}

values >"$T/long.values"
check "too long: made" [ "$(grep -c time "$T/long.values")" = 6 ]
cli --rdb "$T/long" >/dev/null 2>&1
cli config set proto-max-bulk-len 1mb >/dev/null
check "too long" replay long --flush --on-error "dead-letter=$T/long.dead"
check "too long: the list to there" [ "$(cli lrange l 0 -1 | tr '\n' ' ')" = "a " ]
check "too long: the stream to there" [ "$(cli xlen x)" = 1 ]
check "too long: others" [ "$(cli hget h g),$(cli sismember s m),$(cli zscore z m)" = 1,1,2 ]
check_status "too long: still" 4 'RPUSH "l" was refused again' replay long --retry-dead-letter "$T/long.dead"
cli config set proto-max-bulk-len 512mb >/dev/null
check "too long: sent" replay long --retry-dead-letter "$T/long.dead"
values >"$T/long.again"
check "too long: the same" cmp "$T/long.values" "$T/long.again"

# So is a record that goes in pieces.
awk 'BEGIN { printf "0 1 0 RPUSH wide"
    for (i = 0; i < 9000; i++) printf " w%d", i
    printf " "
    for (i = 0; i < 110000; i++) printf "0123456789"
    print " last"
    printf "0 1 0 MSET n1 1 n2 "
    for (i = 0; i < 110000; i++) printf "0123456789"
    print " n3 1"
    print "0 2 0 SET after 1" }' | "$MAKE_CAPTURE" 1 "$T/wide" || fail "a capture of our own"
cli config set proto-max-bulk-len 1mb >/dev/null
check "too long in pieces" replay wide --flush --on-error "dead-letter=$T/wide.dead"
check "too long in pieces: one letter" [ "$(grep -c RPUSH "$T/wide.dead"),$(cli exists wide after)" = 1,1 ]
check "too long in pieces: other keys" [ "$(grep -c . "$T/wide.dead"),$(cli mget n1 n2 n3 | tr '\n' ' ')" = "2,1  1 " ]
cli config set proto-max-bulk-len 512mb >/dev/null
check "too long in pieces: sent" replay wide --retry-dead-letter "$T/wide.dead"
check "too long in pieces: in order" [ "$(cli llen wide),$(cli lindex wide 0),$(cli lindex wide -1)" = 9002,w0,last ]

# Records that are short enough, but more together than one argument may be.
awk 'function big(c,  i) { printf " "; for (i = 0; i < 18000; i++) printf "%s", c c c c c c c c c c c c c c c c c c c c }
BEGIN { printf "0 1 0 RPUSH j a"; big("x"); big("y"); print " b"
    printf "0 1 0 MSET m1"; big("p"); printf " m2"; big("q"); print " m3 1"
    printf "0 1 0 SET s 1\n0 1 0 SADD deep"
    for (i = 0; i < 8000; i++) printf " %0150d", i
    print "\n0 2 0 RPUSH j c" }' | "$MAKE_CAPTURE" 1 "$T/joined" || fail "a capture of our own"
cli config set proto-max-bulk-len 1mb >/dev/null
check "together too long" replay joined --flush
check "together too long: a list" [ "$(cli lrange j 0 -1 | cut -c1 | tr -d '\n'),$(cli lindex j 1 | wc -c)" = axybc,360001 ]
check "together too long: strings" [ "$(cli strlen m1),$(cli strlen m2),$(cli get m3),$(cli get s)" = 360000,360000,1,1 ]
check "together too long: a set" [ "$(cli scard deep)" = 8000 ]
redis_stop
t_end
