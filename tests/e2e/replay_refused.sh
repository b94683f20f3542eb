#!/bin/sh
# Commands that the target refuses: stop, the ways on, and letters that are there once whatever is killed.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"
KILLS=${E2E_KILLS:-$(effort 50 8)}
[ -d "$RECORDINGS/types-lz4" ] || t_skip "no recording types-lz4"

# replay NAME [ARG...]
replay()
{
    name=$1
    shift
    timeout 300 "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet --on-loss skip "$@"
}

# allow [+|-]COMMAND... - what the target executes
allow()
{
    ! has_users || cli acl setuser default on nopass '~*' '+@all' "$@" >/dev/null
}

position()
{
    cli --scan --pattern 'flowtape:*:{*}'
}

# refused_fields - how many refused commands the target remembers
refused_fields()
{
    cli hkeys "$(position)" | grep -c '^e:'
}

# letters FILE - without what tells runs apart
letters()
{
    sed 's/"began_ms":[0-9]*,//' "$1" | sort
}

# records ROUNDS
records()
{
    awk -v rounds="$1" 'BEGIN {
        for (i = 0; i < rounds; i++)
            for (flow = 0; flow < 3; flow++) {
                print flow, 1, 0, "RPUSH {" flow "}list:" i % 5, "v" i
                print flow, 1, 0, "INCR {" flow "}counter"
                print flow, 1, 1, "SADD {" flow "}set", i
            }
    }'
}

records 400 | "$MAKE_CAPTURE" --rule tag 3 "$T/records" || fail "a capture of our own"
standin_start "$RECORDINGS/types-lz4"
capture "$T/types-lz4" --until-caught-up || fail "capture of types-lz4"
standin_stop
redis_start

# What is refused to a user.
refused_to_users()
{
    # Entries of the snapshot.
    allow -restore -zadd
    check_status "an entry: stop" 4 'does not allow ZADD.*nothing was written.*dead-letter=FILE' \
        replay types-lz4
    check_status "an entry: said again" 4 'does not allow ZADD' replay types-lz4
    check "an entry: the same replay goes on" replay types-lz4 --on-error "dead-letter=$T/entries"
    check "an entry: letters" [ -s "$T/entries" ]
    check "an entry: it is done" replay types-lz4
    allow
    check "an entry: retried" replay types-lz4 --retry-dead-letter "$T/entries"
    check "an entry: no letter is left" [ ! -s "$T/entries" ]
    check "an entry: no state" replay types-lz4 --forget
    check "an entry: equal" "$STATE_DIFF" --skip-lossy "$RECORDINGS/types-lz4/state.json" "$REDIS"

    # Records.
    allow -rpush
    check "a record: the snapshot" replay records --flush --at snapshot
    check_status "a record: stop" 4 'LSN [0-9]*: the target refused RPUSH.*dead-letter=FILE' replay records
    check_status "a record: said again" 4 'refused [0-9]* commands in earlier runs' replay records
    cli copy "$(position)" was >/dev/null
    check "a record: the same replay goes on" replay records --on-error "dead-letter=$T/dead"
    check "a record: nothing is left on the target" [ "$(refused_fields)" = 0 ]
    letters "$T/dead" >"$T/dead.once"
    check "a record: letters" [ -s "$T/dead.once" ]
    check "a record: each once" [ "$(uniq "$T/dead.once" | wc -l)" = "$(wc -l <"$T/dead.once")" ]

    # As if killed between the file and the target, and while a line was being written.
    back="local all = redis.call('HGETALL', 'was')
    for i = 1, #all, 2 do
        if string.sub(all[i], 1, 2) == 'e:' then redis.call('HSET', ARGV[1], all[i], all[i + 1]) end
    end"
    cli eval "$back" 0 "$(position)" >/dev/null
    check "in both places: on the target" [ "$(refused_fields)" -gt 0 ]
    printf '{"capture":"half a li' >>"$T/dead"
    check "in both places" replay records --on-error "dead-letter=$T/dead"
    letters "$T/dead" >"$T/got"
    check "in both places: each once" cmp "$T/dead.once" "$T/got"
    check "in both places: nothing is left on the target" [ "$(refused_fields)" = 0 ]
    cli eval "$back" 0 "$(position)" >/dev/null
    allow
    check "retried" replay records --retry-dead-letter "$T/dead"
    check "retried: no letter is left" [ ! -s "$T/dead" ]
    check "retried: nor on the target" [ "$(refused_fields)" = 0 ]
    check "retried: no second letter" replay records --on-error "dead-letter=$T/dead"
    check "retried: none" [ ! -s "$T/dead" ]
    cli del was >/dev/null

    # Begun again, and its letters with it.
    allow -rpush
    check "from the start: letters" replay records --flush --on-error "dead-letter=$T/again"
    letters "$T/again" >"$T/again.once"
    echo '{"capture":"another","began_ms":1,"flow":0,"lsn":1,"part":"0","db":0,"command":["PING"],"error":"ERR"}' \
        >>"$T/again"
    check "from the start: the others stay" replay records --from-start --on-error "dead-letter=$T/again"
    check "from the start: one" [ "$(grep -c another "$T/again")" = 1 ]
    grep -v another "$T/again" >"$T/got"
    letters "$T/got" >"$T/again.got"
    check "from the start: each once" cmp "$T/again.once" "$T/again.got"
    check_status "no letters" 3 'not a dead letter' replay records --on-error "dead-letter=$T/records/capture.json"
    check_status "no file" 2 'regular file' replay records --on-error dead-letter=/dev/null
}

