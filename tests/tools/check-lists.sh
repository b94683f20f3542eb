#!/bin/sh
# check-lists.sh - every source file, Lua script and test script is named in a Module.am: one that is not
# is neither run nor in the tarball.
set -eu

cd "${srcdir:-.}"
# Names of files are unique across the tree.
lists="Makefile.am $(find src tests -name Module.am)"
findings=0
for file in $(find src tests -name '*.[ch]' ! -path '*/lua/*.c' -o -name '*.sh' -o -name '*.lua'); do
    name=${file##*/}
    # The test of a module is listed as the program it makes: without .c.
    # shellcheck disable=SC2086 # a list of words
    grep -qE "/${name%.c}(\.c)?([[:space:]]|\$)" $lists && continue
    echo "$file is in no Module.am"
    findings=$((findings + 1))
done
[ "$findings" -eq 0 ]
