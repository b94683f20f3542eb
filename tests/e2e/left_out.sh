#!/bin/sh
# Keys that a loss has left out (--on-loss skip), and what the journal makes of them: by every way to a server.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"
redis_start

# keys - of the server, in one line
keys()
{
    cli --scan | grep -v '^flowtape\|^key-of-flow' | sort | tr '\n' ' '
}

# suspects REPORT - "KEY KEY ..."
suspects()
{
    for i in 0 1 2 3 4 5; do
        json "$1" "suspects/keys/$i/key" 2>/dev/null
    done | sort | tr '\n' ' '
}

# lost REPORT REASON - how many losses there are for it
lost()
{
    total=0
    for i in 0 1 2 3 4 5; do
        for losses in loss losses; do # of a conversion, of a replay
            json_is "$1" "$losses/lines/$i/reason" "$2" || continue
            total=$((total + $(json "$1" "$losses/lines/$i/count")))
        done
    done 2>/dev/null
    echo $total
}

# brought_by WAY REPORT CAPTURE - onto an empty server
brought_by()
{
    cli flushall >/dev/null
    case $1 in
    replay | replication)
        set -- "$1" "$2" "$3" "$([ "$1" = replay ] || echo "--via replication")"
        # shellcheck disable=SC2086 # words
        timeout 120 "$FLOWTAPE" replay "$3" "$REDIS" --quiet --on-loss skip --report "$2" $4
        ;;
    rdb) rdb_file "$3" "$2" && timeout 120 "$FLOWTAPE" replay "$T/made.rdb" "$REDIS" --quiet ;;
    resp)
        "$FLOWTAPE" convert "$3" - --to resp --quiet --on-loss skip --report "$2" >"$T/made.resp" &&
            { cli --pipe <"$T/made.resp" >"$T/piped" 2>&1 || true; } # of what was left out no command is possible
        ;;
    aof)
        rm -rf "$T/made.aof"
        "$FLOWTAPE" convert "$3" "$T/made.aof" --to aof --quiet --on-loss skip --report "$2" &&
            timeout 120 "$FLOWTAPE" replay "$T/made.aof" "$REDIS" --quiet --accept-errors
        ;;
    esac
}

# rdb_file CAPTURE REPORT
rdb_file()
{
    rm -f "$T/made.rdb"
    "$FLOWTAPE" convert "$1" "$T/made.rdb" --to rdb --quiet --on-loss skip --report "$2"
}

# What a key becomes that was left out, and what it replaces, is left out: "old", "copy" and "new". RENAMENX onto one
# did nothing at the source, or not what it does on the target: so "a" and "doc2" are suspect.
printf '0 1 0 %s\n' "SET kept 1" "SET old 1" "SET copy 1" "SET a 1" 'JSON.SET doc $ 1' \
    'JSON.SET doc2 $ 1' "COPY doc copy REPLACE" "RENAME doc old" "RENAMENX old new" \
    "RENAMENX a doc2" "SET kept2 1" |
    "$MAKE_CAPTURE" 1 "$T/records" || fail "a capture of records"
# The same of keys that the snapshot has; a RENAMENX that does nothing is not journalled.
cat >"$T/text" <<'END'
shards 1
SET kept 1
SET old 1
SET copy 1
SET a 1
JSON.SET doc $ 1
JSON.SET doc2 $ 1
snapshot
COPY doc copy REPLACE
RENAME doc old
RENAMENX old new
RENAMENX a doc2
SET kept2 1
END
"$FLOWTAPE" fixture make "$T/text" "$T/snapshot" --quiet || fail "a capture with a snapshot"

# all_ways CAPTURE KEYS SUSPECTS MADE
all_ways()
{
    for way in replay replication rdb resp aof; do
        check "$1, $way" brought_by $way "$T/report.json" "$T/$1"
        check "$1, $way: keys: $(keys)" [ "$(keys)" = "$2" ]
        check "$1, $way: suspects: $(suspects "$T/report.json")" [ "$(suspects "$T/report.json")" = "$3" ]
        made=$(lost "$T/report.json" made-of-lost)
        check "$1, $way: made of what was left out: $made" [ "$made" = "$4" ]
        check "$1, $way: none is counted twice" [ "$(lost "$T/report.json" refused)" = 0 ]
    done
}

all_ways records "doc2 kept kept2 " "a doc2 " 3
all_ways snapshot "a kept kept2 " "" 2 # the copy is a RESTORE of its own
redis_stop
t_end
