#!/bin/sh
# Append-only files as inputs: what a redis-server loads from one is what every command takes it for.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# So a length is one of bytes.
LC_ALL=C
export LC_ALL

# command ARG... - in RESP
command()
{
    printf '*%d\r\n' $#
    for t_arg; do
        printf '$%d\r\n%s\r\n' "${#t_arg}" "$t_arg"
    done
}

# keys INPUT [ARG...] - "db key;" of all keys
keys()
{
    ft inspect "$@" --keys --json 2>/dev/null | sed 's/.*"db":\([0-9]*\),"key":"\([^"]*\)".*/\1 \2/' | sort | tr '\n' ';'
}

# holds LABEL WANTED INPUT [ARG...] - the state of an input
holds()
{
    t_label=$1 t_wanted=$2
    shift 2
    t_got=$(keys "$@")
    if [ "$t_got" = "$t_wanted" ]; then
        pass "$t_label"
    else
        echo "wanted $t_wanted, got $t_got" >"$T/differs"
        fail "$t_label" "$T/differs"
    fi
}

#
# By hand
#

head_rdb()
{
    printf 'REDIS0009\376\000\000\001k\001v\377\000\000\000\000\000\000\000\000'
}

{ head_rdb && command SELECT 0 && command SET a 1 && command DEL k; } >"$T/head.rdb"
holds "commands after an RDB, under any name" "0 a;" "$T/head.rdb"
holds "commands after an RDB: its snapshot" "0 k;" "$T/head.rdb" --at snapshot
check "commands after an RDB: verify" verify_clean "$T/head.rdb"
check "commands after an RDB: to another" ft convert "$T/head.rdb" "$T/aof" --to aof --quiet
check "what was written is the same" ft diff "$T/head.rdb" "$T/aof" --quiet

{
    printf '#TS:1790000000\r\n'
    command SELECT 2
    command SET a 1
    printf '#TS:1790000010\r\n'
    command MULTI
    command SET b 2
    command SELECT 0
    command SET c 3
    command EXEC
    printf '#TS:1790000020\r\n'
    command SET d 4
} >"$T/times.aof"
holds "commands alone" "0 c;0 d;2 a;2 b;" "$T/times.aof"
gzip -c "$T/times.aof" >"$T/times.aof.gz"
check_status "compressed: refused by its name" 3 'append-only file that is compressed: decompress it' \
    "$FLOWTAPE" inspect "$T/times.aof.gz"
holds "from standard input" "0 c;0 d;2 a;2 b;" - <"$T/times.aof"
holds "at a time" "0 c;2 a;2 b;" "$T/times.aof" --at 2026-09-21T14:13:35Z
holds "before the end" "2 a;" "$T/times.aof" --at -11s
holds "at a command" "2 a;" "$T/times.aof" --at 1
check_status "at a time before the first" 2 "the first mark is of 2026-09-21T14:13:20" \
    "$FLOWTAPE" convert "$T/times.aof" "$T/no" --to json --at 2026-01-01T00:00:00Z
check_status "within a transaction" 2 "command 2 lies within a transaction" \
    "$FLOWTAPE" convert "$T/times.aof" "$T/no" --to json --at 2
check_status "a time without marks" 2 "aof-timestamp-enabled" \
    "$FLOWTAPE" convert "$T/head.rdb" "$T/no" --to json --at -1s
check_status "an overview" 0 "commands without an RDB in front.*4 commands" \
    sh -c '"$1" inspect "$2" | tr "\n" " "' sh "$FLOWTAPE" "$T/times.aof"
check_status "from a command" 0 "SET c 3" "$FLOWTAPE" inspect "$T/times.aof" --records --from 3

# The end is cut as a redis-server cuts it: at a command, or at the transaction that is not complete.
size=$(wc -c <"$T/times.aof")
head -c $((size - 3)) "$T/times.aof" >"$T/cut.aof"
holds "cut within a command" "0 c;2 a;2 b;" "$T/cut.aof"
check_status "cut: said" 0 "its last [0-9]* bytes, from offset [0-9]* on, are left out" \
    "$FLOWTAPE" convert "$T/cut.aof" "$T/cut.json" --to json
check_status "cut: in the report" 0 '"left_out"' \
    "$FLOWTAPE" convert "$T/cut.aof" "$T/cut.json" --to json --json
