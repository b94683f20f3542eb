#!/bin/sh
# matrix.sh [DIR...] - every server that is found as a source and as a target: redis-server or valkey-server in each
# DIR, else in each directory of PATH. A source is filled with values of all its types and writes an RDB file and an
# append-only file; each becomes an input for each target, which gets it in five ways:
#
#   rdb      convert --to rdb, loaded by the server when it starts
#   aof      convert --to aof, likewise
#   resp     convert --to resp, into redis-cli --pipe
#   replay   flowtape replay
#   replica  flowtape replay --via replication
#
# A table has a line for each source, input and target: "=" where `flowtape diff` finds the target equal to the input,
# "~" where it is equal but for what such a server cannot hold, "X" where it is not, or where a way has failed, of
# which what was said follows the table. FLOWTAPE is the program (default: flowtape on PATH). Exit status: 0 without an X.
set -eu

FLOWTAPE=${FLOWTAPE:-flowtape}
work=$(mktemp -d)
pid=
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

stop() {
    [ -z "$pid" ] || { kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true
    pid=
}

# start SERVER DIR ARG... - reached at $work/sock
start() {
    t_server=$1 t_dir=$2
    shift 2
    rm -f "$work/sock"
    "$t_server" --port 0 --unixsocket "$work/sock" --dir "$t_dir" --save '' "$@" >"$work/server.out" 2>&1 &
    pid=$!
    tries=0
    until [ "$(redis-cli -s "$work/sock" ping 2>/dev/null)" = PONG ]; do
        tries=$((tries + 1))
        if [ $tries -ge 200 ] || ! kill -0 "$pid" 2>/dev/null; then
            cat "$work/server.out"
            return 1
        fi
        sleep 0.05
    done
}

# named SERVER - "redis-7.4.1"; version_of SERVER - as convert --for takes it
named() {
    "$1" --version | sed -n 's/^\(Redis\|Valkey\) server v=\([0-9.]*\).*/\1-\2/p' | tr RV rv
}

version_of() {
    named "$1" | sed 's/^redis-//; s/\.[0-9]*$//'
}

# fill - commands that a server does not know yet are refused, and left out so. Some after the append-only file was
# rewritten, so that it has both an RDB and commands.
fill() {
    i=0
    while [ $i -lt 3 ]; do
        cat <<END
SELECT $((i * 2))
SET string:$i "a value"
SET int:$i 12345
SET time:$i x PX 3600000000
SETBIT bits:$i 100 1
PFADD hll:$i a b c $i
RPUSH list:$i a 1 $i "a longer element of a list"
RPOPLPUSH list:$i other:$i
SADD set:$i a b c
SADD ints:$i 1 2 3 70000 $i
ZADD zset:$i 1 a 2.5 b -inf c
GEOADD geo:$i 13.361389 38.115556 Palermo
HSET hash:$i f v g 1
HEXPIRE hash:$i 1000000 FIELDS 1 f
XADD stream:$i * a 1
XADD stream:$i * b 2
XGROUP CREATE stream:$i group 0
XREADGROUP GROUP group one COUNT 1 STREAMS stream:$i >
FUNCTION LOAD "#!lua name=lib$i\nredis.register_function('f$i', function() return $i end)"
EVAL "redis.call('SET', KEYS[1], 1)" 1 script:$i
END
        n=0
        while [ $n -lt 300 ]; do
            echo "RPUSH big:$i element-$n"
            echo "HSET table:$i field-$n $n"
            echo "ZADD scores:$i $n member-$n"
            n=$((n + 1))
        done
        [ $i -ne 1 ] || echo BGREWRITEAOF
        i=$((i + 1))
    done
}

# write SERVER - $work/source/dump.rdb, and the append-only file beside it
write() {
    rm -rf "$work/source"
    mkdir "$work/source"
    engine= # what executes a journal: whoever has written it, if it can be that
    case $(version_of "$1") in
    [3-6].*) ;;
    *) engine="--redis-server $1" ;;
    esac
    start "$1" "$work/source" --appendonly yes --appendfsync always || return 1
    fill | redis-cli -s "$work/sock" >/dev/null
    until redis-cli -s "$work/sock" info persistence | grep -q '^aof_rewrite_in_progress:0'; do
        sleep 0.05
    done
    redis-cli -s "$work/sock" save >/dev/null
    stop
}

