#!/bin/sh
# --check of a sync: the target is compared with the capture before the cut-over is confirmed, while the source goes on
# writing; what was tampered with is found; and the report can be computed again.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
t_begin
need_redis
live=$RECORDINGS/live-4

# begin_sync TARGET ARG... - in the background, as $SYNC_PID, its output in $T/sync.out
begin_sync()
{
    s_target=$1
    shift
    : >"$T/sync.out"
    # shellcheck disable=SC2086 # nothing, or two words
    "$FLOWTAPE" sync "$URI" "$s_target" --dir "$T/cap" --on-loss skip $PRIVATE_SERVER "$@" >"$T/sync.out" 2>&1 &
    SYNC_PID=$!
    PIDS="$PIDS $SYNC_PID"
}

# field PATH - of the report's check
field()
{
    "$JSON_FIELD" "$T/report.json" "check/$1"
}

# verify REPORT [DIR]
verify()
{
    # shellcheck disable=SC2086
    "$FLOWTAPE" verify --report "$1" "${2:-$T/cap}" $PRIVATE_SERVER
}

# proven LABEL - by the report, and by what the capture says of it
proven()
{
    check "$1: the report says equal" [ "$(field equal)" = true ]
    check "$1: all keys" [ "$(field checked)" = all ]
    p_values=$(field total/input/values)
    check "$1: equal digests" [ -n "$p_values" -a "$p_values" = "$(field total/target/values)" ]
    check_status "$1: computed again" 0 'what the report says: [0-9]+ keys, to which the target was equal' \
        verify "$T/report.json"
}

# Everything is compared beside the stream, the rest in the pause; then once more before the hand-over, and after it.
standin_start "$live" --write-rate 100 --stamps 20
redis_start
begin_sync "$REDIS" --check all --cutover pause --report "$T/report.json"
await "confirm"
check "pause: compared while both go on" grep -q "comparing the target with the capture, while both go on" "$T/sync.out"
check "pause: compared before it is confirmed" grep -Eq "is what the capture says: [0-9]{3,} keys" "$T/sync.out"
"$FLOWTAPE" cutover "$T/cap" --confirm >"$T/cutover.out" 2>&1 || fail "confirmed" "$T/cutover.out"
ends_with "pause" 0
proven "pause"
standin_stop

# The report is refused if it is damaged or about something else; a difference is named.
sed 's/"values": "\(.\)/"values": "0\1/' "$T/report.json" >"$T/damaged.json"
check_status "a digest that is too long" 3 'damaged one: values' verify "$T/damaged.json"
head -c 2000 "$T/report.json" >"$T/damaged.json"
check_status "half a report" 3 'damaged.json' verify "$T/damaged.json"
echo '{"keys": 1}' >"$T/damaged.json"
check_status "no report" 3 'no check of all keys' verify "$T/damaged.json"
sed 's/"keys": [0-9]*,/"keys": 77,/' "$T/report.json" >"$T/damaged.json"
check_status "sums that do not agree" 3 'damaged one' verify "$T/damaged.json"
echo '0 1 0 SET one x' | "$MAKE_CAPTURE" 1 "$T/other" || fail "another capture"
check_status "another capture" 2 'but the report is about' verify "$T/report.json" "$T/other"
check_status "a report that is not there" 1 'nothing.json' verify "$T/nothing.json"

