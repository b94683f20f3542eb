#!/bin/sh
# The captures of a cluster's nodes, handed to a command segment by segment, and the set's description after what it names: what
# is fetched back is a set, also when the capture, or the fetching, was ended in the middle.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/nodes_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
need_redis
t_begin
STORE=$T/store
mkdir "$STORE"
PUT="cp '%p' '$STORE/%f'"
GET="cp '$STORE/%f' '%p' 2>/dev/null"
rec=$RECORDINGS/cluster

# same_set DIR OTHER - the same files, but for what belongs to a writer or to the archive
same_set()
{
    diff -r --exclude '*.lock' --exclude 'capture.archive*' --exclude set.archive.json \
        --exclude '*.status.json' "$1" "$2"
}

# fetched LABEL - the archive is the set
fetched()
{
    rm -rf "$T/back"
    check "$1: fetched" ft unpack --from "$GET" "$T/back"
    check "$1: it is the set" same_set "$T/set" "$T/back"
    check "$1: verify" verify_clean "$T/back"
}

# archive STATUS LABEL COMMAND [ARG...]
archive()
{
    t_wanted=$1 t_name=$2 t_command=$3
    shift 3
    ft capture "$NODES" "$T/set" --until-caught-up --quiet --segment-size 16KiB \
        --archive-to "$t_command" --json "$@" >"$T/said.json" 2>"$T/said"
    t_got=$?
    if [ $t_got -eq "$t_wanted" ]; then
        pass "$t_name: status $t_wanted"
    else
        fail "$t_name: status $t_got, wanted $t_wanted" "$T/said"
    fi
}

# steps_equal LABEL SET - what lay in the archive after each file is the set up to there, or says why it is not one yet
steps_equal()
{
    s_readable=0 s_wrong=
    # shellcheck disable=SC2012 # numbers
    for s_step in $(ls "$T/steps" | sort -n); do
        rm -rf "$T/back"
        [ -e "$T/steps/$s_step/set.json" ] || continue
        if ! ft unpack --from "cp '$T/steps/$s_step/%f' '%p' 2>/dev/null" "$T/back" --quiet 2>"$T/said"; then
            s_wrong="$s_wrong $s_step:unpack"
        elif [ "$(json "$T/back/set.json" generations/0/id)" = 1 ]; then
            s_readable=$((s_readable + 1))
            s_at=$(for s_node in "$T"/back/node-*; do
                json "$s_node/capture.json" 'generations/0/flows/*/next_lsn'
            done | awk '{ print $1 - 1 }' | paste -s -d ,)
            # shellcheck disable=SC2086
            ft diff "$T/back" "$2" --at-b "$s_at" --quiet $PRIVATE_SERVER 2>"$T/said" ||
                { grep -q 'slots .*on their way' "$T/said" && : >"$T/refused"; } ||
                s_wrong="$s_wrong $s_step:diff"
        fi
        [ -z "$s_wrong" ] || cat "$T/said"
    done >"$T/wrong"
    if [ -z "$s_wrong" ] && [ $s_readable -ge 1 ]; then
        pass "$1: equal, $s_readable times"
    else
        fail "$1: $s_readable times, wrong:$s_wrong" "$T/wrong"
    fi
}

