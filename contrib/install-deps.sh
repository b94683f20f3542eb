# install-deps.sh - installs what is missing for building, testing and trying flowtape.
#
#   sh contrib/install-deps.sh [build] [redis] [page] [lint] [bench] [doc]      (default: build redis)
#
# Only what is missing is installed, from Debian's packages; with everything there nothing is
# asked of apt, of sudo or of the network. Packages come as root, or through sudo. A freshly
# installed redis-server is neither started nor enabled: the tests start their own.
set -eu

# One line per need: group, Debian package, command that succeeds when it is there.
needs() {
    cat <<'END'
build   gcc                 command -v gcc
build   libc6-dev           test -e /usr/include/stdio.h
build   make                command -v make
build   autoconf            command -v autoreconf
build   automake            command -v automake
build   libtool             command -v libtoolize
build   autoconf-archive    test -e /usr/share/aclocal/ax_append_compile_flags.m4
build   pkg-config          command -v pkg-config
build   xz-utils            command -v xz
build   liblz4-dev          pkg-config --exists liblz4
build   libzstd-dev         pkg-config --exists libzstd
build   libhiredis-dev      pkg-config --exists hiredis
build   libjansson-dev      pkg-config --exists jansson
build   libxxhash-dev       pkg-config --exists libxxhash
build   libisal-dev         pkg-config --exists libisal
build   libarchive-dev      pkg-config --exists libarchive
build   libsodium-dev       pkg-config --exists libsodium
build   libinih-dev         pkg-config --exists inih
build   libssl-dev          pkg-config --exists openssl
build   libmicrohttpd-dev   pkg-config --exists libmicrohttpd
build   liblua5.1-0-dev     pkg-config --exists lua5.1
build   libcmocka-dev       pkg-config --exists cmocka
redis   redis-server        command -v redis-server
redis   redis-tools         command -v redis-cli
page    chromium            command -v chromium
lint    clang-format        command -v clang-format
lint    lua5.1              command -v luac5.1
lint    man-db              command -v man
lint    groff-base          command -v groff
doc     mandoc              command -v mandoc
bench   time                test -x /usr/bin/time
bench   util-linux          command -v taskset
END
}

# missing GROUP... - the packages whose test fails.
missing() {
    needs | while read -r group package probe; do
        case " $* " in
        *" $group "*) sh -c "$probe" >/dev/null 2>&1 || printf '%s ' "$package" ;;
        esac
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Debian's maintainer scripts ask this file before they start a service; 101 is "no". One that is
# there already belongs to the administrator and stays.
policy=/usr/sbin/policy-rc.d
policy_is_ours=no

services_hold() {
    [ ! -e "$policy" ] || return 0
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

services_release() {
    [ "$policy_is_ours" = yes ] || return 0
    policy_is_ours=no
    as_root rm -f "$policy"
}

# What the packages did all the same, where a policy of the administrator's let them.
redis_service_stop() {
    if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
        as_root systemctl disable --now redis-server
    elif command -v service >/dev/null; then
        as_root service redis-server stop
    fi >/dev/null 2>&1 || true
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 install "$@" >"$log" 2>&1 </dev/null
}

install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "install-deps: no apt-get here; please install the equivalents of: $*" >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "install-deps: neither root nor sudo; please install: $*" >&2
        return 1
    fi
    log=$(mktemp)
    trap 'services_release; rm -f "$log"' EXIT
    trap 'exit 1' HUP INT TERM
    services_hold
    # The lists of an old image may name versions that are gone: read them anew, then try again.
    if ! apt_install "$@"; then
        as_root apt-get -q -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 </dev/null || true
        if ! apt_install "$@"; then
            cat "$log" >&2
            echo "install-deps: apt-get could not install: $*" >&2
            return 1
        fi
    fi
    case " $* " in
    *" redis-server "*) redis_service_stop ;;
    esac
}

[ $# -gt 0 ] || set -- build redis
packages=$(missing "$@")
if [ -n "$packages" ]; then
    echo "installing: $packages"
    # shellcheck disable=SC2086 # a list of words
    install_packages $packages
fi
