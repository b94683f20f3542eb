# table_lib.sh - what bench.sh prints at the end; sourced by it.
# shellcheck shell=sh disable=SC2154 # variables of bench.sh

machine() {
    printf 'machine: %s, %s cores, %s of memory, Linux %s, %s on %s\n' \
        "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)" "$(uname -r)" \
        "$(stat -f -c %T "$work")" "$(df --output=source "$work" | tail -n 1)"
    printf '%s; medians of %s runs; MiB: peak of flowtape / of the peer\n\n' \
        "$(redis-server --version | cut -d' ' -f1-3)" "$runs"
}

results_table() {
    printf '%-32s %-9s %13s %13s %6s  %-9s %9s  %s\n' '' '' flowtape peer ratio aim MiB peer
    cat "$results"
}

# into_doc MARK - standard input between the lines "<!-- MARK -->" and "<!-- /MARK -->" of $BENCH_DOC
into_doc() {
    cat >"$work/table"
    awk -v mark="$1" -v table="$work/table" '
        $0 == "<!-- /" mark " -->" { inside = 0 }
        !inside { print }
        $0 == "<!-- " mark " -->" {
            inside = 1
            print "```"
            while ((getline line < table) > 0)
                print line
            print "```"
        }' "$BENCH_DOC" >"$work/doc" && cat "$work/doc" >"$BENCH_DOC"
}
