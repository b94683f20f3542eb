#!/bin/sh
# Errors on keys that the target may not have as the source has them: lost ones, and suspects.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
: "${MAKE_CAPTURE:?}"
redis_start

# replay NAME [ARG...]
replay()
{
    name=$1
    shift
    timeout 300 "$FLOWTAPE" replay "$T/$name" "$REDIS" --quiet "$@"
}

# records NAME LINE... - a capture of one flow
records()
{
    name=$1
    shift
    printf '0 1 0 %s\n' "$@" | "$MAKE_CAPTURE" 1 "$T/$name" || fail "a capture of our own"
}

# keys - of the source, in one line
keys()
{
    cli --scan | grep -v '^flowtape\|^key-of-flow' | sort | tr '\n' ' '
}

# What a lost key becomes, and what it replaces, is lost.
records lost 'JSON.SET doc $ 1' "SET old 1" "RENAME doc old" "RENAME old older" "SET kept 1" \
    'JSON.SET doc $ 2' "RENAMENX doc new" 'JSON.SET doc $ 3' "SET copy 1" "COPY doc copy REPLACE" \
    "SET doc plain" "RENAME doc plain" "RENAME plain last"
check_status "a loss stops" 3 'on-loss skip' replay lost --flush
check "lost keys" replay lost --flush --on-loss skip --report "$T/lost.json"
check "lost keys: the others" [ "$(keys)" = "kept last " ]
check "lost keys: nothing is refused" json_is "$T/lost.json" refused 0
check "lost keys: no suspects" json_is "$T/lost.json" suspects/count 0

# It is known to the next run too.
records more 'JSON.SET doc $ 1' "SET old 1" "RENAME doc old" "SET last 1"
check "in two runs: the first record" replay more --flush --on-loss skip --at 11
check "in two runs: the rest" replay more --on-loss skip
check "in two runs: the others" [ "$(keys)" = "last " ]
check "in two runs: nothing stays behind" replay more --on-loss skip --finish
check "in two runs: no state" [ "$(cli --scan --pattern 'flowtape*' | wc -l)" = 0 ]

# Any other key that is missing is a reason to stop.
records missing "RENAME nothing old" "SET last 1"
check_status "a key that should be there" 4 'RENAME "nothing": ERR no such key' replay missing --flush

# A suspect: of an XADD without an id the entry's id is not known; what needs it fails.
records suspect "XADD s * f v" "XGROUP CREATE s g 0" "RENAME s t" "LSET t 0 x" "XGROUP CREATE t g 0" "SET last 1"
check "a suspect" replay suspect --flush --report "$T/suspect.json"
check "a suspect: what follows" [ "$(cli get last)" = 1 ]
check "a suspect: errors are counted" json_is "$T/suspect.json" doubtful_errors 2
redis_stop
t_end
