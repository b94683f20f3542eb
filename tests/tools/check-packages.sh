#!/bin/sh
# check-packages.sh - what is built is what is packaged: versions, libraries and files named in configure.ac,
# contrib/install-deps.sh, debian/, the RPM spec and the Containerfile agree, and systemd takes the unit.
set -eu

cd "${srcdir:-.}"
findings=0

complain() {
    echo "$*"
    findings=$((findings + 1))
}

version=$(sed -n 's/^AC_INIT(\[flowtape\], \[\(.*\)\])/\1/p' configure.ac)
[ -n "$version" ] || complain "configure.ac names no version"
grep -q "^flowtape ($version)" debian/changelog || complain "debian/changelog is not of $version"
grep -q "^Version: *$version\$" contrib/rpm/flowtape.spec || complain "the RPM spec is not of $version"

# Each library that configure needs: by its Debian package, and by its name for pkg-config.
for package in $(sed -n 's/^build  *\(lib[^ ]*-dev\) .*/\1/p' contrib/install-deps.sh); do
    case $package in
    libc6-dev) continue ;;
    esac
    grep -qE "^ +$package[ ,]" debian/control || complain "debian/control does not build-depend on $package"
done
# A library that has several names there is required by one of them.
for library in $(grep -o 'PKG_CHECK_MODULES(\[[A-Z0-9_]*' configure.ac | sed 's/.*\[//' | sort -u); do
    modules=$(grep -o "PKG_CHECK_MODULES(\[$library\], \[[^] ]*" configure.ac | sed 's/.*\[//')
    required=
    for module in $modules; do
        [ "$module" != cmocka ] && ! grep -qF "pkgconfig($module)" contrib/rpm/flowtape.spec || required=1
    done
    [ -n "$required" ] || complain "the RPM spec does not require pkgconfig($(echo $modules | tr ' ' '/'))"
done

# Each library that is loaded late, which no packager's tool finds.
for library in $(sed -n 's/^FT_LATE_LIBRARY(\[\([a-z]*\)\].*/\1/p' configure.ac); do
    grep -qF "late_package,$library)" debian/rules || complain "debian/rules does not depend on lib$library"
    [ "$(grep -c "^Requires: *lib$library%" contrib/rpm/flowtape.spec)" -eq 2 ] ||
        complain "the RPM spec does not require lib$library for program and library"
    grep -qE " lib$library[0-9]" contrib/Containerfile || complain "the Containerfile does not install lib$library"
done

if command -v systemd-analyze >/dev/null; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # The pages and the program need not be installed here.
    sed -e '/^Documentation=/d' -e 's|/usr/bin/flowtape|/bin/true|' \
        contrib/systemd/flowtape@.service >"$work/flowtape@.service"
    systemd-analyze verify "$work/flowtape@.service" >"$work/verify" 2>&1 || complain "systemd refuses the unit"
    grep "flowtape@" "$work/verify" && complain "systemd does not like the unit"
fi
[ "$findings" -eq 0 ]
