#!/bin/sh
# check-style.sh - house rules that a grep can see (HACKING.md).
set -eu

cd "${srcdir:-.}"
findings=0

# forbid WHY PATTERN FILE... - no line of these files may match.
forbid() {
    why=$1
    pattern=$2
    shift 2
    if grep -HnE "$pattern" "$@" >&2; then
        echo "^ $why" >&2
        findings=$((findings + 1))
    fi
}

code=$(find src tests -name '*.[ch]')
texts=$(find README.md HACKING.md contrib doc .ci tests src fixtures/README.md -type f 2>/dev/null |
    grep -vE '\.(bin|rdb|dfs)$|/corpus/' | grep -v 'check-style')

# What users and colleagues read.
prose="README.md $(find doc -name '*.md' -o -name '*.1') $(find contrib -type f) $code
    $(find src -name '*.lua') $(find tests -name '*.sh' | grep -v check-style)"

# shellcheck disable=SC2086 # lists of words; no name has blanks
{
    forbid "comments are /* */" '(^|[ ;{}])// ' $code
    forbid "no tabs in code" "$(printf '\t')" $code
    forbid "no blanks at the end of a line" '[[:blank:]]+$' $code
    forbid "no notes to oneself" '\b(TO''DO|FIX''ME|X''XX)\b' $code
    forbid "structs have no typedef" '^typedef struct' $code
    forbid "paths of one machine" '(^|[^[:alnum:]_.$}-])/(work|root|home)/[a-z.]' $texts
    forbid "one wording (HACKING.md): executed or applied" '\b[Cc]arr(y|ied|ies) out\b' $prose
    forbid "one wording: resumes, continues, restarts" '\b(goes on (from|where|with)|begun anew|made anew)\b' $prose
    forbid "one wording: transient error" '\bpassing errors?\b' $prose
    forbid "one wording: expired, expiry deferred" '\b([Tt]ime is over|held back)\b' $prose
    forbid "one wording: in flight, in progress" '\b[Uu]nder way\b|\b[Uu]nderway' $prose
    forbid "one wording: classify" '\b[Jj]udg(e|ed|es|ing)\b' $prose
    forbid "one wording: drain, wait for replicas, resolve" '\b([Ss]ettl(e|es|ing)|[a-z_]+_settle)\b' $prose
    forbid "one wording: is not a" '\b(is|was) no (capture|reply|multiple|dead letter|regular file)\b' $prose
    forbid "unbounded string functions" '\b(strcat|sprintf|gets|atoi|atol|strtok)\(' \
        $(find src -name '*.[ch]')
}
[ "$findings" -eq 0 ]
