#!/bin/sh
# What can be known is known before the first write, and nothing is asked for that the work does not
# need.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"

# untouched LABEL - the target has what it had before
untouched()
{
    check "$1: the target is as it was" [ "$(cli keys '*' | sort | tr '\n' ' ')" = "a " ]
    check "$1: so is its key" [ "$(cli get a)" = mine ]
}

# as_user RIGHTS ARG... - a replay by a user who has everything but these
as_user()
{
    cli acl setuser limited reset on '>secret' '~*' '&*' +@all $1 >/dev/null
    shift
    cli flushall >/dev/null
    FLOWTAPE_TARGET_PASSWORD=secret "$FLOWTAPE" replay "$1" "redis://limited@$T_HOST:20000" --quiet
}

"$MAKE_CAPTURE" 1 "$T/lossy" <<'END' || fail "a capture of our own"
0 1 0 SET a 1
0 2 0 SET b 2
0 3 0 JSON.SET doc . {}
END
redis_start
cli set a mine >/dev/null
check_status "a loss in the journal" 3 "cannot hold.*nothing was written" "$FLOWTAPE" replay "$T/lossy" \
    "$REDIS" --quiet
untouched "a loss"
check "not one of the keys that are asked for" "$FLOWTAPE" replay "$T/lossy" "$REDIS" --quiet --key b \
    --finish
redis_stop

printf '%s\n' '0 1 0 SET a 1' '0 1 7 SET b 1' | "$MAKE_CAPTURE" 1 "$T/dbs" || fail "a capture of our own"
redis_start --databases 4
cli set a mine >/dev/null
check_status "a database that is not there" 1 "database 7.*fewer databases" "$FLOWTAPE" replay \
    "$T/dbs" "$REDIS" --quiet
untouched "a database"
check "--db-map" "$FLOWTAPE" replay "$T/dbs" "$REDIS" --quiet --finish --db-map '*:0'
redis_stop

