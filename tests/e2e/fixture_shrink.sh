#!/bin/sh
# The smallest capture that shows a fault: keys, records, elements and bytes go; what was killed resumes; bounds hold.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# A few keys, of which one gets a value that a fault is to be planted in.
input()
{
    cat >"$T/text" <<'END'
shards 3
clock 2040-01-01T00:00:00Z
HSET guilty first 1 second 2 third y
SET s:1 value-1
SET s:2 value-2
SADD set:1 a b 1
RPUSH l:1 1 2 3
snapshot in-sync
APPEND s:1 more
stable
HSET guilty other o third x
APPEND s:2 1
HINCRBY guilty second 1
SADD set:1 c
FLUSHDB
SADD after flush
cut
SET x y
snapshot
SET s:1 last
END
    ft fixture make "$T/text" "$T/in" --quiet
    sed '/^FLUSHDB/,$d' "$T/text" >"$T/text2"
    ft fixture make "$T/text2" "$T/noflush" --quiet
}

# Commands that count their runs, and succeed where the third field is an x in the end, or in a record.
planted()
{
    cat >"$T/planted" <<'END'
#!/bin/sh
echo run >>"$T/runs"
"$FLOWTAPE" convert "$1" "$T/state.rdb" --to rdb --generation 1 --quiet || exit 9
"$FLOWTAPE" convert "$T/state.rdb" - --to json --quiet >"$T/state.json" || exit 9
grep -q '"key":"guilty".*{"field":"third","value":"x"}' "$T/state.json"
END
    cat >"$T/quick" <<'END'
#!/bin/sh
echo run >>"$T/runs"
# the eighth run waits to be killed
[ "$(wc -l <"$T/runs")" -ne 8 ] || while [ -e "$T/hold" ]; do sleep 0.05; done
"$FLOWTAPE" inspect "$1" --records --generation 1 2>/dev/null | grep -Eq 'HSET guilty .*third .*x'
END
    chmod +x "$T/planted" "$T/quick"
    export T FLOWTAPE
}

runs()
{
    wc -l <"$T/runs"
}

fault()
{
    : >"$T/runs"
    check "fault: shrink" ft fixture shrink "$T/noflush" "$T/small" --while "$T/planted {}" --json --quiet
    cp "$T/check.out" "$T/small.json"
    check "fault: one key" json_is "$T/small.json" keys 1
    check "fault: no entry" json_is "$T/small.json" entries 0
    check "fault: one record" json_is "$T/small.json" records 1
    check "fault: minimal" json_is "$T/small.json" minimal true
    check "fault: each run counts" test "$(runs)" -eq "$(json "$T/small.json" tries)"
    check "fault: verify" verify_clean "$T/small"
    check "fault: it is still there" "$T/planted" "$T/small"
    ft inspect "$T/small" --records >"$T/records"
    check "fault: no word too many" grep -Eq 'COMMAND HSET guilty third x$' "$T/records"
    check "fault: nothing else is left" test ! -e "$T/small.shrinking"
}

killed()
{
    : >"$T/runs"
    : >"$T/hold"
    "$FLOWTAPE" fixture shrink "$T/in" "$T/k" --while "$T/quick {}" --quiet >"$T/k.out" 2>&1 &
    t_pid=$!
    PIDS="$PIDS $t_pid"
    t_until sh -c '[ $(wc -l <"$T/runs") -eq 8 ]'
    kill -9 $t_pid
    wait $t_pid 2>/dev/null
    rm "$T/hold"
    t_forget $t_pid
    check "killed: no result" test ! -e "$T/k"
    check_status "killed: another command is another search" 1 "another input or command" \
        ft fixture shrink "$T/in" "$T/k" --while "true {}"
    check_status "killed: another input too" 1 "another input or command" \
        ft fixture shrink "$T/noflush" "$T/k" --while "$T/quick {}"
    t_before=$(json "$T/k.shrinking/shrink.json" tries)
    : >"$T/runs"
    check "killed: resume" ft fixture shrink "$T/in" "$T/k" --while "$T/quick {}" --json --quiet
    cp "$T/check.out" "$T/k.json"
    check "killed: it has resumed" json_is "$T/k.json" resumed true
    check "killed: with what was done" test "$(json "$T/k.json" tries)" -eq $((t_before + $(runs)))
    ft fixture shrink "$T/in" "$T/whole" --while "$T/quick {}" --quiet
    check "killed: the same is found" test "$(ft inspect "$T/k" --records | grep -cE 'COMMAND|ENTRY')" -eq 1
    ft inspect "$T/k" --records | grep -E 'COMMAND|ENTRY' >"$T/a"
    ft inspect "$T/whole" --records | grep -E 'COMMAND|ENTRY' >"$T/b"
    check "killed: as without" cmp "$T/a" "$T/b"
    check "killed: one generation is left" test "$(ft inspect "$T/k" --json | json - 'capture/generations/*/began' | wc -l)" -eq 1
}

