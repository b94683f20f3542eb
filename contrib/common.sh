# common.sh - what the scripts of this directory share; sourced, with $top set to the source directory.

# build_dir NAME - where to build: $FLOWTAPE_BUILD_DIR or build-NAME in the source directory; one
# that another user left there unwritable is stepped around.
build_dir() {
    if [ -n "${FLOWTAPE_BUILD_DIR:-}" ]; then
        dir=$FLOWTAPE_BUILD_DIR/$1
    else
        dir=$top/build-$1
        if [ -e "$dir" ] && [ ! -w "$dir" ]; then
            dir=$dir-$(id -un)
        fi
    fi
    mkdir -p "$dir"
    (cd "$dir" && pwd)
}

# owner_takes_over SCRIPT ARG... - with sudo, only the packages need root: the rest runs as the one
# who called sudo, when the sources are theirs, so that no file of root's is left among them.
owner_takes_over() {
    [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_UID:-}" ] && [ "$SUDO_UID" -ne 0 ] || return 0
    [ "$(stat -c %u "$top")" -eq "$SUDO_UID" ] || return 0
    command -v setpriv >/dev/null || return 0
    exec setpriv --reuid "$SUDO_UID" --regid "$SUDO_GID" --init-groups \
        env -u SUDO_UID HOME="$(getent passwd "$SUDO_UID" | cut -d: -f6)" sh "$@"
}

# configure_in DIR OPTION... - autoreconf when something it reads is newer, then configure. It, and libtool, would
# look for bash, which takes longer to start what they start by the thousand.
configure_in() {
    dir=$1
    shift
    if [ ! -e "$top/configure" ] || [ ! -e "$top/Makefile.in" ] ||
        [ -n "$(find "$top/configure.ac" "$top/Makefile.am" "$top/src" "$top/tests" "$top/doc" \
            \( -name '*.am' -o -name '*.ac' \) -newer "$top/Makefile.in")" ]; then
        (cd "$top" && autoreconf -fi)
    fi
    [ -e "$dir/config.status" ] || (cd "$dir" && CONFIG_SHELL=/bin/sh /bin/sh "$top/configure" "$@")
}

# quietly LOG COMMAND... - output to a file; shown when the command fails.
quietly() {
    quiet_log=$1
    shift
    if ! "$@" >"$quiet_log" 2>&1; then
        tail -n 60 "$quiet_log" >&2
        echo "failed: $* (all of it: $quiet_log)" >&2
        return 1
    fi
}

# test_totals LOG - "PASSED FAILED" summed over automake's test summaries in a log of make check.
test_totals() {
    awk '/^# (PASS|XFAIL): /        { passed += $3 }
         /^# (FAIL|XPASS|ERROR): /  { failed += $3 }
         END { print passed + 0, failed + 0 }' "$1"
}

# tests_skipped LOG - how many, likewise.
tests_skipped() {
    awk '/^# SKIP: / { n += $3 } END { print n + 0 }' "$1"
}

# has_json SERVER - does it come with the modules of Redis 8?
has_json() {
    scratch=$(mktemp -d)
    "$1" --port 0 --unixsocket "$scratch/sock" --dir "$scratch" --save '' >/dev/null 2>&1 &
    pid=$!
    tries=0
    until modules=$(redis-cli -s "$scratch/sock" info modules 2>/dev/null) || [ $tries -ge 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    kill "$pid"
    wait "$pid" || true
    rm -rf "$scratch"
    case $modules in
    *name=ReJSON,*) ;;
    *) return 1 ;;
    esac
}

# named SERVER - "redis-7.4.1"
named() {
    "$1" --version | sed -n 's/^\(Redis\|Valkey\|KeyDB\) server v=\([0-9.]*\).*/\1-\2/p' | tr RVKDB rvkdb
}
