#!/bin/sh
# Dead letters are sent again: with the source's times, in order, and not over what is newer.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"
redis_start

cli()
{
    redis-cli -s "$T/redis/sock" "$@"
}

# replay NAME [ARG...]
replay()
{
    name=$1
    shift
    timeout 60 "$FLOWTAPE" replay "$T/$name" "$REDIS" "$@"
}

# allow [+|-]COMMAND... - what the target carries out
allow()
{
    cli acl setuser default on nopass '~*' '&*' '+@all' "$@" >/dev/null
}

# records NAME LINE... - a capture of one flow
records()
{
    name=$1
    shift
    printf '0 1 0 %s\n' "$@" | "$MAKE_CAPTURE" 1 "$T/$name" || fail "a capture of our own"
}

cli acl setuser default +@all >/dev/null 2>&1 || t_skip "a redis-server without ACLs"
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
    check "sent: the time of $key" [ "$(cli pexpiretime "$key" 2>/dev/null || echo "$soon")" = "$soon" ]
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
redis_stop
t_end