! has_users || refused_to_users

# Replies come while the pipe is full, and each has something for the target to forget.
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "0 1 0 XSETID %02500d 9-%d\n", i, i + 1 }' |
    "$MAKE_CAPTURE" 1 "$T/full" || fail "a capture of our own"
allow
check "a full pipe" replay full --flush --report "$T/full.json"
check "a full pipe: each error counts once" json_is "$T/full.json" expected_errors 3000
check "a full pipe: nothing is left on the target" [ "$(refused_fields)" = 0 ]

one_of_several_keys()
{
    # One key of several is refused: in the snapshot, in a record, and by what the record becomes.
    awk 'BEGIN {
        print "0 1 0 MSET a:4 1 secret:2 2 a:5 3 a:6 4"
        print "0 1 0 DEL a:6 secret:3 a:none"
        print "0 1 0 UNLINK secret:3 a:5"
        print "0 1 0 MSET secret:4 1"
    }' | "$MAKE_CAPTURE" 1 "$T/several" || fail "a capture of our own"
    allow
    cli acl setuser default resetkeys '~flowtape*' '~a:*' >/dev/null
    check "one of several keys" replay several --flush --on-error "dead-letter=$T/several.dead"
    cli acl setuser default '~*' >/dev/null
    check "one of several keys: the others" [ "$(cli --scan --pattern 'a:*' | sort | tr '\n' ' ')" = "a:4 " ]
    check "one of several keys: a letter for each refused one" [ "$(grep -c secret: "$T/several.dead")" = 4 ]
    check "one of several keys: and for no other" [ "$(grep -c '"a:' "$T/several.dead")" = 0 ]
    check "one of several keys: nothing is left on the target" [ "$(refused_fields)" = 0 ]
}

! has_users || one_of_several_keys

# A word that is longer than the target takes, which would end the connection: the key is named.
allow
cli flushall >/dev/null
awk 'BEGIN { for (i = 0; i < 110000; i++) printf "0123456789abcdef" }' | cli -x set long:1 >/dev/null
cli set short 1 >/dev/null
cli --rdb "$T/long" >/dev/null 2>&1
cli config set proto-max-bulk-len 1mb >/dev/null
check_status "too long: named" 4 'SET "long:1": an argument of 1760000 bytes is too long for it, which takes 1048576' \
    replay long --flush
