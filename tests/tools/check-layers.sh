#!/bin/sh
# check-layers.sh - who may include whom: a folder includes headers of its own and of those that its
# row in the table names, and nothing else.
set -eu

cd "${srcdir:-.}/src"

# One row per folder: its name, a colon, the folders it may include.
table() {
    cat <<'END'
base:
codec: base
rdb: base codec
journal: base codec
resp: base
item: base rdb journal
command: base rdb item
store: base codec
wire: base resp item
input: base rdb item command store
pump: base rdb item command input
capture: base rdb journal item store wire input
state: base rdb item command wire input pump
output: base rdb resp item command input pump state
audit: base rdb item command store input pump
target: base rdb command resp wire
replay/report: base item command wire input
replay/mapping: base rdb item command wire input
replay/position: base item command wire target replay/report replay/mapping
replay: base rdb resp item command store wire input pump target replay/report replay/mapping replay/position
sync: base rdb item store wire capture replay
cmd: base rdb item command store wire input pump capture state output audit replay replay/report sync
END
}

findings=$(
    find . -name '*.[ch]' | sed 's|^\./||' | sort | while read -r file; do
        sed -n "s|^#include \"\(.*\)\".*|$file \1|p" "$file"
    done | awk -v table="$(table)" '
        BEGIN {
            rows = split(table, row, "\n")
            for (i = 1; i <= rows; i++) {
                words = split(row[i], word, /[: ]+/)
                known[word[1]] = 1
                allowed[word[1], word[1]] = 1
                for (j = 2; j <= words; j++)
                    allowed[word[1], word[j]] = 1
            }
        }
        function folder(path) { return sub("/[^/]*$", "", path) ? path : "" }
        {
            from = folder($1)
            to = folder($2)
            if (from == "")
                next # flowtape.c stands above all of them
            if (!(from in known))
                print "src/" $1 ": " from " has no row in the table of check-layers.sh"
            else if (to == "" && $2 !~ /^(config|flowtape)\.h$/)
                print "src/" $1 ": \"" $2 "\" is not written from src/, as in \"base/err.h\""
            else if (to != "" && !((from, to) in allowed))
                print "src/" $1 ": " from " must not include " $2
        }'
)
[ -z "$findings" ] || {
    echo "$findings"
    exit 1
}
