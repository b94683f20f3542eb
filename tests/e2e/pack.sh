#!/bin/sh
# A capture as one archive and back: equal bytes, parts of a capture, captures that are being written,
# interrupted runs, archives that were made to do harm.
. "${0%/*}/../lib/sh_lib.sh"
: "${MAKE_ARCHIVE:?}" "${PEAK_RSS:?}"
t_begin

# same_capture DIR OTHER - the same files with the same bytes, but for what belongs to a writer
same_capture()
{
    diff -r --exclude capture.lock --exclude '*.status.json' "$1" "$2"
}

# round COMPRESS... - packed twice with equal bytes, and unpacked to what it was
round()
{
    for how in "$@"; do
        ft pack "$T/live-4" "$T/a" --compress "$how" --quiet &&
            ft pack "$T/live-4" - --compress "$how" --quiet >"$T/b"
        check "$how: twice the same" cmp "$T/a" "$T/b"
        rm -rf "$T/back"
        check "$how: unpack" ft unpack - "$T/back" <"$T/a"
        check "$how: the same capture" same_capture "$T/live-4" "$T/back"
    done
}

# part LABEL ARG... - what was packed so is a clean capture, unpacked as $T/part
part()
{
    label=$1
    shift
    rm -rf "$T/part"
    check "$label: pack" ft pack "$T/live-4" "$T/part.tar" "$@"
    check "$label: unpack" ft unpack "$T/part.tar" "$T/part"
    check "$label: verify" verify_clean "$T/part"
}

parts()
{
    part "snapshot only" --snapshot-only
    check "snapshot only: no journal" test -z "$(find "$T/part" -name '*journal*')"
    at=300,300,300,300
    part "until LSNs" --until $at
    for flow in 0 1 2 3; do
        record_lsns "$T/live-4" $flow | awk '$1 <= 300' >"$T/wanted"
        record_lsns "$T/part" $flow >"$T/got"
        check "until LSNs: the records of flow $flow" cmp "$T/wanted" "$T/got"
    done
    check "until LSNs: convert" ft convert "$T/part" "$T/part.json" --to json --on-loss skip --quiet
    check "state at those LSNs" ft convert "$T/live-4" "$T/whole.json" --to json --at $at \
        --on-loss skip --quiet
    check "until LSNs: the same state" cmp "$T/part.json" "$T/whole.json"
    check_status "until: an LSN that is not there" 2 "--until.*flow 0 has LSNs" \
        ft pack "$T/live-4" "$T/x" --until 99999,300,300,300
    check_status "a generation that is not there" 2 "no generation 7" \
        ft pack "$T/live-4" "$T/x" --generation 7
    check "nothing was written" test ! -e "$T/x"
}

caught_up()
{
    ft inspect "$T/open" --no-census | grep -q '431 *LSN\|up to LSN 432'
}

# A capture whose recorder is at work, and then was killed: its open segments are sealed in the archive.
open_capture()
{
    standin_start "$RECORDINGS/live-4"
    "$FLOWTAPE" capture "$URI" "$T/open" --quiet >"$T/said" 2>&1 &
    capture_pid=$!
    PIDS="$PIDS $capture_pid"
    check "a capture is at work" t_until caught_up
    check "at work: pack" ft pack "$T/open" "$T/open.tar" --quiet
    kill -9 $capture_pid
    wait $capture_pid 2>/dev/null
    t_forget $capture_pid
    standin_stop
    check "at work: unpack" ft unpack "$T/open.tar" "$T/open-back"
    check "at work: verify" verify_clean "$T/open-back"
    check "at work: nothing is open in it" test -z "$(find "$T/open-back" -name '*.partial')"
    check "killed: pack" ft pack "$T/open" "$T/open2.tar" --quiet
    check "killed: pack again" ft pack "$T/open" "$T/open3.tar" --quiet
    check "killed: twice the same" cmp "$T/open2.tar" "$T/open3.tar"
    check "killed: unpack" ft unpack "$T/open2.tar" "$T/open-back2"
    for flow in 0 1 2 3; do
        ft inspect "$T/open" --raw --flow $flow >"$T/wanted"
        ft inspect "$T/open-back2" --raw --flow $flow >"$T/got"
        check "killed: the bytes of flow $flow" cmp "$T/wanted" "$T/got"
    done
}

