# Servers of a script by name, one of which is written to by random commands: what scripts with a Redis as the source share.
# After sh_lib.sh.

# server_start NAME PORT ARG... - one of several servers
server_start()
{
    s_dir=$T/$1 s_port=$2
    mkdir -p "$s_dir"
    shift 2
    "$REDIS_SERVER" --bind "$T_HOST" --protected-mode no --port "$s_port" --unixsocket "$s_dir/sock" --dir "$s_dir" \
        --save '' --appendonly no "$@" >"$s_dir/log" 2>&1 &
    PIDS="$PIDS $!"
    eval "PID_${s_dir##*/}=$!"
    t_until server_says "${s_dir##*/}" PONG ping
}

# ask NAME COMMAND... - of a server
ask()
{
    a_name=$1
    shift
    redis-cli -s "$T/$a_name/sock" "$@"
}

# server_says NAME PATTERN COMMAND...
server_says()
{
    ss_name=$1 ss_pattern=$2
    shift 2
    ask "$ss_name" "$@" 2>&1 | grep -q -- "$ss_pattern"
}

# writes SEED COUNT - random commands of all kinds, some of them in transactions
writes()
{
    random_lines "$1" "$2" 20 'INCR n:%k' 'APPEND s:%k x%r' 'SETRANGE s:%k 3 %r' 'INCRBYFLOAT f:%k 0.1' 'RPUSH l:%k %r %r' \
        'LPOP l:%k' 'LMOVE l:%k l:1 LEFT RIGHT' 'SADD t:%k %r %r' 'SPOP t:%k' 'SMOVE t:%k t:1 %r' 'HSET h:%k %r %r' \
        'HINCRBYFLOAT h:%k c 0.5' 'HDEL h:%k %r' 'ZADD z:%k %r %r' 'ZINCRBY z:%k 1.5 %r' 'ZPOPMIN z:%k' 'XADD x:%k * a %r' \
        'XTRIM x:%k MAXLEN 5' 'PFADD p:%k %r' 'SETBIT b:%k %r 1' 'RENAME n:%k m:%r' 'SET e:%k %r EX 9000' 'GETDEL e:%k' \
        'PERSIST e:%k' 'DEL s:%k' 'COPY l:%k l:2 REPLACE' 'SUNIONSTORE t:2 t:%k t:3' \
        'EVAL return(redis.call("INCR",KEYS[1])) 1 lua:%k' |
        awk -v seed="$1" 'BEGIN { srand(seed) }
            NR % 50 == 1 { print "SELECT " int(rand() * 3) }
            NR % 20 == 1 { print "MULTI" }
            { print }
            NR % 20 == 6 { print "EXEC" }'
}

# writes_start NAME - such commands all the time, until writes_stop
writes_start()
{
    rm -f "$T/enough"
    (n=2 && while [ ! -e "$T/enough" ]; do writes "$n" 2000 && n=$((n + 1)); done | ask "$1" >/dev/null 2>&1) &
    WRITER=$!
    PIDS="$PIDS $WRITER"
}

writes_stop()
{
    : >"$T/enough"
    wait "$WRITER"
    t_forget "$WRITER"
}
