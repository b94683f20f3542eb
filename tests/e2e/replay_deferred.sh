#!/bin/sh
# Expiry that is deferred while records follow: nothing ends early, nothing gets a second life.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# holds KEY VALUE - for good
holds()
{
    [ "$(cli get "$1")" = "$2" ] && [ "$(cli ttl "$1")" = -1 ]
}

present()
{
    [ "$(cli exists "$@")" = 1 ]
}

absent()
{
    [ "$(cli exists "$@")" = 0 ]
}

# within TENTHS COMMAND... - it succeeds by then
within()
{
    tries=0 tenths=$1
    shift
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt "$tenths" ] || return 1
        sleep 0.1
    done
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
check "the report counts them" json_is "$T/report.json" overdue 3
check "nothing is deferred any longer" [ "$(cli hget flowtape:replay overdue)" = '' ]
redis_stop
rm -rf "$T/redis"

redis_start
check "--at a moment between" "$FLOWTAPE" replay "$T/past" "$REDIS" --quiet --at 12
check "over by then" absent changed
redis_stop
rm -rf "$T/redis"

# Fields of hashes likewise, where the target has times for them and the source says when one has expired.
# field_time KEY FIELD
field_time()
{
    cli hpexpiretime "$1" FIELDS 1 "$2"
}

field_deferred()
{
    [ "$(field_time "$1" "$2")" -ge 2800000000000 ]
}

if has_field_times; then
    awk 'BEGIN {
        print "0 1 0 HSET h f 1 g 2 k 3\n0 1 0 HEXPIRE h 10 FIELDS 2 f g\n0 30 0 HINCRBY h f 5"
        print "0 31 0 HEXPIRE h 250000000 FIELDS 1 f\n0 1 0 HSETEX ex 10 f 1\n0 1 0 HSETEX ex NX 10 n 1"
        print "0 30 0 HINCRBY ex f 1\n0 30 0 HINCRBY ex n 2\n0 31 0 HSETEX ex KEEPTTL 10 n 9"
        print "0 31 0 HGETEX ex EXAT 2200000000 FIELDS 2 f n"
        print "0 1 0 HSETEX gone 10 f 1\n0 30 0 RENAME gone moved\n0 30 0 HDEL h none"
        for (i = 1; i <= 3000; i++) { fields = fields " f" i; pairs = pairs " f" i " 1" }
        print "0 1 0 HSET big" pairs "\n0 1 0 HEXPIRE big 10 FIELDS 3000" fields
        print "0 31 0 HEXPIRE big 250000000 FIELDS 2 f7 f3000\n0 31 0 HSET big f9 2" }' >"$T/fields.txt"
    "$MAKE_CAPTURE" 1 "$T/fields" <"$T/fields.txt" || fail "a capture"
    redis_start
    check "fields" "$FLOWTAPE" replay "$T/fields" "$REDIS" --quiet
    check "fields: extended when over here" [ "$(cli hget h f),$(field_time h f)" = 6,1950000031000 ]
    check "fields: over at the end" [ "$(cli hkeys h | sort | tr '\n' ' ')" = "f k " ]
    check "fields: set with a time" [ "$(cli hmget ex f n | tr '\n' ' ')" = "2 9 " ]
    check "fields: read with a time" [ "$(field_time ex f),$(field_time ex n)" = 2200000000000,2200000000000 ]
    check "fields: all of a hash are over" [ "$(cli exists gone moved)" = 0 ]
    check "fields: of many" [ "$(cli hkeys big | sort | tr '\n' ' ')" = "f3000 f7 f9 " ]
    check "fields: of many, their times" \
        [ "$(field_time big f7),$(field_time big f3000),$(field_time big f9)" = 1950000031000,1950000031000,-1 ]
    check "fields: nothing is deferred any longer" [ "$(cli hget flowtape:replay overdue)" = '' ]
    "$FLOWTAPE" replay "$T/fields" "$REDIS" --quiet --follow &
    REPLAY_PID=$!
    PIDS="$PIDS $REPLAY_PID"
    check "fields: whoever follows defers them again" within 100 field_deferred big f3000
    kill "$REPLAY_PID"
    wait "$REPLAY_PID"
    t_forget "$REPLAY_PID"
    check "fields: --forget" "$FLOWTAPE" replay "$T/fields" "$REDIS" --forget
    check "fields: --forget gives them back" [ "$(field_time big f7),$(field_time big f3000)" = 1950000031000,1950000031000 ]
    redis_stop
    rm -rf "$T/redis"
    # earlier sources do not say it: a field that is over must not be found
    grep -v gone "$T/fields.txt" | "$MAKE_CAPTURE" --release df-v1.39.0 1 "$T/silent" || fail "a capture"
    redis_start
    check "fields that end in silence" "$FLOWTAPE" replay "$T/silent" "$REDIS" --quiet
    check "fields that end in silence: new ones" [ "$(cli hget h f),$(cli hlen big)" = 5,1 ]
    redis_stop
    rm -rf "$T/redis"
fi