bounds()
{
    : >"$T/runs"
    check "tries" ft fixture shrink "$T/in" "$T/t" --while "$T/quick {}" --tries 7 --json --quiet
    cp "$T/check.out" "$T/t.json"
    check "tries: so many runs" test "$(runs)" -eq 7
    check "tries: not minimal" grep -Eq '"minimal": false' "$T/t.json"
    check "tries: clean, and still at fault" sh -c '"$FLOWTAPE" verify "$T/t" --quiet && "$T/quick" "$T/t"'
    : >"$T/runs"
    check "time" ft fixture shrink "$T/in" "$T/t0" --while "$T/quick {}" --time 0 --quiet
    check "time: only the whole was tried" test "$(runs)" -eq 2
    check "a run that hangs has failed" ft fixture shrink "$T/in" "$T/h" --tries 3 --timeout 3s \
        --while 'test {} = "$T/in" || test "$(basename {})" = try-2 || cat "$T/never"' --json --quiet
    cp "$T/check.out" "$T/h.json"
    check "and nothing was left out" json_is "$T/h.json" smaller 0
    check_status "the whole fails" 1 "does not succeed for the input: it ended with status 1" \
        ft fixture shrink "$T/in" "$T/x" --while "false {}"
    check_status "the whole hangs" 1 "does not succeed for the input: it took too long" \
        ft fixture shrink "$T/in" "$T/x" --while "cat $T/never; true {}" --timeout 200ms
    check_status "what it prints" 1 "from the command" \
        ft fixture shrink "$T/in" "$T/x" --while "echo from the command; false {}" -v
    check_status "no place" 2 "does not say where" ft fixture shrink "$T/in" "$T/x" --while true
    check_status "no command" 2 "while is missing" ft fixture shrink "$T/in" "$T/x"
    check_status "a name with a blank" 2 "would need quotes" ft fixture shrink "$T/in" "$T/x y" --while "true {}"
    check "nothing is left" test ! -e "$T/x" -a ! -e "$T/x.shrinking"
    check_status "a directory that is there" 1 "there already" \
        ft fixture shrink "$T/in" "$T/t" --while "true {}"
}

stopped()
{
    "$FLOWTAPE" fixture shrink "$T/in" "$T/s" --while "$T/quick {} && touch $T/s.begun && cat $T/never" \
        --timeout 0 --quiet >"$T/s.out" 2>&1 &
    t_pid=$!
    PIDS="$PIDS $t_pid"
    t_until test -e "$T/s.begun"
    kill -INT $t_pid
    wait $t_pid
    check "stopped: at once" test $? -ne 0
    t_forget $t_pid
    check "stopped: no result" test ! -e "$T/s"
}

# Of files the first run is of the file, the others are of captures.
files()
{
    check "an RDB file" ft fixture shrink "$T_FIXTURES/recordings/files/plain.rdb" "$T/f" --json --quiet --tries 40 \
        --while "$FLOWTAPE inspect {} --records | grep -q 'ENTRY zset'"
    cp "$T/check.out" "$T/f.json"
    check "an RDB file: one key is left" json_is "$T/f.json" keys 1
    check "an RDB file: verify" verify_clean "$T/f"
}

mkfifo "$T/never" # whose reader waits for ever
planted
input
fault
killed
bounds
stopped
files
t_end