check_status "cut: a finding" 3 "ends within a command" "$FLOWTAPE" verify "$T/cut.aof"
check_status "cut: an error" 3 "end within the one that begins at offset" \
    "$FLOWTAPE" convert "$T/cut.aof" "$T/no" --to json --aof-tail fail
{ cat "$T/times.aof" && command MULTI && command SET e 5; } >"$T/multi.aof"
holds "cut within a transaction" "0 c;0 d;2 a;2 b;" "$T/multi.aof"
{ cat "$T/times.aof" && command SELECT 7 && command MULTI && command SET e 5 | head -c 10; } >"$T/inner.aof"
check_status "cut within a command of a transaction" 0 "its last 25 bytes, from offset $((size + 23)) on" \
    "$FLOWTAPE" convert "$T/inner.aof" "$T/cut.json" --to json
{ cat "$T/times.aof" && printf '#TS:17900'; } >"$T/note.aof"
check "cut within a mark: nothing is missing" ft convert "$T/note.aof" "$T/cut.json" --to json --aof-tail fail --quiet

# Damage is none of that.
{ cat "$T/times.aof" && printf '*x\r\n' && command SET e 5; } >"$T/damaged.aof"
for what in "convert $T/damaged.aof $T/no --to rdb" "verify $T/damaged.aof" "inspect $T/damaged.aof"; do
    check_status "damaged: ${what%% *}" 3 "damaged.aof.*begins at offset $size" "$FLOWTAPE" $what
done
{ head_rdb | head -c 20; } >"$T/short.aof"
check_status "an RDB that is cut is damaged" 3 "short.aof" "$FLOWTAPE" verify "$T/short.aof"

# Several parts
mkdir "$T/dir" "$T/dir/appendonlydir"
parts=$T/dir/appendonlydir
head_rdb >"$parts/x.aof.1.base.rdb"
{ command SELECT 3 && command SET a 1; } >"$parts/x.aof.1.incr.aof"
command SET b 2 >"$parts/x.aof.2.incr.aof"
printf 'file x.aof.1.base.rdb seq 1 type b\nfile old seq 1 type h\nfile x.aof.1.incr.aof seq 1 type i\n' >"$parts/x.aof.manifest"
echo 'file "x.aof.2.incr.aof" seq 2 type i' >>"$parts/x.aof.manifest"
for input in "$T/dir" "$parts" "$parts/x.aof.manifest" "$parts/x.aof.1.base.rdb" "$parts/x.aof.1.incr.aof"; do
    holds "parts, by ${input#"$T/"}" "0 b;0 k;3 a;" "$input"
done
check "parts: verify" verify_clean "$T/dir"
command DEL k | head -c 12 >>"$parts/x.aof.1.incr.aof"
check_status "a part that is cut" 3 "x.aof.1.incr.aof\" ends within.*not the last part" "$FLOWTAPE" verify "$T/dir"
mv "$parts/x.aof.1.incr.aof" "$T/away"
check_status "a part that is missing" 1 "x.aof.1.incr.aof\", which .*names" \
    "$FLOWTAPE" convert "$T/dir" "$T/no" --to json
echo 'file x seq 2 type i' >>"$parts/x.aof.manifest"
check_status "a manifest that is damaged" 3 "line 5: the numbers of the increments do not rise" \
    "$FLOWTAPE" verify "$parts/x.aof.manifest"
[ ! -e "$T/no" ] && pass "nothing was written on errors" || fail "something was written"

# Scripts and databases that change places reach keys that no command names.
{
    head_rdb
    command SET r 1
    command EVAL "redis.call('SET', KEYS[1], redis.call('GET', 'k') .. ARGV[1])" 1 s x
    command SWAPDB 0 1
    command SET k 2
} >"$T/scripts.aof"
holds "scripts, and databases" "0 k;1 k;1 r;1 s;" "$T/scripts.aof"

# So no other command changes places with one, nor does the server forget the replay's own scripts for them.
{
    command SET w 1
    command EVAL "redis.call('SET', 'undeclared', ARGV[1])" 1 s 1
    command SET undeclared 2
    command GETSET w 2
    seq 520 | awk '{
        s = "return redis.call(\"INCR\", KEYS[1]) -- " $1
        printf "*4\r\n$4\r\nEVAL\r\n$%d\r\n%s\r\n$1\r\n1\r\n$1\r\nn\r\n", length(s), s
    }'
    command GETSET w 3
} >"$T/many.aof"
redis_start
check_status "many scripts" 0 "complete: 0 keys, 525 records" "$FLOWTAPE" replay "$T/many.aof" "$REDIS"
check "many scripts: in order" [ "$(cli mget undeclared n w | tr '\n' ' ')" = "2 520 3 " ]
redis_stop