good()
{
    rm -rf "$T/set" "$STORE"/*
    nodes_start "$rec"
    archive 0 "good" "$PUT"
    nodes_check "good"
    check "good: all eight were archived" json_is "$T/said.json" archive/archived 8
    check "good: nothing is missing" json_is "$T/said.json" archive/behind false
    check "good: eight, their manifests, and the description" test "$(ls "$STORE" | wc -l)" = 11
    fetched "good"
    check "one node alone" ft unpack --from "cp '$STORE/node-0002.%f' '%p'" "$T/node"
    check "one node alone: it is the node" same_set "$T/set/node-0002" "$T/node"
}

# The description is not there before what it names is, nor is a fetched set before all of it is there.
in_order()
{
    check_status "no description" 4 "neither a capture nor a set: .* was not fetched" \
        ft unpack --from "case %f in set.json) exit 1 ;; esac; $GET" "$T/none"
    check_status "a node is missing" 4 "\"node-0002.capture.json\" was not fetched" \
        ft unpack --from "case %f in node-0002.*json) exit 1 ;; esac; $GET" "$T/none"
    check_status "half of it" 4 "node-0002.gen-0001.flow-001-00001-journal.seg\" was not fetched" \
        ft unpack --from "case %f in *2.*1-00001-j*) exit 1 ;; esac; $GET" "$T/none"
    check "half of it: it is not there" test ! -e "$T/none"
    check_status "the other half" 0 "7 of them there already" ft unpack --from "$GET" "$T/none"
    check "the other half: it is the set" same_set "$T/set" "$T/none"
    mkdir "$T/older"
    cp "$STORE"/* "$T/older"
    sed -i 's/^\( *\)1,$/\12,/' "$T/older/set.json" # of node 1 a generation that comes later
    check_status "a manifest from before" 3 'names what the "capture.json" of a node does not have' \
        ft unpack --from "cp '$T/older/%f' '%p' 2>/dev/null" "$T/mixed"
    check "a manifest from before: nothing is made" test ! -e "$T/mixed"
}

# A command that fails keeps nothing back but the archive.
trouble()
{
    rm -rf "$T/set" "$STORE"/*
    nodes_start "$rec"
    archive 5 "fails" "case %f in node-0002.*1-00000-s*) exit 1 ;; esac; $PUT" --give-up-after 300ms
    nodes_check "fails"
    check "fails: it is pending" test "$(json "$T/said.json" archive/pending)" -ge 1
    check "fails: it is not there" test ! -e "$STORE/node-0002.gen-0001.flow-001-00000-snapshot.seg"
    # one may have come before there was a full sync
    check "fails: the generation is in no description" test ! "$(json "$STORE/set.json" 'generations/*/id' 2>/dev/null)"
    rm -f "$STORE/set.json"
    nodes_start "$rec"
    archive 5 "the description fails" "case %f in set.json) exit 1 ;; esac; $PUT" --give-up-after 300ms
    nodes_check "the description fails"
    check "the description fails: it is not there" test ! -e "$STORE/set.json"
    check "the description fails: it is said" json_is "$T/said.json" archive/behind true
    nodes_start "$rec"
    archive 0 "again" "$PUT"
    nodes_check "again"
    fetched "again"
}

