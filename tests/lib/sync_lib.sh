# A "flowtape sync" in the background, for end-to-end scripts; source it after sh_lib.sh. It is process
# $SYNC_PID, and what it says is in $T/sync.out.

# await TEXT - until the sync has said so
await()
{
    t_says "$T/sync.out" "$1" || fail "the sync did not say \"$1\"" "$T/sync.out"
}

# ends_with LABEL STATUS
ends_with()
{
    ends "$1" "$SYNC_PID" "$2" "$T/sync.out"
}
