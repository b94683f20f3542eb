#!/bin/sh
# check-docs.sh - each command has a man page; the page and --help name the same options, but for what every
# command has, which is in flowtape.1; the pages are without warnings; no line of --help is wider than a terminal.
set -eu

doc=${srcdir:-.}/doc
flowtape=${FLOWTAPE:-./flowtape}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
findings=0

complain() {
    echo "$*"
    findings=$((findings + 1))
}

options_in() {
    grep -oE -e '--[a-z][a-z-]*[a-z]' | sort -u
}

# fits_terminal WHAT - the help in $work/help
fits_terminal() {
    awk 'length($0) > 80 { print; found = 1 } END { exit found }' "$work/help" ||
        complain "$1 --help has lines of more than 80 columns"
}

"$flowtape" --help >"$work/help" || complain "flowtape --help failed"
fits_terminal flowtape
commands=$("$flowtape" --help | awk '/^  [a-z]/ { print $1 }')
[ -n "$commands" ] || complain "flowtape --help names no command"
for command in $commands; do
    page=$doc/flowtape-$command.1
    if [ ! -e "$page" ]; then
        complain "flowtape $command has no man page"
        continue
    fi
    "$flowtape" "$command" --help >"$work/help" || complain "flowtape $command --help failed"
    fits_terminal "flowtape $command"
    options_in <"$work/help" | grep -vxe --config >"$work/help.options"
    # The options a page documents head its paragraphs.
    sed 's/\\-/-/g' "$page" | grep -E '^\.B' | options_in >"$work/page.options"
    diff -u --label "flowtape $command --help" --label "$page" \
        "$work/help.options" "$work/page.options" || complain "their options differ"
    grep -qF "flowtape\\-$command" "$doc/flowtape.1" || complain "flowtape.1 does not name $command"
done

sed 's/\\-/-/g' "$doc/flowtape.1" | grep -q '^\.BI --config' || complain "flowtape.1 does not describe --config"

if command -v man >/dev/null && command -v groff >/dev/null; then
    for page in "$doc"/*.1; do
        MANROFFSEQ='' MANWIDTH=80 LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l "$page" \
            2>&1 >/dev/null | tee "$work/warnings"
        [ ! -s "$work/warnings" ] || complain "$page has warnings"
    done
fi
[ "$findings" -eq 0 ]
