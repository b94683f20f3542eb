#!/bin/sh
# Recordings with a journal: captured, converted to RDB, RESP and AOF, each loaded the way that belongs
# to it; the data set is the source's. Cuts give the same state by all three ways.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# compare LABEL RECORDING
compare()
{
    # shellcheck disable=SC2046 # lists of words
    check "$1: equals ${2##*/}" "$STATE_DIFF" --skip-lossy $(not_in_journal "$2") $(state_options "$2") \
        "$2/state.json" "$REDIS"
}

# load_resp LABEL FILE - into an empty server, which stays
load_resp()
{
    rm -rf "$T/redis"
    redis_start --databases 64 || { fail "$1: redis-server" "$T/redis/log"; return 1; }
    # Some records failed at the source too: --pipe counts their errors and goes on.
    redis-cli -s "$T/redis/sock" --pipe <"$2" >"$T/pipe.out" 2>&1
    grep -q '^errors: ' "$T/pipe.out" && pass "$1: loaded" || fail "$1: redis-cli --pipe" "$T/pipe.out"
}

# load_aof LABEL DIR - the server that starts on it stays
load_aof()
{
    l_check=${REDIS_CHECK_RDB%-rdb}-aof
    case $REDIS_FOR in valkey-9*) l_check= ;; esac # it does not know the magic of its server's RDB
    l_file=appendonlydir/appendonly.aof.manifest
    ! server_before 7.0 || l_file=appendonly.aof
    if [ -n "$l_check" ] && command -v "$l_check" >/dev/null 2>&1; then
        check "$1: redis-check-aof" "$l_check" "$2/$l_file"
    fi
    rm -rf "$T/redis"
    cp -r "$2" "$T/redis"
    redis_start --databases 64 --appendonly yes || fail "$1: redis-server starts" "$T/redis/log"
}

load_rdb()
{
    rm -rf "$T/redis"
    mkdir "$T/redis"
    cp "$2" "$T/redis/dump.rdb"
    redis_start --databases 64 --dbfilename dump.rdb || fail "$1: redis-server starts" "$T/redis/log"
}

# convert LABEL TO [ARG...] - $dir to $T/out.TO
convert()
{
    t_label=$1 t_to=$2
    shift 2
    rm -rf "$T/out.$t_to"
    check "$t_label: --to $t_to" "$FLOWTAPE" convert "$dir" "$T/out.$t_to" --to "$t_to" \
        $FOR_SERVER --on-loss skip --quiet "$@"
}

# all_ways NAME RECORDING - $dir as RDB, RESP and AOF
all_ways()
{
    for to in rdb resp aof; do
        convert "$1" $to
        load_$to "$1: $to" "$T/out.$to"
        compare "$1: $to" "$2"
        redis_stop
    done
    convert "$1: in parts" aof --aof-size 8KiB
    load_aof "$1: in parts" "$T/out.aof"
    compare "$1: in parts" "$2"
    redis_stop
}

run()
{
    name=$1 rec=$RECORDINGS/$1
    [ -d "$rec" ] || return 0
    dir=$T/capture
    rm -rf "$dir"
    standin_start "$rec"
    check "$name: capture" capture "$dir" --until-caught-up
    standin_stop
    all_ways "$name" "$rec"
}

for name in live-1 live-4 live-8-fast live-in-sync catalogue flushes types-lz4; do
    run $name
done
for path in "$RECORDINGS"/older/*/live-3 "$RECORDINGS"/older/*/catalogue; do
    [ -d "$path" ] && run "${path#"$RECORDINGS/"}"
done

# The private server is older than the target: what neither of them has is a loss all the same.
take catalogue
check "what no Redis has, for a newer one" "$FLOWTAPE" convert "$T/catalogue" "$T/newer.rdb" --to rdb \
    --redis 7.2 --on-loss skip --quiet

# A session and its resumption.
dir=$T/resumed
standin_start "$RECORDINGS/resume-a" --resume "$RECORDINGS/resume-b" --partial end
check "resumed: first session" capture "$dir" --until-caught-up
check "resumed: second session" capture "$dir" --until-caught-up
standin_stop
all_ways resumed "$RECORDINGS/resume-b"

