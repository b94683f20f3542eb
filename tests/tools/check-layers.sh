#!/bin/sh
# check-layers.sh - includes go downwards only: a file of one layer includes headers of its own layer
# and of those before it in the list; rdb and journal do not know each other, and the store knows
# nothing of what it stores.
set -eu

cd "${srcdir:-.}/src"
layers="base codec rdb journal resp item store wire pipe cmd"

rank() {
    n=0
    for layer in $layers; do
        [ "$layer" != "$1" ] || break
        n=$((n + 1))
    done
    echo "$n"
}

forbidden() {
    case "$1:$2" in
    rdb:journal | journal:rdb | store:rdb | store:journal | store:resp | store:item) return 0 ;;
    esac
    [ "$(rank "$2")" -gt "$(rank "$1")" ]
}

findings=0
complain() {
    echo "src/$1"
    findings=$((findings + 1))
}

for dir in */; do
    dir=${dir%/}
    case " $layers " in
    *" $dir "*) ;;
    *) complain "$dir: not a layer; the list is in tests/tools/check-layers.sh" ;;
    esac
done

# "from to" pairs first: there are few of them, and the shell is slow.
pairs=$(grep -Ho '^#include "[a-z]*/' */*.[ch] | sed 's|/.*"| |; s|/$||' | sort -u)
while read -r from to; do
    [ -n "$from" ] || continue
    if forbidden "$from" "$to"; then
        for file in $(grep -l "^#include \"$to/" "$from"/*.[ch]); do
            complain "$file: $from must not include $to"
        done
    fi
done <<END
$pairs
END

for line in $(grep -Hn '^#include "' */*.[ch] | grep -v '#include "[a-z]*/[a-z0-9_]*\.h"' |
    grep -v '#include "\(config\|flowtape\)\.h"' | cut -d: -f1,2); do
    complain "$line: written from src/, as in #include \"base/err.h\""
done
[ "$findings" -eq 0 ]
