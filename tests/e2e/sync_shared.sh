#!/bin/sh
# Two sources into one target at the same time, a Redis and then a cluster: each has its prefix, is killed meanwhile, and resumes;
# neither touches what the other has, or what was there before.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/redis_source_lib.sh"
. "${0%/*}/../lib/cluster_lib.sh"
. "${0%/*}/../lib/nodes_lib.sh"
t_begin
need_redis

# keys NAME SEED COUNT - commands on keys that begin with the source's name
keys()
{
    random_lines "$2" "$3" 20 "INCR $1:n:%k" "RPUSH $1:l:%k %r" "HINCRBY $1:h:%k f %r" "SET $1:e:%k %r EX 9000" \
        "SADD $1:t:%k %r" "PERSIST $1:e:%k" "RENAME $1:n:%k $1:m:%r" "DEL $1:l:%k" "COPY $1:h:%k $1:h:1 REPLACE" \
        "SET $1:s:%k %r PX 700"
}

# writer NAME - until there is a file "enough"; no faster than a busy machine can replay
writer()
{
    (n=2 && while [ ! -e "$T/enough" ]; do keys "$1" "$n" 50 && n=$((n + 1)) && sleep 0.1; done | ask "$1" >/dev/null 2>&1) &
    PIDS="$PIDS $!"
    eval "WRITER_$1=$!"
}

# begin NAME ARG... - its sync; ended NAME SIGNAL - and its end
begin()
{
    b_name=$1
    shift
    "$FLOWTAPE" sync "redis://$T_HOST:$(port_of "$b_name")" "$TARGET" --dir "$T/$b_name.cap" \
        --shared-target "$b_name:*" "$@" >"$T/$b_name.log" 2>&1 &
    PIDS="$PIDS $!"
    eval "SYNC_$b_name=$!"
}

# wait_for NAME - until it ends by itself
wait_for()
{
    eval "e_pid=\$SYNC_$1"
    wait "$e_pid"
    e_status=$?
    t_forget "$e_pid"
    cat "$T/$1.log"
    return $e_status
}

port_of()
{
    case $1 in a) echo 7001 ;; *) echo 7002 ;; esac
}

end_of()
{
    eval "e_pid=\$SYNC_$1"
    # shellcheck disable=SC2154 # by eval
    kill -"$2" "$e_pid"
    wait "$e_pid" 2>/dev/null
    t_forget "$e_pid"
}

# shared LABEL - with $TARGET
shared()
{
    rm -f "$T/enough"
    for s_name in a b; do
        ask $s_name flushall >/dev/null
        keys $s_name 1 500 | ask $s_name >/dev/null
        writer $s_name
        begin $s_name
    done
    for s_name in a b; do
        t_says "$T/$s_name.log" 'caught up with the source' || fail "$1: $s_name" "$T/$s_name.log"
    done
    check_status "$1: nobody else has all of it" 1 'share this target.*--shared-target' \
        "$FLOWTAPE" sync "redis://$T_HOST:7001" "$TARGET" --dir "$T/c.cap" --snapshot-only
    check_status "$1: an overlap is refused by name" 1 'overlaps b:\*, which the replay of capture [0-9a-f]{32} has' \
        "$FLOWTAPE" sync "redis://$T_HOST:7001" "$TARGET" --dir "$T/c.cap" --snapshot-only --shared-target 'b:x*'
    s_i=0
    while [ $s_i -lt "$(effort 6 2)" ]; do
        s_i=$((s_i + 1))
        for s_name in a b; do
            end_of $s_name KILL
            begin $s_name
            t_random_delay 300
        done
    done
    for s_name in a b; do
        t_says "$T/$s_name.log" 'caught up with the source' || fail "$1: $s_name" "$T/$s_name.log"
    done
    : >"$T/enough"
    for s_name in "$WRITER_a" "$WRITER_b"; do
        wait "$s_name"
        t_forget "$s_name"
    done
    # what one of them empties is its own
    ask b flushall >/dev/null
    keys b 9 300 | ask b >/dev/null
    for s_name in a b; do
        end_of $s_name INT
        begin $s_name --cutover pause --check all
        t_says "$T/$s_name.log" 'confirm by' || fail "$1: $s_name" "$T/$s_name.log"
        check "$1: confirmed" "$FLOWTAPE" cutover "$T/$s_name.cap" --confirm
        eval "ends '$1: the sync' \"\$SYNC_$s_name\" 0 '$T/$s_name.log'"
        ask $s_name client unpause >/dev/null
        check "$1: $s_name is there" "$FLOWTAPE" diff "redis://$T_HOST:$(port_of $s_name)" "$TARGET" --shared-target "$s_name:*"
        check "$1: and as it was replayed" "$FLOWTAPE" diff "$T/$s_name.cap" "$TARGET" --like-replay --shared-target "$s_name:*"
        check_status "$1: who looks at all sees more" 3 'only in B' "$FLOWTAPE" diff "$T/$s_name.cap" "$TARGET" --rounds 1
    done
}

