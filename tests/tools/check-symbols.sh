#!/bin/sh
# check-symbols.sh - the library exports exactly the ft_ functions that flowtape.h declares, and the
# header compiles alone.
set -eu

header=${srcdir:-.}/src/flowtape.h
library=.libs/libflowtape.so
if [ ! -e "$library" ] || ! command -v nm >/dev/null; then
    echo "no $library, or no nm"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A sanitizer's runtime adds symbols of its own: _ and __ belong to the compiler.
nm -D --defined-only "$library" | awk '{ print $3 }' | grep -v '^_' | sort >"$work/exported"
grep -oE '\bft_[a-z0-9_]+\(' "$header" | tr -d '(' | sort -u >"$work/declared"
diff -u "$work/declared" "$work/exported"

printf '#include "flowtape.h"\nint main(void)\n{\n    return 0;\n}\n' >"$work/alone.c"
${CC:-cc} -std=c99 -Wall -Wextra -Werror -I"$(dirname "$header")" -c -o "$work/alone.o" \
    "$work/alone.c"
