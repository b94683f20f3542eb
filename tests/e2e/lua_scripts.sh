#!/bin/sh
# The Lua scripts, as servers are sent them, each by itself on a server.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
SRC=$(cd "${0%/*}/../../src" && pwd)
redis_start --maxmemory 0 || t_skip "$REDIS_SERVER does not start"

# script NAME KEY... , ARG... - as src/**/NAME.lua
script()
{
    t_name=$1
    shift
    awk -v text=1 -f "$SRC/embed-lua.awk" "$(find "$SRC" -name "$t_name.lua")" >"$T/$t_name.lua"
    cli --eval "$T/$t_name.lua" "$@" 2>&1
}

# is LABEL WANTED GOT - of several lines, joined by blanks
is()
{
    t_got=$(echo "$3" | tr '\n' ' ' | sed 's/ *$//')
    if [ "$t_got" = "$2" ]; then
        pass "$1"
    else
        echo "$t_got" >"$T/check.out"
        fail "$1: not \"$2\"" "$T/check.out"
    fi
}

# about LABEL WANTED MOST GOT - a number that is at most WANTED, and above WANTED - MOST
about()
{
    if [ "$4" -le "$2" ] && [ "$4" -gt $(($2 - $3)) ]; then
        pass "$1"
    else
        fail "$1: $4 is not about $2"
    fi
}

# Floats: the source's own texts, as its values had them.
if server_before 6.2; then
    float=incrbyfloat_pttl
else
    float=incrbyfloat
fi
while read -r old more want; do
    cli del f >/dev/null
    [ "$old" = - ] || cli set f "$old" >/dev/null
    is "$old + $more" "$want" "$(script $float f , "$more")"
    is "$old + $more: stored" "$want" "$(cli get f)"
done <<'SUMS'
- 10.1 10.1
10.5 0.1 10.6
0.1 0.2 0.30000000000000004
3 1.5 4.5
-0.5 0.5 0
1e20 0 100000000000000000000
1e21 0 1e+21
1e-6 0 0.000001
1e-7 0 1e-7
9007199254740993 0 9007199254740992
5e-324 0 5e-324
1.7976931348623157e308 0 1.7976931348623157e+308
9.5367431640625e-7 0 9.5367431640625e-7
123456789012345680000 1 123456789012345680000
-1.5 -1e-5 -1.50001
9007199254740992 0.5 9007199254740992
SUMS
cli set f abc >/dev/null
is "not a number" "ERR value is not a valid float" "$(script $float f , 1)"
is "an increment that is none" "ERR value is not a valid float" "$(script $float none , x)"
cli set f 1.7e308 >/dev/null
is "beyond all numbers" "ERR increment would produce NaN or Infinity" "$(script $float f , 1.7e308)"
cli rpush list a b c d >/dev/null
check_status "not a string" 0 WRONGTYPE script $float list , 1
for name in $float incrbyfloat_pttl; do
    cli set f 1 px 100000 >/dev/null
    script $name f , 1 >/dev/null
    about "$name keeps the time to live" 100000 20000 "$(cli pttl f)"
done
cli hset h f 0.1 s abc >/dev/null
is "a field" 0.30000000000000004 "$(script hincrbyfloat h , f 0.2 0)"
is "a field that is not there" 2.5 "$(script hincrbyfloat h , new 2.5 0)"
is "a field: stored" "0.30000000000000004 2.5" "$(cli hmget h f new)"
is "a field that is not a number" "ERR hash value is not a float" "$(script hincrbyfloat h , s 1 0)"

# Strings and names.
cli set k b px 100000 >/dev/null
is "prepend" 2 "$(script prepend k , a)"
is "prepend: stored" ab "$(cli get k)"
script set_keepttl k , other >/dev/null
is "set, and the time stays" other "$(cli get k)"
about "set_keepttl and prepend keep the time to live" 100000 20000 "$(cli pttl k)"
is "deleted unless equal: it is" 0 "$(script delex k , IFNE other)"
is "deleted if equal: it is not" 0 "$(script delex k , IFEQ ab)"
is "deleted if equal" 1 "$(script delex k , IFEQ other)"
is "deleted: gone" 0 "$(cli exists k)"
is "deleted if equal: nothing there" 0 "$(script delex k , IFEQ other)"
if server_before 7.0; then
    units="PTTL PEXPIRE"
