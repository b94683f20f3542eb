#!/bin/sh
# Segments that are handed to a command while the capture grows: which succeeds, fails, hangs, is killed, or is
# interrupted with the capture; what is removed here then; and all of it fetched back.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
STORE=$T/store
mkdir "$STORE"
PUT="cp '%p' '$STORE/%f'"
GET="cp '$STORE/%f' '%p'"

# same_capture DIR OTHER - the same files, but for what belongs to a writer or to the archive
same_capture()
{
    diff -r --exclude capture.lock --exclude 'capture.archive*' --exclude '*.status.json' "$1" "$2"
}

# fetched LABEL - the archive is the capture
fetched()
{
    rm -rf "$T/back"
    check "$1: fetched" ft unpack --from "$GET" "$T/back"
    check "$1: it is the capture" same_capture "$T/cap" "$T/back"
}

start()
{
    rm -rf "$T/cap" "$STORE"/*
    standin_start "$RECORDINGS/live-4" --check-dir "$T/cap"
}

# archive STATUS LABEL COMMAND [ARG...] - to the end, whatever becomes of the archive
archive()
{
    t_wanted=$1 t_name=$2 t_command=$3
    shift 3
    capture "$T/cap" --until-caught-up --segment-size 64KiB --archive-to "$t_command" --json "$@" \
        >"$T/said.json" 2>"$T/said"
    t_got=$?
    if [ $t_got -eq "$t_wanted" ]; then
        pass "$t_name: status $t_wanted"
    else
        fail "$t_name: status $t_got, wanted $t_wanted" "$T/said"
    fi
}

# A command that fails costs nothing but the archive, and the next run hands over what is missing.
trouble()
{
    what=$1 command=$2
    shift 2
    start
    archive 5 "$what" "$command" --give-up-after 1s "$@"
    standin_check "$what"
    check "$what: nothing is lost" raw_equal "$T/cap" "$RECORDINGS/live-4"
    check "$what: verify" verify_clean "$T/cap"
    check "$what: eight are pending" json_is "$T/said.json" archive/pending 8
    check "$what: said" grep -q 'was not archived' "$T/said"
    standin_start "$RECORDINGS/live-4"
    archive 0 "$what, again" "$PUT"
    standin_stop
    check "$what, again: all are archived" json_is "$T/said.json" archive/pending 0
    fetched "$what, again"
}

# has_ended PID - it is gone, or waits only for its parent to notice
has_ended()
{
    case $(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) in
    '' | Z) ;;
    *) return 1 ;;
    esac
}

good()
{
    start
    archive 0 "good" "$PUT"
    standin_check "good"
    check "good: eight were archived" json_is "$T/said.json" archive/archived 8
    check "good: eight and the manifest are there" test "$(ls "$STORE" | wc -l)" = 9
    fetched "good"
    check "good: verify" verify_clean "$T/back"
}

# The command that runs when its capture is killed is begun again, and not for what it has done.
killed()
{
    start
    # one segment only, and the manifest whenever it comes
    "$FLOWTAPE" capture "$URI" "$T/cap" --quiet --segment-size 64KiB --archive-to \
        "case %f in *.seg) ! ls '$STORE' | grep -q seg || exit 1 ;; esac; $PUT" >"$T/said" 2>&1 &
    capture_pid=$!
    PIDS="$PIDS $capture_pid"
    check "killed: one is archived" t_until grep -q snapshot "$T/cap/capture.archived"
    kill -9 $capture_pid
    wait $capture_pid 2>/dev/null
    t_forget $capture_pid
    standin_stop
    first=$(ls "$STORE"/*.seg) # of any flow
    before=$(ls -i "$first")
    standin_start "$RECORDINGS/live-4"
    archive 0 "killed, again" "$PUT"
    standin_stop
    check "killed, again: seven were archived" json_is "$T/said.json" archive/archived \
        $(($(ls "$STORE" | grep -c '\.seg$') - 1))
    check "killed, again: the first was not again" test "$before" = "$(ls -i "$first")"
    fetched "killed"
}

# A capture that outgrows its disk: only the newest segments stay, and are resumed.
small_disk()
{
    start
    standin_stop
    standin_start "$RECORDINGS/live-4"
    archive 0 "small disk" "$PUT" --keep-local 150KiB
    standin_stop
    check "small disk: little is here" \
        test "$(cat "$T"/cap/gen-0001/* | wc -c)" -le 153600
    check "small disk: removed" test "$(json "$T/said.json" archive/removed)" -ge 5
    check_status "small disk: verify" 6 "was archived and is not here" ft verify "$T/cap"
    check_status "small disk: convert" 1 "unpack --from" ft convert "$T/cap" "$T/x" --to json
    check_status "small disk: pack" 1 "unpack --from" ft pack "$T/cap" "$T/x"
    standin_start "$RECORDINGS/live-4"
    archive 0 "small disk, resumed" "$PUT" --keep-local 150KiB
    standin_stop
    check "fetch what is missing" ft unpack --from "$GET" "$T/cap"
    check "fetched: verify" verify_clean "$T/cap"
    check "fetched: the bytes as sent" raw_equal "$T/cap" "$RECORDINGS/live-4"
}

# What is fetched is checked, and what was fetched before a failure need not be fetched again.
fetch()
{
    rm -rf "$T/back"
    check_status "fetch fails" 4 "journal.seg\" was not fetched: the command ended with status 1" \
        ft unpack --from "case %f in *journal*) exit 1 ;; esac; $GET" "$T/back"
    check "fetch fails: no directory" test ! -e "$T/back"
    check_status "fetch again" 0 "[1-9] (were|of them) there already" ft unpack --from "$GET" "$T/back"
    rm -rf "$T/back"
    other=gen-0001.flow-001-00000-snapshot.seg
    check_status "another segment" 3 "another segment than its name says" \
        ft unpack --from "case %f in *.seg) cp '$STORE/$other' '%p' ;; *) $GET ;; esac" "$T/back"
    check_status "half a segment" 3 "ends early" \
        ft unpack --from "case %f in *.seg) head -c 500 '$STORE/%f' >'%p' ;; *) $GET ;; esac" "$T/back"
    check_status "a link" 3 "is not a file" \
        ft unpack --from "case %f in *.seg) ln -s '$STORE/%f' '%p' ;; *) $GET ;; esac" "$T/back"
    check_status "a command without a file" 2 "neither %p" ft unpack --from true "$T/back"
}

good
fetch
trouble "fails" ": %f; exit 1"
trouble "no room" "head -c 1000 '%p' >'$STORE/%f'; exit 1"
trouble "is killed" ": %f; kill -9 \$\$"
mkfifo "$T/never" # whose reader waits for ever
trouble "hangs" ": %f; cat '$T/never' & echo \$! >'$T/pid'; wait" --archive-timeout 300ms
check "hangs: what it has started was ended" t_until has_ended "$(cat "$T/pid")"
killed
small_disk
t_end
