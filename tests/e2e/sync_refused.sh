#!/bin/sh
# A sync that a refused command has stopped goes on as its message says: what was refused is read again from the
# source, and no letter is left that would be executed upon its own effect.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
t_begin
need_redis
has_users || t_skip "Redis $REDIS_FOR has no users, so that it refuses nothing"
recording=$RECORDINGS/live-1

key()
{
    redis-cli -s "$T/redis/sock" "$@"
}

# go_on ARG... - the sync, again
go_on()
{
    : >"$T/sync.out"
    "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" --on-loss skip --json "$@" \
        >"$T/sync.json" 2>"$T/sync.out" &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

# stopped LABEL ARG... - the sync has ended for a refused command, and said what to do
stopped()
{
    t_stopped=$1
    shift
    go_on "$@"
    ends_with "$t_stopped: stops" 4
    check "$t_stopped: says how to go on" grep -Eq \
        '(refused|does not allow) .*[LR]PUSH.*--on-error dead-letter=FILE' "$T/sync.out"
}

# cut_over LABEL - to status 0, and everything that was suspect was read
cut_over()
{
    await "caught up"
    kill -USR1 "$SYNC_PID"
    ends_with "$1: goes on" 0
    check "$1: all were read" json_is "$T/sync.json" suspects/unread 0
    check "$1: some differed" [ "$(json "$T/sync.json" suspects/corrected)" -gt 0 ]
}

# equal LABEL
equal()
{
    check "$1: --forget" "$FLOWTAPE" replay "$T/cap" "$REDIS" --forget
    # shellcheck disable=SC2046
    check "$1: equals its state" "$STATE_DIFF" --skip-lossy $(state_options "$recording") \
        "$recording/state.json" "$REDIS"
}

over()
{
    redis_stop
    standin_check "$1"
    rm -rf "$T/cap" "$T/redis" "$T/dead"
}

standin_start "$recording"
redis_start
key acl setuser default -lpush -rpush >/dev/null
stopped "the snapshot"
go_on --on-error "dead-letter=$T/dead"
cut_over "the snapshot"
check "the snapshot: no letter is left" [ ! -s "$T/dead" ]
check "the snapshot: says so" grep -q "[0-9] commands in .* need not be sent any more" "$T/sync.out"
key acl setuser default +lpush +rpush >/dev/null
check "the snapshot: nothing to send" "$FLOWTAPE" replay "$T/cap" "$REDIS" --quiet --on-loss skip \
    --retry-dead-letter "$T/dead"
equal "the snapshot"
over "the snapshot"

# The names of the source are found where the target has others.
standin_start "$recording"
redis_start
key acl setuser default -lpush -rpush >/dev/null
go_on --on-error "dead-letter=$T/dead" --rename 'l:*=prefix:new:'
cut_over "other names"
check "other names: no letter is left" [ ! -s "$T/dead" ]
for name in $(key --scan --pattern 'new:l:*'); do
    key renamenx "$name" "${name#new:}" >/dev/null
done
equal "other names"
over "other names"

# In the journal, where the target remembers what it refused: both ways out.
for way in --accept-errors "--on-error dead-letter=$T/dead"; do
    standin_start "$recording"
    redis_start
    go_on --rate 1000
    until [ "$(key hget flowtape:replay phase)" = journal ] || ! kill -0 "$SYNC_PID" 2>/dev/null; do
        sleep 0.02
    done
    key acl setuser default -lpush -rpush >/dev/null
    ends_with "$way: stops" 4
    key acl setuser default +lpush +rpush >/dev/null
    go_on
    ends_with "$way: says so again" 4
    check "$way: says how to go on" grep -q -e "dead-letter=FILE writes them.*--accept-errors continues" \
        "$T/sync.out"
    # shellcheck disable=SC2086 # words
    go_on $way
    cut_over "$way"
    [ ! -e "$T/dead" ] || check "$way: no letter is left" [ ! -s "$T/dead" ]
    equal "$way"
    over "$way"
done

# A capture that is there and cannot be read is not taken for none.
mkdir "$T/cap"
echo "{" >"$T/cap/capture.json"
standin_start "$recording"
redis_start
for more in --dry-run --snapshot-only; do
    check_status "a damaged capture, $more" 3 'capture.json": line [12] is not JSON' \
        "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" $more
done
check "a damaged capture: nothing was written" [ "$(key dbsize)" = 0 ]
over "a damaged capture"
t_end
