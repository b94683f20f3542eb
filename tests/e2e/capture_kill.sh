#!/bin/sh
# flowtape is killed at random moments and started again until it has everything. The master compares
# each ACK with what the directory holds.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
KILLS=${E2E_KILLS:-$(effort 50 8)}

# round RECORDING RATE MAX_MS ARG... - one capture; kills until it is through or no kill is left
round()
{
    name=$1 rec=$RECORDINGS/$1 rate=$2 max_ms=$3
    shift 3
    dir=$T/capture
    rm -rf "$dir"
    standin_start "$rec" --rate "$rate" --check-dir "$dir"
    attempts=0
    while [ $kills -lt "$KILLS" ] && [ $attempts -lt 20 ]; do
        attempts=$((attempts + 1))
        "$FLOWTAPE" capture "$URI" "$dir" --quiet --until-caught-up "$@" >"$T/killed.out" 2>&1 &
        pid=$!
        PIDS="$PIDS $pid"
        t_random_delay "$max_ms"
        t_forget "$pid"
        if kill -9 $pid 2>/dev/null; then
            kills=$((kills + 1))
            wait $pid 2>/dev/null
        elif wait $pid; then
            break
        else
            fail "$name: capture" "$T/killed.out"
            break
        fi
    done
    check "$name $*: capture after $attempts starts" capture "$dir" --until-caught-up "$@"
    standin_check "$name $*"
    check "$name $*: records as sent" records_equal "$dir" "$rec"
    check "$name $*: verify" verify_clean "$dir"
}

kills=0
rounds=0
while [ $kills -lt "$KILLS" ] && [ $rounds -lt 80 ]; do
    case $((rounds % 4)) in
    0) round live-1 300000 1000 ;;
    1) round live-4 300000 700 --sync always ;;
    2) round live-4 200000 900 --sync interval:50 --segment-size 64KiB ;;
    3) round live-1 300000 1000 --sync interval:5 --compress zstd --segment-size 64KiB ;;
    esac
    rounds=$((rounds + 1))
done
echo "# $kills kills"
t_end