# A run that goes on defers what has its own time, also where no record of it has any.
far=2200000000000
printf '%s\n' "0 1 0 SET far 1 PXAT $far" '0 2 0 SET a 1' '0 3 0 SET b 1' |
    "$MAKE_CAPTURE" 1 "$T/far" || fail "a capture"
redis_start
check "a moment before the last record" "$FLOWTAPE" replay "$T/far" "$REDIS" --quiet --at 10
check "is not behind it" absent b
check "its own time" expires_at far $far
check "and then to the end" "$FLOWTAPE" replay "$T/far" "$REDIS" --quiet
check "its own time again" expires_at far $far
check "nothing is deferred then" [ "$(cli hget flowtape:replay overdue)" = '' ]
redis_stop
rm -rf "$T/redis"

# ends_then KEY - at its own time, $end
ends_then()
{
    expires_at "$1" "$end"
}

# deferred KEY - it will not end as long as records follow
deferred()
{
    [ "$(expiry "$1")" -ge 2800000000000 ]
}

# Members with times to live, which this target does not know: who has ended by now is gone.
now=$(date +%s)
"$MAKE_CAPTURE" 1 "$T/members" <<END || fail "a capture"
0 1 0 SADDEX set 1 ended gone
0 1 0 SADDEX set $((2 * now)) stays
0 1 0 HSET hash permanent 1
0 2 0 HSETEX hash 1 ended 1
0 3 0 SADD set gone
END

redis_start
check "members" "$FLOWTAPE" replay "$T/members" "$REDIS" --quiet --on-loss skip --finish
check "those that have not ended, and those that came again" \
    [ "$(cli smembers set | sort | tr '\n' ' ')" = 'gone stays ' ]
check "fields too, where the target has no times for them" \
    [ "$(cli hkeys hash)" = permanent -o "$(cli info server | grep -c 'redis_version:[56]\|redis_version:7.[02]')" = 0 ]
cli flushall >/dev/null
"$FLOWTAPE" convert "$T/members" "$T/members.resp" --to resp --redis "$REDIS_FOR" --on-loss skip --quiet
redis-cli -s "$T/redis/sock" --pipe <"$T/members.resp" >/dev/null
check "commands: the state at the end" [ "$(cli smembers set | sort | tr '\n' ' ')" = 'gone stays ' ]
check "and its fields" [ "$(cli hkeys hash | sort | tr '\n' ' ')" = 'permanent ' ]
redis_stop
rm -rf "$T/redis"

# Keys that would end before the replay comes to the record that gives them more time.
soon=$((($(date +%s) + 2) * 1000)) end=$((($(date +%s) + 1000) * 1000))
"$MAKE_CAPTURE" 1 "$T/soon" <<END || fail "a capture"
0 1 0 SET session 1 PXAT $soon
0 1 0 SET persistent 1 PXAT $soon
0 1 0 SET gone 1 PXAT $soon
0 1 0 SET later 1 PXAT $end
0 5 0 PEXPIREAT session $end
0 5 0 PERSIST persistent
0 5 0 APPEND persistent 2
END

redis_start
check "what ends soon" "$FLOWTAPE" replay "$T/soon" "$REDIS" --quiet --pace recorded --finish
check "it was given more time, in time" ends_then session
check "it was kept for good, in time" holds persistent 12
check "it is over" absent gone
check "others have their own time" ends_then later
cli flushall >/dev/null

"$FLOWTAPE" replay "$T/soon" "$REDIS" --quiet --follow &
REPLAY_PID=$!
PIDS="$PIDS $REPLAY_PID"
check "a replay that follows has everything" t_until present later
check "nothing ends while it follows" deferred session
check "however late it would" deferred later
kill "$REPLAY_PID"
wait "$REPLAY_PID"
t_forget "$REPLAY_PID"
check "it was not the end" deferred later
check "a run to the end" "$FLOWTAPE" replay "$T/soon" "$REDIS" --quiet
check "gives times back" ends_then session
check "to all" ends_then later
check "and says so" [ "$(cli hget flowtape:replay overdue)" = '' ]
"$FLOWTAPE" replay "$T/soon" "$REDIS" --quiet --follow &
REPLAY_PID=$!
PIDS="$PIDS $REPLAY_PID"
check "whoever follows again defers them again" t_until deferred later
kill "$REPLAY_PID"
wait "$REPLAY_PID"
t_forget "$REPLAY_PID"
"$FLOWTAPE" replay "$T/soon" "$REDIS" --forget >/dev/null 2>&1
check "--forget gives them back too" ends_then later
cli flushall >/dev/null

"$FLOWTAPE" replay "$T/soon" "$REDIS" --pace recorded 2>"$T/stopped" &
REPLAY_PID=$!
PIDS="$PIDS $REPLAY_PID"
check "a replay at the recorded pace has begun" t_until present later
kill "$REPLAY_PID"
wait "$REPLAY_PID"
t_forget "$REPLAY_PID"
check "a replay that is stopped says what it leaves" grep -q "expiry of keys is deferred" "$T/stopped"
check "--forget" "$FLOWTAPE" replay "$T/soon" "$REDIS" --forget
check "--forget gives times back" ends_then later
t_end
