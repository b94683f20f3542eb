#!/bin/sh
# matrix.sh [-i INPUT]... [DIR...] - every server that is found as a source and as a target: redis-server, valkey-server
# or keydb-server in each DIR, else in each directory of PATH. A source is filled with values of all its types and writes
# an RDB file and an append-only file; each becomes an input for each target, which gets it in five ways:
#
#   rdb      convert --to rdb, loaded by the server when it starts
#   aof      convert --to aof, likewise
#   resp     convert --to resp, into redis-cli --pipe
#   replay   flowtape replay
#   replica  flowtape replay --via replication
#
# With -i these inputs are taken instead, and all versions that convert knows are targets: those of which there is no server
# get files only, and what is compared is what the files hold.
#
# A table has a line for each source, input and target: "=" where `flowtape diff` finds the target equal to the input,
# "~" where it is equal but for what such a server cannot hold, "X" where it is not, or where a way has failed, of
# which what was said follows the table, "-" where there is no server. FLOWTAPE is the program (default: flowtape on
# PATH). Exit status: 0 without an X.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/contrib/common.sh"
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

# find_version SERVER - as convert --for takes it. A KeyDB is a Redis 6.2 with more of its own; a Redis 8 without its
# modules loads what 7.4 loads. version_of SERVER - what was found.
find_version() {
    case $(named "$1") in
    keydb-*) echo 6.2 ;;
    redis-[89].*) has_json "$1" && named "$1" | sed 's/^redis-//; s/\.[0-9]*$//' || echo 7.4 ;;
    *) named "$1" | sed 's/^redis-//; s/\.[0-9]*$//' ;;
    esac
}

version_of() {
    awk -v server="$1" '$1 == server { print $2 }' "$work/versions"
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
        # What fails in a journal, as RENAME of a key that has expired meanwhile, is for the diff to find.
        [ -n "$inputs" ] || grep -q '^errors: 0,' "$work/pipe.out" || { cat "$work/pipe.out" && return 1; }
        rm -f "$work/commands"
        ;;
    replay)
        start "$3" "$work/target" || return 1
        "$FLOWTAPE" replay "$2" "unix:$work/sock" --on-loss skip --quiet $engine
        ;;
    replica)
        start "$3" "$work/target" || return 1
        "$FLOWTAPE" replay "$2" "unix:$work/sock" --via replication --flush --on-loss skip --quiet $engine
        ;;
    esac
}

# sign - of a diff that has found both equal; failed WHAT - of all else
sign() {
    if grep -q '^expected of' "$work/said"; then printf '  %-8s' '~'; else printf '  %-8s' '='; fi
}

failed() {
    printf '  %-8s' X
    { echo "$1:" && sed 's/^/    /' "$work/said"; } >>"$work/failed"
}

# try_server INPUT SERVER VERSION NAME - the signs of a line
try_server() {
    for way in rdb aof resp replay replica; do
        if load $way "$1" "$2" "$3" >"$work/said" 2>&1 &&
            "$FLOWTAPE" diff "$1" "unix:$work/sock" $engine >"$work/said" 2>&1; then
            sign
        else
            failed "$4, $way"
        fi
        stop
    done
    echo
}

# try_files INPUT VERSION NAME - likewise without a server
try_files() {
    for way in rdb aof; do
        rm -rf "$work/target"
        if "$FLOWTAPE" convert "$1" "$work/target" --to $way --for "$2" --on-loss skip --quiet $engine >"$work/said" 2>&1 &&
            "$FLOWTAPE" diff "$1" "$work/target" --for "$2" $engine >"$work/said" 2>&1; then
            sign
        else
            failed "$3, $way"
        fi
    done
    printf '  %-8s  %-8s  %-8s\n' - - -
}

# engine_for VERSION - what executes a journal for it: a server that holds what it holds, if there is one. Below 7.0 none can.
engine_for() {
    case $1 in
    [56].*) return ;;
    esac
    t_like=
    for t_server in $servers; do
        [ "$(version_of "$t_server")" != "$1" ] || { echo "--redis-server $t_server" && return; }
        case $1/$(version_of "$t_server") in
        valkey-9.*/valkey-9.* | 8.*/7.4 | 8.*/8.*) t_like=$t_server ;;
        esac
    done
    [ -z "$t_like" ] || echo "--redis-server $t_like"
}

# try_input INPUT - against all versions
try_input() {
    for version in $("$FLOWTAPE" convert "$1" - --to json --for 0.0 2>&1 | sed -n 's/.*choose one of //; s/,//gp'); do
        engine=$(engine_for "$version")
        tried=
        for server in $servers; do
            [ "$(version_of "$server")" = "$version" ] || continue
            tried=1
            printf '%-24s %-16s' "$(basename "$1")" "$(named "$server")"
            try_server "$1" "$server" "$version" "$(basename "$1"), $(named "$server")"
        done
        [ -z "$tried" ] || continue
        printf '%-24s %-16s' "$(basename "$1")" "$version"
        try_files "$1" "$version" "$(basename "$1"), $version"
    done
}

inputs=
while getopts i: option; do
    case $option in
    i) inputs="$inputs$OPTARG
" ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

servers=
seen=
[ $# -gt 0 ] || eval "set -- $(echo "$PATH" | sed "s/[^:]*/'&'/g; s/:/ /g")"
for dir in "$@"; do
    for server in "$dir"/redis-server "$dir"/valkey-server "$dir"/keydb-server; do
        [ -x "$server" ] || continue
        # One that has several names, or whose directory has, is one.
        file=$(realpath "$server")
        case $seen in *"<$file>"*) continue ;; esac
        seen="$seen<$file>"
        [ -n "$(named "$server")" ] || continue
        servers="$servers $server"
        echo "$server $(find_version "$server")" >>"$work/versions"
    done
done
[ -n "$servers" ] || { echo "matrix.sh: no server" >&2 && exit 1; }

: >"$work/failed"
if [ -n "$inputs" ]; then
    printf '%-24s %-16s  %-8s  %-8s  %-8s  %-8s  %-8s\n' of target rdb aof resp replay replica
    printf %s "$inputs" >"$work/inputs"
    while read -r input; do
        try_input "$input"
    done <"$work/inputs"
    cat "$work/failed"
    [ ! -s "$work/failed" ]
    exit
fi
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
            try_server "$file" "$target" "$(version_of "$target")" "$name"
        done
    done
done
cat "$work/failed"
[ ! -s "$work/failed" ]
