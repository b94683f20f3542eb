#!/bin/sh
# A capture as a Dragonfly master: what is captured of it is the same capture again, however the link behaves.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/serve_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
t_begin

# kept_rules LABEL - ends the service; nothing was sent to it against the protocol
kept_rules()
{
    serve_stop "$1"
    check "$1: rules of the conversation" json_is "$T/serve.json" violations 0
    SERVE_PORT=
}

# same_flows A B COUNT - the stored bytes of both captures
same_flows()
{
    t_i=0
    while [ $t_i -lt "$3" ]; do
        "$FLOWTAPE" inspect "$1" --raw --flow $t_i >"$T/wanted.bin" &&
            "$FLOWTAPE" inspect "$2" --raw --flow $t_i >"$T/got.bin" || return 1
        cmp "$T/wanted.bin" "$T/got.bin" || return 1
        t_i=$((t_i + 1))
    done
}

# replid DIR - of its newest generation
replid()
{
    json "$1/capture.json" 'generations/*/replication_id' | tail -n 1
}

# A fixed point: every kind of stream, of every release.
few="live-4 catalogue empty types-zstd older/1.19.2/types older/1.31.2/live-3"
for recording in $(effort "$few live-1 flushes types-lz4 types-lzf types-plain types-untagged older/1.19.2/live-3 \
    older/1.23.2/live-3 older/1.37.2/live-3" "$few"); do
    take $recording
    name=${recording##*/}
    dragonfly_start "$T/$name"
    check "$recording: capture" capture "$T/copy" --until-caught-up --compress lz4
    check "$recording: every flow is the same" raw_equal "$T/copy" "$RECORDINGS/$recording"
    check "$recording: the replication id too" [ "$(replid "$T/copy")" = "$(replid "$T/$name")" ]
    check "$recording: sound" verify_clean "$T/copy"
    kept_rules "$recording"
    rm -rf "$T/copy"
    [ "$name" = live-4 ] || rm -rf "${T:?}/$name"
done

# Where it lies does not matter.
ft pack "$T/live-4" "$T/packed" --quiet
dragonfly_start "$T/packed" --chunk 100
check "packed, in small pieces: capture" capture "$T/copy" --until-caught-up
check "packed, in small pieces: the same" raw_equal "$T/copy" "$RECORDINGS/live-4"
kept_rules packed
rm -rf "$T/copy"

# Any LSN: what a capture has of a paced master is continued by the next one, over cut sessions too. What a capture has in
# the form of another release's resumption is served as records.
has_all()
{
    "$FLOWTAPE" inspect "$1" --json >"$T/inspect.json" &&
        [ "$(json "$T/inspect.json" 'capture/generations/*/flows/*/next_lsn' | tail -n "$(flow_count "$2")")" = \
            "$(meta_flow "$2" final_lsn)" ]
}
complete()
{
    capture "$T/copy" --until-caught-up && has_all "$T/copy" "$1"
}
pace=2000/s
for recording in live-4 older/1.31.2/live-3; do
    take $recording
    dragonfly_start "$T/${recording##*/}" --pace $pace --drop-after 100kB:4
    pace=recorded
    check "$recording: capture, again and again" t_until complete "$RECORDINGS/$recording"
    check "$recording: sound" verify_clean "$T/copy"
    # On a machine that is slow enough every cut comes before some flow has its snapshot: there is nothing to resume.
    if [ "$(json "$T/copy/capture.json" 'generations/*/resumptions' | tail -n 1)" -gt 0 ]; then
        pass "$recording: resumed"
    else
        check "$recording: restarted" [ "$(json "$T/copy/capture.json" 'generations/*/id' | wc -l)" -gt 1 ]
    fi
    kept_rules "$recording, paced"
    dragonfly_start "$T/copy"
    check "$recording, of a resumed capture" capture "$T/copy2" --until-caught-up
    check "$recording: records are the same" records_equal "$T/copy2" "$RECORDINGS/$recording"
    kept_rules "$recording, of a resumed capture"
    rm -rf "$T/copy" "$T/copy2"
done

# One that stands still within the full sync is gone, as one is that never answered.
dragonfly_start "$T/live-4" --stall 5kB:60s
"$FLOWTAPE" capture "$URI" "$T/copy" --until-caught-up --give-up-after 1s --json >"$T/stood.json" 2>"$T/stood.err"
check "a full sync that stands still: status 4" [ $? = 4 ]
check "a full sync that stands still: said" grep -q "sent nothing of its full sync for 1.0 s" "$T/stood.err"
check "a full sync that stands still: it was not begun again" [ "$(json "$T/stood.json" sessions)" = 1 ]
kill -9 "$SERVE_PID"
wait "$SERVE_PID" 2>/dev/null
t_forget "$SERVE_PID"
rm -rf "$T/copy"

# One that stands still keeps up nobody, nor does a master that stalls for a while end the session.
dragonfly_start "$T/live-4" --stall 50kB:300ms --loading 300ms
"$FLOWTAPE" capture "$URI" "$T/still" --until-caught-up --quiet &
STILL=$!
PIDS="$PIDS $STILL"
t_at_work $STILL
kill -STOP $STILL
check "beside one that stands still: capture" capture "$T/copy" --until-caught-up
check "beside one that stands still: the same" raw_equal "$T/copy" "$RECORDINGS/live-4"
kill -CONT $STILL
ends "one that stood still" $STILL 0 "$T/serve.err"
check "one that stood still: the same" raw_equal "$T/still" "$RECORDINGS/live-4"
check_status "a command that it has not" 0 "flowtape" redis-cli -h "$T_HOST" -p "$SERVE_PORT" get a
kept_rules "two replicas"
rm -rf "$T/copy" "$T/still"

# Growing beside the service; and an older generation.
standin_start "$RECORDINGS/live-4" --write-rate 1500
"$FLOWTAPE" capture "$URI" "$T/cap" --quiet &
CAPTURE=$!
PIDS="$PIDS $CAPTURE"
t_until grep -q complete "$T/cap/capture.json"
dragonfly_start "$T/cap" --follow
"$FLOWTAPE" capture "$URI" "$T/copy" --quiet &
COPY=$!
PIDS="$PIDS $COPY"
check "growing: the copy grows too" t_until has_all "$T/copy" "$RECORDINGS/live-4"
kill $COPY
ends "growing: the copy" $COPY 0 "$T/serve.err"
check "growing: the same" same_flows "$T/cap" "$T/copy" 4
kill $CAPTURE
ends "growing: the capture" $CAPTURE 0 "$T/serve.err"
kept_rules growing
standin_stop
rm -rf "$T/copy"
standin_start "$RECORDINGS/live-4" --partial none
check "another generation" capture "$T/cap" --until-caught-up
standin_stop
dragonfly_start "$T/cap" --generation 1
check "the first generation: capture" capture "$T/copy" --until-caught-up
check "the first generation: the same" raw_equal "$T/copy" "$RECORDINGS/live-4"
kept_rules "the first generation"
rm -rf "$T/copy" "$T/cap"

# Who may, what may be asked for.
echo sesame >"$T/password"
dragonfly_start "$T/live-4" --password-file "$T/password"
check_status "no password" 4 "NOAUTH|password" capture "$T/copy" --snapshot-only
check "with the password" capture "$T/copy" --snapshot-only --password-file "$T/password"
kept_rules password
rm -rf "$T/copy"
check_status "an option for Redis" 2 "state-at is for --as redis" ft serve "$T/live-4" --as dragonfly --state-at end
check_status "an option for Dragonfly" 2 "pace is for --as dragonfly" ft serve "$T/live-4" --as redis --pace max
check_status "no pace" 2 "pace is max, recorded" ft serve "$T/live-4" --as dragonfly --pace fast
check_status "no capture" 2 "is not a capture of a Dragonfly" ft serve "$RECORDINGS/files/types.rdb" --as dragonfly --listen "$T_HOST:0"

# What is against the protocol is refused, said, and counted.
dragonfly_start "$T/live-4"
check_status "a flow of nobody" 0 "bad master id: wanted" redis-cli -h "$T_HOST" -p "$SERVE_PORT" dfly flow x SYNC1 0
check_status "a version before its session" 0 "after capa dragonfly" \
    redis-cli -h "$T_HOST" -p "$SERVE_PORT" replconf client-version 5
serve_stop "against the protocol"
check "against the protocol: counted" json_is "$T/serve.json" violations 2
SERVE_PORT=

# A takeover ends it, when the replica has everything.
need_redis
redis_start
dragonfly_start "$T/live-4"
"$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/cap" --on-loss skip --cutover takeover --finish >"$T/sync.out" 2>&1 &
SYNC_PID=$!
PIDS="$PIDS $SYNC_PID"
ends_with takeover 0
ends "takeover: the service ends" "$SERVE_PID" 0 "$T/serve.err"
check "takeover: it says so" json_is "$T/serve.json" taken_over true
check "takeover: everything is there" "$STATE_DIFF" --skip-lossy "$RECORDINGS/live-4/state.json" "$REDIS"
redis_stop
t_end
