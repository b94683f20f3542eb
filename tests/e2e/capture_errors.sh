#!/bin/sh
# What goes wrong between flowtape and a source is told in a clear sentence, with the right status.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
rec=$RECORDINGS/types-lz4
small=$RECORDINGS/empty

# refused LABEL STATUS TEXT STANDIN-ARG... - a source that is of no use
refused()
{
    label=$1 status=$2 text=$3
    shift 3
    standin_start "$rec" "$@"
    check_status "$label" "$status" "$text" capture "$T/refused" --until-caught-up \
        --give-up-after 2s
    standin_check "$label"
    rm -rf "$T/refused"
}

refused "no password" 4 "password|authenticat" --password sesame
refused "plain Redis" 4 "dragonfly" --plain-redis
refused "restricted commands" 4 "restricted|admin" --restricted
refused "no permission" 4 "permission|acl|allow" --noperm
refused "a replica" 4 "replica" --replica

standin_start "$small" --password sesame
URI=dragonfly://:wrong-word@$T_HOST:$PORT
check_status "wrong password" 4 "password" capture "$T/wrong" --until-caught-up --give-up-after 2s
grep -q wrong-word "$T/check.out" && fail "the password is shown" "$T/check.out"
URI=dragonfly://:sesame@$T_HOST:$PORT
check "password in the URI" capture "$T/uri" --until-caught-up
grep -rq sesame "$T/uri" && fail "the password is in the directory"
URI=dragonfly://$T_HOST:$PORT
echo sesame >"$T/password"
check "password in a file" capture "$T/file" --until-caught-up --password-file "$T/password"
FLOWTAPE_SOURCE_PASSWORD=sesame
export FLOWTAPE_SOURCE_PASSWORD
check "password in the environment" capture "$T/environment" --until-caught-up
unset FLOWTAPE_SOURCE_PASSWORD
standin_check "passwords"

# Whatever is mistyped: no word of it is repeated.
for words in "capture redis://:sesame@127.0.0.1:1 $T/x" "capture dragonfly:/:sesame@127.0.0.1 $T/x" \
    "capture dragonfly://ann:sesame#127.0.0.1:1 $T/x" "capture $T/x dragonfly://:sesame@127.0.0.1" \
    "capture dragonfly://127.0.0.1/:sesame $T/x" "replay redis://:sesame@127.0.0.1:1 $T/x" \
    "replay ann:sesame@127.0.0.1:1 redis://127.0.0.1:1" "dragonfly://:sesame@127.0.0.1" \
    "ann:sesame@127.0.0.1" "verify redis://:sesame@[::1]:1" "inspect --keys=redis://:sesame@h $T/x" \
    "convert redis://ann:ses@sesame@127.0.0.1:1 $T/x"; do
    # shellcheck disable=SC2086 # words are to be split
    FLOWTAPE_GIVE_UP_AFTER=1s "$FLOWTAPE" $words >"$T/check.out" 2>&1 && fail "mistyped: $words" "$T/check.out"
    grep -q . "$T/check.out" || fail "mistyped, nothing said: $words"
    grep -q sesame "$T/check.out" && fail "the password is repeated: $words" "$T/check.out"
done

standin_start "$small" --password sesame
# Neither the process list, nor the environment, nor a core dump of a running one has it.
(cd "$T" && ulimit -c "$(ulimit -H -c)" && FLOWTAPE_TARGET_PASSWORD=sesame exec "$FLOWTAPE" capture \
    "dragonfly://:sesame@$T_HOST:$PORT" "$T/shown" --quiet) >"$T/shown.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_until test -f "$T/shown/capture.json"
