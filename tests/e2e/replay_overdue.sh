#!/bin/sh
# Keys whose time to live was over long before the replay: nothing gets a second life.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

cli()
{
    redis-cli -s "$T/redis/sock" "$@"
}

# holds KEY VALUE - for good
holds()
{
    [ "$(cli get "$1")" = "$2" ] && [ "$(cli ttl "$1")" = -1 ]
}

absent()
{
    [ "$(cli exists "$@")" = 0 ]
}

# received at 1700000000 and later
over=1700000050000
"$MAKE_CAPTURE" 1 "$T/past" <<END || fail "a capture"
0 1 0 SET changed 1
0 2 0 PEXPIREAT changed $over
0 3 0 APPEND changed 2
0 4 0 SET renamed 1 PXAT $over
0 5 0 RENAME renamed moved
0 6 0 SET removed 1 PXAT $over
0 7 0 DEL removed
0 8 0 SET removed 2
0 9 0 SET kept 1 PXAT $over
0 10 0 APPEND kept 2
0 11 0 PERSIST kept
0 12 1 SET elsewhere 1 PXAT $over
0 13 1 APPEND elsewhere 2
END

redis_start
"$FLOWTAPE" replay "$T/past" "$REDIS" --json >"$T/report.json" 2>/dev/null || fail "replay"
check "what was over at the end is not there" absent changed renamed moved
check "in no database" [ "$(cli -n 1 dbsize)" = 0 ]
check "it was removed, and is new" holds removed 2
check "its time was taken away before it was over" holds kept 12
check "the report counts them" grep -q '"overdue": *3' "$T/report.json"
check "nothing is held back any longer" [ "$(cli hget flowtape:replay overdue)" = '' ]
redis_stop
rm -rf "$T/redis"

redis_start
check "--at a moment between" "$FLOWTAPE" replay "$T/past" "$REDIS" --quiet --at 12
check "over by then" absent changed
t_end
