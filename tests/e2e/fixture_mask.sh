#!/bin/sh
# A masked capture: nothing of the original's names is left in it, it is the same each time, and by conversion and replay
# a redis-server has as many keys of the same types, encodings, sizes and times; errors and what is left out are named.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis

# Every word of it that has four bytes and is not a command's is long enough not to come out again by chance.
scenario()
{
    cat <<'END'
clock 2040-01-01T00:00:00Z
SET customer:10203040506:nickname "Wilhelmina Ampersandson" PXAT 2208998800050
SET {tenantblue}:sessiontoken "opaque-SecretValue-987654321012"
SET status:delivered statusvalue
SET counter:visitors 41
SET binary:payload "\x00\x01binarydata\xff\xfe\x80"
SET document:profile "{\"fullname\": \"Wilhelmina Ampersandson\", \"age\": 123456789012, \"tags\": [\"caf\xc3\xa9terrasse\", true, null, 1.5e10]}"
RPUSH orders:pending orderalpha orderbravo 1234567890123 -7
SADD members:online wilhelmina bartholomew
SADD numbers:lucky 1000000000007 1000000000009
HSET profile:wilhelmina emailaddress wilhelmina@example-domain.org telephone 4912345678901
ZADD ranking:global 1700000000123.5 wilhelmina 5 bartholomew 5 chrysanthemum inf neverending
XADD events:checkout 1890000000000-5 fieldname eventpayload
XADD events:checkout 1890000000001-0 fieldname anotherpayload othername thirdpayload
XGROUP CREATE events:checkout consumergroup 0
SELECT 1
SET elsewhere:key elsewherevalue
SELECT 0
snapshot in-sync
APPEND customer:10203040506:nickname appendedtext
RENAME counter:visitors counter:visitorsrenamed
stable
+10ms
INCRBY counter:visitorsrenamed 5
HINCRBY profile:wilhelmina pagevisits 3
LREM orders:pending 1 orderalpha
LINSERT orders:pending BEFORE orderbravo orderbetween
SREM members:online bartholomew
SMOVE members:online members:offline wilhelmina
ZREM ranking:global bartholomew
ZADD ranking:global 77777.5 newcontender
XDEL events:checkout 1890000000000-5
XADD events:checkout 1890000000002-0 fieldname latestpayload
PEXPIREAT orders:pending 2208999300000
SUNIONSTORE members:everybody members:online members:offline
MULTI
SET transaction:one valueofone
SET transaction:two valueoftwo
EXEC
GEOADD places:visited 13.361389 38.115556 palermocity
record flow 0 NOSUCHCOMMAND somesecretword
END
}