# load WAY INPUT SERVER VERSION - a running server that has it
load() {
    rm -rf "$work/target"
    mkdir "$work/target"
    case $1 in
    rdb)
        "$FLOWTAPE" convert "$2" "$work/target/dump.rdb" --to rdb --for "$4" --on-loss skip --quiet $engine || return 1
        start "$3" "$work/target"
        ;;
    aof)
        "$FLOWTAPE" convert "$2" "$work/target" --to aof --for "$4" --on-loss skip --quiet $engine || return 1
        start "$3" "$work/target" --appendonly yes
        ;;
    resp)
        "$FLOWTAPE" convert "$2" "$work/commands" --to resp --for "$4" --on-loss skip --quiet $engine || return 1
        start "$3" "$work/target" || return 1
        redis-cli -s "$work/sock" --pipe <"$work/commands" >"$work/pipe.out" 2>&1
        grep -q '^errors: 0,' "$work/pipe.out" || { cat "$work/pipe.out" && return 1; }
        rm -f "$work/commands"
        ;;
    replay)
        start "$3" "$work/target" || return 1
        "$FLOWTAPE" replay "$2" "unix:$work/sock" --on-loss skip --quiet
        ;;
    replica)
        start "$3" "$work/target" || return 1
        "$FLOWTAPE" replay "$2" "unix:$work/sock" --via replication --flush --on-loss skip --quiet
        ;;
    esac
}

# try WAY INPUT SERVER VERSION NAME - prints the sign
try() {
    if load "$1" "$2" "$3" "$4" >"$work/said" 2>&1 &&
        "$FLOWTAPE" diff "$2" "unix:$work/sock" $engine >"$work/said" 2>&1; then
        if grep -q '^expected of' "$work/said"; then printf '  %-8s' '~'; else printf '  %-8s' '='; fi
    else
        printf '  %-8s' X
        { echo "$5, $1:" && sed 's/^/    /' "$work/said"; } >>"$work/failed"
    fi
    stop
}

servers=
seen=
[ $# -gt 0 ] || eval "set -- $(echo "$PATH" | sed "s/[^:]*/'&'/g; s/:/ /g")"
for dir in "$@"; do
    for server in "$dir"/redis-server "$dir"/valkey-server; do
        [ -x "$server" ] || continue
        # One that has several names, or whose directory has, is one.
        file=$(realpath "$server")
        case $seen in *"<$file>"*) continue ;; esac
        seen="$seen<$file>"
        [ -z "$(named "$server")" ] || servers="$servers $server"
    done
done
[ -n "$servers" ] || { echo "matrix.sh: no redis-server and no valkey-server" >&2 && exit 1; }

: >"$work/failed"
printf '%-16s %-4s %-16s  %-8s  %-8s  %-8s  %-8s  %-8s\n' source of target rdb aof resp replay replica
for source in $servers; do
    write "$source" || { echo "$(named "$source"): could not be filled" && echo X >>"$work/failed" && continue; }
    for input in rdb aof; do
        file=$work/source/dump.rdb
        [ $input = rdb ] || file=$work/source
        for target in $servers; do
            name="$(named "$source") $input $(named "$target")"
            # shellcheck disable=SC2086 # three words
            printf '%-16s %-4s %-16s' $name
            for way in rdb aof resp replay replica; do
                try $way "$file" "$target" "$(version_of "$target")" "$name"
            done
            echo
        done
    done
done
cat "$work/failed"
[ ! -s "$work/failed" ]
