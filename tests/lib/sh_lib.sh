# What the end-to-end scripts share. A script sources it, calls t_begin, and ends with t_end.
#
# From the environment: FLOWTAPE, STANDIN, STATE_DIFF, FLOW_DIFF, JSON_FIELD (programs), T_FIXTURES (directory),
# FLOWTAPE_RECORDINGS (optional: a folder of recordings to use instead of the fixtures),
# FLOWTAPE_TEST_EFFORT (small: fewer repetitions; full), FLOWTAPE_TEST_UNTIL (seconds since 1970: a script that
# begins later is skipped, for a run that has to end in time); REDIS_SERVER, REDIS_CHECK_RDB (the programs that
# are tested against; default: those on PATH) and REDIS_FOR (the version, as convert --redis takes it,
# that they load; default: 7.0).
# Everything lives in $T, which is removed at the end, and every process started here is ended. Servers
# listen on $T_HOST, a loopback address that no other script has, so that no port of one that is started
# again is anybody else's meanwhile.

set -u
T_HOST=127.$(($$ / 65536 % 254 + 1)).$(($$ / 256 % 256)).$(($$ % 256))
: "${FLOWTAPE:?}" "${STANDIN:?}" "${STATE_DIFF:?}" "${FLOW_DIFF:?}" "${JSON_FIELD:?}" "${T_FIXTURES:?}"
REDIS_SERVER=${REDIS_SERVER:-redis-server}
REDIS_FOR=${REDIS_FOR:-7.0}
REDIS_CHECK_RDB=${REDIS_CHECK_RDB:-redis-check-rdb}
# A server that applies a journal must hold what the one that is tested holds: it is the same if it can be one.
PRIVATE_SERVER=
case $REDIS_FOR in
7.[24] | 8.* | valkey-*) PRIVATE_SERVER="--redis-server $REDIS_SERVER" ;;
esac
# What a conversion for it is told.
FOR_SERVER="--redis $REDIS_FOR $PRIVATE_SERVER"
RECORDINGS=${FLOWTAPE_RECORDINGS:-$T_FIXTURES/recordings}

# effort FULL SMALL - a number of repetitions
effort()
{
    if [ "${FLOWTAPE_TEST_EFFORT:-full}" = small ]; then
        echo "$2"
    else
        echo "$1"
    fi
}

t_begin()
{
    if [ -n "${FLOWTAPE_TEST_UNTIL:-}" ] && [ "$(date +%s)" -ge "$FLOWTAPE_TEST_UNTIL" ]; then
        t_skip "no time is left"
    fi
    T=$(mktemp -d "${TMPDIR:-/tmp}/flowtape-e2e.XXXXXX") || exit 99
    PIDS=
    PASSED=0
    FAILED=0
    SEED=${E2E_SEED:-1}
    trap t_cleanup EXIT
    trap 'exit 99' INT TERM HUP
}

t_cleanup()
{
    for pid in $PIDS; do
        kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    rm -rf "$T"
}

t_end()
{
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ] || exit 1
    exit 0
}

t_skip()
{
    echo "skipped: $*"
    exit 77
}

pass()
{
    PASSED=$((PASSED + 1))
    echo "ok - $*"
}

# fail LABEL [FILE] - FILE is shown, its end at least
fail()
{
    FAILED=$((FAILED + 1))
    echo "NOT OK - $1"
    if [ $# -gt 1 ] && [ -f "$2" ]; then
        tail -n 30 "$2" | sed 's/^/    /'
    fi
}

# check LABEL COMMAND... - the command succeeds
check()
{
    t_label=$1
    shift
    if "$@" >"$T/check.out" 2>&1; then
        pass "$t_label"
    else
        fail "$t_label (status $?)" "$T/check.out"
    fi
}

# check_status LABEL WANTED TEXT COMMAND... - exit status, and a pattern that the output holds
check_status()
{
    t_label=$1 t_want=$2 t_text=$3
    shift 3
    "$@" >"$T/check.out" 2>&1
    t_got=$?
    if [ "$t_got" -ne "$t_want" ]; then
        fail "$t_label: status $t_got, wanted $t_want" "$T/check.out"
    elif ! grep -Eiq -- "$t_text" "$T/check.out"; then
        fail "$t_label: \"$t_text\" is not in the output" "$T/check.out"
    else
        pass "$t_label"
    fi
}

# t_random MAX - sets R to a number from 0 to MAX-1; the sequence follows from $SEED
t_random()
{
    SEED=$(((SEED * 1103515245 + 12345) % 2147483648))
    R=$((SEED / 65536 % $1))
}

# t_random_delay MAX_MS - sleeps
t_random_delay()
{
    t_random "$1"
    sleep "$((R / 1000)).$(printf %03d $((R % 1000)))"
}

# random_lines SEED COUNT KEYS FORM... - lines, each made of one of the forms: every %r becomes a number below 100, all %k the
# same one below KEYS
random_lines()
{
    rl_seed=$1 rl_count=$2 rl_keys=$3
    shift 3
    awk -v seed="$rl_seed" -v count="$rl_count" -v keys="$rl_keys" 'BEGIN {
        srand(seed)
        for (i = 0; i < count; i++) {
            line = ARGV[int(rand() * (ARGC - 1)) + 1]
            gsub(/%k/, int(rand() * keys), line)
            while (sub(/%r/, int(rand() * 100), line))
                ;
            print line
        }
    }' "$@"
}