# A script that is called by its digest has come with its text before, also before the place where a replay resumes.
script="return redis.call('APPEND', KEYS[1], ARGV[1])"
digest=$(printf %s "$script" | sha1sum | cut -d ' ' -f 1)
{
    command SCRIPT LOAD "$script"
    command SET q -
    for arg in a b c d; do
        command EVALSHA "$digest" 1 q $arg
    done
} >"$T/digests.aof"
redis_start
check "scripts by their digests" ft replay "$T/digests.aof" "$REDIS" --at 4 --quiet
check "scripts by their digests: resumed" ft replay "$T/digests.aof" "$REDIS" --quiet
check "scripts by their digests: executed once" [ "$(cli get q)" = -abcd ]
{ command SET q - && command EVALSHA "$digest" 1 q a; } >"$T/digest.aof"
cli flushall >/dev/null
check_status "a digest of a script that did not come" 3 "EVALSHA" "$FLOWTAPE" replay "$T/digest.aof" "$REDIS"
# A script of the source is executed by the target, or by nobody.
{ command SET e 1 && command EVAL "os.execute('touch $T/executed') return redis.call('INCR', KEYS[1])" 1 e; } >"$T/foreign.aof"
check_status "a script of the source, and a target without EVAL" 4 "does not allow EVAL" \
    "$FLOWTAPE" replay "$T/foreign.aof" "$REDIS" --without eval --quiet
check "a script of the source: the dead letter" "$FLOWTAPE" replay "$T/foreign.aof" "$REDIS" --without eval --quiet \
    --on-error "dead-letter=$T/letters"
check "a script of the source is not executed here" [ ! -e "$T/executed" ]
# What is to be done without is not sent for a few SETs in a row either, nor when the source had it.
{ command SET b 0 && command MSET a 1 b 2 && command mset c 3; } >"$T/pairs.aof"
cli flushall >/dev/null
cli config resetstat >/dev/null
check "without MSET" ft replay "$T/many.aof" "$REDIS" --without mset --quiet --finish
check "without MSET: pairs" ft replay "$T/pairs.aof" "$REDIS" --without mset --quiet --finish
check "without MSET: it was not sent" [ "$(cli get undeclared) $(cli mget a b c | paste -sd, -) $(cli info commandstats | grep -c '^cmdstat_mset:')" = "2 1,2,3 0" ]
redis_stop

