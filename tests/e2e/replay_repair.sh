#!/bin/sh
# A comparison names the keys that differ, and --only-keys brings these, and no others.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"

# change COMMAND... - plants a difference in each of the keys
change()
{
    "$@" del gone >/dev/null
    "$@" rpush list e >/dev/null
    "$@" hset hash f other >/dev/null
    "$@" srem set a >/dev/null
    "$@" zadd zset 1.25 m >/dev/null
    "$@" xadd stream 9-9 f v >/dev/null
    "$@" pexpire time 9000000 >/dev/null
    "$@" del type >/dev/null
    "$@" rpush type x >/dev/null
    "$@" set extra 1 >/dev/null
    "$@" set "$(printf 'b\377')" 1 >/dev/null
}

# differs LABEL WANTED TARGET - so many keys
differs()
{
    rm -f "$T/keys"
    "$FLOWTAPE" diff "$T/capture" "$3" --keys-to "$T/keys" >"$T/diff.out" 2>&1
    t_got=$?
    if [ "$t_got" = "$([ "$2" = 0 ] && echo 0 || echo 3)" ] && [ "$(wc -l <"$T/keys")" = "$2" ]; then
        pass "$1: $2 keys differ"
    else
        fail "$1: status $t_got" "$T/diff.out"
    fi
}

"$MAKE_CAPTURE" 1 "$T/capture" <<'END' || fail "a capture of our own"
0 1 0 SET gone 1
0 2 0 RPUSH list a b c
0 3 0 HSET hash f v g w
0 4 0 SADD set a b
0 5 0 ZADD zset 1.5 m
0 6 0 XADD stream 1-1 f v
0 7 0 SET time 1
0 8 0 PEXPIREAT time 4102444800000
0 9 0 SET type 1
0 10 0 SET same 1
END
redis_start
check "a replay" "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet
differs "a copy" 0 "$REDIS"
check_status "--check: equal" 0 "no key differs|equal" "$FLOWTAPE" replay "$T/capture" "$REDIS" --check all
change cli
cli set same 1 >/dev/null
"$FLOWTAPE" replay "$T/capture" "$REDIS" --check all --json >"$T/check.json"
check "--check: a difference is status 3" [ $? = 3 ]
check "--check: and in the report" grep -q '"check": {' "$T/check.json"
check "--check: and named" grep -q '"extra"' "$T/check.json"
check_status "--check: not of a replay that follows" 2 "that ends" "$FLOWTAPE" replay "$T/capture" "$REDIS" --check all --follow
cli hgetall flowtape:replay | sort >"$T/state"
differs "single server" 10 "$REDIS"
cp "$T/keys" "$T/ten"
check_status "repair" 0 "8 keys" "$FLOWTAPE" replay "$T/capture" "$REDIS" --only-keys "$T/ten"
differs "repaired" 0 "$REDIS"
check "repair: the state of the replay is as it was" [ "$(cli hgetall flowtape:replay | sort)" = "$(cat "$T/state")" ]
check "repair: a key that nobody named is gone for good" [ "$(cli exists extra)" = 0 ]

# Only what is named.
change cli
printf '%s\n' '{"db":0,"key":"list"}' '{"db":0,"key":{"base64":"Yv8="},"kind":"only-in-b"}' >"$T/two"
check "two keys alone" "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet --only-keys "$T/two"
differs "all but two" 8 "$REDIS"
check_status "another state than that of the replay" 1 "stands at another LSN" "$FLOWTAPE" replay "$T/capture" \
    "$REDIS" --only-keys "$T/two" --at snapshot
for line in '{"db":-1,"key":"a"}' '{"db":0}' '{"db":0,"key":{"base64":"*"}}' 'list'; do
    printf '%s\n' '{"db":0,"key":"list"}' "$line" >"$T/bad"
    check_status "a line $line" 3 "/bad\", line 2:" "$FLOWTAPE" replay "$T/capture" "$REDIS" --only-keys "$T/bad"
done
check_status "filters make no sense" 2 "the file says which keys" "$FLOWTAPE" replay "$T/capture" "$REDIS" \
    --only-keys "$T/two" --key 'a*'

# Names and databases of the target; no replay is on it.
cli flushall >/dev/null
printf '%s\n' '{"db":3,"key":"x:list"}' '{"db":3,"key":"list"}' >"$T/mapped"
cli -n 3 set list mine >/dev/null
check "under other names" "$FLOWTAPE" replay "$T/capture" "$REDIS" --quiet --only-keys "$T/mapped" \
    --db-map 0:3 --rename '*=prefix:x:'
check "under other names: it is there" [ "$(cli -n 3 lrange x:list 0 -1 | tr '\n' ' ')" = "a b c " ]
check "under other names: no other" [ "$(cli -n 3 dbsize) $(cli dbsize)" = "1 0" ]
redis_stop

start_cluster 3 0 || fail "no cluster"
printf '%s\n' '0 1 0 SET a 1' '0 1 1 SET b 1' | "$MAKE_CAPTURE" 1 "$T/dbs" || fail "a capture of our own"
check_status "dry run: a cluster has one database" 4 "FAIL  databases .*only database 0" "$FLOWTAPE" replay "$T/dbs" \
    "$CLUSTER_URI" --dry-run
check_status "dry run: a cluster" 0 "ok    target .*a cluster of 3 masters" "$FLOWTAPE" replay "$T/dbs" "$CLUSTER_URI" \
    --dry-run --db-map '*:0'
check "dry run: nothing is there" [ "$(node_cli 1 dbsize)$(node_cli 2 dbsize)$(node_cli 3 dbsize)" = 000 ]
check "a replay into a cluster" "$FLOWTAPE" replay "$T/capture" "$CLUSTER_URI" --quiet --finish
change node_cli 1 -c
differs "cluster" 10 "$CLUSTER_URI"
check "repair of a cluster" "$FLOWTAPE" replay "$T/capture" "$CLUSTER_URI" --quiet --only-keys "$T/keys"
differs "cluster, repaired" 0 "$CLUSTER_URI"
stop_cluster
t_end