# t_until COMMAND... - waits until it succeeds; for two minutes at most, as the machine may be busy. After a second it asks
# less often: asking takes the time of what is waited for.
t_until()
{
    t_give_up=$(($(date +%s) + 120)) t_tries=0
    until "$@" >/dev/null 2>&1; do
        t_tries=$((t_tries + 1))
        if [ $((t_tries % 16)) -eq 0 ] && [ "$(date +%s)" -gt $t_give_up ]; then
            echo "waited in vain for: $*" >&2
            return 1
        fi
        if [ $t_tries -lt 20 ]; then
            sleep 0.05
        else
            sleep 0.2
        fi
    done
}

# t_says FILE PATTERN - waits until an extended pattern is in a file that a process writes
t_says()
{
    t_until grep -Eq -- "$2" "$1"
}

# t_at_work PID - waits until a flowtape stops orderly upon a signal, or has ended; a shell has the
# processes of its background ignore SIGINT until they catch it
t_at_work()
{
    t_until catches_signals "$1"
}

catches_signals()
{
    # the second lowest bit of the mask is that of SIGINT
    grep -q '^SigCgt:.*[2367abef]$' "/proc/$1/status" || ! kill -0 "$1"
}

# wait_for_client PID - until somebody beside redis-cli is connected, or the process has ended: a
# server that was never there is an error, and not what this is about
wait_for_client()
{
    t_until client_or_ended "$1"
}

client_or_ended()
{
    clients=$(redis-cli -s "$T/redis/sock" info clients | sed -n 's/^connected_clients:\([0-9]*\).*/\1/p')
    [ "${clients:-0}" -ge 2 ] || ! kill -0 "$1"
}

# t_forget PID - it has ended
t_forget()
{
    t_left=
    for t_pid in $PIDS; do
        [ "$t_pid" = "$1" ] || t_left="$t_left $t_pid"
    done
    PIDS=$t_left
}

has_ended()
{
    ! kill -0 "$1" || grep -q '^State:.Z' "/proc/$1/status"
}

# ends LABEL PID STATUS OUTPUT - waits for a process of ours, which is killed after some minutes
ends()
{
    t_until has_ended "$2" || t_until has_ended "$2" || kill -9 "$2"
    wait "$2"
    t_got=$?
    t_forget "$2"
    if [ $t_got -eq "$3" ]; then
        pass "$1: status $3"
    else
        fail "$1: status $t_got, wanted $3" "$4"
    fi
}

# server_before VERSION - is the server that is tested against an older Redis than this?
server_before()
{
    case $REDIS_FOR in
    valkey-*) return 1 ;;
    *) [ "${REDIS_FOR%%.*}" -lt "${1%%.*}" ] ||
        { [ "${REDIS_FOR%%.*}" -eq "${1%%.*}" ] && [ "${REDIS_FOR#*.}" -lt "${1#*.}" ]; } ;;
    esac
}

# has_field_times - fields of its hashes can have times to live
has_field_times()
{
    case $REDIS_FOR in
    valkey-9*) return 0 ;;
    valkey-*) return 1 ;;
    *) ! server_before 7.4 ;;
    esac
}

# has_users - what a connection may do can be limited
has_users()
{
    ! server_before 6.0
}

# ft ARG... - the program, which must end; cli ARG... - a client of redis_start's server
ft()
{
    timeout 300 "$FLOWTAPE" "$@"
}

cli()
{
    redis-cli -s "$T/redis/sock" "$@"
}

need_redis()
{
    command -v "$REDIS_SERVER" >/dev/null 2>&1 || t_skip "no redis-server"
    command -v redis-cli >/dev/null 2>&1 || t_skip "no redis-cli"
}

