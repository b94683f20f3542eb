#!/bin/sh
# What can be known is known before the first write, and nothing is asked for that the work does not
# need.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"

cli()
{
    redis-cli -s "$T/redis/sock" "$@"
}

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

if redis-server --version | grep -Eq 'v=([7-9]|[1-9][0-9])\.'; then
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
    redis_stop
fi

# Rights. The journal needs scripts, a snapshot none of these.
redis_start --bind "$T_HOST" --port 20000
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
    check_status "a journal, -evalsha" 4 "does not allow EVALSHA" as_user "-evalsha" "$T/dbs"
    check "a journal, -evalsha: nothing" [ "$(cli dbsize)" = 0 ]
    check_status "no HSET" 4 "HSET|can't run this command" as_user "-hset" "$T/in.rdb"
fi
redis_stop

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
standin_check "sync"
redis_stop
t_end