else
    units="PEXPIRETIME PEXPIREAT"
fi
cli set src 1 px 900000 >/dev/null
cli set dst 2 px 100000 >/dev/null
# shellcheck disable=SC2086 # two words
is "renamed" OK "$(script rename_keeping_time src dst , $units)"
is "renamed: the value" 1 "$(cli get dst)"
about "renamed: the destination's own time" 100000 20000 "$(cli pttl dst)"
cli set src 3 >/dev/null
# shellcheck disable=SC2086
script rename_keeping_time src dst , $units >/dev/null
is "renamed: the source has no time" -1 "$(cli pttl dst)"
# shellcheck disable=SC2086
check_status "renamed: nothing there" 0 "no such key" script rename_keeping_time none dst , $units

# Lists, sets, hashes.
script pop list , LPOP 3 >/dev/null
is "three popped" d "$(cli lrange list 0 -1)"
script pop list , LPOP 3 >/dev/null
is "more popped than there are" 0 "$(cli exists list)"
cli zadd z 1 a 2 b 3 c >/dev/null
is "popped from the first that is there" 1 "$(script pop_first none z , ZPOPMAX 2)"
is "popped: what is left" a "$(cli zrange z 0 -1)"
is "popped from nothing" 0 "$(script pop_first none , LPOP 1)"
cli sadd set a b c >/dev/null
is "members of a set" 2 "$(script remove_members set , a b x)"
is "fields of a hash" 1 "$(script remove_members h , s)"
is "members of a string" 0 "$(script remove_members dst , a)"
is "of nothing" 0 "$(script remove_members none , a)"
cli del h >/dev/null
is "new fields only" 1 "$(script hsetex h , NX 0 - a 1 b 2)"
is "new fields only: one by one" 1 "$(script hsetex h , NX 0 - a 9 c 3)"
is "all new or nothing" 0 "$(script hsetex h , FNX 0 - d 4 a 9)"
is "all there or nothing" 0 "$(script hsetex h , FXX 0 - a 9 x 9)"
is "all there" 1 "$(script hsetex h , FXX 0 - a 8 b 7)"
is "fields" "8 7 3" "$(cli hmget h a b c)"
if has_field_times; then
    script hsetex h , - 0 2900000000123 a 1 >/dev/null
    is "a field's time" 2900000000123 "$(cli hpexpiretime h FIELDS 1 a)"
    script hsetex h , - 1 - a 2 >/dev/null
    is "a field's time stays" 2900000000123 "$(cli hpexpiretime h FIELDS 1 a)"
    script hincrbyfloat h , a 0.5 1 >/dev/null
    is "a field's time stays behind a sum" "2900000000123 2.5" \
        "$(cli hpexpiretime h FIELDS 1 a; cli hget h a)"
    script hincrbyfloat h , a 0.5 0 >/dev/null
    is "a field's time goes" -1 "$(cli hpexpiretime h FIELDS 1 a)"
fi

# Sorted sets, lists, as Redis before 6.2 has no command for it.
cli zadd z 1 a -inf b >/dev/null
script zadd_if z , GT ZADD - 0.5 a 5 b 3 c >/dev/null
is "greater scores only" "a 1 c 3 b 5" "$(cli zrange z 0 -1 withscores)"
script zadd_if z , LT ZADD XX 7 b -inf c 1 none 0.1 a >/dev/null
is "lesser scores only, of those there" "c -inf a 0.10000000000000001 b 5" "$(cli zrange z 0 -1 withscores |
    sed 's/^0.1$/0.10000000000000001/')"
