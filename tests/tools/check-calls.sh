#!/bin/sh
# check-calls.sh - every function that a header declares is used somewhere in the program. What only the
# tests call belongs to the tests, and what nobody calls is a leftover.
set -eu
export LC_ALL=C # sort and comm agree

cd "${srcdir:-.}/src"

# declared - names of functions in headers; flowtape.h is there for others.
declared() {
    find . -name '*.h' ! -name flowtape.h -exec cat {} + |
        sed -n '/^typedef/d; s/^[a-z][^=(]*[ *]\([a-z_0-9]*\)(.*/\1/p' | sort -u
}

# used - names in what is neither a comment, a text, nor the first line of a definition or declaration,
# which begins in the first column, where no statement does.
used() {
    find . -name '*.[ch]' -exec cat {} + | awk '
        /^[^ \t}#]/ || /^#include/ || /^ \*/ { next }
        {
            gsub(/\/\*([^*]|\*[^\/])*\*\//, "")
            gsub(/"[^"]*"/, "")
            n = split($0, word, /[^a-z_0-9A-Z]+/)
            for (i = 1; i <= n; i++)
                if (!(word[i] in seen)) {
                    seen[word[i]]
                    print word[i]
                }
        }' | sort -u
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
declared >"$scratch/declared"
used >"$scratch/used"
[ -s "$scratch/declared" ]
findings=$(comm -23 "$scratch/declared" "$scratch/used")
[ -z "$findings" ] || {
    echo "$findings" | sed 's/$/: declared in a header, and nobody uses it/'
    exit 1
}
