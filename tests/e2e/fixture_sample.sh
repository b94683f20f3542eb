#!/bin/sh
# A sample of a capture: clean, the same each time, and for its keys what the whole is, converted and replayed, at any
# moment; over generations, of archives, .dfs sets and RDB files.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/nodes_lib.sh"
t_begin
need_redis

# only_missing LABEL A B [ARG...] - what B has is as in A, and it has not all of it
only_missing()
{
    t_label=$1
    shift
    ft diff "$@" --quiet --json --keys-to "$T/differ" >"$T/diff.json" 2>&1
    if [ $? -eq 3 ] && [ "$(grep -c . "$T/differ")" -eq "$(grep -c '"only-in-a"' "$T/differ")" ] &&
        [ "$(json "$T/diff.json" b/keys)" -gt 0 ]; then
        pass "$t_label"
    else
        fail "$t_label" "$T/differ"
    fi
}

# sampled CAPTURE ARG... - into $T/s, which is clean
sampled()
{
    t_name="$1 ${*##*/}" t_from=$1
    shift
    rm -rf "$T/s"
    check "$t_name: sample" ft fixture sample "$t_from" "$T/s" --quiet "$@"
    check "$t_name: verify" verify_clean "$T/s"
}

of_recording()
{
    take "$1"
    sampled "$T/$1" --keys 10% --seed 5
    cp -R "$T/s" "$T/again"
    sampled "$T/$1" --seed 5 --keys 10%
    check "$1: the same bytes" diff -r "$T/again" "$T/s"
    rm -rf "$T/again"
    only_missing "$1: keys are as in the whole" "$T/$1" "$T/s"
    only_missing "$1: at the snapshot too" "$T/$1" "$T/s" --at-a snapshot --at-b snapshot
    sampled "$T/$1" --key '*1*'
    check "$1: all that fit" ft diff "$T/$1" "$T/s" --key '*1*' --quiet
    sampled "$T/$1" --keys 100%
    check "$1: all of them" ft diff "$T/$1" "$T/s" --quiet
}

# An LSN means the same, and the records at the same LSNs are the same.
lsns()
{
    sampled "$T/live-4" --keys 20% --keep-lsn
    ft inspect "$T/live-4" --json | json - 'capture/generations/*/flows/*/next_lsn' >"$T/whole.lsns"
    ft inspect "$T/s" --json | json - 'capture/generations/*/flows/*/next_lsn' >"$T/sample.lsns"
    check "LSNs are kept" cmp "$T/whole.lsns" "$T/sample.lsns"
    at=$(ft inspect "$T/live-4" --json | json - 'capture/generations/*/flows/*/stable_lsn' |
        while read -r lsn; do echo $((lsn + 60)); done | paste -sd ,)
    only_missing "a moment in the middle" "$T/live-4" "$T/s" --at-a "$at" --at-b "$at"
}

# into NAME CAPTURE - a server, at $T/NAME/sock, into which it is replayed
into()
{
    mkdir "$T/$1"
    "$REDIS_SERVER" --port 0 --unixsocket "$T/$1/sock" --dir "$T/$1" --save '' >"$T/$1/log" 2>&1 &
    PIDS="$PIDS $!"
    t_until redis-cli -s "$T/$1/sock" ping
    check "replay into $1" ft replay "$2" "unix:$T/$1/sock" --on-loss skip --quiet
}

replayed()
{
    sampled "$T/live-4" --key '*2*'
    into whole "$T/live-4"
    into part "$T/s"
    check "replayed, it is what the whole is" \
        ft diff "unix:$T/whole/sock" "unix:$T/part/sock" --key '*2*' --quiet --rounds 1
    check "and there is something" test "$(redis-cli -s "$T/part/sock" dbsize)" -gt 100
}

# Two generations, a value that hangs on two others, databases, flags, functions.
made()
{
    cat >"$T/text" <<'END'
shards 1
release 1.33.0
clock 2040-01-01T00:00:00Z
ZADD one 1 a 2 b
ZADD two 3 c
SET other 1
SELECT 2
SET far 2
SELECT 0
snapshot
ZUNIONSTORE all 2 one two
RENAME all kept
MSET other 2 kept:not 3 second 4
DEL second one
cut
ZADD two 4 d
snapshot
ZUNIONSTORE kept 2 two third
END
    ft fixture make "$T/text" "$T/made" --quiet
    sampled "$T/made" --key kept
    ft inspect "$T/s" --generation 1 --records >"$T/records"
    check "ties: what it comes from is kept too" \
        test "$(grep -cE 'ZUNIONSTORE all 2 one two|RENAME all kept|DEL one$' "$T/records")" -eq 3
    check "ties: and nothing else" test "$(grep -cE 'other|second|far' "$T/records")" -eq 0
    check "both generations" test "$(ft inspect "$T/s" --json | json - 'capture/generations/*/began' | wc -l)" -eq 2
    check "generation 1" ft diff "$T/made" "$T/s" --key kept --generation-a 1 --generation-b 1 --quiet
    check "generation 2" ft diff "$T/made" "$T/s" --key kept --quiet
    sampled "$T/made" --key far --generation 2
    check "one generation" test "$(ft inspect "$T/s" --json | json - 'capture/generations/*/began' | wc -l)" -eq 1
}