script zadd_if z , GT ZINCRBY - -1 b >/dev/null
script zadd_if z , GT ZINCRBY - 2 b >/dev/null
script zadd_if z , GT ZINCRBY - 4 d >/dev/null
is "greater sums only" "7 4" "$(cli zscore z b; cli zscore z d)"
cli zadd from 1 a 1.1 b 3 c >/dev/null
cli set to v px 100000 >/dev/null
is "a range of scores" 1 "$(script zrangestore to from , ZREVRANGEBYSCORE 3 1 LIMIT 1 1)"
is "a range of scores: what is stored" "b 1.1 -1" "$(cli zrange to 0 -1 withscores | sed 's/^1.1000.*/1.1/'
    cli pttl to)"
is "a range of names onto itself" 2 "$(script zrangestore from from , ZRANGEBYLEX '[b' +)"
is "a range of names onto itself: what is stored" "b c" "$(cli zrange from 0 -1)"
is "an empty range" "0 0" "$(script zrangestore to from , ZRANGE 5 9; cli exists to)"
cli sadd plain b x >/dev/null
is "what is not in a set" "1 c" "$(script zdiffstore to from plain none; cli zrange to 0 -1)"
is "what of a set is left" "1 x 1" "$(script zdiffstore to plain from; cli zrange to 0 -1 withscores)"
cli geoadd geo 1 1 a 50 50 b >/dev/null
is "places that are near" "1 a" "$(script geo_store geo to , GEORADIUS STORE 1 1 5 km; cli zrange to 0 -1)"
is "near a place, with the distance" "2 b a" "$(script geo_store geo to , GEORADIUSBYMEMBER STOREDIST a 9000 km;
    cli zrevrange to 0 -1)"
is "places of what is not there" "0 0" "$(script geo_store none to , GEORADIUS STORE 1 1 5 km; cli exists to)"
cli del l m >/dev/null
cli rpush l a b c >/dev/null
is "from an end to an end" "a b a" "$(script lmove l m , 0 RPUSH LPOP; script lmove l m , 0 RPUSH LPOP;
    script lmove m m , 0 RPUSH LPOP)"
is "from an end to an end: what is left" "c b a" "$(cli lrange l 0 -1; cli lrange m 0 -1)"
cli pexpire l 100000 >/dev/null
is "onto itself" c "$(script lmove l l , -1 RPUSH RPOP)"
about "onto itself: the time to live" 100000 20000 "$(cli pttl l)"
check_status "onto what is not a list" 0 WRONGTYPE script lmove l z , 0 LPUSH LPOP
is "onto what is not a list: nothing is lost" c "$(cli lrange l 0 -1)"
is "nothing to move from an end" "" "$(script lmove none m , 0 LPUSH LPOP)"

# Streams.
is "an id of its own" 1700000000000-0 "$(script xadd_auto x , 1700000000000 0 1 '*' f v)"
is "the next id" 1700000000000-1 "$(script xadd_auto x , 1700000000000 0 1 '*' f v)"
is "the clock went back" 1700000000000-2 "$(script xadd_auto x , 1600000000000 0 1 '*' f v)"
is "with a limit" 1700000000005-0 "$(script xadd_auto x , 1700000000005 0 3 MAXLEN 2 '*' f v)"
is "with a limit: what is left" 2 "$(cli xlen x)"
is "an id of its own only if it is there" "" "$(script xadd_auto none , 1700000000005 1 1 '*' f v)"
is "only if it is there" "" "$(script xadd_trim none , 1 - 5-0 f v)"
is "trimmed by id" 1700000000006-0 "$(script xadd_trim x , 0 1700000000005 1700000000006-0 f v)"
is "trimmed by id: what is left" 2 "$(cli xlen x)"
if ! server_before 6.2; then
    cli XADD claims 1-1 f v >"$T/cli.out"
    cli XGROUP CREATE claims g 0 >"$T/cli.out"
    cli XREADGROUP GROUP g a COUNT 1 STREAMS claims '>' >"$T/cli.out"
    is "claimed" 1 "$(script xautoclaim claims , 1600000000000 g b 0 0)"
    cli XPENDING claims g - + 10 >"$T/cli.out"
    [ "$(sed -n 2p "$T/cli.out")" = b ] && [ "$(sed -n 3p "$T/cli.out")" -gt 1000000000 ] &&
        pass "claimed at the time given" || fail "claimed at the time given" "$T/cli.out"