# Cuts at random LSNs: the three ways end in the same state.
dir=$T/cuts
standin_start "$RECORDINGS/live-4"
check "cuts: capture" capture "$dir" --until-caught-up
standin_stop

# The first LSN of each flow's journal, and the LSN behind its last.
meta_flow "$RECORDINGS/live-4" journal_offset >"$T/first"
meta_flow "$RECORDINGS/live-4" final_lsn >"$T/final"

random_vector()
{
    VECTOR=
    while read -r t_first <&3 && read -r t_final <&4; do
        t_random $((t_final - t_first + 1))
        VECTOR=$VECTOR${VECTOR:+,}$((t_first - 1 + R))
    done 3<"$T/first" 4<"$T/final"
}

n=0
while [ $n -lt "$(effort 20 3)" ]; do
    n=$((n + 1))
    random_vector
    convert "at $VECTOR" resp --at "$VECTOR"
    load_resp "at $VECTOR" "$T/out.resp"
    "$STATE_DIFF" dump "$REDIS" >"$T/resp.json"
    redis_stop
    for to in rdb aof; do
        convert "at $VECTOR" $to --at "$VECTOR"
        load_$to "at $VECTOR: $to" "$T/out.$to"
        check "at $VECTOR: $to as resp" "$STATE_DIFF" "$T/resp.json" "$REDIS"
        redis_stop
    done
done

# plain_text SEED - a scenario whose journal sets, deletes and expires keys, of which some are in the snapshot; of any type
plain_text()
{
    awk -v seed="$1" '
        function key() { return "k" int(rand() * 40) }
        function at() { return sprintf("2208989%03d000", int(rand() * 1000)) }
        BEGIN {
            srand(seed)
            print "release 1.37.2\nshards 2\nclock 2040-01-01T00:00:00Z"
            for (i = 0; i < 40; i++) {
                if (i % 8 == 0) print "SELECT " i / 8 % 3
                if (i % 3 == 0) print "SET k" i " first" i
                if (i % 3 == 1) print "SADD k" i " a b c" i
                if (i % 5 == 0) print "PEXPIREAT k" i " " at()
            }
            print "snapshot\n+10ms"
            for (i = 0; i < 150; i++) {
                r = int(rand() * 100)
                if (r < 25) print "SET " key() " v" i
                else if (r < 35) print "SET " key() " v" i " PXAT " at()
                else if (r < 45) print "SET " key() " v" i " KEEPTTL"
                else if (r < 60) print "PEXPIREAT " key() " " at()
                else if (r < 70) print "PERSIST " key()
                else if (r < 85) print "DEL " key() " " key()
                else if (r < 94) print "MSET " key() " " i " " key() " w" i
                else if (r < 98) print "SELECT " i % 3
                else print "FLUSHDB"
            }
        }'
}

# same_both_ways LABEL [ARG...] - what flowtape makes of $dir is what a server makes of its records
same_both_ways()
{
    t_same=$1
    shift
    convert "$t_same" resp
    load_resp "$t_same" "$T/out.resp"
    "$STATE_DIFF" dump "$REDIS" >"$T/resp.json"
    redis_stop
    convert "$t_same" rdb "$@"
    load_rdb "$t_same" "$T/out.rdb"
    check "$t_same: the RDB as resp" "$STATE_DIFF" "$T/resp.json" "$REDIS"
    redis_stop
}