# A target that somebody else has written to while it followed.
rm -rf "$T/cap"
cli flushall >/dev/null
standin_start "$live" --write-rate 100 --stamps 20 --mixed
begin_sync "$REDIS" --check all --json --report "$T/report.json"
await "caught up"
cli hset hash:0 more 1 >/dev/null
cli del list:6 >/dev/null
cli set extra 1 >/dev/null
cli pexpireat ttl:3 $(($(expiry ttl:3) + 60000)) >/dev/null
check_status "tampered with" 3 'not what the capture says: 4 differ' "$FLOWTAPE" cutover "$T/cap" --mode pause
check "tampered with: the source resumes" t_until grep -q "following again" "$T/sync.out"
t_at_work "$SYNC_PID"
kill -INT "$SYNC_PID"
ends_with "tampered with" 3
check "tampered with: four" [ "$(field keys_different)" = 4 ]
for named in 'value hash:0' 'only-in-a list:6' 'only-in-b extra' 'time ttl:3'; do
    check "tampered with: $named" [ "$("$JSON_FIELD" "$T/report.json" "check/examples/*/key" | grep -cx "${named#* }")" = 1 ]
    check "tampered with: told" grep -q "  ${named% *}: key \"${named#* }\" of database 0" "$T/sync.out"
done
check_status "tampered with: a report of it" 3 'says that the target differed' \
    verify "$T/report.json"
check "repaired: all of the capture first" "$FLOWTAPE" replay "$T/cap" "$REDIS" --on-loss skip --quiet
check_status "repaired: which" 3 '4 keys differ' "$FLOWTAPE" diff "$T/cap" "$REDIS" $PRIVATE_SERVER --like-replay --keys-to "$T/keys"
check "repaired" "$FLOWTAPE" replay "$T/cap" "$REDIS" --only-keys "$T/keys" --on-loss skip --quiet
check_status "repaired: all of it" 0 '^equal$' "$FLOWTAPE" replay "$T/cap" "$REDIS" --on-loss skip $PRIVATE_SERVER --check all

# Killed while it compares, it resumes like any other, with a new full sync in the middle of the cut-over.
begin_sync "$REDIS" --check all --cutover takeover --rate 200 --report "$T/report.json"
await "comparing"
kill -9 "$SYNC_PID"
wait "$SYNC_PID" 2>/dev/null
t_forget "$SYNC_PID"
begin_sync "$REDIS" --check all --cutover takeover --report "$T/report.json"
ends_with "killed while it compared" 0
check "a takeover is compared before and after it" [ "$(grep -c "is what the capture says" "$T/sync.out")" = 2 ]
proven "killed while it compared"

# A suspect key has the source's value, whatever the capture says. A field that ends while the two are compared makes its
# hash another one, for the report and for who computes it again.
rm -rf "$T/cap"
cli flushall >/dev/null
standin_stop
standin_start "$RECORDINGS/catalogue" --absent 0/l4
begin_sync "$REDIS" --check all --cutover takeover --no-key hshort --report "$T/report.json"
ends_with "a suspect key" 0
check "a suspect key: brought from the source" [ "$("$JSON_FIELD" "$T/report.json" suspects/deleted)" = 1 ]
check "a suspect key: counted apart, as is one that was corrected" [ "$(field keys_from_source)" = 2 ]
check_status "a suspect key: computed again" 0 'what the report says' verify "$T/report.json"

# A source that is gone: what was stored is compared.
rm -rf "$T/cap"
cli flushall >/dev/null
standin_stop
standin_start "$live" --write-rate 300
begin_sync "$REDIS" --check all --give-up-after 200ms --report "$T/report.json"
await "caught up"
kill "$STANDIN_PID"
ends_with "a source that is gone" 4
proven "a source that is gone"

# A snapshot alone, and some keys.
rm -rf "$T/cap"
cli flushall >/dev/null
standin_stop
standin_start "$RECORDINGS/types-lz4"
check_status "--snapshot-only" 0 '^equal$' "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" --on-loss skip \
    $PRIVATE_SERVER --snapshot-only --check all --report "$T/report.json"
proven "--snapshot-only"
rm -rf "$T/cap"
cli flushall >/dev/null
check_status "some keys" 0 'is what the capture says: [0-9]+ keys' "$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" \
    --on-loss skip $PRIVATE_SERVER --cutover takeover --check 20 --report "$T/report.json"
check_status "some keys: not computed again" 3 'only one of all' verify "$T/report.json"
standin_stop
redis_stop

# Into a cluster, with names of its own.
start_cluster 3 0 || fail "a cluster"
rm -rf "$T/cap"
standin_start "$live" --write-rate 100 --stamps 20
begin_sync "$CLUSTER_URI" --check all --cutover pause --db-map '0:0,*:prefix=db%d:' --rename 'hash:*=prefix:new:' \
    --no-key 'list:*' --report "$T/report.json"
await "confirm"
"$FLOWTAPE" cutover "$T/cap" --confirm >"$T/cutover.out" 2>&1 || fail "cluster: confirmed" "$T/cutover.out"
ends_with "cluster" 0
proven "cluster"
standin_stop
stop_cluster
t_end
