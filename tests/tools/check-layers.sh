#!/bin/sh
# check-layers.sh - who may include whom: a folder includes headers of its own and of those that its
# row in the table names, and nothing else; no files include each other in a circle; each source file
# has a header of its name; no folder holds more than a fifth of all lines.
set -eu

cd "${srcdir:-.}/src"

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
archive: base codec item store
wire: base resp item
input: base rdb item command store archive
pump: base rdb item command input
capture: base rdb journal item store wire input
state: base rdb item command wire input pump
output: base rdb resp item command input pump state
audit: base rdb item command store archive input pump
target: base rdb command resp wire
mapping: base rdb item command wire input resp
replay/report: base item command wire input
replay/position: base item command resp wire target replay/report mapping
replay: base rdb resp item command store wire input pump state target replay/report mapping replay/position
diff: base rdb item command wire input pump state audit target mapping replay/position
sync: base rdb item command store wire target input capture state diff replay replay/report serve
serve: base rdb journal item command store wire input pump state output audit
status: base wire serve status/page
status/page:
replicate: base rdb item command wire input state target replay replay/report replay/position serve
fixture: base codec rdb journal item command store archive wire input
cmd: base rdb item command store archive wire input pump capture state output audit replay replay/report replicate sync diff fixture serve status
END
}

# Lines "FILE HEADER", both from src/.
includes=$(
    find . -name '*.[ch]' | sed 's|^\./||' | sort | while read -r file; do
        sed -n "s|^#include \"\(.*\)\".*|$file \1|p" "$file"
    done
)

# forbidden - includes that the table does not allow.
forbidden() {
    echo "$includes" | awk -v table="$(table)" '
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
}

# circles - files that include each other in a circle; a .c and its header are one file. A header and
# its own parts (x.h and x_part.h) may know each other.
circles() {
    echo "$includes" | sed 's/\.[ch] / /; s/\.[ch]$//' | sort -u | awk '
        function is_part(part, whole) { return index(part, whole "_") == 1 }
        $1 != $2 && !is_part($1, $2) && !is_part($2, $1) {
            from[++edges] = $1
            to[edges] = $2
        }
        END {
            # What includes nothing that is left, or is included by nothing that is left, is in no circle.
            do {
                split("", includes)
                split("", included)
                for (i = 1; i <= edges; i++) {
                    includes[from[i]]
                    included[to[i]]
                }
                left = 0
                for (i = 1; i <= edges; i++)
                    if (to[i] in includes && from[i] in included) {
                        left++
                        from[left] = from[i]
                        to[left] = to[i]
                    }
                changed = left != edges
                edges = left
            } while (changed)
            for (i = 1; i <= edges; i++)
                print "src/" from[i] " includes src/" to[i] ", and is on a way back from it"
        }'
}

# bodies - source files without a header of their name.
bodies() {
    find . -name '*.c' ! -name main.c ! -path '*/lua/*' | sed 's|^\./||; s|\.c$||' | sort | while read -r file; do
        [ -e "$file.h" ] || echo "src/$file.c has no header of its name"
    done
}

# sizes - folders of which each holds, with what is below it, more than a fifth of all lines.
sizes() {
    find . -name '*.[ch]' | sed 's|^\./||' | sort | while read -r file; do
        echo "${file%%/*} $(wc -l <"$file")"
    done | awk '
        { lines[$1] += $2; all += $2 }
        END {
            for (folder in lines)
                if (lines[folder] * 5 > all)
                    print "src/" folder ": " lines[folder] " of " all " lines, more than a fifth"
        }'
}

findings=$(
    forbidden
    circles
    bodies
    sizes
)
[ -z "$findings" ] || {
    echo "$findings"
    exit 1
}
