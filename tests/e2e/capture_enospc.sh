#!/bin/sh
# Writes fail: no acknowledged record is missing, the directory is sound, the next start goes on.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
rec=$RECORDINGS/live-4

limited()
{
    # in blocks of 512 or 1024 bytes, depending on the shell
    (ulimit -f "$1" && shift && exec timeout 300 "$FLOWTAPE" capture "$URI" "$@" --quiet \
        --until-caught-up --compress none)
}

limited_ignoring()
{
    (trap '' XFSZ && limited "$@")
}

after()
{
    if [ -f "$2/capture.json" ]; then
        check "$1: verify after the failure" verify_sound "$2"
    fi
    check "$1: capture goes on" capture "$2" --until-caught-up
    standin_check "$1"
    check "$1: records as sent" records_equal "$2" "$rec"
    check "$1: verify" verify_clean "$2"
}

for blocks in 8 20 50 70; do
    dir=$T/limit-$blocks
    standin_start "$rec" --check-dir "$dir"
    check_status "file size limit of $blocks blocks" 1 "too large|space" limited_ignoring $blocks \
        "$dir"
    after "file size limit of $blocks blocks" "$dir"
done

# The default is to die from SIGXFSZ, unless the program knows better.
dir=$T/signal
standin_start "$rec" --check-dir "$dir"
limited 50 "$dir" >/dev/null 2>&1 && fail "file size limit with SIGXFSZ: should not be status 0"
after "file size limit with SIGXFSZ" "$dir"

dir=$T/small
mkdir "$dir"
if mount -t tmpfs -o size=600k none "$dir" 2>/dev/null; then
    trap 'umount "$T/small" 2>/dev/null; t_cleanup' EXIT
    standin_start "$rec" --check-dir "$dir/capture"
    check_status "full file system" 1 "space" capture "$dir/capture" --until-caught-up \
        --compress none
    mount -o remount,size=40m "$dir"
    after "full file system" "$dir/capture"
    umount "$dir"
else
    echo "# no small file system can be mounted here"
fi
t_end