files()
{
    ft pack "$T/live-4" "$T/packed" --quiet
    sampled "$T/live-4" --keys 30
    mv "$T/s" "$T/of-dir"
    sampled "$T/packed" --keys 30
    check "an archive: the same" diff -r "$T/of-dir" "$T/s"
    for t_file in files/types-summary.dfs files/plain.rdb; do
        sampled "$T_FIXTURES/recordings/$t_file" --per-type 3
        only_missing "$t_file" "$T_FIXTURES/recordings/$t_file" "$T/s"
    done
}

# The nodes of a cluster become one flow, in which a slot that moves has the records of its old owner first.
of_set()
{
    nodes_start "$RECORDINGS/cluster-migrate"
    check "a set: captured" ft capture "$NODE_1" "$T/set" --cluster --until-caught-up --quiet
    nodes_check "a set"
    sampled "$T/set" --keys 100%
    check "a set: the same keys" ft diff "$T/set" "$T/s" --quiet
    check "a set: one flow" test "$(ft inspect "$T/s" --json | json - 'capture/generations/*/flows/*/flow' | wc -l)" = 1
    check "a set: with its journal" [ "$(ft inspect "$T/s" --records | grep -c .)" -gt 3000 ]
    check "a set: the slot that moved" [ "$(ft inspect "$T/s" --records | grep -c 'DFLYCLUSTER FLUSHSLOTS')" = 1 ]
    mv "$T/s" "$T/whole"
    sampled "$T/set" --keys 10% --seed 5
    only_missing "a set: keys are as in the whole" "$T/set" "$T/s"
    mv "$T/s" "$T/tenth"
    sampled "$T/set" --keys 10% --seed 5 --generation 1
    check "a set: its generation" ft diff "$T/tenth" "$T/s" --quiet
    check_status "a set: no such generation" 2 'no generation 7' ft fixture sample "$T/set" "$T/x" --keys 10% --generation 7
    echo 'a secret of some length' >"$T/secret"
    check_status "a set, masked: slots" 1 'keep-slots' ft fixture mask "$T/set" "$T/x" --secret-file "$T/secret"
    nodes_start "$RECORDINGS/cluster"
    check "another set: captured" ft capture "$NODE_1" "$T/other" --cluster --until-caught-up --quiet
    nodes_check "another set"
    check "a set, masked" ft fixture mask "$T/other" "$T/m" --secret-file "$T/secret" --quiet
    check "a set, masked: verify" verify_clean "$T/m"
    check "a set, masked: as many keys" [ "$(keys_of "$T/m")" = "$(keys_of "$T/other")" ]
    ft inspect "$T/m" --records >"$T/masked"
    check "a set, masked: other names" [ "$(grep -c 'k:n[0-9]' "$T/masked")" = 0 ]
    check "a set, shrunk" ft fixture shrink "$T/set" "$T/small" --quiet --tries 40 --while \
        "\"$FLOWTAPE\" inspect {} --records 2>/dev/null | grep -q FLUSHSLOTS"
    check "a set, shrunk: what it was about" [ "$(ft inspect "$T/small" --records | grep -c COMMAND)" = 1 ]
}

# keys_of INPUT
keys_of()
{
    rm -f "$T/keys.rdb"
    ft convert "$1" "$T/keys.rdb" --to rdb --on-loss skip --json --quiet | json - keys
}

errors()
{
    check_status "which keys" 2 "says which keys" ft fixture sample "$T/made" "$T/x"
    check_status "a part" 2 "such as 5%" ft fixture sample "$T/made" "$T/x" --keys 101%
    check_status "no key" 1 "no key that could be chosen" ft fixture sample "$T/made" "$T/x" --key nosuch
    check_status "within the input" 2 "a part of the input" \
        ft fixture sample "$T/made" "$T/made/x" --key kept
    check_status "a directory that is there" 1 "exists" ft fixture sample "$T/made" "$T" --key kept
    check_status "no such generation" 2 "no generation 7" \
        ft fixture sample "$T/made" "$T/x" --key kept --generation 7
    check "nothing is left" test ! -e "$T/x"
}

of_recording live-4
[ "${FLOWTAPE_TEST_EFFORT:-full}" = small ] || of_recording flushes
lsns
replayed
made
files
of_set
errors
t_end