# A transaction takes effect in one step, also one that is larger than a batch. transactions - how many of the commands that
# the target appended between a MULTI and an EXEC have INCR in them, of each such pair that has some
transactions()
{
    cat "$T"/redis/appendonlydir/*.incr.aof "$T"/redis/appendonly.aof 2>/dev/null | tr -d '\r' | awk '
        /^MULTI$/ { n = 0 }
        /^INCR$/ { n++ }
        /^EXEC$/ && n > 0 { printf "%d;", n }'
}
incrs()
{
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n" }'
}
{
    incrs 400
    command MULTI && incrs 3000 && command EXEC
    command MULTI && incrs 300 && command SUNIONSTORE d $(seq 1 7001) && incrs 200 && command EXEC
} >"$T/whole.aof"
redis_start --appendonly yes
if server_before 7.0; then
    check_status "a transaction in parts is said" 0 "LSN 3701: a transaction of the source is applied in parts" \
        ft replay "$T/whole.aof" "$REDIS"
    check "transactions are applied whole" [ "$(transactions)" = "3400;300;200;" ]
else # a transaction takes what no script does
    check "transactions" ft replay "$T/whole.aof" "$REDIS" --quiet
    check "transactions are applied whole" [ "$(transactions)" = "3400;500;" ]
fi
check "and once" [ "$(cli get a)" = 3900 ]
redis_stop

#
# Of a server
#

# load - commands by chance; the server is killed between two of them, or within one
load()
{
    awk -v seed="$SEED" -v count="$(effort 1500 500)" -v old="$(server_before 7.0 && echo 1)" 'BEGIN {
        srand(seed)
        for (i = 0; i < count; i++) {
            k = int(rand() * 20); m = int(rand() * 30); n = int(rand() * 27)
            if (n == 0) print "SET s" k, "v" m
            if (n == 1) print "SET s" k, "v" m, "EX 1000"
            if (n == 2) print "PSETEX s" k, "1", m
            if (n == 3) print "INCRBYFLOAT n" k, "0.1"
            if (n == 4) print "RPUSH l" k, m, i, "x"
            if (n == 5) print "RPOPLPUSH l" k, "l" m % 20
            if (n == 6) print "SADD t" k, m, i, "a"
            if (n == 7) print "SPOP t" k, "2"
            if (n == 8) print "ZADD z" k, m, "m" m
            if (n == 9) print "ZPOPMIN z" k
            if (n == 10) print "HSET h" k, "f" m, i
            if (n == 11) print "HINCRBYFLOAT g" k, "f" m, "1.5"
            if (n == 12) print "EXPIRE s" k, 500 + m
            if (n == 13) print "RENAME s" k, "s" m % 20
            if (n == 14) print "XADD x" k, "MAXLEN ~ 5 * f", m
            if (n == 15) print "XGROUP CREATE x" k, "g 0 MKSTREAM"
            if (n == 16) print "XREADGROUP GROUP g c" m % 3, "COUNT 2 STREAMS x" k, ">"
            if (n == 17) print "SELECT", m % 3
            if (n == 18) print "MULTI\nSET s" k, "in\nLPUSH l" k, "in\nSELECT", m % 2, "\nINCR n" k "\nEXEC"
            if (n == 19) print "DEL s" k, "l" m % 20
            if (n == 20) print "SUNIONSTORE t" k, "t" m % 20, "t" k
            if (n == 21) print "PFADD p" k, m, i
            if (n == 22) print "PFCOUNT p" k
            if (n == 23) print "SETBIT b" k, m, "1"
            if (n == 24) print "EVAL \"redis.call(\x27SET\x27, KEYS[1], ARGV[1])\" 1 s" k, m
            if (n == 25 && m < 3) print "SWAPDB 0 1"
            if (n == 26 && old != 1 && m < 15) print "FUNCTION LOAD REPLACE \"#!lua name=l" m % 3 "\\nredis.register_function(\x27f" m % 3 "\x27, function() return " i " end)\""
            if (n == 26 && old != 1 && m == 16) print "FUNCTION DELETE l1"
            if (i % (count / 3) == int(count / 6)) print "BGREWRITEAOF"
        }
    }' | cli >/dev/null
}

# round NAME ARG... - against a server that loads the same files
round()
{
    t_name=$1
    shift
    rm -rf "$T/redis"
    redis_start --appendonly yes --appendfsync always "$@" || { fail "$t_name: a server"; return; }
    load
    redis_stop
    rm -rf "$T/written" "$T/out.rdb" "$T/out"
    cp -r "$T/redis" "$T/written"
    input=$T/written
    redis_start --appendonly yes "$@"
    check "$t_name: equal to what a server loads" ft diff "$input" "$REDIS" $PRIVATE_SERVER --quiet
    check "$t_name: verify" verify_clean "$input"
    check "$t_name: to an RDB" ft convert "$input" "$T/out.rdb" --to rdb $FOR_SERVER --quiet
    check "$t_name: the RDB" ft diff "$T/out.rdb" "$REDIS" --quiet
    check "$t_name: to an AOF" ft convert "$input" "$T/out" --to aof $FOR_SERVER --quiet
    check "$t_name: the AOF" ft diff "$T/out" "$REDIS" $PRIVATE_SERVER --quiet
    redis_stop
    rm -rf "$T/redis"
    redis_start
    check_status "$t_name: a replay refuses what it cannot do" 3 "SWAPDB" \
        "$FLOWTAPE" replay "$input" "$REDIS" --quiet
    redis_stop
}

round "with an RDB in front" --aof-use-rdb-preamble yes
round "commands alone" --aof-use-rdb-preamble no

# Replayed, without what a target cannot do.
{ head_rdb && command SET a 1 && command SELECT 4 && command RPUSH l 1 2 3 && command LPOP l; } >"$T/replay.aof"
redis_start
check "replayed" ft replay "$T/replay.aof" "$REDIS" --quiet
check "replayed: equal" ft diff "$T/replay.aof" "$REDIS" --quiet
check "replayed again: nothing is left to do" ft replay "$T/replay.aof" "$REDIS" --quiet
check "replayed again: each command took effect once" ft diff "$T/replay.aof" "$REDIS" --quiet
redis_stop
t_end