fi
is "trimmed" 1 "$(script xtrim_minid x , 1700000000006)"
cli xgroup create x g 0 >/dev/null
is "a consumer, by an entry that nobody has" 1 "$(script make_consumer x , g one)"
is "a consumer that is there" 0 "$(script make_consumer x , g one)"
cli xreadgroup group g two streams x '>' >/dev/null
cli xadd x 1700000000007-0 f v >/dev/null
cli xreadgroup group g two streams x '>' >/dev/null
is "a consumer, by another's entry" 1 "$(script make_consumer x , g three)"
is "a consumer: the entry is where it was" two "$(cli xpending x g - + 1 | sed -n 2p)"
# Later servers do not let XSETID go back; they have no need of this script.
if server_before 7.2; then
    cli xgroup create empty g '$' mkstream >/dev/null
    cli xsetid empty 5-5 >/dev/null
    is "a consumer of an empty stream" 1 "$(script make_consumer empty , g one)"
    is "an empty stream: as it was" "0 5-5" \
        "$(cli xlen empty; cli xinfo stream empty | sed -n '/last-generated-id/{n;p;}')"
fi
before=$(cli xpending x g - + 9 | grep -c '^17.*-')
cli xdel x 1700000000007-0 >/dev/null
is "claimed by the way: none is idle for so long" "" "$(script xautoclaim_old x , g four 100000000 - 100 1 JUSTID;
    cli xpending x g - + 9 four)"
script xautoclaim_old x , g four 0 '(1700000000005-0' 1 1700000000000 >/dev/null
is "claimed by the way: one" "1700000000006-0 four" "$(cli xpending x g - + 9 four | sed -n '1,2p;5,$p')"
script xautoclaim_old x , g four 0 - 100 1700000000000 JUSTID >/dev/null
is "claimed by the way: all that are left" "$((before - 1)) $((before - 1))" \
    "$(cli xpending x g - + 9 | grep -c '^17.*-'; cli xpending x g - + 9 four | grep -c '^17.*-')"
cli xgroup delconsumer x g four >/dev/null
is "consumers" "one three two" "$(cli xinfo consumers x g | sed -n '/^name$/{n;p;}' | sort)"

# Databases and slots.
cli flushall >/dev/null
cli set a 1 px 100000 >/dev/null
is "moved under another name" 1 "$(script transfer a b , 0 3 1 1 0)"
is "moved: there" "0 1" "$(cli exists a; cli -n 3 get b)"
about "moved: the time to live" 100000 20000 "$(cli -n 3 pttl b)"
cli set a 2 >/dev/null
is "copied: what is there stays" 0 "$(script transfer a b , 0 3 0 0 0)"
is "copied: stays" 1 "$(cli -n 3 get b)"
is "nothing to move" 0 "$(script transfer none b , 0 3 1 1 0)"
script vanished a b , 0 3 >/dev/null
is "what a name that is there replaced" 1 "$(cli -n 3 exists b)"
script vanished none b , 0 3 >/dev/null
is "what a name that is not there replaced" 0 "$(cli -n 3 exists b)"
cli -n 3 set b 5 px 100000 >/dev/null
is "read in a database" 5 "$(script read_in_database b , 3 GET b)"
check_status "read in no database" 0 "out of range" script read_in_database b , 99 GET b
now=$(date +%s)
at=$(script dump_with_time b , 3 | tail -n 1)
about "dumped: when it ends" $((now + 101)) 20 "$((at / 1000))"
is "dumped: never" 0 "$(script dump_with_time a , 0 | tail -n 1)"
is "dumped: not there" "" "$(script dump_with_time none , 0)"
cli flushall >/dev/null
cli mset a 1 '{a}x' 2 foo 3 '{}a' 4 >/dev/null
is "slots" 1 "$(script flush_slots , 15495 15495 12180 12190)"
is "slots: what is left" "{}a" "$(cli keys '*')"
check_status "no such database" 0 "flowtape: this server has no database 99" \
    script database_guard g , 99 0