# redis_start ARG... - a server of its own directory $T/redis, reached by $REDIS (for state-diff)
redis_start()
{
    mkdir -p "$T/redis"
    "$REDIS_SERVER" --port 0 --unixsocket "$T/redis/sock" --dir "$T/redis" --save '' \
        --appendonly no "$@" >"$T/redis/log" 2>&1 &
    REDIS_PID=$!
    PIDS="$PIDS $REDIS_PID"
    REDIS=unix:$T/redis/sock
    t_until redis_up_or_ended
    [ "$(redis-cli -s "$T/redis/sock" ping 2>/dev/null)" = PONG ] || {
        redis_stop
        return 1
    }
}

# reference_start ARG... - the server on PATH instead, which knows every command and whose files all can read
reference_start()
{
    t_tested=$REDIS_SERVER
    REDIS_SERVER=redis-server
    redis_start "$@"
    t_status=$?
    REDIS_SERVER=$t_tested
    return $t_status
}

redis_up_or_ended()
{
    [ "$(redis-cli -s "$T/redis/sock" ping 2>/dev/null)" = PONG ] || ! kill -0 "$REDIS_PID" 2>/dev/null
}

# expiry KEY - of $REDIS: the moment in ms, -1: never. A server before 7.0 tells what is left, from which it follows
# but for what passes between two looks at the clock.
expiry()
{
    if server_before 7.0; then
        redis-cli -s "$T/redis/sock" eval 'redis.replicate_commands()
            local left, now = redis.call("PTTL", KEYS[1]), redis.call("TIME")
            return left < 0 and left or now[1] * 1000 + math.floor(now[2] / 1000) + left' 1 "$1"
    else
        redis-cli -s "$T/redis/sock" pexpiretime "$1"
    fi
}

# expires_at KEY MOMENT - exactly, as far as the server tells
expires_at()
{
    t_expiry=$(expiry "$1")
    if server_before 7.0; then
        [ "$t_expiry" -gt $(($2 - 1000)) ] && [ "$t_expiry" -lt $(($2 + 1000)) ]
    else
        [ "$t_expiry" = "$2" ]
    fi
}

redis_stop()
{
    kill -9 "$REDIS_PID" 2>/dev/null
    wait "$REDIS_PID" 2>/dev/null
    t_forget "$REDIS_PID"
    rm -f "$T/redis/sock"
}

# standin_start ARG... - a stand-in master; sets URI and PORT
standin_start()
{
    rm -f "$T/standin.out"
    TMPDIR=$T "$STANDIN" --bind "$T_HOST" "$@" >"$T/standin.out" 2>"$T/standin.err" &
    STANDIN_PID=$!
    PIDS="$PIDS $STANDIN_PID"
    t_until standin_up_or_ended
    if [ ! -s "$T/standin.out" ]; then
        cat "$T/standin.err"
        echo "the stand-in master did not start"
        exit 99
    fi
    PORT=$(head -n 1 "$T/standin.out")
    URI=dragonfly://$T_HOST:$PORT
}

standin_up_or_ended()
{
    [ -s "$T/standin.out" ] || ! kill -0 "$STANDIN_PID" 2>/dev/null
}

# standin_stop - returns 1 if it was sent something against the rules; its report is
# $T/standin.out
standin_stop()
{
    kill "$STANDIN_PID" 2>/dev/null
    wait "$STANDIN_PID"
    t_status=$?
    t_forget "$STANDIN_PID"
    return $t_status
}

# source_lsns - where the stand-in is, a line for each flow
source_lsns()
{
    redis-cli -h "$T_HOST" -p "$PORT" dfly replicaoffset
}

# source_wrote RECORDING - the stand-in has written all its records
source_wrote()
{
    [ "$(source_lsns)" = "$(meta_flow "$1" final_lsn)" ]
}

# standin_check LABEL - ends the stand-in and says whether all rules were kept
standin_check()
{
    if standin_stop; then
        pass "$1: rules of the conversation"
    else
        json "$T/standin.out" 'violations/*' >"$T/violations"
        fail "$1: rules of the conversation" "$T/violations"
    fi
}

# json FILE PATH [NAME=VALUE...] - values out of JSON, a line each: see json_field.c
json()
{
    "$JSON_FIELD" "$@"
}

# json_is FILE PATH VALUE - it is there, and this
json_is()
{
    [ "$(json "$1" "$2")" = "$3" ]
}

# record_lsns DIR FLOW [ARG...] - the LSNs of a flow's records, a line each
record_lsns()
{
    t_dir=$1 t_flow=$2
    shift 2
    "$FLOWTAPE" inspect "$t_dir" --records --json --flow "$t_flow" "$@" | json - lsn
}

# report_number NAME - a number of the stand-in's report
report_number()
{
    json "$T/standin.out" "$1"
}

# acked - the highest ACK of each flow, as the stand-in saw it
acked()
{
    json "$T/standin.out" 'acks/*/max'
}

