#!/bin/sh
# What is said while something runs: progress on a terminal of 80 columns and in a log, formats and levels of lines.
. "${0%/*}/../lib/sh_lib.sh"
: "${MAKE_CAPTURE:?}"
command -v script >/dev/null 2>&1 || t_skip "no script, which makes a terminal"
t_begin

STAMP='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z'
RECORDS=$(effort 150000 80000)
seq 1 "$RECORDS" | sed 's/.*/0 1 0 SET key:& some-value-&/' | "$MAKE_CAPTURE" 1 "$T/cap" ||
    fail "a capture of our own"

# on_terminal OUTPUT COMMAND - with a terminal of 80 columns as standard error; nobody types
on_terminal()
{
    script -qefc "stty cols 80; $2" "$1" </dev/null >/dev/null 2>&1
}

# lines FILE - what a terminal has shown, a line for each time that it was drawn anew
lines()
{
    sed 's/\r*$//' "$1" | tr '\r' '\n' | sed 's/\x1b\[K//g'
}

too_long()
{
    lines "$1" | grep -v '^Script ' | grep -E '^.{80}'
}

# The reader takes nothing until a time left has been shown.
mkfifo "$T/fifo"
on_terminal "$T/terminal" "exec 8<>$T/fifo; exec '$FLOWTAPE' convert '$T/cap' - --to resp >$T/fifo" &
pid=$!
PIDS="$PIDS $pid"
t_says "$T/terminal" 'journal [0-9]+ %, [0-9.hms ]+ left, [0-9.]+ [KM]iB/s' ||
    fail "a line with percent, time left and rate" "$T/terminal"
cat "$T/fifo" >"$T/resp" &
reader=$!
PIDS="$PIDS $reader"
ends "convert on a terminal" $pid 0 "$T/terminal"
check "no line is longer than the terminal" [ -z "$(too_long "$T/terminal")" ]
kill "$reader" 2>/dev/null

# percent NAME COMMAND... - a line of the log that names a phase and a share of it
percent()
{
    name=$1
    shift
    check "$name runs" timeout 300 "$FLOWTAPE" "$@" --log-every 1ms --log-file "$T/$name.log" \
        --log-level info
    check "$name: share and time" grep -Eq \
        "^$STAMP info flowtape $1: [a-z ]+ [0-9]+ %(, [0-9.hms ]+ left)?(, [0-9.]+ [KMG]iB/s)?" "$T/$name.log"
}
percent convert convert "$T/cap" "$T/out.json" --to json
percent verify verify "$T/cap"
percent overview inspect "$T/cap"
percent forecast inspect "$T/cap" --for 7.0
percent records inspect "$T/cap" --records --json
need_redis
redis_start
percent replay replay "$T/cap" "$REDIS"
check "counts are grouped" grep -Eq ' [0-9]{1,3},[0-9]{3} records' "$T/replay.log"
percent diff diff "$T/cap" "$REDIS"
redis_stop

# The same run in each format; errors and notes are lines like others.
ft convert "$T/cap" "$T/out.json" --to json --log-every 1ms --log-format json 2>"$T/json.log"
check "json: each line is an object" [ "$(json "$T/json.log" time | wc -l)" = "$(wc -l <"$T/json.log")" ]
check "json: level" [ "$(json "$T/json.log" level | sort -u)" = info ]
check "json: command" [ "$(json "$T/json.log" command | sort -u)" = convert ]
check "json: no summary" [ "$(json "$T/json.log" message | grep -c '%\|opening')" = "$(wc -l <"$T/json.log")" ]
ft convert "$T/none" "$T/out.json" --to json --log-format json 2>"$T/json.log"
check "json: an error" json_is "$T/json.log" level error
check_status "text: an error" 1 "^$STAMP error flowtape convert: " ft convert "$T/none" "$T/out.json" --to json \
    --log-format text
check_status "an error as it is" 1 "^flowtape convert: " ft convert "$T/none" "$T/out.json" --to json
ft convert "$T/cap" "$T/out.json" --to json --log-every 1ms --log-level notice 2>"$T/quiet.log"
check "level: no progress" [ "$(grep -c ' info ' "$T/quiet.log")" = 0 ]
check_status "a level that is none" 2 "error, warning, notice" ft verify "$T/cap" --log-level loud
check_status "a log that cannot be" 1 "could not open the log" ft verify "$T/cap" --log-file "$T/no/log"
: >"$T/both.log"
check_status "errors go to the log too" 1 "none" ft verify "$T/none" --log-file "$T/both.log"
check "errors in the log" grep -Eq "^$STAMP error flowtape verify: " "$T/both.log"

# A password is in no line.
ft replay "$T/cap" "redis://:sesame-42@$T_HOST:1" --give-up-after 100ms --log-file "$T/secret.log" 2>"$T/secret.err"
check "the log of a refused run" grep -q "$T_HOST:1" "$T/secret.log"
check "no secret" [ -z "$(grep -h sesame "$T/secret.log" "$T/secret.err")" ]

# A snapshot of which only the number of keys is known.
standin_start "$RECORDINGS/types-plain" --keyspace 100000 --rate 20000
"$FLOWTAPE" capture "$URI" "$T/live" --log-every 10ms >"$T/live.log" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_says "$T/live.log" "^$STAMP info flowtape capture: full sync about [0-9]+ %" ||
    fail "about so much of the snapshot" "$T/live.log"
kill -INT $pid
ends "capture" $pid 0 "$T/live.log"
standin_stop

t_end
