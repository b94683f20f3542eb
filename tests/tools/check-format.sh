#!/bin/sh
# check-format.sh - clang-format would change nothing. Run by "make check-format" and .ci/run, not by
# "make check": other versions of clang-format differ.
set -eu

cd "${srcdir:-.}"
command -v clang-format >/dev/null || { echo "no clang-format here"; exit 77; }
find src tests -name '*.[ch]' -exec clang-format --dry-run -Werror --ferror-limit=3 {} +