check "too long: a letter" replay long --on-error "dead-letter=$T/long.dead"
check "too long: for that one" [ "$(grep -c long:1 "$T/long.dead")" = 1 ]
check "too long: the others" [ "$(cli get short)" = 1 ]
if has_users; then
    allow -config
    check_status "too long: who may not ask" 4 'long' replay long --flush
    allow
fi
cli config set proto-max-bulk-len 512mb >/dev/null

killed()
{
    # Killed at random moments.
    allow -restore -rpush
    check "killed: in one go" replay records --flush --finish --on-error "dead-letter=$T/whole"
    letters "$T/whole" >"$T/whole.once"
    cli flushall >/dev/null
    kills=0
    while [ $kills -lt "$KILLS" ]; do
        "$FLOWTAPE" replay "$T/records" "$REDIS" --quiet --on-loss skip --rate 2000 \
            --on-error "dead-letter=$T/killed" >"$T/killed.out" 2>&1 &
        pid=$!
        PIDS="$PIDS $pid"
        t_random_delay 200
        t_forget "$pid"
        kill -9 "$pid" 2>/dev/null || break
        kills=$((kills + 1))
        wait "$pid" 2>/dev/null
    done
    check "killed: the rest after $kills kills" replay records --finish --on-error "dead-letter=$T/killed"
    letters "$T/killed" >"$T/killed.once"
    check "killed: the same letters" cmp "$T/whole.once" "$T/killed.once"
}

! has_users || killed

# Commands of more words than a script takes, which cannot be divided: by themselves where a batch is a script, beside each
# other where it is a transaction.
awk 'BEGIN { print "0 1 0 SET s1 1"
    for (k = 0; k < 2; k++) {
        printf k ? "0 1 0 SINTERSTORE all" : "0 1 0 SUNIONSTORE all"
        for (i = 0; i < 8000; i++) printf " s" i
        print ""
    }
    print "0 2 0 SET last 1" }' | "$MAKE_CAPTURE" 1 "$T/wide" || fail "a capture of our own"
allow -sinterstore
if has_users; then
    check_status "many words: what is not allowed is found first" 4 'does not allow SINTERSTORE' replay wide --flush
    allow
fi
check_status "many words: stop" 4 'LSN [0-9]*: the target refused SUNIONSTORE.*WRONGTYPE' replay wide --flush
allow -sinterstore
check "many words: the target remembers" [ "$(refused_fields)" = "$(server_before 7.0 && echo 1 || echo 2)" ]
check "many words: the same replay goes on" replay wide --on-error "dead-letter=$T/wide.dead"
check "many words: by their types" [ "$(grep -c 'SUNIONSTORE.*WRONGTYPE' "$T/wide.dead")" = 1 ]
server_before 7.0 || check "many words: both of them" [ "$(grep -c 'SINTERSTORE.*WRONGTYPE' "$T/wide.dead")" = 1 ]
if has_users && server_before 7.0; then
    check "many words: by who asks" [ "$(grep -c 'SINTERSTORE.*NOPERM' "$T/wide.dead")" = 1 ]
fi
! has_users || check "many words: no other letter" [ "$(grep -c . "$T/wide.dead")" = 2 ]
check "many words: nothing is left on the target" [ "$(refused_fields)" = 0 ]
check "many words: what follows" [ "$(cli get last)" = 1 ]

# A kill before the replies to a transaction: the position says of which records something may have been refused.
for count in "" "2 of "; do
    cli hset "$(position)" unread "${count}0:1-3 " >/dev/null
    check_status "unread replies are said: ${count:-any}" 0 "${count:+has counted 2 errors}.*as flow:first-last LSN: 0:1-3" \
        "$FLOWTAPE" replay "$T/wide" "$REDIS" --on-error "dead-letter=$T/wide.dead"
    check "unread replies are said once: ${count:-any}" [ "$(cli hexists "$(position)" unread)" = 0 ]
done
redis_stop
t_end
