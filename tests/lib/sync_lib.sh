# A "flowtape sync" in the background, for end-to-end scripts; source it after sh_lib.sh. It is process
# $SYNC_PID, and what it says is in $T/sync.out.

# await TEXT - until the sync has said so
await()
{
    tries=0
    while [ $tries -lt 300 ] && ! grep -q "$1" "$T/sync.out"; do
        tries=$((tries + 1))
        sleep 0.1
    done
}

# ends_with LABEL STATUS
ends_with()
{
    ends "$1" "$SYNC_PID" "$2" "$T/sync.out"
}