is "such a database" 1 "$(script database_guard g , 3 0)"
is "such a database: nothing is left" 0 "$(cli exists g)"

# Times to live.
if server_before 7.0; then
    shift_times=times_shift_pttl
else
    shift_times=times_shift
fi
cli flushall >/dev/null
far=2900000000000
near=$(((now + 1000) * 1000))
for name in $shift_times times_shift_pttl; do
    cli set near 1 >/dev/null
    cli pexpireat near $near >/dev/null
    cli set never 1 >/dev/null
    is "$name: one is deferred" near "$(script $name , release $((near + 5000)) $far '' near never none | head -n 1)"
    about "$name: deferred" 2000001000 30 $(($(cli pttl near) / 1000))
    is "$name: and again" near "$(script $name , release $((near + 5000)) $far '' near never | head -n 1)"
    is "$name: no list" "" "$(script $name , defer $((near + 5000)) $far '' near never)"
    is "$name: its own again" "" "$(script $name , release $((near - 5000)) $far '' near never)"
    about "$name: its own time" 1000 30 $(($(cli pttl near) / 1000))
    script $name , defer $((near + 5000)) $far '' near >/dev/null
    is "$name: at the end" 0 "$(script $name , end 0 $far '' near never)"
    about "$name: its own time at the end" 1000 30 $(($(cli pttl near) / 1000))
    script $name , defer $((near + 5000)) $far '' near >/dev/null
    is "$name: ended at the end" 1 "$(script $name , end 2000000 $far '' near never)"
    is "$name: gone" 0 "$(cli exists near)"
    check_status "$name: too late" 0 "FLOWTAPE too late" script $name , end 0 1000 '' never
done

if has_field_times; then
    cli hset h a 1 b 2 c 3 >/dev/null
    cli hpexpireat h $near FIELDS 1 a >/dev/null
    cli hpexpireat h $((near + 9000)) FIELDS 1 b >/dev/null
    cli set never 1 >/dev/null
    is "fields: not asked for" "" "$(script times_shift , release $((near + 5000)) $far '' h)"
    is "fields: one is deferred" "h $near" "$(script times_shift , release $((near + 5000)) $far 0 never h)"
    is "fields: as told" "$((near + 2000000000000)) $((near + 9000)) -1" "$(cli hpexpiretime h FIELDS 3 a b c)"
    script times_shift , defer $((near + 9000)) $far 0 h >/dev/null
    is "fields: all are deferred" "$((near + 2000000000000)) $((near + 2000000009000))" \
        "$(cli hpexpiretime h FIELDS 2 a b)"
    is "fields: at the end" 0 "$(script times_shift , end 1004000 $far 0 h)"
    is "fields: what is left" "b c" "$(cli hkeys h)"
    about "fields: its own time" 1009 30 $(($(cli hpttl h FIELDS 1 b) / 1000))
fi

# A lease.
cli flushall >/dev/null
is "a lease without a state" 0 "$(script lease_take state , me 15000 'host 1 2 3' '' 0)"
is "a lease" 1 "$(script lease_take state , me 15000 'host 1 2 3' '' 1)"
is "a lease: mine again" 1 "$(script lease_take state , me 15000 'host 1 2 3' '' 0)"
check_status "a lease of somebody else" 0 '^me [0-9]* host 1 2 3$' \
    script lease_take state , you 15000 'host 4 5 6' '' 0
check_status "another's is not renewed" 0 '^me ' script lease_renew state , you 15000 'host 4 5 6'
is "renewed" 1 "$(script lease_renew state , me 60000 'host 1 2 3')"
about "how long it still runs" 60000 20000 \
    "$(script lease_take state , you 15000 'host 4 5 6' '' 0 | tail -n 1)"