# none_of WORDS CAPTURE - none of these lines is anywhere in it, as it lies there or decoded
none_of()
{
    rm -f "$T/scan.json" "$T/scan.rdb"
    ft convert "$2" "$T/scan.json" --to json --quiet || return 1
    ft convert "$2" "$T/scan.rdb" --to rdb $FOR_SERVER --on-loss skip --quiet || return 1
    ! cat "$T/scan.json" "$T/scan.rdb" "$2"/capture.json "$2"/gen-*/* | grep -aoF -f "$1" | sort | uniq -c | grep .
}

# t_not COMMAND...
t_not()
{
    ! "$@"
}

# of_server NAME CAPTURE - per database what a server has of it: types, encodings, sizes, and times from the first on
of_server()
{
    check "$1: convert" ft convert "$2" "$T/$1.rdb" --to rdb $FOR_SERVER --on-loss skip --quiet
    mkdir "$T/$1.d"
    cp "$T/$1.rdb" "$T/$1.d/dump.rdb"
    "$REDIS_SERVER" --port 0 --unixsocket "$T/$1.d/sock" --dir "$T/$1.d" --save '' >"$T/$1.log" 2>&1 &
    PIDS="$PIDS $!"
    t_until redis-cli -s "$T/$1.d/sock" get x
    redis-cli -s "$T/$1.d/sock" eval "$census" 0 | sort >"$T/$1.census"
}

# Before 7.0 a server tells what is left of times, from which moments follow but for some milliseconds.
moment='redis.call("PEXPIRETIME", key)' unit=1
if server_before 7.0; then
    moment='redis.call("PTTL", key)
        local now = redis.call("TIME")
        if time >= 0 then time = time + now[1] * 1000 + math.floor(now[2] / 1000) end'
    unit=1000
fi
census='
redis.replicate_commands()
local sizes = {string = "STRLEN", list = "LLEN", set = "SCARD", hash = "HLEN", zset = "ZCARD", stream = "XLEN"}
local lines, first = {}, nil
for db = 0, 1 do
    redis.call("SELECT", db)
    for _, key in ipairs(redis.call("KEYS", "*")) do
        local type = redis.call("TYPE", key).ok
        local time = '"$moment"'
        lines[#lines + 1] = {db, type, redis.call("OBJECT", "ENCODING", key), redis.call(sizes[type], key), #key, time}
        if time > 0 and (first == nil or time < first) then first = time end
    end
end
for i, line in ipairs(lines) do
    if line[6] > 0 then line[6] = string.format("%.0f", (line[6] - first) / '$unit') end
    lines[i] = table.concat(line, " ")
end
return lines'

printf '0123456789abcdef0123456789abcdef\n' >"$T/secret"
printf 'another secret of so many bytes!' >"$T/other"
scenario >"$T/scenario"
check "make" ft fixture make "$T/scenario" "$T/cap" --quiet
rm -rf "$T/masked"
ft fixture mask "$T/cap" "$T/masked" --secret-file "$T/secret" --json >"$T/report" 2>"$T/err" || fail "mask" "$T/err"
check "verify" verify_clean "$T/masked"
check "again" ft fixture mask "$T/cap" "$T/again" --secret-file "$T/secret" --quiet
check "the same bytes" diff -r "$T/masked" "$T/again"
check "another secret" ft fixture mask "$T/cap" "$T/another" --secret-file "$T/other" --quiet
check "other bytes" t_not diff -r "$T/masked" "$T/another"

# Directives, and what JSON has for itself.
sed -n '2,$p' "$T/scenario" | sed 's/\\[xn][0-9a-f]*/ /g' | grep -oE '[A-Za-z0-9]{4,}' | grep -vE '^[A-Z]+$' |
    grep -vxE 'snapshot|sync|stable|record|flow|true|null|5e10' | sort -u >"$T/words"
check "there is enough to look for" test "$(grep -c . "$T/words")" -gt 80
check "all of it is in the original" t_not none_of "$T/words" "$T/cap"
check "nothing of it is in the masked one" none_of "$T/words" "$T/masked"

check "what is left out is named" grep -q '"NOSUCHCOMMAND"' "$T/report"
check "and counted" test "$(json "$T/report" dropped_records)" -eq 1
of_server original "$T/cap"
of_server other "$T/masked"
check "keys, types, encodings, sizes and times" cmp "$T/original.census" "$T/other.census"
check "there is something to compare" test "$(grep -c . "$T/original.census")" -gt 15

check "names that stay" ft fixture mask "$T/cap" "$T/kept" --secret-file "$T/secret" --keep 'status:*' --quiet
printf 'status:delivered\n' >"$T/kept.words"
check "are there" t_not none_of "$T/kept.words" "$T/kept"
printf 'status*\n' >"$T/keep"
check "from a file" ft fixture mask "$T/cap" "$T/kept2" --secret-file "$T/secret" --keep-file "$T/keep" --quiet
printf 'statusvalue\n' >"$T/kept.words"
check "values too" t_not none_of "$T/kept.words" "$T/kept2"
check "not without it" none_of "$T/kept.words" "$T/kept"
check "slots" ft fixture mask "$T/cap" "$T/slots" --secret-file "$T/secret" --keep-slots --quiet
check "slots: nothing is left" none_of "$T/words" "$T/slots"
check "slots: verify" verify_clean "$T/slots"

# A file has the names that its capture has.
check "an RDB" ft fixture mask "$T/original.rdb" "$T/of-rdb" --secret-file "$T/secret" --quiet
ft convert "$T/of-rdb" - --to json --quiet | grep -o '"key":[^,]*' | sort >"$T/a"
ft convert "$T/other.rdb" - --to json --quiet | grep -o '"key":[^,]*' | sort >"$T/b"
check "an RDB: the same names" cmp "$T/a" "$T/b"

check_status "a directory that is there" 1 'exist' ft fixture mask "$T/cap" "$T/masked" --secret-file "$T/secret"
printf 'short' >"$T/short"
check_status "a short secret" 2 'too short' ft fixture mask "$T/cap" "$T/x" --secret-file "$T/short"
check_status "no secret" 2 'secret-file' ft fixture mask "$T/cap" "$T/x"
printf 'rule slot\nSET a b\nsnapshot\nDFLYCLUSTER FLUSHSLOTS 0 100\n' >"$T/flush"
check "make: flushed slots" ft fixture make "$T/flush" "$T/flushed" --quiet
check_status "flushed slots" 1 'keep-slots' ft fixture mask "$T/flushed" "$T/x" --secret-file "$T/secret"
check "nothing is left of it" test ! -e "$T/x"
check "flushed slots that are kept" ft fixture mask "$T/flushed" "$T/x" --secret-file "$T/secret" --keep-slots --quiet

# The same name everywhere: as a key and as a member, with another one of its tag, in both generations.
printf 'SET {tagname}:a 1\nSADD idx {tagname}:a {tagname}:b\nsnapshot\nSET {tagname}:b 2\ncut\nsnapshot\n' >"$T/twice"
check "make: two generations" ft fixture make "$T/twice" "$T/two" --quiet
check "two generations" ft fixture mask "$T/two" "$T/stable" --secret-file "$T/secret" --quiet
for generation in 1 2; do
    ft convert "$T/stable" - --to json --quiet --generation $generation |
        grep -oE '\{[a-z]{7}\}:[a-z]' | sort >"$T/names.$generation"
done
check "two keys in eight places have two names" test "$(cat "$T"/names.? | wc -l) $(sort -u "$T"/names.? | wc -l)" = "8 2"

# A recording: of its long words too none is left.
take live-4
check "live-4: mask" ft fixture mask "$T/live-4" "$T/live" --secret-file "$T/secret" --quiet
check "live-4: verify" verify_clean "$T/live"
ft convert "$T/live-4" - --to json --quiet | grep -oE '[a-z]{4,5}[0-9]{3}|[1-9][0-9]{9,}' | sort -u >"$T/words"
check "live-4: there is enough to look for" test "$(grep -c . "$T/words")" -gt 500
ft convert "$T/live" - --to json --quiet | grep -oE '[a-z]{4,5}[0-9]{3}|[1-9][0-9]{9,}' | sort -u >"$T/now"
comm -12 "$T/words" "$T/now" >"$T/both"
check "live-4: nothing of it is left" test "$(grep -c . "$T/both")" -le 1

t_end