# A run that was killed leaves what is complete, and only the next one makes the directory.
resume()
{
    ft pack "$T/live-4" "$T/plain" --compress none --quiet
    mkfifo "$T/fifo"
    "$FLOWTAPE" unpack "$T/fifo" "$T/resumed" >"$T/said" 2>&1 &
    unpack_pid=$!
    PIDS="$PIDS $unpack_pid"
    exec 9>"$T/fifo"
    head -c 350000 "$T/plain" >&9
    first=$T/resumed.unpacking/gen-0001/flow-000-00000-snapshot.seg
    check "a segment is complete" t_until test -e "$first"
    check "the directory is not there yet" test ! -e "$T/resumed"
    kill -"$1" $unpack_pid
    ends "SIG$1" $unpack_pid "$2" "$T/said"
    exec 9>&-
    check_status "SIG$1: the next run resumes" 0 "[1-9] (were|of them) there" \
        ft unpack "$T/plain" "$T/resumed"
    check "SIG$1: the same capture" same_capture "$T/live-4" "$T/resumed"
    check "SIG$1: nothing is left" test ! -e "$T/resumed.unpacking"
    rm -rf "$T/resumed" "$T/fifo"
}

# hostile KIND TEXT - refused with a sentence, and nothing comes of it
hostile()
{
    "$MAKE_ARCHIVE" "$1" "$T/good" "$T/bad" || fail "$1: archive"
    check_status "$1" "${3:-3}" "$2" timeout 60 "$PEAK_RSS" "$T/rss" "$FLOWTAPE" unpack "$T/bad" "$T/in/dir"
    check "$1: within 64 MiB" test "$(cat "$T/rss")" -lt 65536
    check "$1: nothing is written" test -z "$(ls -A "$T/in")"
}

hostiles()
{
    mkdir "$T/in"
    ft pack "$T/live-4" "$T/good" --quiet
    first='gen-0001/flow-000-00000-snapshot.seg'
    hostile absolute 'member "/flowtape-was-here" has an absolute name'
    hostile parent 'member "gen-0001/../../was-here" leads out of the directory'
    hostile symlink "member \"$first\" is a link"
    hostile hardlink "member \"$first\" is a link"
    hostile fifo "member \"$first\" is not a regular file"
    hostile directory 'member "gen-0001/" is not a regular file'
    hostile twice "member \"$first\" comes where \"gen-0001/flow-000-00001-journal.seg\" should"
    hostile missing "comes where \"$first\" should"
    hostile zeros "member \"$first\": wanted a segment"
    hostile many "member \"gen-0001/0\" comes where"
    hostile after 'member "after" comes where the archive should end'
    check_status "what is not an archive" 3 "damaged|not a packed" ft unpack "$0" "$T/in/dir"
    check_status "an archive of something else" 2 "not a packed capture" \
        sh -c "cd '$T' && tar cf - good | '$FLOWTAPE' unpack - in/dir"
}

# Gigabytes that are not there end at the first block that is none, or for want of room.
zeros()
{
    "$MAKE_ARCHIVE" huge "$T/good" "$T/bad"
    check "zeros: a small archive" test "$(wc -c <"$T/bad")" -lt 4000000
    ft unpack "$T/bad" "$T/in/dir" >"$T/said" 2>&1
    case $? in
    1) check "zeros: no room" grep -q 'has room for' "$T/said" ;;
    3) check "zeros: no block" grep -q 'wanted a block' "$T/said" ;;
    *) fail "zeros: status" "$T/said" ;;
    esac
    check "zeros: nothing is written" test -z "$(ls -A "$T/in")"
}

take live-4
round none lz4 zstd zstd:19 xz gzip
check "an archive is smaller" test "$(wc -c <"$T/a")" -lt "$(cat "$T"/live-4/gen-0001/* | wc -c)"
parts
open_capture
resume KILL 137
resume TERM 5
hostiles
[ "${FLOWTAPE_TEST_EFFORT:-full}" = small ] || zeros
mkdir "$T/full"
: >"$T/full/file"
check_status "a directory that is not empty" 1 "is there already" ft unpack "$T/a" "$T/full"
t_end