script lease_give_back state , you >/dev/null
is "another's is not given back" 1 "$(cli hexists state lease)"
is "taken over" 1 "$(script lease_take state , you 15000 'host 4 5 6' me 0)"
script lease_give_back state , you >/dev/null
is "given back" 0 "$(cli hexists state lease)"
is "none to renew" 0 "$(script lease_renew state , you 15000 'host 4 5 6')"

# The state.
check_status "a field of no state" 0 "the state of the replay is gone" script set_in_state state , f v
cli hset state phase snapshot began_ms 7 >/dev/null
is "a field of the state" 1 "$(script set_in_state state , f v)"
is "a snapshot is there" 1 "$(script mark_snapshot state , 7 snap:0)"
check_status "a snapshot, in a state of another run" 0 "somebody has emptied the target" \
    script mark_snapshot state , 8 snap:1
is "the state" "v 1" "$(cli hmget state f snap:0 snap:1 | sed '/^$/d')"

# Batches. What is packed is written as Lua, in front of the script.
# batch SEQ NEXT WORDS SHAPES TAGS [FORGET [KINDS MORE...]]: MORE is Lua
batch()
{
    {
        printf "%s\n" "local ARGV={'pos','$1','$2',cmsgpack.pack({'flow:0','$2'})," \
            "cmsgpack.pack({$3}),cmsgpack.pack({$4}),'$5',cmsgpack.pack({${6-}}),'','${7-}',${8-}}"
        awk -v text=1 -f "$SRC/embed-lua.awk" "$SRC/replay/position/lua/batch.lua"
    } >"$T/batch.lua"
    if server_before 7.0; then
        cli --eval "$T/batch.lua" 2>&1
    else
        { echo '#!lua flags=allow-cross-slot-keys'; cat "$T/batch.lua"; } >"$T/batch7.lua"
        cli --eval "$T/batch7.lua" 2>&1
    fi
}

cli flushall >/dev/null
cli hset pos seq 0 >/dev/null
is "a batch" "" "$(batch 0 1 "'SET','a','1','DEL','b','c','RPUSH','l','1','2','3'" 3,3,5 "0:1:0 0:2:0 0:3:0")"
is "a batch: effects" "1 3" "$(cli get a; cli llen l)"
is "a batch: position" "1 1" "$(cli hmget pos seq flow:0)"
is "the same batch again" "FLOWTAPE batch 0 does not follow 1" "$(batch 0 1 "'RPUSH','l','4'" 3 0:4:0)"
is "a batch that comes too early" "FLOWTAPE batch 2 does not follow 1" "$(batch 2 3 "'RPUSH','l','4'" 3 0:4:0)"
is "refused batches: nothing" "3 1" "$(cli llen l; cli hget pos flow:0)"
check_status "a command that is refused" 0 WRONGTYPE batch 1 2 "'INCR','a','LPUSH','a','x','INCR','a'" 2,3,2 "0:4:0 0:5:0 0:6:0"
is "a command that is refused: the others" "3 2" "$(cli get a; cli hget pos seq)"
is "a command that is refused: written down" "0:5:0 LPUSH a x" \
    "$(script read_refused , pos | sed '1d' | tr '\n' ' ' | sed 's/^0 *//; s/  */ /g')"
is "forgotten" "" "$(batch 2 3 "" "" "" "'e:0:5:0'")"
is "forgotten: gone" "" "$(script read_refused , pos)"
is "a long batch" "" "$(batch 3 3 "'SET'" 3,3,2 "0:1:0 0:2:0 0:3:0" "" pwpw \
    "cmsgpack.pack({'long','1','APPEND'}),'long',cmsgpack.pack({'2','INCR'}),'long'")"