# Only the newest segments of all nodes stay, and what is missing is fetched.
small_disk()
{
    rm -rf "$T/set" "$STORE"/*
    nodes_start "$rec"
    archive 0 "small disk" "$PUT" --keep-local 30KiB
    nodes_check "small disk"
    check "small disk: little is here" test "$(cat "$T"/set/node-*/gen-0001/* | wc -c)" -le 30720
    check_status "small disk: verify" 6 "was archived and is not here" ft verify "$T/set"
    check "small disk: fetched" ft unpack --from "$GET" "$T/set"
    check "small disk: verify again" verify_clean "$T/set"
    fetched "small disk"
}

# Killed at any time, and after each file: what lies there is a set, up to there.
killed()
{
    rm -rf "$T/set" "$STORE"/*
    mkdir "$T/steps"
    STEP="$PUT && cp -r '$STORE' '$T/steps/new' && mv '$T/steps/new' '$T/steps/'\$(ls '$T/steps' | wc -l)"
    k_rec=$RECORDINGS/cluster-migrate
    nodes_start "$k_rec"
    "$FLOWTAPE" capture "$NODES" "$T/set" --quiet --segment-size 4KiB --archive-to \
        "rm -rf '$T/steps/new'; $STEP" >"$T/said" 2>&1 &
    k_pid=$!
    PIDS="$PIDS $k_pid"
    check "killed: something is archived" t_until test -e "$T/steps/3"
    kill -9 $k_pid
    wait $k_pid 2>/dev/null
    t_forget $k_pid
    nodes_stop
    nodes_start "$k_rec"
    archive 0 "killed, again" "rm -rf '$T/steps/new'; $STEP"
    nodes_stop
    fetched "killed"
    steps_equal "killed: after each file" "$T/set"
}

# A Redis Cluster whose slots move meanwhile: whose they are is said only when the journals that say so are there.
moving()
{
    start_cluster 2 0 || return
    rm -rf "$T/set" "$STORE"/* "$T/steps"/*
    m_keys set
    "$FLOWTAPE" capture "$CLUSTER_URI" "$T/set" --cluster --quiet --segment-size 2KiB --archive-to \
        "case %f in node-0002*|set.json) test ! -e '$T/held' || exit 1 ;; esac
            if [ -e '$T/stepped' ]; then $PUT; else rm -rf '$T/steps/new'; $STEP; fi" >"$T/said" 2>&1 &
    m_pid=$!
    PIDS="$PIDS $m_pid"
    check "moving: recorded" t_until json_is "$T/set/set.json" generations/0/id 1
    m_keys append
    check "moving: slots" migrate_keyed 1 2 "$(effort 5 2)"
    m_keys append
    check "moving: slots, back" migrate_keyed 2 1 "$(effort 5 2)"
    m_keys append
    check "moving: archived" t_until json_is "$STORE/set.json" generations/0/id 1
    newer_journal
    kill -INT $m_pid
    ends "moving" $m_pid 0 "$T/said"
    stop_cluster
    fetched "moving"
    steps_equal "moving: after each file" "$T/set"
}

# The last description says that slots are at rest, and the journal of one node, which was archived later, has lost some.
newer_journal()
{
    : >"$T/stepped"
    check "a newer journal: slots are at rest" t_until n_at_rest
    : >"$T/held"
    check "a newer journal: slots" migrate_keyed 1 2 3
    n_lsn=$(node_field 1 'info replication' master_repl_offset)
    check "a newer journal: archived" t_until n_is_longer
    rm -rf "$T/back"
    check "a newer journal: fetched" ft unpack --from "$GET" "$T/back"
    check_status "a newer journal: it has no end" 1 'on their way between nodes where .*, --at [0-9]*,[0-9]*' \
        ft convert "$T/back" "$T/end.rdb" --to rdb
    n_at=$(sed 's/.*--at //' "$T/check.out")
    redis_start
    check_status "a newer journal: nor is a replay over there" 1 'on their way between nodes where' \
        ft replay "$T/back" "$REDIS" --finish --quiet
    check "a newer journal: nothing is replayed" [ "$(cli dbsize)" = 0 ]
    redis_stop
    check "a newer journal: before that it has all keys" [ "$(ft convert "$T/back" "$T/end.rdb" --to rdb --at "$n_at" --json --quiet | json - keys)" = 60 ]
    rm "$T/held"
}

# n_at_rest - the set's newest generation says so, and all that it says is archived
n_at_rest()
{
    m_keys append
    awk '/"id":/ { moving = 0 } /"moving":/ { moving = 1 } END { exit moving }' "$T/set/set.json" &&
        grep -q '"archived"' "$STORE/set.json" &&
        [ "$(grep -c '"lsns"' "$T/set/set.json")" = "$(grep -c '"lsns"' "$STORE/set.json")" ]
}

n_is_longer()
{
    m_keys append
    [ "$(json "$STORE/node-0001.capture.json" 'generations/0/flows/0/next_lsn')" -gt "$n_lsn" ]
}

# m_keys COMMAND - once for each of many keys
m_keys()
{
    for m_i in $(seq 1 60); do
        echo "$1 k$m_i 0123456789"
    done | redis-cli -c -h "$T_HOST" -p "$(node_port 1)" >/dev/null
}

good
in_order
trouble
small_disk
killed
moving
t_end
