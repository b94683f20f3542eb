#!/bin/sh
# Snapshot files of Dragonfly become RDB files that redis-server loads.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# run LABEL INPUT STATE [STATE-DIFF ARG...]
run()
{
    label=$1 input=$2 state=$3
    shift 3
    rm -f "$T/out.rdb"
    check "$label: verify" verify_clean "$input"
    check "$label: convert" "$FLOWTAPE" convert "$input" "$T/out.rdb" --to rdb $FOR_SERVER \
        --on-loss skip --quiet
    load_and_compare "$label" "$T/out.rdb" "$state" "$@"
}

files=$RECORDINGS/files
check_status "verify: no checksum" 0 "types-summary.dfs: stored without a checksum" \
    "$FLOWTAPE" verify "$files/types-summary.dfs"
echo "hello, world" >"$T/text"
check_status "verify: no RDB" 3 'it begins with "hello", not "REDIS"' "$FLOWTAPE" verify "$T/text"
: >"$T/empty"
check_status "verify: empty" 3 "this is empty" "$FLOWTAPE" verify "$T/empty"
run "set by its summary" "$files/types-summary.dfs" "$files/state.json"
run "set by a member" "$files/types-0001.dfs" "$files/state.json"
run "types.rdb" "$files/types.rdb" "$files/state.json"
run "plain.rdb" "$files/plain.rdb" "$files/state-plain.json"
for old in "$RECORDINGS"/older/*/files; do
    [ -d "$old" ] || continue
    name=${old#"$RECORDINGS/"}
    run "$name: set" "$old/types-summary.dfs" "$old/state.json" $(state_options "$old")
    run "$name: types.rdb" "$old/types.rdb" "$old/state.json" $(state_options "$old")
done

# What flowtape wrote is an input too, and comes out the same.
"$FLOWTAPE" convert "$files/plain.rdb" "$T/first.rdb" --to rdb $FOR_SERVER --quiet
run "its own output" "$T/first.rdb" "$files/state-plain.json"

# What follows an RDB is told, not passed over. The files are of a Redis: a Dragonfly may pad its own.
printf 'REDIS0009\376\000\373\001\000\000\001k\001v\377\000\000\000\000\000\000\000\000' >"$T/one.rdb"
check "an RDB by hand: verify" verify_clean "$T/one.rdb"
cat "$T/one.rdb" "$T/one.rdb" >"$T/twice.rdb"
{ cat "$T/one.rdb" && echo garbage; } >"$T/garbage.rdb"
for input in twice.rdb garbage.rdb; do
    for to in rdb resp json aof; do
        check_status "$input: convert --to $to" 3 "follow" "$FLOWTAPE" convert "$T/$input" \
            "$T/no.out" --to "$to"
    done
done
{ cat "$files/plain.rdb" && printf x; } >"$T/padded.rdb"
check_status "more than a Dragonfly's padding" 3 "not the padding" "$FLOWTAPE" verify "$T/padded.rdb"
[ ! -e "$T/no.out" ] && pass "nothing was written of files with a tail" ||
    fail "a file with a tail was written"

# What redis-server refuses to load, or would fail on later, is found before.
# by_hand NAME FORMAT - $T/NAME.rdb with these entries of database 0
by_hand()
{
    printf "REDIS0010\\376\\000\\373\\003\\000$2\\377\\000\\000\\000\\000\\000\\000\\000\\000" >"$T/$1.rdb"
}
by_hand "key twice" '\000\001a\0011\000\001b\0011\000\001a\0012'
by_hand "list twice" '\001\001a\001\001x\001\001a\001\001y'
by_hand "member twice" '\002\001a\003\001x\001y\001x'
by_hand "field twice" '\004\001a\002\001x\0011\001x\0012'
by_hand "packed field twice" \
    '\020\001a\023\023\000\000\000\004\000\201x\002\2011\002\201x\002\2012\002\377'
by_hand "not a number" '\005\001a\001\001x\000\000\000\000\000\000\370\177'
by_hand "damaged LZF" '\000\001a\303\004\010\000a\240\007'
for input in "key twice" "list twice" "member twice" "field twice" "packed field twice" \
    "not a number" "damaged LZF"; do
    check_status "$input: verify" 3 'key "a" in database 0' "$FLOWTAPE" verify "$T/$input.rdb"
    for to in rdb resp aof; do
        check_status "$input: convert --to $to" 3 'key "a" in database 0' "$FLOWTAPE" convert \
            "$T/$input.rdb" "$T/no.out" --to $to
    done
done
[ ! -e "$T/no.out" ] && pass "nothing was written of them" || fail "what is refused was written"
by_hand "key that has ended" '\374\001\000\000\000\000\000\000\000\000\001a\0011\000\001a\0012'
check "a key that has ended, and is there again" verify_clean "$T/key that has ended.rdb"
check "and its conversion" "$FLOWTAPE" convert "$T/key that has ended.rdb" "$T/ended.rdb" --to rdb
printf 'REDIS0099\377\000\000\000\000\000\000\000\000' >"$T/later.rdb"
check_status "a later format is no damage" 3 "NOT READ" "$FLOWTAPE" verify "$T/later.rdb"
printf 'VKCS\001\000\000\000\000\000' >"$T/envelope.rdb"
check_status "an envelope of a later Valkey is no damage" 3 "envelope.*of Valkey 9.2.*NOT READ" \
    sh -c '"$1" verify "$2" 2>&1 | tr "\n" " "; "$1" verify "$2" >/dev/null 2>&1' sh "$FLOWTAPE" "$T/envelope.rdb"
by_hand "key in another database" '\000\001a\0011\376\001\000\001a\0012'
check "a key in two databases" verify_clean "$T/key in another database.rdb"
check "a key in two databases: convert" "$FLOWTAPE" convert "$T/key in another database.rdb" \
    "$T/two.rdb" --to rdb --quiet

# Databases that the server does not have: nothing goes into another one.
by_hand "many databases" '\000\001a\0011\376\003\000\001a\0012\376\024\000\001a\0013\376\001\000\001a\0014'
for to in rdb resp aof; do
    check_status "a database too many: --to $to" 1 "database 20 is not one of the 16" "$FLOWTAPE" \
        convert "$T/many databases.rdb" "$T/no.out" --to $to --databases 16
    "$FLOWTAPE" convert "$T/many databases.rdb" "$T/many.$to" --to $to --databases 21 --json \
        >"$T/many.json" 2>/dev/null || fail "as many databases: --to $to"
    check "as many databases: --to $to" json_is "$T/many.json" databases 21
done
check_status "many databases are told" 0 "has to have 21" "$FLOWTAPE" \
    convert "$T/many databases.rdb" "$T/many.resp" --to resp
[ ! -e "$T/no.out" ] && pass "nothing was written" || fail "a database too many was written"
redis_start --databases 16
redis-cli -s "$T/redis/sock" --pipe --pipe-timeout 1 <"$T/many.resp" >"$T/pipe.out" 2>&1 &&
    fail "redis-cli has not noticed" "$T/pipe.out"
check "the server says why" grep -q "this server has no database 20" "$T/pipe.out"
check "database 0 is as it was" [ "$(redis-cli -s "$T/redis/sock" get a)" = 1 ]
check "and so is the last one that it has" [ "$(redis-cli -s "$T/redis/sock" -n 3 get a)" = 2 ]
for again in "" "once more, "; do
    check_status "${again}key twice: replay" 3 'key "a" in database 0 comes twice' "$FLOWTAPE" replay \
        "$T/key twice.rdb" "$REDIS" --flush --quiet
done
redis_stop
redis_start --databases 21
check "a server that has them" redis-cli -s "$T/redis/sock" --pipe <"$T/many.resp"
check "all keys" [ "$(for db in 0 1 3 20; do redis-cli -s "$T/redis/sock" -n $db get a; done |
    tr '\n' ' ')" = "1 4 2 3 " ]
check "and nothing else" [ "$(redis-cli -s "$T/redis/sock" info keyspace | grep -c keys=1,)" = 4 ]
redis_stop

# What only KeyDB has: AUX fields in front of a key and behind a value.
{
    printf 'REDIS0009\376\000\373\001\000'
    printf '\374\000\154\120\304\240\001\000\000\372\013mvcc-tstamp\0011'
    printf '\002\001s\001\001a'
    printf '\372\023keydb-subexpire-key\001a\372\024keydb-subexpire-when\0019'
    printf '\377\000\000\000\000\000\000\000\000'
} >"$T/keydb.rdb"
check "a file of KeyDB: verify" verify_clean "$T/keydb.rdb"
for to in rdb resp; do
    check_status "times of members in KeyDB: convert --to $to" 3 'times to live of hash fields.*' \
        "$FLOWTAPE" convert "$T/keydb.rdb" "$T/no.out" --to "$to"
done
check_status "times of members in KeyDB are forecast" 0 "0/s" "$FLOWTAPE" inspect "$T/keydb.rdb"
check "times of members in KeyDB are left out" "$FLOWTAPE" convert "$T/keydb.rdb" "$T/keydb.resp" \
    --to resp --on-loss skip
check "the key has its own time" grep -q 1790000000000 "$T/keydb.resp"

# Functions of release candidates of 7.0, which no release loads.
printf 'REDIS0010\366\003lib\003LUA\000\010return 1\377\000\000\000\000\000\000\000\000' >"$T/early.rdb"
for to in rdb resp; do
    check_status "functions of a release candidate: convert --to $to" 3 \
        "release candidates of Redis 7.0 wrote them, which no release loads" \
        "$FLOWTAPE" convert "$T/early.rdb" "$T/no.out" --to "$to" --redis 7.2
done

# One number, two meanings: 22 and 243 are a hash and an import of slots where the magic is Valkey's.
zeros='\000\000\000\000\000\000\000\000'
printf "VALKEY080\363\002ab\001\005\006\376\000\026\001h\002\001a\0011\377\377\377\377\377\377\377\377\001c\0013\000\330\303\054\273\003\000\000\377$zeros" \
    >"$T/valkey.rdb"
check_status "a hash of Valkey 9 on 7.0" 3 "hash fields" "$FLOWTAPE" convert "$T/valkey.rdb" \
    "$T/no.rdb" --to rdb --redis 7.0
for to in 7.4 valkey-9.0; do
    check "a hash of Valkey 9: --redis $to" "$FLOWTAPE" convert "$T/valkey.rdb" "$T/h-$to.rdb" --to rdb \
        --redis $to
    check "its fields" "$FLOWTAPE" convert "$T/h-$to.rdb" "$T/h-$to.resp" --to resp \
        --redis 7.4 --quiet
done
check "the same by both" cmp "$T/h-7.4.resp" "$T/h-valkey-9.0.resp"
check "with their times" grep -q 4102444800000 "$T/h-7.4.resp"
"$FLOWTAPE" inspect "$T/h-valkey-9.0.rdb" >"$T/inspect.out"
check "who wrote it" grep -q "valkey-9.0.0" "$T/inspect.out"
check "the file of Valkey 9 has its magic" grep -q '^VALKEY080' "$T/h-valkey-9.0.rdb"

# Keys of Redis 8.6 with metadata of modules, and what Redis Enterprise adds.
printf "REDIS0013\171\005\376\000\374\000\330\303\054\273\003\000\000\153\007\363\001aaaa\005\001x\000\000\001k\001v\377$zeros" \
    >"$T/meta.rdb"
check_status "metadata of a key is a note" 0 "modules have hung on keys" "$FLOWTAPE" convert \
    "$T/meta.rdb" "$T/meta.out.rdb" --to rdb --redis 8.6
check "the key is there" "$FLOWTAPE" convert "$T/meta.out.rdb" "$T/meta.resp" --to resp
check "with its time" grep -q 4102444800000 "$T/meta.resp"
check_status "a version that stands for another" 0 "version 7.0.15 is treated as 7.0" "$FLOWTAPE" \
    convert "$T/meta.rdb" "$T/meta.out.rdb" --to rdb --redis 7.0.15
for file in 'REDIS0099' 'VALKEY081' 'REDIS0015\362\001' 'VALKEY080\027\001k'; do
    # shellcheck disable=SC2059 # escapes are meant
    printf "$file" >"$T/new.rdb"
    check_status "$file" 3 "unsupported: " "$FLOWTAPE" verify "$T/new.rdb"
done

# Sets that are not whole.
mkdir "$T/set"
cp "$files"/types-*.dfs "$T/set"
rm "$T/set/types-0001.dfs"
check_status "a member is missing" 3 "0001|shard|member|count" "$FLOWTAPE" convert \
    "$T/set/types-summary.dfs" "$T/no.rdb" --to rdb --on-loss skip
cp "$files/types-0000.dfs" "$T/set/types-0001.dfs"
check_status "a member twice" 3 "shard" "$FLOWTAPE" convert "$T/set/types-summary.dfs" "$T/no.rdb" \
    --to rdb --on-loss skip
cp "$files/types-0001.dfs" "$T/set"
head -c 20000 "$files/types-0001.dfs" >"$T/set/types-0001.dfs"
check_status "a member is cut" 3 "0001" "$FLOWTAPE" convert "$T/set/types-summary.dfs" \
    "$T/no.rdb" --to rdb --on-loss skip
[ ! -e "$T/no.rdb" ] && pass "no file was written" || fail "a file was written"
[ "$(ls "$T" | grep -c tmp)" -eq 0 ] && pass "no temporary file is left" ||
    fail "temporary files are left"
t_end