is "a long batch: in order" 13 "$(cli get long)"
is "sets" "" "$(batch 3 4 "'s1','1','s2','2','INCR','a'" 20002,2 "0:7:0 0:8:0 0:9:0")"
is "sets: there" "1 2 4" "$(cli mget s1 s2 a)"
is "other databases" "" "$(batch 4 5 "'SET','d','1','SET','d','2'" 3,-4,3 "0:1:0 0:2:0")"
is "other databases: there" "1 2 5" "$(cli get d; cli -n 3 get d; cli hget pos seq)"
check_status "no such database" 0 "out of range" batch 5 6 "'SET','d','1','k','v','INCR','a'" -100,3,20001,-1,2 "0:1:0 0:2:0 0:3:0"
is "no such database: written down" "5 2 e:0:1:0 e:0:2:0" \
    "$(cli get a; cli hkeys pos | grep -c ^e:; cli hkeys pos | grep ^e: | sort)"
is "no such database: forgotten" "" "$(batch 6 7 "" "" "" "'e:0:1:0','e:0:2:0'")"
is "a script in a batch, twice" "" "$(batch 7 8 \
    "'EVAL','return redis.call(\"INCRBY\",KEYS[1],ARGV[1])','1','a','10','EVAL','return redis.call(\"INCRBY\",KEYS[1],ARGV[1])','1','a','20'" \
    10005,10005 "0:1:0 0:2:0")"
is "a script in a batch: its effect" 35 "$(cli get a)"
check_status "a script that fails" 0 "0:1:0" batch 8 9 "'EVAL','return redis.call(\"LPUSH\",KEYS[1],1)','1','a','INCR','a'" 10004,2 "0:1:0 0:2:0"
is "a script that fails: the next command" 36 "$(cli get a)"
cli set big 1 >/dev/null
cli acl setuser default on nopass '~*' '&*' +@all >/dev/null 2>&1
is "a flush" "" "$(batch 9 10 "'FLUSHALL','pos','SET','after','1'" 10002,3 "0:1:0 0:2:0")"
is "a flush: what is left" "after pos" "$(cli keys '*' | sort)"
is "a flush: position" "10 10" "$(cli hmget pos seq flow:0)"

# What a transaction has beside its commands.
is "an answer that nobody reads" 1 "$(script call_quietly , SET after 2 GET)"
is "an answer that nobody reads: executed" 2 "$(cli get after)"
check_status "an error is read" 0 WRONGTYPE script call_quietly , LPOP after
is "a flush by itself" 1 "$(script flush_keeping pos none , FLUSHDB)"
is "a flush by itself: what is left" "pos 10" "$(cli keys '*'; cli hget pos seq)"
script count_refused pos >/dev/null
is "nothing was refused" "$(server_before 6.2 && echo 1 || echo 0)" "$(script count_refused pos , 0:5-9)"
is "nothing was refused: the position" "0$(server_before 6.2 && echo " 0:5-9")" "$(cli hexists pos refused; cli hget pos unread)"
script count_refused pos >/dev/null
cli lpop pos >/dev/null 2>&1
cli incr pos >/dev/null 2>&1
is "something was" 1 "$(script count_refused pos , 0:5-9)"
is "something was: the position" "0 $(server_before 6.2 || echo "2 of ")0:5-9" "$(cli hexists pos refused; cli hget pos unread)"
cli hdel pos unread >/dev/null

# A key that the user must not touch takes no others along.
if ! server_before 6.2; then
    cli acl setuser some on '>w' '~pos' '~a*' '&*' +@all >/dev/null
    cli()
    {
        redis-cli -s "$T/redis/sock" --user some --pass w --no-auth-warning "$@"
    }
    check_status "a key out of reach" 0 "0:1:0.3" batch 10 11 "'MSET','a1','1','b','2','a2','3'" 7 0:1:0
    is "a key out of reach: the others" "1 3" "$(cli mget a1 a2)"
    check_status "a key out of reach, of joined sets" 0 "0:3:0" \
        batch 11 12 "'a3','1','b','2','a4','3'" 20003 "0:2:0 0:3:0 0:4:0"
    is "a key out of reach, of joined sets: the others" "1 3" "$(cli mget a3 a4)"
fi
redis_stop
t_end
