# Two stand-in masters that are the nodes of one cluster, for end-to-end scripts; source it after sh_lib.sh.
#
#   nodes_start RECORDING [STANDIN-ARG...]      node-1 has slots 0 to 8191, node-2 the others, and $NODE_2_ARGS too
#   ft capture "$NODES" "$T/set" ...
#   nodes_check LABEL                           ends them, and says whether all rules were kept

# node_standin NUMBER RECORDING ARG... - sets NODE_PORT and NODE_PID
node_standin()
{
    n_number=$1 n_recording=$2
    shift 2
    rm -f "$T/node-$n_number.out"
    "$STANDIN" "$n_recording/node-$n_number" --bind "$T_HOST" --cluster-slots "$T/slots" "$@" \
        >"$T/node-$n_number.out" 2>"$T/node-$n_number.err" &
    NODE_PID=$!
    PIDS="$PIDS $NODE_PID"
    t_until test -s "$T/node-$n_number.out" || exit 99
    NODE_PORT=$(head -n 1 "$T/node-$n_number.out")
}

# slots_row FIRST LAST PORT - of the answer to CLUSTER SLOTS
slots_row()
{
    printf '*3\r\n:%d\r\n:%d\r\n*2\r\n$%d\r\n%s\r\n:%d\r\n' "$1" "$2" ${#T_HOST} "$T_HOST" "$3"
}

# nodes_start RECORDING [ARG...] - sets NODE_1 (the address of the first), NODES (of both)
nodes_start()
{
    n_recording=$1
    shift
    node_standin 1 "$n_recording" "$@"
    NODE_1_PID=$NODE_PID NODE_1_PORT=$NODE_PORT
    # shellcheck disable=SC2086
    node_standin 2 "$n_recording" "$@" ${NODE_2_ARGS:-}
    NODE_2_PID=$NODE_PID NODE_2_PORT=$NODE_PORT
    {
        printf '*2\r\n'
        slots_row 0 8191 "$NODE_1_PORT"
        slots_row 8192 16383 "$NODE_2_PORT"
    } >"$T/slots"
    NODE_1=dragonfly://$T_HOST:$NODE_1_PORT
    NODES=$NODE_1,$T_HOST:$NODE_2_PORT
}

# nodes_stop - returns 1 if one of them was sent something against the rules
nodes_stop()
{
    n_status=0
    for n_pid in "$NODE_1_PID" "$NODE_2_PID"; do
        kill "$n_pid" 2>/dev/null
        wait "$n_pid" || n_status=1
        t_forget "$n_pid"
    done
    return $n_status
}

nodes_check()
{
    if nodes_stop; then
        pass "$1: rules of the conversation"
    else
        cat "$T/node-1.out" "$T/node-2.out" >"$T/violations"
        fail "$1: rules of the conversation" "$T/violations"
    fi
}