if ! server_before 7.0; then # it has functions
    redis_start --dbfilename lib.rdb
    code() { printf '#!lua name=lib\nredis.register_function("f", function() return "%s" end)' "$1"; }
    cli function load "$(code new)" >/dev/null
    cli set k v >/dev/null
    cli save >/dev/null
    cp "$T/redis/lib.rdb" "$T/lib.rdb"
    cli flushall >/dev/null
    cli function load replace "$(code old)" >/dev/null
    check_status "a library, fail" 3 'library "lib".*nothing was written' "$FLOWTAPE" replay \
        "$T/lib.rdb" "$REDIS" --quiet --on-conflict fail
    check "a library, fail: no key" [ "$(cli dbsize)" = 0 ]
    check "a library, skip" "$FLOWTAPE" replay "$T/lib.rdb" "$REDIS" --quiet --finish --on-conflict skip
    check "a library, skip: it stays" [ "$(cli fcall f 0)" = old ]
    check "a library, replace" "$FLOWTAPE" replay "$T/lib.rdb" "$REDIS" --quiet --finish
    check "a library, replace: the new one" [ "$(cli fcall f 0)" = new ]

    # The same of libraries that records load, and delete.
    later=$(code later)
    load=$(printf '*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n$%d\r\n%s\r\nx' ${#later} "$later")
    set_k=$(printf '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\nx')
    drop=$(printf '*3\r\n$8\r\nFUNCTION\r\n$6\r\nDELETE\r\n$3\r\nlib\r\nx')
    flush=$(printf '*2\r\n$8\r\nFUNCTION\r\n$5\r\nFLUSH\r\nx')
    printf '%s' "${load%x}${set_k%x}" >"$T/load.aof"
    printf '%s' "${load%x}${drop%x}${set_k%x}" >"$T/drop.aof"
    printf '%s' "${load%x}${flush%x}${set_k%x}" >"$T/flush.aof"
    cli flushall >/dev/null
    cli function load replace "$(code old)" >/dev/null
    check_status "a library of a record, fail" 3 'library "lib".*nothing was written' "$FLOWTAPE" replay \
        "$T/load.aof" "$REDIS" --quiet --on-conflict fail
    check "a library of a record, fail: no key" [ "$(cli dbsize)" = 0 ]
    for way in load drop flush; do
        cli flushall >/dev/null
        check "a library of a record, $way, skip" "$FLOWTAPE" replay "$T/$way.aof" "$REDIS" --quiet --finish --on-conflict skip
        check "a library of a record, $way, skip: it stays" [ "$(cli fcall f 0)" = old ]
        check "a library of a record, $way, skip: what comes after it" [ "$(cli keys '*')" = k ]
    done
    check "a library of a record, replace" "$FLOWTAPE" replay "$T/load.aof" "$REDIS" --quiet --finish
    check "a library of a record, replace: the new one" [ "$(cli fcall f 0)" = later ]
    check_status "a library that others may need" 1 "FUNCTION FLUSH: on a shared target" "$FLOWTAPE" replay "$T/flush.aof" "$REDIS" \
        --quiet --shared-target k --on-conflict skip
    redis_stop
fi

# Rights.
redis_start --bind "$T_HOST" --port 20000
cli config set maxmemory 100kb >/dev/null
check_status "dry run: it is full already" 4 "FAIL  memory .*of 100.0 KiB" "$FLOWTAPE" replay "$T/dbs" "$REDIS" --dry-run
cli config set maxmemory-policy allkeys-lru >/dev/null
check_status "dry run: or takes keys away" 0 "note  eviction .*allkeys-lru" "$FLOWTAPE" replay "$T/dbs" "$REDIS" --dry-run
cli config set maxmemory 0 >/dev/null
cli config set maxmemory-policy noeviction >/dev/null
if cli acl whoami 2>/dev/null | grep -q default; then
    cli set s 1 >/dev/null
    cli rpush l 1 2 >/dev/null
    cli save >/dev/null
    cp "$T/redis/dump.rdb" "$T/in.rdb"
    for rights in "-cluster -script -config -client -wait" "-info -dbsize" "-mset"; do
        check "a snapshot, $rights" as_user "$rights" "$T/in.rdb"
        check "a snapshot, $rights: its keys" [ "$(cli exists s l)" = 2 ]
    done
    check "a journal, -script" as_user "-script" "$T/dbs"
    check "a journal, -script: its keys" [ "$(cli get a)" = 1 ]
    printf '0 1 0 MSET a 1 b 1 c 1\n0 2 0 UNLINK a c\n' | "$MAKE_CAPTURE" 1 "$T/unlink" ||
        fail "a capture"
    check "a journal, -unlink" as_user "-unlink" "$T/unlink"
    check "a journal, -unlink: its keys" [ "$(cli exists a b c),$(cli get b)" = 1,1 ]
    for rights in "-evalsha" "-eval -evalsha -script" "-restore -eval -evalsha -script -client -wait"; do
        check "a journal, $rights" as_user "$rights" "$T/dbs"
        check "a journal, $rights: its keys" [ "$(cli get a)" = 1 ]
    done
    check_status "a journal, neither scripts nor transactions" 4 "does not allow MULTI" as_user "-eval -multi" "$T/dbs"
    check "neither scripts nor transactions: nothing" [ "$(cli dbsize)" = 0 ]
    check_status "no HSET" 4 "HSET|can't run this command" as_user "-hset" "$T/in.rdb"
fi
redis_stop

# A dry run looks, and leaves no trace.
# writes - how often the target was made to execute something that could write
writes()
{
    cli info commandstats | grep -E '^cmdstat_(set|mset|hset|hdel|del|unlink|restore|eval|evalsha|script|flushall|rpush|exec|client)[:|]'
}

rm -f "$T/redis/dump.rdb"
redis_start --bind "$T_HOST" --port 20000 --databases 8
cli config resetstat >/dev/null
check_status "dry run: go" 0 "2 keys|Go\." "$FLOWTAPE" replay "$T/dbs" "$REDIS" --dry-run
check "dry run: nothing is there" [ "$(cli dbsize)" = 0 ]
check "dry run: nothing that writes was executed" [ -z "$(writes)" ]
"$FLOWTAPE" replay "$T/lossy" "$REDIS" --dry-run --json >"$T/dry.json"
check "dry run: a loss is status 3" [ $? = 3 ]
check "dry run: it is named" grep -q '"verdict": "lose"' "$T/dry.json"
cli set a mine >/dev/null
cli hset flowtape:replay version 1 capture 0123456789abcdef0123456789abcdef phase journal \
    lease "0123456789abcdef 99999999999999 elsewhere 1 1 1" >/dev/null
cli config resetstat >/dev/null
check_status "dry run: all that is wrong" 4 "another replay is at work" "$FLOWTAPE" replay "$T/lossy" "$REDIS" --dry-run
cp "$T/check.out" "$T/dry.out"
check "dry run: whose the target is" grep -q "FAIL  replay .*another capture" "$T/dry.out"
check "dry run: and what is lost" grep -q "LOSS  losses" "$T/dry.out"
check "dry run: the lease is as it was" [ "$(cli hget flowtape:replay lease)" = \
    "0123456789abcdef 99999999999999 elsewhere 1 1 1" ]
check "dry run: still nothing that writes" [ -z "$(writes)" ]
cli del flowtape:replay >/dev/null
check_status "dry run: keys in the way are counted" 0 "conflicts .*already: 1;" "$FLOWTAPE" replay \
    "$T/dbs" "$REDIS" --dry-run
check_status "dry run: or would end it" 4 "FAIL  conflicts" "$FLOWTAPE" replay "$T/dbs" "$REDIS" --dry-run \
    --on-conflict fail
if cli acl whoami 2>/dev/null | grep -q default; then
    cli acl setuser limited reset on '>secret' '~*' '&*' +@all -incr -restore -acl >/dev/null
    printf '%s\n' '0 1 0 SET a 1' '0 2 0 INCR a' | "$MAKE_CAPTURE" 1 "$T/incr" || fail "a capture of our own"
    check_status "dry run: a command of the journal" 4 "does not allow INCR" env FLOWTAPE_TARGET_PASSWORD=secret \
        "$FLOWTAPE" replay "$T/incr" "redis://limited@$T_HOST:20000" --dry-run
fi
check_status "dry run: not with --forget" 2 "about a replay" "$FLOWTAPE" replay "$T/dbs" "$REDIS" --dry-run --forget
redis_stop
check_status "dry run: nobody there" 4 "FAIL  target" "$FLOWTAPE" replay "$T/dbs" "$REDIS" --dry-run

# A sync looks at its target before the source is asked for anything.
[ -d "$RECORDINGS/live-1" ] || t_end
rm -f "$T/redis/dump.rdb"
redis_start
cli set a mine >/dev/null
standin_start "$RECORDINGS/live-1"
check_status "sync into a target with keys" 1 "not empty" "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/sync" \
    --quiet
untouched "sync"
check "sync: no capture was begun" [ ! -e "$T/sync/capture.json" ]
check_status "sync, dry run" 4 "FAIL  content .*not empty" "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/sync2" --dry-run
cp "$T/check.out" "$T/dry.out"
untouched "sync, dry run"
check "sync, dry run: whose data it is" grep -q "ok    source .*Dragonfly df-" "$T/dry.out"
check "sync, dry run: no directory" [ ! -e "$T/sync2" ]
cli flushall >/dev/null
check_status "sync, dry run: go" 0 "Go\." "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/sync2" --dry-run
standin_check "sync"
redis_stop
t_end