# capture DIR [ARG...] - bounded in time
capture()
{
    t_dir=$1
    shift
    timeout "${CAPTURE_S:-300}" "$FLOWTAPE" capture "$URI" "$t_dir" --quiet "$@"
}

# take RECORDING - captured into $T, under the last part of its name
take()
{
    standin_start "$RECORDINGS/$1"
    capture "$T/${1##*/}" --until-caught-up || fail "capture of $1"
    standin_stop
}

# meta_flow RECORDING NAME - the values of a field of all flows, in their order
meta_flow()
{
    json "$1/meta.json" "flows/*/$2"
}

flow_count()
{
    ls "$1" | grep -c '^flow-[0-9]*\.bin$'
}

# flows_equal COMPARE DIR RECORDING... - COMPARE RECORDING FLOW finds each flow's bytes, as they are
# stored ($T/got.bin), to be those of the recordings ($T/wanted.bin)
flows_equal()
{
    t_compare=$1 t_dir=$2
    shift 2
    t_n=$(flow_count "$1")
    t_i=0
    while [ $t_i -lt "$t_n" ]; do
        for t_rec in "$@"; do
            cat "$t_rec/flow-$t_i.bin"
        done >"$T/wanted.bin"
        "$FLOWTAPE" inspect "$t_dir" --raw --flow $t_i >"$T/got.bin" || return 1
        $t_compare "$1" $t_i || return 1
        t_i=$((t_i + 1))
    done
}

same_bytes()
{
    cmp "$T/wanted.bin" "$T/got.bin"
}

same_records()
{
    "$FLOW_DIFF" "$T/wanted.bin" "$T/got.bin" \
        "$(meta_flow "$1" stable_start | sed -n $(($2 + 1))p)"
}

# raw_equal DIR RECORDING... - the stored bytes of each flow are those of the recordings
raw_equal()
{
    flows_equal same_bytes "$@"
}

# records_equal DIR RECORDING... - the same but for LSN marks, for flows that were resumed
records_equal()
{
    flows_equal same_records "$@"
}

# state_options RECORDING - what state-diff has to know about it
state_options()
{
    case $1 in
    */older/1.19.* | */older/1.23.*) printf ' --old-streams' ;;
    esac
    [ -f "$1/replica-state.json" ] && printf ' --or %s' "$1/replica-state.json"
}

# not_in_journal RECORDING - what state-diff has to leave out, as the journal itself does not say it
# (fixtures/README.md): ids of XADD up to 1.26, pops without their count, a sort across shards; and
# members whose times Redis 7.0 does not have
not_in_journal()
{
    case $1 in
    */older/1.19.* | */older/1.23.*) printf ' --any-stream-ids' ;;
    esac
    case $1 in
    */catalogue) printf ' --ignore 0/l2 --ignore 0/l11 --ignore 0/hshort --ignore 0/tshort' ;;
    esac
}

# verify_clean DIR
verify_clean()
{
    timeout 300 "$FLOWTAPE" verify "$1"
}

# verify_sound DIR - nothing is damaged, but a full sync may be unfinished
verify_sound()
{
    timeout 300 "$FLOWTAPE" verify "$1"
    case $? in 0 | 6) ;; *) return 1 ;; esac
}

# applied - per flow the position that $REDIS has, in the newest generation
applied()
{
    t_id=$(redis-cli -s "$T/redis/sock" --raw hget flowtape:replay capture)
    t_key=$(redis-cli -s "$T/redis/sock" --raw keys "flowtape:$t_id:{*")
    redis-cli -s "$T/redis/sock" --raw hgetall "$t_key" | paste - - | sort | sed -n 's/^flow:[0-9]*\t//p'
}

# applied_all RECORDING - $REDIS has come to the recording's last records
applied_all()
{
    [ "$(applied)" = "$(meta_flow "$1" final_lsn)" ]
}

# load_and_compare LABEL RDB STATE [STATE-DIFF ARG...] - redis-server holds what the state says
load_and_compare()
{
    t_label=$1 t_rdb=$2 t_state=$3
    shift 3
    if command -v "$REDIS_CHECK_RDB" >/dev/null 2>&1; then
        check "$t_label: redis-check-rdb" "$REDIS_CHECK_RDB" "$t_rdb"
        t_label=${t_label%: redis-check-rdb}
    fi
    mkdir -p "$T/redis"
    cp "$t_rdb" "$T/redis/dump.rdb"
    if redis_start --dbfilename dump.rdb; then
        check "$t_label: equals ${t_state##*/}" "$STATE_DIFF" --skip-lossy "$@" "$t_state" "$REDIS"
        redis_stop
    else
        fail "$t_label: redis-server loads it" "$T/redis/log"
    fi
    rm -rf "$T/redis"
}
