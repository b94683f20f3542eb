#!/bin/sh
# --check of a replay: what it compares, what it finds, and what it writes down.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

replay()
{
    # shellcheck disable=SC2086 # nothing, or two words
    timeout 120 "$FLOWTAPE" replay "$T/cap" "$REDIS" --on-loss skip $PRIVATE_SERVER "$@"
}

# found LABEL PATTERN... - status 3, all of the patterns, and no difference more than they are
found()
{
    f_label=$1
    shift
    replay --check all >"$T/found.out" 2>&1
    f_status=$?
    [ $f_status -eq 3 ] || fail "$f_label: status $f_status, wanted 3" "$T/found.out"
    grep -q "^$# keys\{0,1\} differ" "$T/found.out" || fail "$f_label: $# differences" "$T/found.out"
    for f_pattern; do
        grep -Eq -- "$f_pattern" "$T/found.out" || fail "$f_label: no $f_pattern" "$T/found.out"
    done
    pass "$f_label: looked for"
}

field()
{
    "$JSON_FIELD" "$T/report.json" "check/$1"
}

# same PATH PATH - two fields that are there
same()
{
    s_one=$(field "$1")
    [ -n "$s_one" ] && [ "$s_one" = "$(field "$2")" ]
}

# The last ones are last:*. The snapshot brings one key more.
for i in $(seq 1 300); do
    echo "0 $i 0 SET n:$i $i"
done >"$T/records"
cat >>"$T/records" <<'END'
0 301 0 RPUSH list a b c
0 302 0 HSET hash f 1 g 2
0 303 0 SET gone x
0 304 3 SET other x
0 305 0 RENAME n:1 n:first
0 306 0 DEL gone
0 307 0 SET timed x PXAT 4102444800000
0 308 0 SET last:1 x
0 309 0 SET last:2 x
END
"$MAKE_CAPTURE" 1 "$T/cap" <"$T/records" || fail "the capture"

redis_start
check_status "a replay that is right" 0 '^checked: all keys; digest' replay --check all --report "$T/report.json"
check "its report: equal" [ "$(field equal)" = true ]
check "its report: digests" same total/input/values total/target/values
# An older server says what is left, not when it is over.
server_before 7.0 || check "its report: times" same total/input/times total/target/times
check "its report: keys" [ "$(field total/target/keys)" = 307 ]
check "its report: by database and type" [ "$(field databases/0/types/list/target/keys)" = 1 ]
check_status "some keys" 0 '^checked: [0-9]+ keys' replay --check 5

cli set last:2 y >/dev/null
check_status "the last ones are looked at" 3 'string "last:2": byte 1 of 1' replay --check 1
cli set last:2 x >/dev/null
cli set gone back >/dev/null
check_status "what was deleted last, too" 3 'string "gone"' replay --check 4
cli del gone >/dev/null
cli del n:first >/dev/null
check_status "as many as there are" 3 'string "n:first"' replay --check 1000
cli set n:first 1 >/dev/null

cli set n:200 changed >/dev/null
cli lpop list >/dev/null
cli del hash >/dev/null
cli set extra x >/dev/null
cli pexpireat timed 4102444860000 >/dev/null
found "five of all" 'string "n:200": byte 1 of ' 'list "list": element' 'hash "hash".*missing' \
    'string "extra": missing' 'string "timed": time to live'
check_status "a number of nothing" 2 'takes all, or a number' replay --check 0

# A report that agrees with itself, but not with the capture: where all is of one type, its digest stands in each sum.
rm -rf "$T/cap"
cli flushall >/dev/null
echo '0 1 0 SET one x' | "$MAKE_CAPTURE" 1 "$T/cap" || fail "a small capture"
check_status "a small capture" 0 '^equal$' replay --check all --report "$T/report.json"
verify()
{
    # shellcheck disable=SC2086
    "$FLOWTAPE" verify --report "$1" "$T/cap" $PRIVATE_SERVER
}
check_status "what it says is so" 0 'what the report says: 2 keys, to which the target was equal' verify "$T/report.json"
values=$(field total/input/values)
sed "s/$values/0123456789abcdef0123456789abcdef/g" "$T/report.json" >"$T/other.json"
check_status "another value" 3 'database 0, string: .* with other names or values' verify "$T/other.json"
times=$(field total/input/times)
sed "s/$times/0123456789abcdef0123456789abcdef/g" "$T/report.json" >"$T/other.json"
check_status "another time" 3 'database 0, string: .* with other times' verify "$T/other.json"
sed '/"check": {/,$ s/"keys": 2,/"keys": 3,/' "$T/report.json" >"$T/other.json"
check_status "another number" 3 'the report has 3 keys, the input 2$' verify "$T/other.json"
t_segment=$(ls "$T"/cap/gen-0001/*snapshot.seg)
printf X | dd of="$t_segment" bs=1 seek=100 conv=notrunc 2>/dev/null
check_status "a capture with another byte" 3 'snapshot.seg' verify "$T/report.json"
redis_stop
t_end