grep -qa "dragonfly://:\*\*\*\*\*\*@$T_HOST" "/proc/$pid/cmdline" || fail "the address is listed" "$T/shown.out"
grep -qa sesame "/proc/$pid/cmdline" "/proc/$pid/environ" && fail "the password is listed"
grep -q 'Max core file size *[01] ' "/proc/$pid/limits" || fail "no core dump" "/proc/$pid/limits"
kill -ABRT $pid
ends "a capture with a password" $pid 134 "$T/shown.out"
check "it leaves no core" [ -z "$(find "$T" -name 'core*')" ]
grep -raq sesame "$T/shown" "$T/shown.out" && fail "the password is in the capture"
standin_check "passwords, shown"

standin_start "$small" --password 'se same' --user copier
URI=dragonfly://copier:se%20same@$T_HOST:$PORT
check "user and password" capture "$T/user" --until-caught-up
URI=dragonfly://other:se%20same@$T_HOST:$PORT
check_status "wrong user" 4 "password|user" capture "$T/user2" --until-caught-up --give-up-after 2s
standin_check "users"

URI=dragonfly://$T_HOST:$PORT
check_status "nothing listens" 4 "127\.0\.0\.1:$PORT|refused" capture "$T/nobody" \
    --until-caught-up --give-up-after 1s
URI=http://$T_HOST:$PORT
check_status "not a source" 2 "dragonfly://" capture "$T/nobody" --until-caught-up

standin_start "$small" --loading 5
check "waits while the source loads" capture "$T/loading" --until-caught-up
standin_check "loading"

for elements in 3 4 5; do
    standin_start "$rec" --capa-elements $elements
    check "capa reply of $elements elements" capture "$T/capa-$elements" --until-caught-up
    standin_check "capa reply of $elements elements"
done

standin_start "$rec" --protocol 99
check_status "a protocol of the future" 0 "99 .* newest that is known" "$FLOWTAPE" capture "$URI" \
    "$T/future" --until-caught-up
standin_check "a protocol of the future"

# is_whole CAPTURE - its full sync is over
is_whole()
{
    "$FLOWTAPE" verify "$1" --quiet >/dev/null 2>&1
}

# Two at once, and directories that are something else.
standin_start "$rec"
"$FLOWTAPE" capture "$URI" "$T/both" --quiet --duration 60s >"$T/first.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_until test -f "$T/both/capture.json"
check_status "second capture into a directory" 1 "another|lock|use|already" capture "$T/both" \
    --until-caught-up
t_at_work $pid
t_until is_whole "$T/both"
kill -INT $pid
wait $pid
status=$?
t_forget $pid
[ $status -eq 0 ] && pass "SIGINT: status 0" || fail "SIGINT: status $status" "$T/first.out"
check "SIGINT: verify" verify_clean "$T/both"
standin_check "two at once"

# Killed within the full sync: sound, but not whole, and that is said.
standin_start "$RECORDINGS/live-4" --rate 1000
"$FLOWTAPE" capture "$URI" "$T/half" --quiet >"$T/half.out" 2>&1 &
pid=$!
PIDS="$PIDS $pid"
t_says "$T/half/capture.json" snapshot
kill -9 $pid
wait $pid 2>/dev/null
t_forget $pid
check_status "a full sync that was killed: verify" 6 \
    "full sync of generation 1 is not complete: 0 of 4 flows" "$FLOWTAPE" verify "$T/half" --quiet
"$FLOWTAPE" verify "$T/half" --json >"$T/half.json"
check "a full sync that was killed: as JSON" [ $? = 6 ]
check "a full sync that was killed: it is named" json "$T/half.json" incomplete/0

mkdir "$T/foreign"
echo hello >"$T/foreign/notes.txt"
standin_start "$rec"
check_status "a directory with something else in it" 1 "foreign" capture "$T/foreign" \
    --until-caught-up
[ "$(ls -A "$T/foreign")" = notes.txt ] || fail "the foreign directory was changed"
standin_stop
standin_start "$small"
check_status "another source's directory" 1 "another|other|differ" capture "$T/both" \
    --until-caught-up
check_status "a directory that cannot be made" 1 "no such file" capture "$T/no/such/dir" \
    --until-caught-up
standin_check "directories"
t_end
