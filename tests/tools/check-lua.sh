#!/bin/sh
# check-lua.sh - every Lua script compiles, as it is written and as servers are sent it; it makes no
# globals, which Redis refuses, and uses none but those that Redis gives; it says what KEYS and ARGV are.
set -eu

luac=$(command -v luac5.1 || command -v luac || true)
if [ -z "$luac" ] || ! "$luac" -v 2>&1 | grep -q 'Lua 5\.1'; then
    echo "no luac of Lua 5.1: contrib/install-deps.sh lint"
    exit 77
fi

cd "${srcdir:-.}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
given='ARGV|KEYS|assert|bit|cmsgpack|error|ipairs|loadstring|math|pairs|pcall|redis|setmetatable|string|tonumber|tostring|type|unpack'
findings=0

finding() {
    echo "$1" >&2
    findings=$((findings + 1))
}

included=$(find src -name '*.lua' -exec sed -n 's/^-- include: //p' {} + | sort -u)
count=0
for script in $(find src -name '*.lua' | sort); do
    count=$((count + 1))
    "$luac" -p "$script" || finding "$script does not compile"
    awk -v text=1 -f src/embed-lua.awk "$script" >"$tmp/sent.lua"
    "$luac" -l -p "$tmp/sent.lua" >"$tmp/code" || finding "$script does not compile as it is sent"
    made=$(sed -n 's/.*SETGLOBAL.*; //p' "$tmp/code")
    [ -z "$made" ] || finding "$script makes globals: $made"
    # What is included may use the locals of the file that includes it.
    echo "$included" | grep -qxF "${script##*/}" && continue
    strange=$(sed -n 's/.*GETGLOBAL.*; //p' "$tmp/code" | grep -vxE "$given" | sort -u || true)
    [ -z "$strange" ] || finding "$script uses what no server gives: $strange"
    head -1 "$script" | grep -q '^--' || head -1 "$script" | grep -q '^#!' ||
        finding "$script does not begin with what it is"
    for list in KEYS ARGV; do
        grep -q "; $list\$" "$tmp/code" || continue
        grep -qE "^--.*\b$list:" "$script" || finding "$script does not say what $list are"
    done
done
[ "$count" -gt 0 ]
[ "$findings" -eq 0 ]