# Nothing but sets, deletes and expires: no server is needed. With one record more than that there is one, for some keys.
n=0
while [ $n -lt "$(effort 8 2)" ]; do
    n=$((n + 1))
    t_random 100000
    plain_text "$R" >"$T/plain.text"
    rm -rf "$T/plain" "$T/mixed"
    dir=$T/plain
    check "plain $R: make" "$FLOWTAPE" fixture make "$T/plain.text" "$dir" --quiet
    same_both_ways "plain $R" --redis-server "$T/no-such"
    # records that only read name keys, too
    { cat "$T/plain.text" && printf '%s\n' 'SELECT 0' 'record GETEX k0' 'record GETEX k1' 'SELECT 1' 'record GETEX k9'; } \
        >"$T/reads.text"
    rm -rf "$T/reads"
    dir=$T/reads
    check "reads $R: make" "$FLOWTAPE" fixture make "$T/reads.text" "$dir" --quiet
    same_both_ways "reads $R"
    printf '%s\n' 'SELECT 0' 'DEL k1' 'RPUSH k1 a b' 'LPOP k1' 'COPY k3 k60' 'SELECT 1' 'COPY k6 k61' 'INCR k62' \
        'PEXPIREAT k62 2208988900000' >>"$T/plain.text"
    dir=$T/mixed
    check "mixed $R: make" "$FLOWTAPE" fixture make "$T/plain.text" "$dir" --quiet
    same_both_ways "mixed $R"
done
printf '%s\n' 'snapshot in-sync' 'SET a 2' stable 'SET b 3' >"$T/said.text"
"$FLOWTAPE" fixture make "$T/said.text" "$T/said" --quiet || fail "a record inside the full sync"
sed -i 's/"snapshot_records": "some"/"snapshot_records": "none"/' "$T/said/capture.json"
check_status "records inside a full sync that is said to have none" 3 "command SET: a record inside a full sync" \
    "$FLOWTAPE" convert "$T/said" "$T/said.rdb" --to rdb
dir=$T/cuts

# Standard output, JSON, an old target's single file.
check "RESP to standard output" sh -c \
    '"$1" convert "$2" - --to resp $4 --on-loss skip --quiet >"$3/stdout.resp"' sh "$FLOWTAPE" "$dir" \
    "$T" "$FOR_SERVER"
convert "standard output" resp
check "standard output: the same" cmp "$T/stdout.resp" "$T/out.resp"
convert "again" json
cp "$T/out.json" "$T/first.json"
convert "again" json
check "JSON is the same each time" cmp "$T/first.json" "$T/out.json"
check "6.2: one file" "$FLOWTAPE" convert "$dir" "$T/out62" --to aof --redis 6.2 --on-loss skip --quiet
if command -v redis-check-aof >/dev/null 2>&1; then
    check "6.2: redis-check-aof" redis-check-aof "$T/out62/appendonly.aof"
fi

for to in rdb resp aof json; do
    check "$to under a name without a directory" sh -c \
        'cd "$1" && "$2" convert "$3" "here.$4" --to "$4" --on-loss skip --quiet && test -e "here.$4"' \
        sh "$T" "$FLOWTAPE" "$dir" $to
done

# What is refused leaves nothing behind.
check_status "loss" 3 "cannot be kept" "$FLOWTAPE" convert "$dir" "$T/lossy" --to aof
check_status "AOF over something" 1 "exists" "$FLOWTAPE" convert "$dir" "$T/out62" --to aof
check_status "time before the snapshot" 2 "no earlier state" "$FLOWTAPE" convert "$dir" "$T/no" \
    --to resp --at 2020-01-01T00:00:00Z
printf '#!/bin/sh\nenv >"%s"\n' "$T/environment" >"$T/fake-server"
chmod +x "$T/fake-server"
FLOWTAPE_SOURCE_PASSWORD=sesame "$FLOWTAPE" convert "$dir" "$T/no" --to rdb --redis-server "$T/fake-server" \
    >"$T/check.out" 2>&1 && fail "a server that only looks around" "$T/check.out"
grep -q PATH "$T/environment" || fail "the server was not started" "$T/check.out"
grep -q sesame "$T/environment" && fail "the private server has the password" "$T/environment"
check_status "no such redis-server" 1 "no-such" "$FLOWTAPE" convert "$dir" "$T/no" --to rdb \
    --redis-server "$T/no-such"
ls "$T" | grep -q 'lossy\|^no\|tmp-' && fail "something was left behind" || pass "nothing is left behind"
t_end