server_start a 7001 --repl-backlog-size 20mb --repl-diskless-sync-delay 0
server_start b 7002 --repl-backlog-size 20mb --repl-diskless-sync-delay 0
server_start c 7003
ask c set own 1 ex 9000 >/dev/null
TARGET=redis://$T_HOST:7003
shared 'one server'
check 'what was there stays' [ "$(ask c get own)" = 1 ]
check 'its time too' [ "$(ask c ttl own)" -le 9000 ]
check 'three replays know of each other' [ "$(ask c --raw hvals 'flowtape:claims:{flowtape:replay}' | sort | paste -sd ,)" = 'a:*,b:*' ]

# A key that is not claimed is met before anything is written, or in the journal.
ask a set z:1 x >/dev/null
check_status 'a key outside of the claim is refused by name' 1 '"z:1" on the target, and --shared-target claims k, q\* alone' \
    "$FLOWTAPE" sync "redis://$T_HOST:7001" "$TARGET" --dir "$T/z.cap" --snapshot-only --shared-target 'q*' --shared-target k --no-key 'a:*'
check 'and not written' [ "$(ask c exists z:1)" = 0 ]
check 'nor is its claim kept' [ "$(ask c hlen 'flowtape:claims:{flowtape:replay}')" = 2 ]
begin a
check_status 'in the journal too' 1 '"z:1" on the target' wait_for a
check_status '--flush is refused' 2 'would take the keys of those' "$FLOWTAPE" replay "$T/a.cap" "$TARGET" --shared-target 'a:*' --flush
check_status 'another claim is refused' 1 'has claimed a:\* of the target' "$FLOWTAPE" replay "$T/a.cap" "$TARGET" --shared-target 'a*'
check_status 'the claim ends with --forget' 0 '' "$FLOWTAPE" replay "$T/a.cap" "$TARGET" --forget
check 'one is left' [ "$(ask c --raw hvals 'flowtape:claims:{flowtape:replay}')" = 'b:*' ]
check_status 'with --finish none is' 0 '' "$FLOWTAPE" replay "$T/b.cap" "$TARGET" --finish --shared-target 'b:*'
check 'nothing of the replays is left' [ "$(ask c --raw keys 'flowtape:*')" = '' ]

# The nodes of a Dragonfly cluster, each by itself: a slot for which a node has no claim is not written.
rm -rf "$T"/?.cap
ask c flushall >/dev/null
TARGET=redis://$T_HOST:7003
nodes_start "$RECORDINGS/cluster"
# node NUMBER SLOTS
node()
{
    "$FLOWTAPE" sync "dragonfly://$T_HOST:$(eval echo "\$NODE_$1_PORT")" "$TARGET" --dir "$T/node-$1" --snapshot-only \
        --on-loss skip --shared-target "slots:$2" --quiet
}
check_status 'a slot of the other node' 1 'on the target, and --shared-target claims slots:0-99 alone' node 1 0-99
for s_name in 1:0-8191 2:8192-16383; do
    rm -rf "$T/node-${s_name%%:*}"
    check "node ${s_name%%:*} has its slots" node "${s_name%%:*}" "${s_name#*:}"
done
check 'both have their claims' [ "$(ask c --raw hvals 'flowtape:claims:{flowtape:replay}' | sort | paste -sd ' ')" = \
    'slots:0-8191 slots:8192-16383' ]
for s_name in 1:0-8191 2:8192-16383; do
    check 'all of it is there' "$FLOWTAPE" diff "$T/node-${s_name%%:*}" "$TARGET" --at-a snapshot --shared-target "slots:${s_name#*:}"
done
nodes_check 'two nodes'

rm -rf "$T"/?.cap
if start_cluster 3 0; then
    TARGET=$CLUSTER_URI
    shared 'a cluster'
    stop_cluster
fi
t_end
