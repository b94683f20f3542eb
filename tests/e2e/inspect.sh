#!/bin/sh
# The views of inspect: records one by one, the history of a key, the forecast, the overview.
. "${0%/*}/../lib/sh_lib.sh"
t_begin

# make_capture RECORDING DIR [STAND-IN ARG...] [-- CAPTURE ARG...]
make_capture()
{
    t_rec=$RECORDINGS/$1 t_to=$2
    shift 2
    t_standin=
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        t_standin="$t_standin $1"
        shift
    done
    [ $# -gt 0 ] && shift
    standin_start "$t_rec" $t_standin
    check "${t_rec##*/}: capture" capture "$t_to" --until-caught-up "$@"
    standin_stop
}

inspect()
{
    timeout 300 "$FLOWTAPE" inspect "$@"
}

# same LABEL WANTED GOT
same()
{
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        printf '%s\n' "wanted:" "$2" "got:" "$3" >"$T/differs"
        fail "$1" "$T/differs"
    fi
}

# What became of a key, without what it is in the end.
history()
{
    sed '/^state at /,$d'
}

# Without flow, offset and time: LSN, database, item.
short()
{
    sed -n 's/^ *[0-9]* *[0-9]* *[^ ]*Z *//p' | sed 's/  */ /g'
}

# Every record has its line, with the LSN that it has in the source.
records_complete()
{
    name=$1 dir=$T/$1
    make_capture "$name" "$dir"
    i=0
    n=$(flow_count "$RECORDINGS/$name")
    while [ $i -lt "$n" ]; do
        count=$(meta_flow "$RECORDINGS/$name" journal_entries | sed -n $((i + 1))p)
        first=$(meta_flow "$RECORDINGS/$name" journal_offset | sed -n $((i + 1))p)
        record_lsns "$dir" $i >"$T/got"
        seq "$first" $((first + count - 1)) >"$T/wanted"
        check "$name: LSNs of flow $i" cmp "$T/wanted" "$T/got"
        i=$((i + 1))
    done
}

for name in catalogue live-1 live-4 flushes; do
    [ -d "$RECORDINGS/$name" ] && records_complete $name
done

# Many segments, so that bounds mean a seek.
make_capture live-4 "$T/segments" --chunk 2000 --rate 120000 -- --segment-size 16KiB \
    --sync interval:5
record_lsns "$T/segments" 0 >"$T/all"
first=$(head -n 1 "$T/all") last=$(tail -n 1 "$T/all")
for from in $first $((first + 1)) $(((first + last) / 2)) $((last - 1)) "$last" $((last + 1)) \
    $((last + 100)); do
    awk -v from="$from" '$1 >= from' "$T/all" >"$T/wanted"
    record_lsns "$T/segments" 0 --from "$from" >"$T/got"
    check "records from $from on" cmp "$T/wanted" "$T/got"
    awk -v to="$from" '$1 <= to' "$T/all" >"$T/wanted"
    record_lsns "$T/segments" 0 --to "$from" >"$T/got"
    check "records up to $from" cmp "$T/wanted" "$T/got"
done
middle=$(((first + last) / 2))
same "bounds keep the offset" \
    "$(inspect "$T/segments" --records --flow 0 | grep " $middle  *0  ")" \
    "$(inspect "$T/segments" --records --flow 0 --from $middle --to $middle | sed 1d | grep -v LSN)"
time=$(inspect "$T/segments" --records --json --flow 0 --from $middle --limit 1 |
    json - time)
inspect "$T/segments" --records --json --flow 0 | sed -n '/"item":"TOKEN"/,$p' | sed 1d |
    awk -v t="$time" 'match($0, /"time":"[^"]*"/) && substr($0, RSTART + 8, 24) >= t' >"$T/wanted"
inspect "$T/segments" --records --json --flow 0 --from "$time" >"$T/got"
check "records from a time on" cmp "$T/wanted" "$T/got"
same "a limit" 5 "$(inspect "$T/segments" --records --limit 5 | sed 1d | wc -l)"

# The overview: many segments share a line unless each is asked for.
files=$(ls "$T/segments"/gen-0001 | grep -c '\.seg$')
check_status "segments together" 0 "segments, to flow-000-" inspect "$T/segments" --no-census
same "segments apart" "$files" "$(inspect "$T/segments" --segments | grep -c '\.seg ')"
same "segments in JSON" "$files" "$(inspect "$T/segments" --json | json - 'capture/generations/*/flows/*/segments/*/file' | wc -l)"

# One key.
same "history of a key" "6 0 COMMAND DEL t4
7 0 COMMAND SADD t4 d g f c
20 0 COMMAND PEXPIREAT t4 1950000000000" "$(inspect "$T/catalogue" --key t4 | short)"
same "an escaped key" "$(inspect "$T/catalogue" --key t4 | history)" \
    "$(inspect "$T/catalogue" --key '\x744' | history)"
same "all keys of a record" "2 0 COMMAND MSET n2 b" \
    "$(inspect "$T/catalogue" --flow 0 --key n2 | short)"
same "the second key of a record" "1 0 COMMAND MSET n1 a n3 c" \
    "$(inspect "$T/catalogue" --key n3 --limit 1 | short)"
same "no such key" "0 in the snapshot, 0 records, 0 flushes" \
    "$(inspect "$T/catalogue" --key no-such-key | history)"
same "a value" '        "{\"a\":3,\"b\":[\"x\",\"y\",9],\"c\":{\"d\":null,\"e\":true,\"f\":1.5}}"' \
    "$(inspect "$T/live-4" --key json:3 | history | grep '^        ')"
check_status "elements of a value" 0 "600 fields" inspect "$T/live-4" --key hash:13
check_status "a record of another flow's key" 0 "not applied: another flow owns the key" \
    inspect "$T/live-4" --key p:25
same "flushes of a key, once" "FLUSHDB FLUSHDB FLUSHALL FLUSHDB " \
    "$(inspect "$T/flushes" --key no-such-key | sed -n 's/.*COMMAND //p' | tr '\n' ' ')"
same "flushes of a database" "FLUSHALL " \
    "$(inspect "$T/flushes" --key no-such-key --db 0 | sed -n 's/.*COMMAND //p' | tr '\n' ' ')"

# A pattern.
inspect "$T/live-4" --records --json --key 'str:1?' --db 0 >"$T/got"
same "a pattern: nothing else" 0 "$(grep -vc '"str:1[0-9]"' "$T/got")"
same "a pattern: all keys" 10 "$(json "$T/got" key item=ENTRY | sort -u | wc -l)"

# What would be lost.
check_status "forecast: losses" 3 "17 would be lost" inspect "$T/live-4" --for 7.2
check_status "forecast: nothing lost" 0 "nothing would be lost" inspect "$T/flushes" --for 7.0
inspect "$T/live-4" --for 7.0 --json >"$T/forecast.json"
same "forecast: records of other flows" 25 "$(json "$T/forecast.json" foreign_records)"
check_status "forecast: a cluster" 3 "12 records take more than one step" \
    inspect "$T/live-4" --for 7.0 --cluster
check_status "forecast: databases of a cluster" 3 "30 keys and 0 records are in others" \
    inspect "$T/live-4" --for 7.0 --cluster
inspect "$T/catalogue" --for 7.4 --json >"$T/forecast.json"
same "forecast: a command" 1 "$(json "$T/forecast.json" commands/loss/CL.THROTTLE)"
check_status "forecast: suspects" 3 "0/l11  by SORT, flow 3" inspect "$T/catalogue" --for 7.4
same "forecast: always the same" "$(inspect "$T/live-4" --for 6.2 | sed 's/: 0\/.*//')" \
    "$(inspect "$T/live-4" --for 6.2 | sed 's/: 0\/.*//')"

# A name that is not UTF-8 leaves the JSON valid.
odd=$(printf '%s/caf\351' "$T")
ln -s "$T/live-4" "$odd"
same "an odd name" "$(printf '%s' "$odd" | base64 -w 0)" "$(inspect "$odd" --json | json - input/path/base64)"

# What makes no sense is refused.
check_status "no such flow" 2 "there is no flow 9" inspect "$T/live-4" --records --flow 9
check_status "two views" 2 "one at a time" inspect "$T/live-4" --records --for 7.0
check_status "bounds without records" 2 "go with --records" inspect "$T/live-4" --from 3
check_status "a file has no journal" 2 "has none" \
    inspect "$RECORDINGS/files/types.rdb" --records --from 3
check_status "no such option" 2 "there is no option --bogus" inspect "$T/live-4" --bogus=secret
check_status "an option without its value" 2 "flow needs a value" inspect "$T/live-4" --flow
check_status "a wrong number" 2 '--limit: "x" is not' inspect "$T/live-4" --records --limit x
check_status "no time" 2 "is not a" inspect "$T/live-4" --records --from 2026-08T1

# The state at a moment.
if command -v redis-server >/dev/null 2>&1; then
    check_status "the state of a key" 0 "state at end: 0/t4  set, .*until 2031-10-17T10:40:00" inspect "$T/catalogue" --key t4
    check_status "before it was there" 0 "state at snapshot: there is no such key" inspect "$T/catalogue" --key t4 --at snapshot
    check_status "as JSON" 0 '"state":"end","db":0,"key":"t4","type":"set","bytes":[0-9]*,"expire_ms":1950000000000,"value":\["4 members' \
        inspect "$T/catalogue" --key t4 --json
    inspect "$T/catalogue" --keys >"$T/keys"
    check "keys: it is there once" [ "$(grep -c '^0/t4  set' "$T/keys")" = 1 ]
    inspect "$T/catalogue" --keys --at snapshot >"$T/keys"
    check "keys at the snapshot: it is not" [ "$(grep -c '^0/t4 ' "$T/keys")" = 0 ]
    same "keys: a pattern" "0/t4  set" "$(inspect "$T/catalogue" --keys --key 't[4]' | sed 's/,.*//')"
    same "keys: no more than asked for" 2 "$(inspect "$T/catalogue" --keys --limit 2 | wc -l)"
fi
check_status "a pattern is one key no more" 2 "looks like a pattern.*--keys --key" inspect "$T/catalogue" --key 't*'
check_status "--at is of a state" 2 "goes with --keys or --key" inspect "$T/catalogue" --at end
check_status "--keys is one state" 2 "not with --from" inspect "$T/catalogue" --keys --from 3
t_end
